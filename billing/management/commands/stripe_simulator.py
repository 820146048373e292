"""Stripe itself, as far as the platform can tell: a separate process that speaks its API over HTTP."""

from typing import Any

from django.core.management.base import BaseCommand, CommandParser

from billing.stripe_simulator import config, run


class Command(BaseCommand):
    help = "Run the Stripe simulator. Its options, test cards and faults are in docs/stripe_simulator.md."
    requires_system_checks: list[str] = []

    def run_from_argv(self, argv: list[str]) -> None:
        """The options are the simulator's own, which knows nothing of Django."""
        run(config.from_arguments(argv[2:]))

    def add_arguments(self, parser: CommandParser) -> None:
        parser.add_argument("options", nargs="*")

    def handle(self, *args: Any, **options: Any) -> None:
        run(config.from_arguments(options["options"]))
