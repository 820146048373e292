"""The sweep: finds every row that is due, all the time.

It is a process of its own and no task of the queue, where it would wait behind downloads. Any number may run; one at a
time holds the heartbeat and works, and another takes over when that one has been silent for a lease.
"""

import signal
import time
import uuid
from typing import Any

from django.core.management.base import BaseCommand
from django.db import OperationalError, close_old_connections
from django.utils import timezone
from django_q.tasks import async_task

from generation import lifecycle, polling, submission
from generation.models import Heartbeat

PASS_SECONDS = 0.5


class Command(BaseCommand):
    help = "Poll KIE for due generations, keep deadlines and wake the queue. `worker` starts it."

    def handle(self, *args: Any, **options: Any) -> None:
        self.stopping = False
        for number in (signal.SIGTERM, signal.SIGINT):
            signal.signal(number, self._stop)
        owner = uuid.uuid4().hex
        while not self.stopping:
            started = time.monotonic()
            try:
                full = beat(owner) and sweep_once()
            except OperationalError as error:
                # The database restarts, or is busy: the next pass connects anew.
                self.stderr.write(f"The sweep has no database: {error}")
                close_old_connections()
                full = False
            if not full:
                time.sleep(max(0.0, PASS_SECONDS - (time.monotonic() - started)))
        Heartbeat.objects.filter(name=Heartbeat.SWEEP, owner=owner).update(owner="")

    def _stop(self, *args: Any) -> None:
        self.stopping = True


def beat(owner: str) -> bool:
    """Show life as the one sweep, or become it when there is none or it has been silent for a lease."""
    now = timezone.now()
    Heartbeat.objects.get_or_create(name=Heartbeat.SWEEP, defaults={"at": now})
    mine = Heartbeat.objects.filter(name=Heartbeat.SWEEP, owner=owner)
    free = Heartbeat.objects.filter(name=Heartbeat.SWEEP, owner="") | Heartbeat.objects.filter(
        name=Heartbeat.SWEEP, at__lt=now - lifecycle.lease()
    )
    return bool(mine.update(at=now)) or bool(free.update(owner=owner, at=now))


def sweep_once() -> bool:
    """One pass; whether there may be more to do at once."""
    if submission.due():
        async_task("generation.tasks.submit")
    return polling.sweep() == polling.BATCH
