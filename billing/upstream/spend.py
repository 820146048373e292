"""Abnormal upstream spend and failures: the present held against what is usual. Amounts are KIE's millicredits.

Who knows the generations reads the numbers; here is what they are compared with (`generation.oversight.watch`).
"""

from dataclasses import dataclass
from datetime import datetime, timedelta
from statistics import median_low

from django.conf import settings
from django.db.models import Sum

from billing.amounts import format_credits, parse_credits
from billing.models import SpendHour

HOUR = timedelta(hours=1)
LOOKS_BACK = timedelta(days=7)
# An hour is written down when what was requested in it has most probably ended.
SETTLES = timedelta(minutes=30)


@dataclass(frozen=True)
class Reading:
    """What happened in some time: upstream cost, and generations that ended well and not by customers' mistakes."""

    cost_millicredits: int = 0
    succeeded: int = 0
    failed: int = 0


def hour_of(at: datetime) -> datetime:
    """The beginning of the hour."""
    return at.replace(minute=0, second=0, microsecond=0)


def unknown_hours(now: datetime) -> list[datetime]:
    """The hours of the last days that are over and not written down yet."""
    last = hour_of(now - SETTLES) - HOUR
    hours = [last - HOUR * number for number in range(LOOKS_BACK // HOUR)]
    known = set(SpendHour.objects.filter(starts_at__gte=hours[-1]).values_list("starts_at", flat=True))
    return [hour for hour in hours if hour not in known]


def remember(hour: datetime, reading: Reading) -> None:
    """Write down an hour that is over. Idempotent."""
    SpendHour.objects.bulk_create([SpendHour(starts_at=hour, **vars(reading))], ignore_conflicts=True)


def forget(now: datetime) -> None:
    """Delete hours that nothing is compared with any more."""
    SpendHour.objects.filter(starts_at__lt=now - 2 * LOOKS_BACK).delete()


def too_much(now: datetime, cost: int) -> str:
    """Why `cost` is far too much for the hour, in words for operators; "" when it is not.

    The limit is the floor or a multiple of the median of this and its neighbouring hours on the days before.
    """
    if not settings.BREAKER_SPEND_FACTOR:
        return ""
    usual = _usual_cost(now)
    limit = max(parse_credits(settings.BREAKER_SPEND_FLOOR_CREDITS), settings.BREAKER_SPEND_FACTOR * usual)
    if cost <= limit:
        return ""
    spent, most = format_credits(cost), format_credits(limit)
    return f"{spent} KIE credits were spent in this hour; {most} is the limit and {format_credits(usual)} usual."


def _usual_cost(now: datetime) -> int:
    hour = hour_of(now)
    days = range(1, LOOKS_BACK // timedelta(days=1) + 1)
    same = [hour - timedelta(days=day) + HOUR * beside for day in days for beside in (-1, 0, 1)]
    found = list(SpendHour.objects.filter(starts_at__in=same).values_list("cost_millicredits", flat=True))
    return median_low(found) if found else 0


def too_many_failures(now: datetime, reading: Reading) -> str:
    """Why the failures of the last minutes are far too many, in words for operators; "" when they are not."""
    ended = reading.succeeded + reading.failed
    if ended < max(1, settings.BREAKER_FAILURE_MIN_COUNT):
        return ""
    percent, usual = 100 * reading.failed // ended, _usual_percent(now)
    limit = min(95, max(settings.BREAKER_FAILURE_PERCENT, settings.BREAKER_FAILURE_FACTOR * usual))
    if percent < limit:
        return ""
    return f"{reading.failed} of {ended} generations failed in the last minutes, {percent} %; {usual} % is usual."


def _usual_percent(now: datetime) -> int:
    sums = SpendHour.objects.filter(starts_at__gte=now - LOOKS_BACK).aggregate(
        failed=Sum("failed", default=0), succeeded=Sum("succeeded", default=0)
    )
    ended = sums["failed"] + sums["succeeded"]
    return 100 * sums["failed"] // ended if ended else 0
