"""What the queue runs. A task only says "look at this row": losing or doubling one changes nothing."""

import time
import uuid

from django.db.models import Q
from django.utils import timezone
from django_q.tasks import async_task

from billing import upstream
from generation import gateway, lifecycle, polling, results, submission
from generation.kie.errors import KieError
from generation.models import Generation, Heartbeat

SWEEP = "sweep"
SWEEP_SECONDS = 55.0
PASS_SECONDS = 0.5
State = Generation.State


def advance(key: str) -> None:
    """Do the next step of one generation."""
    generation = Generation.objects.get(pk=uuid.UUID(key))
    if generation.state == State.QUEUED:
        submission.submit_waiting()
    elif generation.kie_results and generation.state in (State.STORING, State.FAILED):
        results.store(generation)


def submit() -> None:
    """Submit what waits in the queue."""
    submission.submit_waiting()


def sweep() -> None:
    """Find every row that is due, again and again for about a minute, then hand over to the next sweep.

    One sweep runs at a time: it holds the heartbeat that the watchdog and /readyz read. The schedule starts one a
    minute, so that a chain which broke goes on. It makes no call that may take long: creates and downloads are
    other tasks' work.
    """
    owner = uuid.uuid4().hex
    if not _take_over(owner):
        return
    until = time.monotonic() + SWEEP_SECONDS
    while time.monotonic() < until and _beat(owner):
        started = time.monotonic()
        if submission.due():
            async_task("generation.tasks.submit")
        if polling.sweep() < polling.BATCH:
            time.sleep(max(0.0, PASS_SECONDS - (time.monotonic() - started)))
    if Heartbeat.objects.filter(name=SWEEP, owner=owner).update(owner=""):
        async_task("generation.tasks.sweep")


def _take_over(owner: str) -> bool:
    """Become the one sweep: there is none, or the one there was has been silent for a lease."""
    now = timezone.now()
    Heartbeat.objects.get_or_create(name=SWEEP, defaults={"at": now})
    free = Q(owner="") | Q(at__lt=now - lifecycle.lease())
    return bool(Heartbeat.objects.filter(free, name=SWEEP).update(owner=owner, at=now))


def _beat(owner: str) -> bool:
    return bool(Heartbeat.objects.filter(name=SWEEP, owner=owner).update(at=timezone.now()))


def end_sweep() -> None:
    """Have the running sweep end at its next pass: a queue that stops waits for its tasks."""
    Heartbeat.objects.filter(name=SWEEP).update(owner="")


def read_balance() -> None:
    """Read KIE's balance and store it; a sufficient one ends a pause (R-BRK2)."""
    try:
        upstream.record_balance(gateway.client().credit())
    except KieError as error:
        upstream.balance_unreadable(str(error))
