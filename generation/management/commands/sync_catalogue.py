"""Read KIE's catalogue now, at KIE's pace."""

import math
from argparse import ArgumentParser
from typing import Any

from django.core.management.base import BaseCommand, CommandError
from django.db.models import Count

from generation.catalog import sync
from generation.catalog.models import CatalogueProposal, Listing


class Command(BaseCommand):
    help = "Compare KIE's catalogue with ours and propose the differences; the worker does so once a day."

    def add_arguments(self, parser: ArgumentParser) -> None:
        parser.add_argument("--all", action="store_true", help="ask for every model's schema, not only what changed")

    def handle(self, *args: Any, **options: Any) -> None:
        if options["all"]:
            Listing.objects.update(schema_due=True, tried_at=None)
        progress = sync.work(math.inf, now=True, say=self.stdout.write)
        if progress.state == "busy":
            raise CommandError("Another process is reading KIE's catalogue at the moment.")
        if progress.state == "failed":
            raise CommandError(f"KIE's catalogue cannot be read: {progress.error}")
        self.stdout.write(f"{progress.requests} requests, {progress.failures} failures.")
        waiting = CatalogueProposal.objects.filter(state=CatalogueProposal.State.OPEN)
        for kind, number in waiting.values_list("kind").annotate(Count("pk")).order_by("kind"):
            self.stdout.write(f"{CatalogueProposal.Kind(kind).label}: {number}")
        if not waiting.exists():
            self.stdout.write("Nothing waits for a decision.")
