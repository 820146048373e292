"""The state of the platform in one line, above the list of generations (R-REF8)."""

from dataclasses import dataclass

from django.db.models import Count, Q
from django.urls import reverse
from django.utils import timezone
from django.utils.timesince import timesince

from billing.amounts import format_credits
from billing.models import Alert, UpstreamBalance
from billing.upstream import account, breaker
from generation.models import Generation, Heartbeat


@dataclass(frozen=True)
class Gauge:
    """A reading; `wrong` when an operator has to look after it."""

    name: str
    value: str
    url: str = ""
    wrong: bool = False


def read() -> list[Gauge]:
    """All gauges, in five queries."""
    alerts = Alert.objects.filter(acknowledged_at=None).count()
    paused = breaker.paused()
    return [
        *_open(),
        Gauge("Submission", "paused" if paused else "running", reverse("admin:billing_breaker_changelist"), paused),
        _balance(),
        Gauge("Alerts", str(alerts), reverse("admin:billing_alert_changelist") + "?acknowledged=no", alerts > 0),
        _sweep(),
    ]


def _open() -> list[Gauge]:
    """Open generations are found by the index on those that have not finished, however many there are in all."""
    states = [state for state in Generation.State if state in Generation.OPEN]
    counts = {state.value: Count("pk", filter=Q(state=state)) for state in states}
    late = Count("pk", filter=Q(deadline__lt=timezone.now()))
    found = Generation.objects.filter(finished_at=None).aggregate(late=late, **counts)
    url = reverse("admin:generation_generation_changelist")
    gauges = [Gauge("Holds past their deadline", str(found["late"]), f"{url}?overdue=yes", found["late"] > 0)]
    return gauges + [Gauge(s.label, str(found[s.value]), f"{url}?state__exact={s.value}") for s in states]


def _balance() -> Gauge:
    reading = UpstreamBalance.objects.order_by("-read_at").first()
    url = reverse("admin:billing_upstreambalance_changelist")
    if reading is None:
        return Gauge("KIE balance", "never read", url, wrong=True)
    value = f"{format_credits(reading.millicredits)} KIE credits, {timesince(reading.read_at, depth=1)} ago"
    return Gauge("KIE balance", value, url, wrong=timezone.now() - reading.read_at > account.STALE)


def _sweep() -> Gauge:
    beat = Heartbeat.objects.filter(name=Heartbeat.SWEEP).first()
    if beat is None:
        return Gauge("Sweep", "never ran", wrong=True)
    seconds = round((timezone.now() - beat.at).total_seconds())
    return Gauge("Sweep", f"{seconds} s ago", wrong=seconds > 120)
