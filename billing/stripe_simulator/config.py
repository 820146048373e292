"""What can be set on a simulator."""

import argparse
from dataclasses import dataclass, fields

API_VERSION = "2026-10-28.endive"


@dataclass(frozen=True)
class Config:
    """Settings of one simulator; every field is also a command line option (`--port 0`).

    speed divides the waits before webhook retries and the end of delayed payments, not the life of a session.
    Port 0 lets the system choose. public_url is how browsers reach it when that differs from where it listens.
    webhook_events is a comma-separated list; empty is the usual ones, `*` all.
    """

    host: str = "127.0.0.1"
    port: int = 8013
    public_url: str = ""
    key: str = "sk_test_simulator"
    webhook_url: str = ""
    webhook_secret: str = "whsec_simulator"  # noqa: S105 - it guards a simulator
    webhook_events: str = ""
    state_path: str = ""
    speed: float = 1.0
    delayed_seconds: float = 10.0
    tax_percent: int = 20
    seed: int = 0


def from_arguments(arguments: list[str] | None = None) -> Config:
    """Read a Config from the command line."""
    parser = argparse.ArgumentParser(description="Stripe, simulated: its API, its hosted pages and its webhooks.")
    for field in fields(Config):
        parser.add_argument("--" + field.name.replace("_", "-"), type=type(field.default), default=field.default)
    return Config(**vars(parser.parse_args(arguments)))
