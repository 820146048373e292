"""Our account at KIE: its balance, as read and as expected. Amounts are KIE's millicredits."""

from dataclasses import dataclass
from datetime import datetime, timedelta

from django.conf import settings
from django.db import connection
from django.db.models import F, Sum
from django.urls import reverse
from django.utils import timezone

from accounts.errors import Refused
from accounts.models import User
from accounts.transactions import atomically
from billing import alerts
from billing.amounts import format_credits, parse_credits
from billing.models import Alert, Breaker, UpstreamBalance, UpstreamCost, UpstreamTopUp
from billing.upstream import breaker

LOW = "balance-low"
# A balance has to rise this far above a threshold before falling below it is news again.
REARM_PERCENT = 20
PACE_WINDOW = timedelta(hours=6)
PACE_LEAST = timedelta(minutes=30)
# How near in time an inferred top-up is probably the one that an operator enters.
TOP_UP_NEAR = timedelta(days=1)
# How near in time two of the same amount that are known are probably one, entered twice.
TOP_UP_AGAIN = timedelta(hours=1)
# The balance is read every five minutes; one that is older than this was missed more than once.
STALE = timedelta(minutes=15)


# The balance


@dataclass(frozen=True)
class Charged:
    """What KIE may have taken in all since the beginning, as far as our books know."""

    low: int
    high: int


def book(change: int) -> None:
    """Count a cost that became known, or the change of one that was, with whatever else its transaction does."""
    if change:
        UpstreamCost.objects.create(millicredits=change)


@atomically
def sum_up() -> None:
    """Let one row stand for all that are there. Rows that others add meanwhile stay as they are."""
    with connection.cursor() as cursor:
        if connection.vendor == "postgresql":
            cursor.execute("""
                WITH summed AS (DELETE FROM billing_upstreamcost RETURNING millicredits)
                INSERT INTO billing_upstreamcost (millicredits)
                SELECT SUM(millicredits) FROM summed HAVING COUNT(*) > 0
            """)
            return
    # SQLite has one writer, which this transaction is.
    if total := UpstreamCost.objects.aggregate(total=Sum("millicredits"))["total"]:
        UpstreamCost.objects.all().delete()
        UpstreamCost.objects.create(millicredits=total)


@atomically
def record_balance(millicredits: int, charged: Charged | None = None) -> UpstreamBalance:
    """Store a balance that KIE gave, next to what was expected; a sufficient one ends the account's pause.

    A jump upwards is a top-up at KIE. Falling below a threshold, and running empty soon, are alerts (R-AL1).
    """
    reading = UpstreamBalance(millicredits=millicredits, read_at=timezone.now())
    if charged:
        reading.charged_low, reading.charged_high = charged.low, charged.high
    _infer_top_up(reading)
    anchor = anchor_of(reading)
    reading.trusted = anchor is None and charged is not None
    if anchor and charged:
        reading.expected_low, reading.expected_high = _expected(anchor, reading)
    reading.save()
    _narrow(anchor, reading)
    if millicredits >= max(thresholds(), default=0):
        breaker.resume(Breaker.Cause.ACCOUNT)
    _tell_if_low(reading)
    _tell_if_empty_soon(reading)
    return reading


def balance_unreadable(reason: str) -> None:
    """An unknown balance is not zero; it has an alert of its own, once a day (R-AL1)."""
    message = f"KIE's balance cannot be read: {reason}"
    alerts.about("balance-unreadable", message, period=alerts.today(), url=_url())


def thresholds() -> list[int]:
    """The balances below which operators are told, in KIE's millicredits."""
    return [parse_credits(text) for text in settings.BALANCE_ALERT_CREDITS]


def _url() -> str:
    return reverse("admin:billing_upstreambalance_changelist")


# What was expected: the last balance that was trusted, and top-ups since, less what KIE has charged since


def anchor_of(reading: UpstreamBalance) -> UpstreamBalance | None:
    """The trusted reading that an expectation starts from."""
    return UpstreamBalance.objects.filter(trusted=True, read_at__lt=reading.read_at).order_by("-read_at").first()


def topped_up(since: datetime, until: datetime) -> int:
    """What we bought at KIE after `since`, up to and with `until`."""
    found = UpstreamTopUp.objects.filter(at__gt=since, at__lte=until)
    return found.aggregate(total=Sum("millicredits", default=0))["total"]


def _expected(start: UpstreamBalance, end: UpstreamBalance) -> tuple[int, int]:
    """The lowest and the highest balance at `end`: what ran at either moment may have been charged by then, or not."""
    before, after = charged_by(start), charged_by(end)
    funds = start.millicredits + topped_up(start.read_at, end.read_at)
    return funds - (after.high - before.low), funds - (after.low - before.high)


def charged_by(reading: UpstreamBalance) -> Charged:
    """What a reading says of charges; one from before they were counted says nothing, which is as good as zero."""
    return Charged(reading.charged_low or 0, reading.charged_high or 0)


def tolerance() -> int:
    """The drift that is no alert, in KIE's millicredits."""
    return parse_credits(settings.BALANCE_TOLERANCE_CREDITS)


def drifted(reading: UpstreamBalance) -> bool:
    """Whether the balance is further from what was expected than the tolerance."""
    return abs(reading.drift or 0) > tolerance()


def drifting() -> UpstreamBalance | None:
    """The latest reading, if it and the one before drifted the same way: one alone may be KIE in the middle of it."""
    latest = list(UpstreamBalance.objects.order_by("-read_at", "-pk")[:2])
    if len(latest) < 2 or not all(drifted(reading) and not reading.trusted for reading in latest):
        return None
    last, previous = (reading.drift or 0 for reading in latest)
    return latest[0] if (last > 0) == (previous > 0) else None


def _narrow(anchor: UpstreamBalance | None, reading: UpstreamBalance) -> None:
    """Start from a reading at which less was running than at its anchor, if it is as expected."""
    if anchor is None or reading.drift is None or drifted(reading):
        return
    widths = [charged.high - charged.low for charged in (charged_by(anchor), charged_by(reading))]
    if widths[1] < widths[0]:
        UpstreamBalance.objects.filter(pk=reading.pk).update(trusted=True, note="as expected, with less running")


def trust(reading: UpstreamBalance, *, by: User, note: str) -> None:
    """An operator takes a balance for right, whatever was expected; from here on it is expected. Raises Refused."""
    rows = UpstreamBalance.objects.filter(pk=reading.pk, trusted=False, charged_low__isnull=False)
    if not rows.update(trusted=True, trusted_by=by, note=note):
        raise Refused("not_to_be_trusted", "This reading is trusted already, or nothing was counted at it.", status=409)


# Top-ups at KIE


def _infer_top_up(reading: UpstreamBalance) -> None:
    """A balance that rose by more than tasks could have given back is a top-up of the roundest fitting amount."""
    previous = UpstreamBalance.objects.order_by("-read_at", "-pk").first()
    if previous is None or (previous.charged_low is None) != (reading.charged_low is None):
        return
    low, high = _expected(previous, reading)
    if reading.millicredits - high < parse_credits(settings.BALANCE_TOP_UP_CREDITS):
        return
    amount = _roundest(reading.millicredits - high, reading.millicredits - low)
    inferred = {"source": UpstreamTopUp.Source.INFERRED, "at": reading.read_at}
    top_up = UpstreamTopUp.objects.create(millicredits=amount, **inferred)
    message = f"KIE's balance rose by {format_credits(amount)} credits. Confirm this top-up at KIE, or correct it."
    url = reverse("admin:billing_upstreamtopup_change", args=[top_up.pk])
    alerts.about(f"upstream-top-up:{top_up.pk}", message, severity=alerts.Severity.INFO, url=url)


def _roundest(low: int, high: int) -> int:
    """The number between two that has the fewest digits: nobody buys 998.7 credits."""
    step = 10 ** len(str(high))
    while -(-low // step) * step > high:
        step //= 10
    return -(-low // step) * step


@atomically
def enter_top_up(millicredits: int, at: datetime, *, by: User, note: str) -> UpstreamTopUp:
    """A top-up that an operator knows of. Raises Refused when one like it waits for being confirmed, or is known."""
    # A page that is sent twice at once: the second waits for what the first has entered.
    User.objects.select_for_update(no_key=True).get(pk=by.pk)
    near = {"at__gt": at - TOP_UP_NEAR, "at__lt": at + TOP_UP_NEAR}
    size = {"millicredits__gte": millicredits * 9 // 10, "millicredits__lte": millicredits * 11 // 10}
    if UpstreamTopUp.objects.filter(source=UpstreamTopUp.Source.INFERRED, **near, **size).exists():
        raise Refused("top_up_inferred", "This top-up was seen already: confirm or correct it instead.", status=409)
    again = {"at__gt": at - TOP_UP_AGAIN, "at__lt": at + TOP_UP_AGAIN, "millicredits": millicredits}
    if UpstreamTopUp.objects.filter(**again).exists():
        message = "This top-up is known already. If so much was bought twice, correct it to the sum of both."
        raise Refused("top_up_known", message, status=409)
    entered = {"source": UpstreamTopUp.Source.ENTERED, "author": by, "note": note}
    top_up = UpstreamTopUp.objects.create(millicredits=millicredits, at=at, **entered)
    _expect_more(at, millicredits)
    return top_up


@atomically
def correct_top_up(top_up: UpstreamTopUp, millicredits: int, *, by: User, note: str) -> None:
    """Confirm a top-up with this amount; 0 when it was none. Raises Refused when someone changed it meanwhile."""
    rows = UpstreamTopUp.objects.filter(pk=top_up.pk, millicredits=top_up.millicredits)
    source = UpstreamTopUp.Source
    known = source.CONFIRMED if top_up.source == source.INFERRED else top_up.source
    if not rows.update(millicredits=millicredits, source=known, author=by, note=note):
        raise Refused("changed_meanwhile", "This top-up was changed meanwhile. Look again.", status=409)
    _expect_more(top_up.at, millicredits - top_up.millicredits)


def _expect_more(at: datetime, change: int) -> None:
    """Let the readings whose expectation counts a top-up count what is known of it now."""
    since = UpstreamBalance.objects.filter(read_at__gte=at, expected_low__isnull=False)
    anchors = UpstreamBalance.objects.filter(read_at__gte=at, trusted=True)
    if first := anchors.order_by("read_at").first():
        since = since.filter(read_at__lte=first.read_at)
    since.update(expected_low=F("expected_low") + change, expected_high=F("expected_high") + change)


# Low, and soon empty


def _tell_if_low(reading: UpstreamBalance) -> None:
    """Tell of the lowest threshold that the balance is below, once per fall.

    A fall counts as new after a rise well above the threshold, or a top-up. On the way up again nothing is told.
    """
    crossed = [threshold for threshold in sorted(thresholds()) if reading.millicredits < threshold]
    if not crossed:
        return
    threshold, since = crossed[0], _armed_at(crossed[0])
    lower = [format_credits(other) for other in thresholds() if other < threshold]
    told = Alert.objects.filter(subject=LOW, threshold__in=lower)
    if (told.filter(raised_at__gte=since) if since else told).exists():
        return
    severity = alerts.Severity.CRITICAL if threshold == min(thresholds()) else alerts.Severity.WARNING
    message = f"KIE's balance is {format_credits(reading.millicredits)} credits, below {format_credits(threshold)}."
    period = f"since {since.isoformat()}" if since else "from the beginning"
    alerts.about(LOW, message, threshold=format_credits(threshold), period=period, severity=severity, url=_url())


def _armed_at(threshold: int) -> datetime | None:
    """Since when a fall below a threshold is news: the last rise well above it, or the last top-up."""
    above = UpstreamBalance.objects.filter(millicredits__gte=threshold + threshold * REARM_PERCENT // 100)
    bought = UpstreamTopUp.objects.filter(millicredits__gt=0)
    moments = [*above.order_by("-read_at").values_list("read_at", flat=True)[:1]]
    moments += bought.order_by("-at").values_list("at", flat=True)[:1]
    return max(moments, default=None)


def pace(until: datetime | None = None) -> int | None:
    """KIE's millicredits per hour over the last hours: what the balance lost or, if that is more, what we booked.

    None while the readings do not span long enough.
    """
    readings = UpstreamBalance.objects.filter(read_at__lte=until or timezone.now()).order_by("-read_at", "-pk")
    last = readings.first()
    first = last and readings.filter(read_at__gte=last.read_at - PACE_WINDOW).last()
    if last is None or first is None or last.read_at - first.read_at < PACE_LEAST:
        return None
    lost = first.millicredits + topped_up(first.read_at, last.read_at) - last.millicredits
    booked = charged_by(last).low - charged_by(first).low if first.charged_low is not None else 0
    return max(lost, booked, 0) * 3600 // int((last.read_at - first.read_at).total_seconds())


def hours_left() -> int | None:
    """In how many whole hours the balance is used up at this pace; None when nothing is known or used."""
    latest, per_hour = UpstreamBalance.objects.order_by("-read_at", "-pk").first(), pace()
    return max(0, latest.millicredits) // per_hour if latest and per_hour else None


def _tell_if_empty_soon(reading: UpstreamBalance) -> None:
    left = hours_left()
    if left is None or left >= settings.BALANCE_EMPTY_HOURS:
        return
    balance, per_hour = format_credits(reading.millicredits), format_credits(pace() or 0)
    message = f"KIE's balance of {balance} credits is empty in {left} h at {per_hour} an hour."
    more = {"threshold": f"{settings.BALANCE_EMPTY_HOURS}h", "period": alerts.today()}
    alerts.about("balance-empty-soon", message, url=_url(), **more)
