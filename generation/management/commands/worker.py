"""The sweep and the queue's workers, watched.

A killed worker can leave django-q2's cluster waiting for ever on a lock while it reports itself healthy and ignores
SIGTERM, so both are judged by what they do: each leaves a heartbeat, and one whose heartbeat stops is killed with its
whole process group and started again.
"""

import contextlib
import os
import signal
import subprocess
import sys
import time
from datetime import timedelta
from typing import Any

from django.conf import settings
from django.core.management.base import BaseCommand
from django.db import DatabaseError, close_old_connections
from django.db.models import F
from django.utils import timezone
from django_q.models import Schedule
from django_q.tasks import async_task

from generation.models import Heartbeat

LOOK_SECONDS = 1.0
STOP_SECONDS = 20.0


class Watched:
    """A management command in a process group of its own, restarted when it ends or falls silent."""

    def __init__(self, command: str, heartbeat: str, silence: timedelta) -> None:
        self.command, self.heartbeat, self.silence = command, heartbeat, silence
        self.start()

    def start(self) -> None:
        self.since = timezone.now()
        self.process = subprocess.Popen([sys.executable, sys.argv[0], self.command], start_new_session=True)

    def healthy(self) -> bool:
        if self.process.poll() is not None:
            return False
        limit = timezone.now() - self.silence
        return self.since > limit or Heartbeat.objects.filter(name=self.heartbeat, at__gt=limit).exists()

    def kill(self) -> None:
        with contextlib.suppress(ProcessLookupError):
            os.killpg(self.process.pid, signal.SIGKILL)
        self.process.wait()


class Command(BaseCommand):
    help = "Run the sweep and the queue's workers, and restart them should they hang."

    def handle(self, *args: Any, **options: Any) -> None:
        self.stopping = False
        for number in (signal.SIGTERM, signal.SIGINT):
            signal.signal(number, self._stop)
        schedule()
        # A task of the queue may rightly be silent for as long as fetching a file takes.
        patience = timedelta(seconds=settings.DOWNLOAD_MAX_SECONDS + 180)
        watched = [
            Watched("sweep", Heartbeat.SWEEP, timedelta(minutes=2)),
            Watched("qcluster", Heartbeat.QUEUE, patience),
        ]
        while not self.stopping:
            time.sleep(LOOK_SECONDS)
            for process in watched:
                self._look_after(process)
        for process in watched:
            process.process.send_signal(signal.SIGTERM)
        limit = time.monotonic() + STOP_SECONDS
        for process in watched:
            with contextlib.suppress(subprocess.TimeoutExpired):
                process.process.wait(max(0.1, limit - time.monotonic()))
            process.kill()

    def _stop(self, *args: Any) -> None:
        self.stopping = True

    def _look_after(self, process: Watched) -> None:
        try:
            healthy = process.healthy()
        except DatabaseError:
            # Without a database nobody can show life.
            close_old_connections()
            return
        if not healthy and not self.stopping:
            self.stderr.write(f"{process.command} has ended or fallen silent; it is started again.")
            process.kill()
            process.start()


def schedule() -> None:
    """The standing orders of the queue. Idempotent."""
    every_minute = ["generation.tasks.beat", "generation.tasks.deliver_alerts", "generation.tasks.look"]
    every_minute += [
        "billing.payments.tasks.look",
        "billing.low_credit.run",
        "generation.tasks.tend_wallets",
        "generation.oversight.incidents.work",
    ]
    orders = dict.fromkeys(every_minute, 1)
    orders |= {"generation.tasks.read_balance": 5, "generation.oversight.health.run": 60}
    for function, minutes in orders.items():
        values = {"schedule_type": Schedule.MINUTES, "minutes": minutes, "repeats": -1, "cluster": None}
        Schedule.objects.update_or_create(name=function, defaults={"func": function, **values})
        async_task(function)
    # Begins a reading once a day and takes up one that stopped half way. Nobody waits for it in the first minutes.
    name, minutes = "generation.tasks.sync_catalogue", 10
    values = {"schedule_type": Schedule.MINUTES, "minutes": minutes, "repeats": -1, "cluster": None}
    later = {"next_run": timezone.now() + timedelta(minutes=minutes)}
    Schedule.objects.get_or_create(name=name, defaults={"func": name, **values, **later})
    # What an earlier version ordered under a name that is gone could only fail.
    Schedule.objects.filter(name=F("func")).exclude(name__in=[*orders, name]).delete()
