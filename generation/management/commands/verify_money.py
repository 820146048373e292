"""Prove the books: read-only, on a running production database."""

import json
from argparse import ArgumentParser, BooleanOptionalAction
from collections.abc import Iterator
from typing import Any

from django.core.management.base import BaseCommand

import billing.verify
from billing.models import Entry
from billing.verify import Check
from generation.oversight import verify


class Command(BaseCommand):
    help = "Check every invariant of the books and of the generations. Exit code 1 and a line per violation."

    def add_arguments(self, parser: ArgumentParser) -> None:
        text = "also ask the storage for every file (one call per file)"
        parser.add_argument("--files", action=BooleanOptionalAction, default=True, help=text)
        parser.add_argument("--json", action="store_true", help="print one JSON document")

    def handle(self, *args: Any, **options: Any) -> None:
        checks = [*billing.verify.CHECKS, *verify.CHECKS]
        files = verify.FILE_CHECKS if options["files"] else []
        with verify.snapshot():
            entries = Entry.objects.count()
            violations = list(_run(checks))
        violations += _run(files)
        summary = {"checks": len(checks) + len(files), "entries": entries, "violations": violations}
        self._print_json(summary) if options["json"] else self._print(summary)
        if violations:
            raise SystemExit(1)

    def _print_json(self, summary: dict[str, Any]) -> None:
        self.stdout.write(json.dumps(summary, indent=2))

    def _print(self, summary: dict[str, Any]) -> None:
        for found in summary["violations"]:
            self.stdout.write(f"{found['invariant']} {found['check']}: {found['violation']}")
        counted = f"{summary['checks']} checks, {summary['entries']} entries"
        violations = len(summary["violations"])
        self.stdout.write(f"{counted}: {f'{violations} violations' if violations else 'all good'}")


def _run(checks: list[tuple[int, Check]]) -> Iterator[dict[str, Any]]:
    for invariant, check in checks:
        for violation in check():
            yield {"invariant": invariant, "check": check.__name__, "violation": violation}
