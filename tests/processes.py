"""Real processes of the platform beside the tests, on the tests' own database."""

import os
import signal
import subprocess
import sys
import time
from collections.abc import Callable
from pathlib import Path
from typing import Any

from django.conf import settings
from django.db import connection

from tests.simulator import Simulator

ROOT = Path(__file__).resolve().parents[1]


def until(condition: Callable[[], Any], what: str, *, seconds: float = 30) -> None:
    """Wait for a condition that other processes bring about."""
    deadline = time.monotonic() + seconds
    while not condition():
        assert time.monotonic() < deadline, f"{what} did not come true in {seconds} s"
        time.sleep(0.01)


def database_url() -> str:
    config = connection.settings_dict
    if connection.vendor == "sqlite":
        return f"sqlite:///{config['NAME']}"
    return f"postgres://{config['USER']}@/{config['NAME']}?host={config['OPTIONS']['host']}"


def environment(kie: Simulator, **more: Any) -> dict[str, str]:
    """The settings of the test, as the environment of another process."""
    names = ["SECRET_KEY", "KIE_API_KEY", "KIE_BASE_URL", "KIE_UPLOAD_URL", "MEDIA_ROOT", "LEASE_SECONDS", "PUBLIC_URL"]
    names += ["DOWNLOAD_MAX_SECONDS", "KIE_TIMEOUT_SECONDS", "POLL_FIRST_SECONDS", "POLL_MAX_SECONDS", "PRICE_MARKUP"]
    names += ["KIE_CREATE_LIMIT", "KIE_CALLBACKS", "MAX_RUNNING_PER_USER", "DUPLICATE_WINDOW_SECONDS"]
    chosen = {name: getattr(settings, name) for name in names} | more
    chosen["DOWNLOAD_ALLOW_HOSTS"] = ",".join(settings.DOWNLOAD_ALLOW_HOSTS)
    chosen["DEADLINE_SECONDS"] = ",".join(f"{kind}={seconds}" for kind, seconds in settings.DEADLINE_SECONDS.items())
    return {**os.environ, "DATABASE_URL": database_url(), **{name: str(value) for name, value in chosen.items()}}


class Process:
    """A management command in a process group of its own, which can be killed as a whole."""

    def __init__(self, environment: dict[str, str], *command: str) -> None:
        self.command = [sys.executable, *command]
        self.environment = environment
        self.start()

    def start(self) -> None:
        self.process = subprocess.Popen(self.command, cwd=ROOT, env=self.environment, start_new_session=True)

    def kill(self) -> None:
        """SIGKILL it and everything that it started, in whatever process groups they are."""
        children = _descendants(self.process.pid)
        for pid in [self.process.pid, *children]:
            try:
                os.kill(pid, signal.SIGKILL)
            except ProcessLookupError:
                continue
        self.process.wait(10)

    def stop(self) -> int:
        """End it politely; returns its exit status."""
        self.process.terminate()
        return self.process.wait(30)


def _descendants(pid: int) -> list[int]:
    found = subprocess.run(["ps", "-o", "pid=", "--ppid", str(pid)], capture_output=True, text=True, check=False)
    children = [int(line) for line in found.stdout.split()]
    return [*children, *(grandchild for child in children for grandchild in _descendants(child))]
