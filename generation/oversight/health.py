"""Whether the books are right, looked at on a schedule: the checks of verify_money, kept and told; and the gauges."""

import time
from collections.abc import Iterator, Sequence
from dataclasses import dataclass
from datetime import timedelta
from itertools import islice

from django.db.models import Count, Q, Sum
from django.urls import reverse
from django.utils import timezone

import billing.verify
from billing import adjustments, alerts
from billing.models import Alert, Budget, Entry, Incident, MoneyCheck, UpstreamBalance, Wallet
from billing.payments import redeem
from billing.upstream import breaker, budgets
from billing.verify import Check
from generation.models import Generation
from generation.oversight import verify

State = Generation.State
# Violations of one check that are kept in words, and that are counted at all.
KEPT, COUNTED = 20, 10_000
KEPT_FOR = timedelta(days=90)


def checks() -> list[tuple[int, Check]]:
    """All checks that read the database alone; asking the storage for every file is for the command."""
    return [*billing.verify.CHECKS, *verify.CHECKS]


def run() -> MoneyCheck:
    """Check all books now, in one snapshot that makes nobody wait; keep the result, and tell of violations."""
    started_at, start = timezone.now(), time.monotonic()
    with verify.snapshot():
        entries = Entry.objects.count()
        results = [_run(invariant, check) for invariant, check in checks()]
    counts = [[invariant, name, count] for invariant, name, count, _ in results]
    found = [[invariant, name, text] for invariant, name, _, texts in results for text in texts]
    milliseconds = round(1000 * (time.monotonic() - start))
    violations = sum(count for _, _, count, _ in results)
    result = MoneyCheck.objects.create(
        started_at=started_at,
        milliseconds=milliseconds,
        entries=entries,
        violations=violations,
        counts=counts,
        found=found,
    )
    MoneyCheck.objects.filter(started_at__lt=started_at - KEPT_FOR).delete()
    if violations:
        _tell(result)
    return result


def _run(invariant: int, check: Check) -> tuple[int, str, int, list[str]]:
    violations = check()
    texts = list(islice(violations, KEPT))
    return invariant, check.__name__, len(texts) + sum(1 for _ in islice(violations, COUNTED - KEPT)), texts


def _tell(result: MoneyCheck) -> None:
    broken = ", ".join(sorted({f"{invariant} ({name})" for invariant, name, count in result.counts if count}))
    message = f"The books are not right: {result.violations} violations of the invariants {broken}."
    url = reverse("admin:billing_moneycheck_change", args=[result.pk])
    more = {"severity": alerts.Severity.CRITICAL, "period": alerts.today(), "url": url}
    alerts.about("books", message, **more)


def last() -> MoneyCheck | None:
    """The latest result."""
    return MoneyCheck.objects.order_by("-started_at", "-pk").first()


# Gauges


@dataclass(frozen=True)
class Gauge:
    """One number for a monitoring system; amounts are in whole millicredits, ours or KIE's as the name says."""

    name: str
    help: str
    values: Sequence[tuple[dict[str, str], int | float]]


def gauges() -> Iterator[Gauge]:
    """Everything that is watched, in eleven queries however large the books are."""
    yield from _books()
    yield from _open()
    yield from _credits()
    yield from _upstream()
    yield Gauge("alerts_open", "Alerts that nobody has acknowledged.", [({}, alerts.unacknowledged())])
    yield Gauge("adjustments_waiting", "Adjustments that wait for a second person.", [({}, adjustments.waiting())])
    yield Gauge("codes_waiting", "Batches of redeem codes that wait for a second person.", [({}, redeem.waiting())])
    incidents = Incident.objects.exclude(state=Incident.State.DONE).count()
    yield Gauge("incidents_open", "Incident refunds that are not done.", [({}, incidents)])


def _books() -> Iterator[Gauge]:
    result = last()
    if result is None:
        return
    values = [
        ({"invariant": str(invariant), "check": str(name)}, int(count)) for invariant, name, count in result.counts
    ]
    yield Gauge("violations", "Violations that the last check of the books found.", values)
    yield Gauge("check_timestamp_seconds", "When the books were checked.", [({}, result.started_at.timestamp())])
    yield Gauge("check_seconds", "How long it took.", [({}, result.milliseconds / 1000)])


def _open() -> Iterator[Gauge]:
    states = {state.value: Count("pk", filter=Q(state=state)) for state in State if state in Generation.OPEN}
    late = Count("pk", filter=Q(deadline__lt=timezone.now()))
    found = Generation.objects.filter(finished_at=None).aggregate(late=late, all=Count("pk"), **states)
    yield Gauge("holds_past_deadline", "Holds whose deadline is over. Must be 0.", [({}, found["late"])])
    yield Gauge("holds_open", "Holds that are not settled.", [({}, found["all"])])
    yield Gauge("queue_length", "Open generations by state.", [({"state": s}, found[s]) for s in states])


def _credits() -> Iterator[Gauge]:
    """Wallets are the running sums of their entries."""
    names = ("available", "held", "owed")
    found = Wallet.objects.aggregate(**{f"sum_{name}": Sum(name, default=0) for name in names})
    values = [({"bucket": name}, found[f"sum_{name}"]) for name in names]
    yield Gauge("credits_millicredits", "Our credits in all wallets.", values)


def _upstream() -> Iterator[Gauge]:
    if reading := UpstreamBalance.objects.order_by("-read_at", "-pk").first():
        yield Gauge("kie_balance_millicredits", "KIE's balance, in its credits.", [({}, reading.millicredits)])
        yield Gauge("kie_balance_timestamp_seconds", "When it was read.", [({}, reading.read_at.timestamp())])
    yield Gauge("paused", "1 while nothing is submitted to KIE.", [({}, int(breaker.paused()))])
    platform = Budget.objects.filter(scope=Budget.PLATFORM).first()
    if platform is None:
        return
    used, caps = [], []
    for name, (period, amount) in zip(("day", "month"), budgets.used(platform).items(), strict=True):
        used.append(({"period": name}, amount))
        if (cap := budgets.cap(platform, period)) is not None:
            caps.append(({"period": name}, cap))
    yield Gauge("budget_used_millicredits", "What the platform's budget has used, in KIE's credits.", used)
    yield Gauge("budget_cap_millicredits", "Its cap, where there is one.", caps)


def open_alerts_by_severity() -> dict[str, int]:
    """How many alerts nobody has acknowledged, by severity."""
    rows = Alert.objects.filter(acknowledged_at=None).values_list("severity").annotate(number=Count("pk"))
    return dict(rows.order_by())
