"""The life of a generation: every change of its state, and the money that moves with it.

    queued ──submit──► running ──KIE: success──► storing ──files saved──► succeeded   settle(price)
       │                  │                          │
       └── canceled       └── KIE: failure ──────────┴── past deadline ──► failed      settle(0)

A change is a conditional UPDATE: the WHERE says which state the caller believes in, the row count says whether it was
right. Locks are taken in one order, the generation, the wallet, the budgets (key, user, model, platform): from what
nobody else wants to what everybody wants, so that the busiest row is locked the shortest.
"""

import logging
from dataclasses import asdict
from datetime import datetime, timedelta
from typing import Any

from django.conf import settings
from django.db import IntegrityError, transaction
from django.db.models import F, Q, QuerySet
from django.utils import timezone
from django_q.tasks import async_task

from accounts.errors import Refused
from accounts.models import ApiKey, User
from accounts.transactions import atomically
from billing import ledger
from billing.amounts import format_credits
from billing.upstream import account, budgets
from generation import catalog, inputs, limits, messages, offers, pricing
from generation.kie.families import failures
from generation.kie.families.base import Status
from generation.models import Event, Generation
from generation.oversight import sentinel

State = Generation.State
CostSource = Generation.CostSource
# The kind of a generation that is one call with its answer, held and settled by `chat.calls`.
CHAT = "chat"
logger = logging.getLogger(__name__)


def wake(generation: Generation) -> None:
    """Have the queue look at a row. The task commits with the row; a lost one is found by the sweep."""
    async_task("generation.tasks.advance", str(generation.pk))


# Requesting


def request(
    user: User,
    model: str,
    values: dict[str, Any],
    *,
    api_key: ApiKey | None = None,
    quote_token: str = "",
    max_price: int | None = None,
    metadata: dict[str, Any] | None = None,
    allow_duplicate: bool = True,
) -> Generation:
    """Quote, hold and queue a generation.

    `quote_token` is a quote given before, which binds; `max_price` in millicredits bounds what the caller agrees to.
    Without `allow_duplicate` an identical request of a moment ago is answered with its generation, whose `duplicate`
    says so. Raises Refused; then nothing is held and KIE hears nothing.
    """
    quote = offers.quote(user, model, values)
    price, version = offers.agreed(user, model, quote, quote_token)
    if max_price is not None and price > max_price:
        needed = format_credits(price)
        raise Refused("price_above_max", f"This costs {needed} credits, more than max_price.", status=409, price=needed)
    kind = catalog.get(model).modality
    now = timezone.now()
    time_limit = timedelta(seconds=settings.DEADLINE_SECONDS[kind])
    has_files = bool(inputs.files(catalog.get(model), quote.input))
    generation = Generation(
        user=user,
        api_key=api_key,
        model=model,
        kind=kind,
        input=quote.input,
        metadata=metadata or {},
        price_millicredits=price,
        price_exact=quote.cost.exact,
        price_version=version,
        cost_estimate_millicredits=quote.cost.millicredits,
        created_at=now,
        # Files are handed over by the task that is woken; the sweep helps only if that one is lost.
        check_at=now + lease() if has_files else now,
        kie_files=None if has_files else {},
        submit_by=now + time_limit / 2,
        deadline=now + time_limit,
    )
    unique = not allow_duplicate and settings.DUPLICATE_WINDOW_SECONDS > 0
    try:
        admit(generation, by=f"key {api_key.prefix}" if api_key else "customer", unique=unique)
    except Refused:
        # Whatever it was refused for, be it credits that the first of the two took, it was asked for already.
        if unique and (first := limits.twin(generation)):
            first.duplicate = True
            return first
        raise
    return generation


@atomically
def admit(generation: Generation, by: str, *, unique: bool = False) -> None:
    """Hold the credits of a new generation and let it begin. Raises Refused; then nothing is held.

    `unique`: it is refused, too, if the same was requested a moment ago.
    """
    generation.save(force_insert=True)
    _event(generation, "", generation.state, "requested", by)
    if generation.state == State.QUEUED:
        wake(generation)
    ledger.hold(generation.user_id, generation.price_millicredits, about=generation.about)
    if unique:
        limits.check_identical(generation)
    limits.check_running(generation)
    budgets.reserve(limits.scopes(generation), generation.created_at, generation.cost_estimate_millicredits)


# Moving on


def _event(generation: Generation, before: str, after: str, why: str, by: str = "platform") -> None:
    Event.objects.create(generation=generation, state_from=before, state_to=after, why=why[:60], by=by)


def note(generation: Generation, why: str, by: str = "platform") -> None:
    """Put something on the timeline that is no change of state."""
    _event(generation, generation.state, generation.state, why, by)


@atomically
def move(generation: Generation, state: str, why: str, **changes: Any) -> bool:
    """Change an open generation's state if it still is what `generation` says; True when this call did it."""
    assert state in Generation.OPEN, "a generation ends through `finish` only (R-REF4)"
    rows = Generation.objects.filter(pk=generation.pk, state=generation.state, finished_at=None)
    if not rows.update(state=state, **changes):
        return False
    _event(generation, generation.state, state, why)
    for name, value in {"state": state, **changes}.items():
        setattr(generation, name, value)
    return True


def save_task(generation: Generation, task: str) -> None:
    """Keep KIE's task id, before anything else is done with it (R-UP4), and look at the task soon.

    The callback may have brought it first; a task that belongs to another generation stays there.
    """
    try:
        with transaction.atomic():
            rows = Generation.objects.filter(pk=generation.pk, kie_task_id=None)
            rows.update(kie_task_id=task, check_at=next_check(generation))
    except IntegrityError:
        note(generation, "task id belongs to another generation")
    generation.refresh_from_db(fields=["kie_task_id", "check_at"])


def next_check(generation: Generation) -> datetime:
    """When to ask KIE again: soon at first, then at growing intervals, never past the deadline."""
    interval = min(settings.POLL_FIRST_SECONDS * 1.3 ** min(generation.checks, 30), settings.POLL_MAX_SECONDS)
    due = timezone.now() + timedelta(seconds=interval)
    return due if generation.terminal else min(due, generation.deadline)


def lease() -> timedelta:
    """For how long a claimed row is left alone: a worker that is killed gives it back by this time."""
    return timedelta(seconds=settings.LEASE_SECONDS)


def store_lease() -> timedelta:
    """The same for a row whose results are being fetched, which may take as long as a download may."""
    return lease() + timedelta(seconds=settings.DOWNLOAD_MAX_SECONDS)


@atomically
def begin_storing(generation: Generation, status: Status) -> bool:
    """KIE has the results: remember where, leave enough time to fetch them, and book what they cost."""
    now = timezone.now()
    time_to_fetch = timedelta(seconds=2 * settings.DOWNLOAD_MAX_SECONDS)
    changes = {
        "kie_results": _remembered(status, generation.kie_partial),
        "check_at": now + store_lease(),
        "checks": 0,
        "deadline": max(generation.deadline, now + time_to_fetch),
    }
    if not move(generation, State.STORING, "KIE finished", **changes):
        return False
    book_cost(generation, status.cost_millicredits)
    wake(generation)
    return True


@atomically
def keep_partial(generation: Generation, status: Status) -> None:
    """Show the first of several results while KIE works on the others; nothing is charged for them yet."""
    known = [result["url"] for result in generation.kie_partial]
    new = [result for result in _remembered(status) if result["url"] and result["url"] not in known]
    rows = Generation.objects.filter(pk=generation.pk, state=State.RUNNING, kie_partial=generation.kie_partial)
    if new and rows.update(kie_partial=generation.kie_partial + new):
        wake(generation)


def _remembered(status: Status, partial: list[dict[str, Any]] | None = None) -> list[dict[str, Any]]:
    """Results as they are kept: those that were there early stay where they are, for they may be stored already."""
    found = [asdict(result) for result in status.results]
    early = [_match(result, found) for result in partial or []]
    return early + [result for result in found if result not in early]


def _match(early: dict[str, Any], found: list[dict[str, Any]]) -> dict[str, Any]:
    """The final form of an early result, by KIE's name for it or its address; itself where KIE forgot it."""
    for result in found:
        if (early["kie_id"] and result["kie_id"] == early["kie_id"]) or result["url"] == early["url"]:
            return result
    return early


# Ending


@atomically
def finish(
    generation: Generation,
    state: str,
    why: str,
    *,
    error: str = "",
    cost: int | None = None,
    source: str = "",
    by: str = "platform",
) -> bool:
    """End a generation: the only way to a terminal state, and the one that settles its hold (R-REF3, R-REF4).

    `error` is a code of `messages`, `cost` what KIE charged in its millicredits if that is known and `source` how, if
    not as usual. Returns whether this call did it; whoever comes second changes nothing.
    """
    now = timezone.now()
    rows = Generation.objects.filter(pk=generation.pk, state=generation.state, finished_at=None)
    changed = rows.update(
        state=state,
        finished_at=now,
        check_at=_watch_from(generation, state, error, now),
        checks=0,
        error_code=error,
        error_message=messages.message(error) if error else "",
    )
    if not changed:
        return False
    charge = _charge(generation, cost) if state == State.SUCCEEDED else 0
    ledger.settle(generation.about, charge)
    book_cost(generation, cost, source or (CostSource.REPORTED if cost or charge else CostSource.FREE))
    if charge:
        _estimate_cost(generation)
    _event(generation, generation.state, state, why, by)
    generation.refresh_from_db()
    if state == State.SUCCEEDED:
        sentinel.look(generation, charge)
    transaction.on_commit(lambda: _tell(generation))
    return True


def _tell(generation: Generation) -> None:
    receipt = ledger.receipts([generation.about])[generation.about]
    charged, returned = format_credits(receipt.charged), format_credits(receipt.returned)
    outcome = f"{generation.state} {generation.error_code}".strip()
    logger.info("%s %s: %s, %s charged, %s returned", generation.model, generation.pk, outcome, charged, returned)


def _watch_from(generation: Generation, state: str, error: str, now: datetime) -> datetime | None:
    """When to look again at a task that we gave up while KIE may still be at it, else None (R-UP3)."""
    given_up = error in (messages.DEADLINE, messages.LOST, messages.OPERATOR, failures.EMPTY)
    # A chat call that nobody listens to any more has no task that could be asked for.
    listened_to = generation.kind != CHAT
    watched = state == State.FAILED and generation.state == State.RUNNING and given_up and listened_to
    return now + timedelta(seconds=settings.POLL_MAX_SECONDS) if watched else None


@atomically
def accept_late(generation: Generation, status: Status) -> None:
    """KIE finished after the credits went back: book the cost, and give the result away (R-UP3)."""
    book_cost(generation, status.cost_millicredits)
    rows = Generation.objects.filter(pk=generation.pk, state=State.FAILED)
    found = _remembered(status, generation.kie_partial)
    rows.update(kie_results=found, check_at=timezone.now() + store_lease(), checks=0)
    note(generation, "KIE finished late; the result is free of charge")
    wake(generation)


def stop_watching(generation: Generation) -> None:
    """Nothing more is expected of a generation that has ended."""
    Generation.objects.filter(pk=generation.pk, finished_at__isnull=False).update(check_at=None)


def _charge(generation: Generation, cost: int | None) -> int:
    """The price; where the quantity was only bounded before, the price in proportion to the actual cost (R-PR4)."""
    cost = generation.cost_millicredits if cost is None else cost
    estimate = generation.cost_estimate_millicredits
    return pricing.charge(generation.price_millicredits, estimate, generation.price_exact, cost)


def _estimate_cost(generation: Generation) -> None:
    """Book the estimate, marked as one, for a success whose cost KIE did not tell; the budget counts it already."""
    if generation.cost_millicredits is None:
        rows = Generation.objects.filter(pk=generation.pk, cost_millicredits=None)
        if rows.update(cost_millicredits=F("cost_estimate_millicredits"), cost_source=CostSource.ESTIMATED):
            account.book(generation.cost_estimate_millicredits)


def enter_cost(generation: Generation, cost: int, *, by: str) -> None:
    """An operator knows what KIE charged for a generation that has ended. Raises Refused while it is open."""
    if not Generation.objects.filter(pk=generation.pk, finished_at__isnull=False).exists():
        raise Refused("still_open", "This generation has not ended yet.", status=409)
    book_cost(generation, cost, CostSource.ENTERED)
    note(generation, f"cost of {format_credits(cost)} KIE credits entered", by)


@atomically
def book_cost(generation: Generation, cost: int | None, source: str = CostSource.REPORTED) -> None:
    """Record what KIE charged, and let the budgets use it in place of what was known before (R-BUD2)."""
    if cost is None:
        return
    known = Generation.objects.select_for_update().only("cost_millicredits").get(pk=generation.pk).cost_millicredits
    before = generation.cost_estimate_millicredits if known is None else known
    Generation.objects.filter(pk=generation.pk).update(cost_millicredits=cost, cost_source=source)
    account.book(cost - (known or 0))
    budgets.correct(limits.scopes(generation), generation.created_at, cost - before)
    generation.cost_millicredits, generation.cost_source = cost, source


# From outside


def ring(generation: Generation, task: str) -> None:
    """A callback came for this generation: look at it now (R-CB1). It sets no state and moves no money.

    `task` is the task id that the callback is about, which fills in one that we never got.
    """
    if task and generation.kie_task_id is None:
        waiting = Generation.objects.filter(Q(state=State.RUNNING) | Q(state=State.FAILED, check_at__isnull=False))
        if current := waiting.filter(pk=generation.pk).first():
            save_task(current, task)
    _look_now(Generation.objects.filter(pk=generation.pk))


def ring_known(token: str, task: str) -> bool:
    """The same in one statement for what a callback usually is: about the task that its generation waits for."""
    return _look_now(Generation.objects.filter(callback_token=token, kie_task_id=task))


def _look_now(rows: QuerySet[Generation]) -> bool:
    """Only a task that is being waited for is worth a look; the end of any other is known."""
    waiting = rows.filter(check_at__isnull=False, state__in=[State.RUNNING, State.FAILED])
    return bool(waiting.update(check_at=timezone.now()))


def cancel(generation: Generation, *, by: str = "customer") -> Generation:
    """Cancel while queued; KIE has no way to stop a task once it has it. Raises Refused("not_cancelable")."""
    queued = Generation.objects.get(pk=generation.pk)
    if queued.state != State.QUEUED or not finish(
        queued, State.CANCELED, "canceled", error=messages.CANCELED, cost=0, by=by
    ):
        message = "Only a generation that is still queued can be canceled."
        raise Refused("not_cancelable", message, status=409)
    return queued


def fail(generation: Generation, *, by: str) -> bool:
    """An operator ends an open generation; the held credits go back."""
    current = Generation.objects.get(pk=generation.pk)
    cost = 0 if current.state == State.QUEUED else None
    return not current.terminal and finish(
        current, State.FAILED, "stopped by an operator", error=messages.OPERATOR, cost=cost, by=by
    )


def check_now(generation: Generation) -> bool:
    """An operator has an open, or a watched, generation looked at now."""
    due = Generation.objects.filter(pk=generation.pk, check_at__isnull=False)
    return bool(due.update(check_at=timezone.now()))


def repeat(generation: Generation, *, by: str) -> Generation:
    """An operator runs a generation's request once more for its customer, at today's price."""
    again = request(generation.user, generation.model, generation.input, metadata=generation.metadata)
    note(again, f"repeats {generation.pk}", by)
    return again
