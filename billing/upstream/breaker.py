"""The breaker: whether work is handed to KIE at the moment. Queued work stays queued, and customers see "paused"."""

from datetime import datetime, timedelta

from django.conf import settings
from django.db.models import F, Q
from django.utils import timezone

from billing import alerts
from billing.models import Breaker

KIE = "kie"
_CLOSED = {"cause": "", "opened_at": None, "retry_at": None, "trying_since": None, "trials_left": 0, "reason": ""}


def read() -> Breaker:
    """The breaker as it stands, also before it was ever used."""
    return Breaker.objects.filter(name=KIE).first() or Breaker(name=KIE)


# Pausing


def pause(reason: str, *, cause: Breaker.Cause = Breaker.Cause.ACCOUNT, seconds: float | None = None) -> None:
    """Stop submitting to KIE: until the account is in order again or, when KIE is only busy, for `seconds`.

    Operators hear of trouble with the account once per opening and hour (R-BRK2).
    """
    now = timezone.now()
    Breaker.objects.get_or_create(name=KIE)
    breaker = Breaker.objects.filter(name=KIE)
    if seconds:
        # A short pause never shortens a longer one, nor one that waits for the account, an operator or its trials.
        retry_at = now + timedelta(seconds=seconds)
        over = (Q(opened_at=None) | Q(retry_at__lt=retry_at)) & ~Q(cause__in=Breaker.TRIED)
        busy = {"cause": Breaker.Cause.BUSY, "opened_at": now, "retry_at": retry_at, "reason": reason[:300]}
        breaker.filter(over).update(**busy)
        return
    lasting = Q(opened_at__isnull=False, retry_at=None)
    opened = {**_CLOSED, "cause": cause, "opened_at": now, "reason": reason[:300]}
    if breaker.exclude(lasting).update(**opened):
        alerts.tell(f"breaker:{cause}:{now:%Y-%m-%dT%H}", f"Submission to KIE is paused: {reason}")


def trip(reason: str, *, cause: Breaker.Cause) -> bool:
    """Pause because of what a comparison found, for `BREAKER_PAUSE_SECONDS`; then some trials decide.

    Leaves every other pause as it is, except one that only waits for KIE to be less busy. Returns whether it did.
    """
    now = timezone.now()
    Breaker.objects.get_or_create(name=KIE)
    rows = Breaker.objects.filter(Q(opened_at=None) | Q(cause=Breaker.Cause.BUSY), name=KIE)
    opened = {**_CLOSED, "cause": cause, "opened_at": now, "retry_at": _pause_ends(now), "reason": reason[:300]}
    if not rows.update(**opened):
        return False
    alerts.tell(f"breaker:{cause}:{now:%Y-%m-%dT%H:%M:%S.%f}", f"Submission to KIE is paused: {reason}")
    return True


def _pause_ends(now: datetime) -> datetime:
    return now + timedelta(seconds=settings.BREAKER_PAUSE_SECONDS)


def resume(cause: Breaker.Cause | None = None) -> bool:
    """Submit again, if it is paused for `cause` or, without one, at all; returns whether it was.

    What led to the pause is not held against the time after it.
    """
    rows = Breaker.objects.filter(name=KIE, opened_at__isnull=False)
    rows = rows.filter(cause=cause) if cause else rows
    return bool(rows.update(**_CLOSED, closed_at=timezone.now()))


# Asking


def paused(breaker: Breaker | None = None) -> bool:
    """Whether what is requested now has to wait. A pause because KIE is busy ends by itself."""
    breaker = breaker or read()
    if breaker.opened_at is None:
        return False
    if breaker.trying_since:
        return breaker.trials_left == 0
    return breaker.cause != Breaker.Cause.BUSY or breaker.retry_at is None or timezone.now() < breaker.retry_at


def enter() -> bool:
    """Whether one submission may be made now; while the breaker is half open it is one of the trials."""
    breaker = read()
    if paused(breaker):
        return False
    if breaker.trying_since is None:
        return True
    left = Breaker.objects.filter(name=KIE, trying_since=breaker.trying_since, trials_left__gt=0)
    return bool(left.update(trials_left=F("trials_left") - 1))


# Trying


def try_again() -> bool:
    """Half open a breaker whose pause is over; returns whether this call did."""
    now = timezone.now()
    due = Breaker.objects.filter(name=KIE, cause__in=Breaker.TRIED, retry_at__lte=now, trying_since=None)
    return bool(due.update(trying_since=now, trials_left=settings.BREAKER_TRIALS))


def judge(breaker: Breaker, *, succeeded: int, failed: int, running: int) -> None:
    """What the trials since `trying_since` say: one failure pauses again, enough successes end the pause."""
    now = timezone.now()
    rows = Breaker.objects.filter(name=KIE, trying_since=breaker.trying_since, opened_at__isnull=False)
    if failed:
        rows.update(trying_since=None, trials_left=0, retry_at=_pause_ends(now))
    elif succeeded >= settings.BREAKER_TRIALS:
        rows.update(**_CLOSED, closed_at=now)
    else:
        # A trial may have ended otherwise, by a customer's mistake for one: it is given out again.
        rows.update(trials_left=max(0, settings.BREAKER_TRIALS - succeeded - running))
