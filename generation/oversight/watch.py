"""What the platform notices about itself once a minute: caps that fill up, and spending or failures far above usual."""

from datetime import datetime, timedelta

from django.conf import settings
from django.db.models import Count, Q, QuerySet, Sum
from django.db.models.functions import Coalesce
from django.utils import timezone

from billing import alerts
from billing.amounts import format_credits
from billing.models import Breaker, Budget
from billing.upstream import breaker, budgets, spend
from billing.upstream.spend import Reading
from generation import lifecycle, limits, messages
from generation.kie.families import failures
from generation.models import Generation

State = Generation.State
THRESHOLDS_PERCENT = (100, 80, 50)
# What the next generation may cost is judged by so many before it.
RECENT = 20
# Hours written down in one look, so that the first one is not long.
HOURS_AT_ONCE = 24
# Why a generation failed that its customer, or an operator, could have prevented (R-BRK1).
NOT_KIES_FAULT = (failures.POLICY, failures.INVALID, failures.UNREACHABLE, messages.OPERATOR)
# Work that was paused for too long failed because of the pause.
_NEVER_SENT = Q(error_code=messages.UNAVAILABLE, attempts=0) & ~Q(kind=lifecycle.CHAT)


def look() -> None:
    """One look at everything. Cheap: by index, over minutes, or over hours that are written down once."""
    now = timezone.now()
    tell_of_budgets(now)
    write_down(now)
    judge_trials()
    trip(now)


# Budgets


def tell_of_budgets(now: datetime) -> None:
    """One alert per budget, threshold and period (R-AL1)."""
    capped = Q(daily_cap_millicredits__gt=0) | Q(monthly_cap_millicredits__gt=0)
    found = list(Budget.objects.filter(capped))
    uses = budgets.used_of(found, now)
    for budget in found:
        for period, used in uses[budget.scope].items():
            if cap := budgets.cap(budget, period):
                _tell_of(budget, period, used, cap)


def _tell_of(budget: Budget, period: str, used: int, cap: int) -> None:
    reached = next((percent for percent in THRESHOLDS_PERCENT if 100 * used >= percent * cap), 0)
    if reached and used < cap and used + _next_cost(budget) > cap:
        # What is left does not pay for another one: requests are refused already.
        reached = 100
    if not reached:
        return
    numbers = f"{format_credits(used)} of {format_credits(cap)} KIE credits"
    key = f"budget:{budget.scope}:{reached}%:{period}"
    subject = {"subject": f"budget:{budget.scope}", "threshold": f"{reached}%", "period": period}
    alerts.tell(key, f"The budget {budget.scope} has used {numbers} in {period}: {reached} % reached.", **subject)


def _next_cost(budget: Budget) -> int:
    latest = limits.counted_in(budget).order_by("-created_at")
    costs = list(latest.values_list("cost_estimate_millicredits", flat=True)[:RECENT])
    return sum(costs) // len(costs) if costs else 0


# Spending and failures


def reading(since: datetime, until: datetime | None = None) -> Reading:
    """What was requested in some time, up to now, costs as far as known, and how what ended in it has ended."""
    requested, ended = (
        Generation.objects.filter(created_at__gte=since),
        Generation.objects.filter(finished_at__gte=since),
    )
    if until:
        requested, ended = requested.filter(created_at__lt=until), ended.filter(finished_at__lt=until)
    cost = Sum(Coalesce("cost_millicredits", "cost_estimate_millicredits"), default=0)
    return Reading(requested.aggregate(cost=cost)["cost"], **_ended(ended))


def _ended(rows: QuerySet[Generation]) -> dict[str, int]:
    kies = Q(state=State.FAILED) & ~Q(error_code__in=NOT_KIES_FAULT) & ~_NEVER_SENT
    counts = {"succeeded": Count("pk", filter=Q(state=State.SUCCEEDED)), "failed": Count("pk", filter=kies)}
    return rows.aggregate(**counts)


def write_down(now: datetime) -> None:
    """Remember hours that are over, the newest first."""
    for hour in spend.unknown_hours(now)[:HOURS_AT_ONCE]:
        spend.remember(hour, reading(hour, hour + spend.HOUR))
    spend.forget(now)


def trip(now: datetime) -> None:
    """Pause submission if this hour's spending, or the failures of the last minutes, are far above usual.

    What happened before the last pause ended has had its consequence.
    """
    closed_at = breaker.read().closed_at or datetime.min.replace(tzinfo=now.tzinfo)
    cost = reading(max(spend.hour_of(now), closed_at)).cost_millicredits
    if reason := spend.too_much(now, cost):
        breaker.trip(reason, cause=Breaker.Cause.SPEND)
    minutes = timedelta(minutes=settings.BREAKER_FAILURE_MINUTES)
    if reason := spend.too_many_failures(now, reading(max(now - minutes, closed_at))):
        breaker.trip(reason, cause=Breaker.Cause.FAILURES)


def judge_trials() -> None:
    """Half open a breaker whose pause is over, and see how those that were let through have ended."""
    if breaker.try_again():
        return
    trying = breaker.read()
    if trying.trying_since is None:
        return
    trials = Generation.objects.filter(started_at__gte=trying.trying_since)
    running = trials.filter(finished_at=None).count()
    breaker.judge(trying, running=running, **_ended(trials))
