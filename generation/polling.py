"""Asking KIE how tasks stand: cheaply, with thousands in flight.

A sweep claims the due rows of all states with one statement, sends the queries concurrently and writes the tasks
that still run back with one statement. Only tasks that changed cost more.
"""

import logging
import time
from collections.abc import Iterator, Sequence
from concurrent.futures import ThreadPoolExecutor
from contextlib import contextmanager
from datetime import datetime, timedelta

from django.conf import settings
from django.db import transaction
from django.db.models import DateTimeField, F, Q, Value
from django.db.models.functions import Least
from django.utils import timezone

from billing import alerts
from generation import catalog, gateway, lifecycle, messages
from generation.gateway import Said
from generation.kie.errors import KieError
from generation.kie.families import FAMILIES, failures
from generation.kie.families.base import Family, Request, Status
from generation.models import Generation

BATCH = 500
THREADS = 16
# When KIE hangs, the sweep goes on with its other duties after this time.
REFRESH_SECONDS = 20.0
# KIE may not know a fresh task for some seconds (trap 9), or its result; after minutes it never will.
GRACE = timedelta(minutes=2)
State = Generation.State
CostSource = Generation.CostSource
logger = logging.getLogger(__name__)


def sweep(limit: int = BATCH) -> int:
    """Look at up to `limit` due rows; returns how many there were. Submitting is `submission`'s business."""
    due = _claim(limit)
    running = [g for g in due if g.state != State.QUEUED and not g.kie_results]
    for generation in due:
        if generation not in running:
            with isolated(generation):
                _move_on(generation)
    refresh(running)
    return len(due)


@contextmanager
def isolated(generation: Generation) -> Iterator[None]:
    """What one row does wrong must not hold up all the others: it is told to the operator, and tried again later."""
    try:
        yield
    except Exception as error:
        logger.exception("generation %s cannot be moved on", generation.pk)
        alerts.tell(f"stuck:{generation.pk}:{timezone.now():%Y-%m-%d}", f"{generation.pk} is stuck: {error!r}")


def _claim(limit: int) -> list[Generation]:
    """Take due rows by moving their `check_at` a lease ahead; other sweepers skip rows that are being taken.

    A row whose worker dies comes back when its lease is over.
    """
    now = timezone.now()
    ours = ~Q(state=State.QUEUED) | Q(submit_by__lte=now) | Q(kie_files__isnull=True)
    due = Q(check_at__lte=now) & ours
    with transaction.atomic():
        rows = list(Generation.objects.select_for_update(skip_locked=True).filter(due).order_by("check_at")[:limit])
        for lease, storing in ((lifecycle.lease(), False), (lifecycle.store_lease(), True)):
            taken = [g.pk for g in rows if bool(g.kie_results) == storing]
            if taken:
                Generation.objects.filter(pk__in=taken).update(check_at=now + lease)
    return rows


def _move_on(generation: Generation) -> None:
    """Rows that need no query: input files to hand over and results to fetch are a worker's, until time is over."""
    now = timezone.now()
    if generation.state == State.QUEUED and now >= generation.submit_by:
        why = "not submitted in time"
        lifecycle.finish(generation, State.FAILED, why, error=messages.UNAVAILABLE, cost=0)
    elif generation.state == State.STORING and now >= generation.deadline:
        lifecycle.finish(generation, State.FAILED, "deadline passed while storing", error=messages.UNSTORABLE)
    elif generation.state == State.FAILED and now >= _watch_end(generation):
        lifecycle.stop_watching(generation)
    else:
        lifecycle.wake(generation)


def _watch_end(generation: Generation) -> datetime:
    return (generation.finished_at or generation.deadline) + timedelta(seconds=settings.LATE_WATCH_SECONDS)


# Asking


def refresh(generations: Sequence[Generation]) -> None:
    """Query KIE for running, or given-up, generations and act on the answers."""
    asked = [g for g in generations if g.kie_task_id]
    until = time.monotonic() + REFRESH_SECONDS
    with ThreadPoolExecutor(THREADS) as threads:
        answers = list(threads.map(lambda generation: ask(generation, until), asked))
    waiting = [g for g in generations if not g.kie_task_id]
    for generation, (status, said) in zip(asked, answers, strict=True):
        done = False
        if status.state != "running" or status.word or status.results:
            with isolated(generation):
                done = act(generation, status, said)
        if not done:
            waiting.append(generation)
    wait(waiting)


def ask(generation: Generation, until: float) -> tuple[Status, Said | None]:
    """How KIE says the task stands. Touches no database, so it may run in any thread."""
    if time.monotonic() > until:
        return Status("unreadable", detail="no time left to ask"), None
    try:
        family = FAMILIES[catalog.get(generation.model).family]
    except catalog.UnknownModel as error:
        return Status("unreadable", detail=f"no such model any more: {error}"), None
    task = str(generation.kie_task_id)
    first = _query(family, task, family.query(task))
    if first[0].state == "missing" and (other := family.fallback_query(task)):
        second = _query(family, task, other)
        return second if second[0].state in ("running", "succeeded", "failed") else first
    return first


def _query(family: Family, task: str, request: Request) -> tuple[Status, Said | None]:
    answer, said = gateway.timed(gateway.client().query, request)
    if isinstance(answer, KieError):
        return Status("unreadable", detail=repr(answer)), said
    return family.status(task, answer), said


# Acting


def act(generation: Generation, status: Status, said: Said | None) -> bool:
    """Do what a status asks for; False when it asks for more waiting."""
    if status.state == "running":
        _report_word(generation, status.word)
        lifecycle.keep_partial(generation, status)
        return False
    if status.state == "unreadable":
        return False
    if status.state in ("missing", "empty") and not _patience_is_over(generation):
        return False
    if said:
        gateway.record(generation, said)
    return _late(generation, status) if generation.state == State.FAILED else end(generation, status)


def end(generation: Generation, status: Status) -> bool:
    """Act on the end of a running task, whatever it is; True when this call did it."""
    if status.state == "missing":
        return lifecycle.finish(generation, State.FAILED, "KIE does not know the task", error=messages.LOST)
    if status.state == "empty":
        cost = status.cost_millicredits
        return lifecycle.finish(generation, State.FAILED, "success without a result", error=failures.EMPTY, cost=cost)
    if status.state == "succeeded":
        return lifecycle.begin_storing(generation, status)
    # A documented failure is free unless KIE says otherwise (protocol 9).
    cost, why = status.cost_millicredits or 0, f"KIE failed: {status.detail}"
    return lifecycle.finish(
        generation, State.FAILED, why, error=status.failure, cost=cost, source=_told(status.cost_millicredits)
    )


def _told(cost: int | None) -> str:
    """How the cost of a failure is known."""
    return CostSource.FREE if cost is None else CostSource.REPORTED


def _report_word(generation: Generation, word: str) -> None:
    """A state word that nobody has documented keeps waiting and is told to the operator once a day (R-ST2)."""
    if word:
        key = f"unknown-state:{generation.model}:{word}:{timezone.now():%Y-%m-%d}"
        alerts.tell(key[:200], f"KIE reports the unknown state {word!r} for {generation.model}.")


def _patience_is_over(generation: Generation) -> bool:
    """Whether a running task that KIE does not know, or that succeeded without a result, has had its grace."""
    since = generation.started_at or generation.created_at
    return generation.state == State.RUNNING and timezone.now() - since >= GRACE


def _late(generation: Generation, status: Status) -> bool:
    """News of a task whose credits went back already: book its cost, and give its result away (R-UP3)."""
    if status.state == "succeeded":
        lifecycle.accept_late(generation, status)
    else:
        lifecycle.book_cost(generation, status.cost_millicredits or 0, _told(status.cost_millicredits))
        lifecycle.stop_watching(generation)
    return True


def wait(generations: Sequence[Generation]) -> None:
    """Schedule the next look at tasks that still run; end those whose time is over."""
    now = timezone.now()
    later = []
    for generation in generations:
        if generation.state == State.RUNNING and now >= generation.deadline:
            with isolated(generation):
                lifecycle.finish(generation, State.FAILED, "deadline passed", error=messages.DEADLINE)
        elif generation.state == State.FAILED and now >= _watch_end(generation):
            lifecycle.stop_watching(generation)
        else:
            generation.check_at = lifecycle.next_check(generation)
            generation.checks += 1
            later.append(generation)
    _reschedule(later)


def _reschedule(generations: Sequence[Generation]) -> None:
    """Write back many rows with one statement per interval, without undoing a bell that rang meanwhile."""
    groups: dict[tuple[int, bool], list[Generation]] = {}
    for generation in generations:
        groups.setdefault((generation.checks, generation.terminal), []).append(generation)
    for (checks, terminal), group in groups.items():
        due = Value(group[0].check_at, output_field=DateTimeField())
        # A claimed row is due in the future, one whose bell rang since the claim is due now.
        rows = Generation.objects.filter(pk__in=[g.pk for g in group], check_at__gt=timezone.now())
        rows.update(checks=checks, check_at=due if terminal else Least(F("deadline"), due))
