"""Starting in production: unsafe defaults are refused, and every setting is documented."""

import os
import re
import subprocess
import sys
from pathlib import Path

ROOT = Path(__file__).resolve().parents[2]
GOOD = {
    "DEBUG": "off",
    "SECRET_KEY": "not-a-real-one-0123456789-abcdefghijklmnopqrstuvwxyz-ABCDEFG",
    "PUBLIC_URL": "https://kieplatform.example",
    "DATABASE_URL": "postgres://nobody@localhost/nothing",
    "KIE_API_KEY": "key",
    "KIE_BASE_URL": "https://api.kie.ai",
    "KIE_UPLOAD_URL": "https://kieai.redpandaai.co",
    "KIE_WEBHOOK_HMAC_KEY": "key",
    "PATH": os.environ["PATH"],
}


def check(environment: dict[str, str]) -> tuple[int, str]:
    command = [sys.executable, "manage.py", "check", "--deploy", "--fail-level", "WARNING"]
    run = subprocess.run(command, cwd=ROOT, env=environment, capture_output=True, text=True, check=False)
    return run.returncode, run.stderr


def test_good_settings_pass_every_check() -> None:
    """R-SEC6"""
    assert check(GOOD) == (0, "")


def test_unsafe_defaults_are_named_one_by_one(tmp_path: Path) -> None:
    status, said = check({"DEBUG": "off", "DATA_DIR": str(tmp_path), "PATH": GOOD["PATH"]})
    assert status == 1
    for name in ("SECRET_KEY", "KIE_API_KEY", "KIE_BASE_URL", "PUBLIC_URL", "SQLite", "HTTPS"):
        assert name in said


def test_a_server_refuses_an_unsafe_start(tmp_path: Path) -> None:
    environment = {**GOOD, "DATABASE_URL": f"sqlite:///{tmp_path}/db", "DATA_DIR": str(tmp_path)}
    run = subprocess.run(
        [sys.executable, "-c", "import kieplatform.wsgi"],
        cwd=ROOT,
        env=environment,
        capture_output=True,
        text=True,
        check=False,
    )
    assert run.returncode == 1
    assert "SQLite has one writer" in run.stderr


def test_a_bad_data_file_stops_the_start_with_file_entry_and_reason(tmp_path: Path) -> None:
    source = (ROOT / "generation/catalog/data/google.json").read_text()
    copy = tmp_path / "google.json"
    copy.write_text(source.replace('"id": "google/nano-banana"', '"id": "google/nano-banana-edit"', 1))
    program = f"from pathlib import Path; from generation import catalog; catalog.load(Path({str(tmp_path)!r}))"
    run = subprocess.run([sys.executable, "-c", program], cwd=ROOT, capture_output=True, text=True, check=False)
    assert run.returncode == 1
    assert re.search(r"CatalogError: google\.json: google/nano-banana-edit: ", run.stderr)


def test_every_setting_stands_in_the_example() -> None:
    read = "".join((ROOT / f"kieplatform/{name}.py").read_text() for name in ("settings", "env"))
    names = set(re.findall(r'env\.\w+\(\s*"([A-Z_]+)"', read))
    documented = set(re.findall(r"^#([A-Z_]+)=", (ROOT / ".env.example").read_text(), re.MULTILINE))
    assert len(names) > 30
    assert names == documented
