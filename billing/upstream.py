"""Our account at KIE: its balance and the breaker that pauses submission. Amounts are KIE's millicredits."""

from datetime import timedelta

from django.conf import settings
from django.db.models import Q
from django.utils import timezone

from billing import alerts
from billing.amounts import format_credits, parse_credits
from billing.models import Breaker, UpstreamBalance

KIE = "kie"


def pause(reason: str, *, cause: Breaker.Cause = Breaker.Cause.ACCOUNT, seconds: float | None = None) -> None:
    """Stop submitting to KIE: until the account is in order again or, when KIE is only busy, for `seconds`.

    Queued work stays queued. Operators hear of trouble with the account once per opening and hour (R-BRK2).
    """
    now = timezone.now()
    Breaker.objects.get_or_create(name=KIE)
    breaker = Breaker.objects.filter(name=KIE)
    if seconds:
        # A short pause never shortens a longer one, nor one that waits for the account or for an operator.
        retry_at = now + timedelta(seconds=seconds)
        over = Q(opened_at=None) | Q(retry_at__lt=retry_at)
        busy = {"cause": Breaker.Cause.BUSY, "opened_at": now, "retry_at": retry_at, "reason": reason[:300]}
        breaker.filter(over).update(**busy)
        return
    lasting = Q(opened_at__isnull=False, retry_at=None)
    if breaker.exclude(lasting).update(cause=cause, opened_at=now, retry_at=None, reason=reason[:300]):
        alerts.tell(f"breaker:{cause}:{now:%Y-%m-%dT%H}", f"Submission to KIE is paused: {reason}")


def resume(cause: Breaker.Cause | None = None) -> bool:
    """Submit again, if it is paused for `cause` or, without one, at all; returns whether it was."""
    rows = Breaker.objects.filter(name=KIE, opened_at__isnull=False)
    rows = rows.filter(cause=cause) if cause else rows
    return bool(rows.update(cause="", opened_at=None, retry_at=None, reason=""))


def paused() -> bool:
    """Whether submission is paused now. A timed pause ends by itself."""
    breaker = Breaker.objects.filter(name=KIE).first()
    if breaker is None or breaker.opened_at is None:
        return False
    return breaker.retry_at is None or timezone.now() < breaker.retry_at


def record_balance(millicredits: int) -> None:
    """Store a balance that KIE gave; a low one is an alert, a sufficient one ends the account's pause."""
    threshold = parse_credits(settings.BALANCE_ALERT_CREDITS)
    previous = UpstreamBalance.objects.order_by("-read_at").first()
    reading = UpstreamBalance.objects.create(millicredits=millicredits)
    if millicredits >= threshold:
        resume(Breaker.Cause.ACCOUNT)
    elif previous is None or previous.millicredits >= threshold:
        key = f"balance-low:{reading.read_at:%Y-%m-%dT%H:%M:%S}"
        alerts.tell(key, f"KIE's balance is {format_credits(millicredits)} credits.")


def balance_unreadable(reason: str) -> None:
    """An unknown balance is not zero; it has an alert of its own, once a day (R-AL1)."""
    alerts.tell(f"balance-unreadable:{timezone.now():%Y-%m-%d}", f"KIE's balance cannot be read: {reason}")
