"""The queue's workers, watched.

A killed worker can leave django-q2's cluster waiting for ever on a lock while it reports itself healthy and ignores
SIGTERM, so it is judged by what it does: the sweep runs through the queue and leaves a heartbeat, and a cluster
whose heartbeat stops is killed with its whole process group and started again.
"""

import contextlib
import os
import signal
import subprocess
import sys
import time
from datetime import timedelta
from typing import Any

from django.core.management.base import BaseCommand
from django.db import close_old_connections
from django.utils import timezone
from django_q.models import Schedule
from django_q.tasks import async_task

from generation import lifecycle, tasks
from generation.models import Heartbeat

LOOK_SECONDS = 1.0
STOP_SECONDS = 20.0
SILENCE = timedelta(minutes=2)


class Command(BaseCommand):
    help = "Run the queue's workers and restart them should they hang."

    def handle(self, *args: Any, **options: Any) -> None:
        self.stopping = False
        for number in (signal.SIGTERM, signal.SIGINT):
            signal.signal(number, self._stop)
        schedule()
        while not self.stopping:
            self._run_cluster()

    def _stop(self, *args: Any) -> None:
        self.stopping = True

    def _run_cluster(self) -> None:
        """One cluster, from its start until it ends, hangs or is to stop."""
        started = asked = timezone.now()
        command = [sys.executable, sys.argv[0], "qcluster"]
        cluster = subprocess.Popen(command, start_new_session=True)
        while not self.stopping and cluster.poll() is None:
            time.sleep(LOOK_SECONDS)
            now = timezone.now()
            if silent(lifecycle.lease()) and now - asked > lifecycle.lease():
                async_task("generation.tasks.sweep")
                asked = now
            if now - started > SILENCE and silent(SILENCE):
                self.stderr.write("The queue has fallen silent; restarting its workers.")
                break
        if self.stopping and cluster.poll() is None:
            tasks.end_sweep()
            cluster.send_signal(signal.SIGTERM)
            _wait(cluster)
        _kill_group(cluster)


def schedule() -> None:
    """The standing orders of the queue. Idempotent."""
    orders = {"generation.tasks.sweep": 1, "generation.tasks.read_balance": 5}
    for function, minutes in orders.items():
        values = {"schedule_type": Schedule.MINUTES, "minutes": minutes, "repeats": -1, "cluster": None}
        Schedule.objects.update_or_create(name=function, defaults={"func": function, **values})
    async_task("generation.tasks.sweep")
    async_task("generation.tasks.read_balance")


def silent(limit: timedelta) -> bool:
    """Whether no sweep has shown itself for so long."""
    close_old_connections()
    return not Heartbeat.objects.filter(name=tasks.SWEEP, at__gt=timezone.now() - limit).exists()


def _wait(cluster: subprocess.Popen[bytes]) -> None:
    with contextlib.suppress(subprocess.TimeoutExpired):
        cluster.wait(STOP_SECONDS)


def _kill_group(cluster: subprocess.Popen[bytes]) -> None:
    with contextlib.suppress(ProcessLookupError):
        os.killpg(cluster.pid, signal.SIGKILL)
    cluster.wait()
