"""KIE's balance as it is measured against what it should be by our books (rules, invariant 13).

What KIE has charged in all lies between what is booked and that with everything at KIE whose cost is not yet known: KIE
does not say whether it charges at the beginning or at the end of a task (protocol 9). So running work is a band and no
false alarm; what leaves the band has a cause, and the generations that may be it are named.
"""

from dataclasses import dataclass
from datetime import datetime, timedelta

from django.db import connection
from django.db.models import F, Q, QuerySet
from django.urls import reverse

from billing import alerts
from billing.amounts import format_credits
from billing.models import UpstreamBalance
from billing.upstream import account
from billing.upstream.account import Charged
from generation import gateway
from generation.kie.errors import KieError
from generation.models import Generation

State = Generation.State
Source = Generation.CostSource
NAMED = 5
SHOWN = 50
# Nothing runs for longer, so that what was requested before has ended, and is booked or no longer watched.
DAYS = timedelta(days=2)

# One statement, so that all of it is of one moment.
_CHARGED = """
    SELECT
        (SELECT COALESCE(SUM(millicredits), 0) FROM billing_upstreamcost),
        (SELECT COALESCE(SUM(cost_estimate_millicredits), 0) FROM generation_generation
            WHERE finished_at IS NULL AND cost_millicredits IS NULL AND state <> 'queued'),
        (SELECT COALESCE(SUM(cost_estimate_millicredits), 0) FROM generation_generation
            WHERE finished_at IS NOT NULL AND cost_millicredits IS NULL AND check_at IS NOT NULL
            AND kie_task_id IS NOT NULL)
"""


def charged() -> Charged:
    """What KIE may have charged in all by now.

    A task that was given up but is still watched may have been charged. One that KIE never confirmed is not counted:
    if it was charged after all, that is what the drift shows.
    """
    with connection.cursor() as cursor:
        cursor.execute(_CHARGED)
        booked, running, watched = map(int, cursor.fetchone())
    return Charged(booked, booked + running + watched)


def read() -> None:
    """Read KIE's balance, store it with what was expected, and tell of a drift."""
    account.sum_up()
    before = charged()
    try:
        millicredits = gateway.client().credit()
    except KieError as error:
        account.balance_unreadable(str(error))
        return
    after = charged()
    # What began or ended while KIE was asked may be part of its answer or not.
    account.record_balance(millicredits, Charged(min(before.low, after.low), max(before.high, after.high)))
    tell_of_drift()


def drift_subject(reading: UpstreamBalance) -> str:
    """The subject of the alert about the drift since a reading's anchor."""
    anchor = account.anchor_of(reading)
    return f"balance-drift:{anchor.pk if anchor else 0}"


def tell_of_drift() -> None:
    """An alert, once a day, while two readings in a row are off; it names what may be the cause."""
    reading = account.drifting()
    if reading is None:
        return
    drift = reading.drift or 0
    found = candidates(reading)
    names = "; ".join(f"{c.generation.pk} ({c.generation.model}): {c.why}" for c in found[:NAMED])
    rest = f"; and {len(found) - NAMED} more" if len(found) > NAMED else ""
    message = (
        f"KIE's balance of {format_credits(reading.millicredits)} credits is {format_credits(abs(drift))} "
        f"{'lower' if drift < 0 else 'higher'} than expected. Possible causes: {names + rest or 'none is known'}."
    )
    url = reverse("admin:billing_upstreambalance_change", args=[reading.pk])
    threshold, period = format_credits(account.tolerance()), alerts.today()
    alerts.about(drift_subject(reading), message, threshold=threshold, period=period, url=url)


# Who may have caused a drift


@dataclass(frozen=True)
class Candidate:
    """A generation that may be the cause of a drift, why, and how much it is about in KIE's millicredits."""

    generation: Generation
    why: str
    millicredits: int


def candidates(reading: UpstreamBalance) -> list[Candidate]:
    """What may explain a reading's drift, since the balance was last as expected; the likeliest first."""
    since, until, drift = _last_good(reading), reading.read_at, abs(reading.drift or 0)
    found = [Candidate(g, _why(g), _amount(g)) for g in _suspects(since, until)[:SHOWN]]
    return sorted(found, key=lambda candidate: abs(candidate.millicredits - drift))


def _last_good(reading: UpstreamBalance) -> datetime:
    """When the balance last was as expected, since its anchor."""
    anchor = account.anchor_of(reading)
    start = anchor.read_at if anchor else reading.read_at
    allowed = account.tolerance()
    within = Q(millicredits__gte=F("expected_low") - allowed, millicredits__lte=F("expected_high") + allowed)
    good = UpstreamBalance.objects.filter(within, read_at__gt=start, read_at__lt=reading.read_at)
    return max([start, *good.order_by("-read_at").values_list("read_at", flat=True)[:1]])


def _suspects(since: datetime, until: datetime) -> QuerySet[Generation]:
    """Generations at KIE in a stretch of time whose cost is not KIE's own word; those that are sure to matter first."""
    open_then = Q(finished_at=None) | Q(finished_at__gte=since)
    unsure = Q(cost_millicredits=None) | Q(cost_source=Source.ESTIMATED)
    given_back = Q(state=State.FAILED, kie_task_id__isnull=False)
    near = Generation.objects.filter(created_at__gte=since - DAYS, created_at__lte=until)
    at_kie = near.filter(open_then, started_at__isnull=False)
    return at_kie.filter(unsure | given_back).order_by(F("cost_millicredits").asc(nulls_first=True), "-created_at")


def _why(generation: Generation) -> str:
    if generation.finished_at is None:
        return "runs"
    if generation.cost_millicredits is None:
        return "its cost is not known" if generation.kie_task_id else "the order got no answer"
    if generation.cost_source == Source.ESTIMATED:
        return "its cost is our estimate"
    return "finished after its credits went back" if generation.kie_results else "failed after KIE had accepted it"


def _amount(generation: Generation) -> int:
    """What it is about: the cost that is booked or, where that is nothing, what it would have been."""
    return generation.cost_millicredits or generation.cost_estimate_millicredits
