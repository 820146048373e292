"""What can be set on a simulator."""

import argparse
from dataclasses import dataclass, fields
from pathlib import Path

CATALOG_DIR = Path(__file__).resolve().parents[2] / "catalog" / "data"
FOURTEEN_DAYS = 14 * 24 * 3600.0


@dataclass(frozen=True)
class Config:
    """Settings of one simulator; every field is also a command line option (`--api-port 0`).

    speed divides all durations except link_seconds and the create window. Port 0 lets the system choose.
    files_url is how clients reach the files host when that differs from the address it listens on.
    """

    host: str = "127.0.0.1"
    api_port: int = 8011
    files_port: int = 8012
    files_url: str = ""
    key: str = "sim-key"
    hmac_key: str = ""
    balance: float = 10_000.0
    speed: float = 1.0
    create_limit: int = 20
    create_window: float = 10.0
    catalogue_interval: float = 1.0
    catalog_dir: Path = CATALOG_DIR
    state_path: str = ""
    seed: int = 0
    link_seconds: float = FOURTEEN_DAYS
    plain_media: bool = False
    serve_retired: bool = False


def from_arguments(arguments: list[str] | None = None) -> Config:
    """Read a Config from the command line."""
    parser = argparse.ArgumentParser(description="KIE, simulated: its API, its files and its callbacks.")
    for field in fields(Config):
        option = "--" + field.name.replace("_", "-")
        if isinstance(field.default, bool):
            parser.add_argument(option, action=argparse.BooleanOptionalAction, default=field.default)
        else:
            parser.add_argument(option, type=type(field.default), default=field.default)
    return Config(**vars(parser.parse_args(arguments)))
