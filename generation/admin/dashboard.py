"""The money dashboard: numbers with the rows behind them, charts, and how the platform stands."""

from collections.abc import Iterator
from dataclasses import dataclass
from decimal import Decimal
from typing import Any
from urllib.parse import urlencode

from django.contrib import admin, messages
from django.core.exceptions import PermissionDenied
from django.db.models import Sum
from django.http import Http404, HttpRequest, HttpResponse, HttpResponseBase, HttpResponseRedirect
from django.template.response import TemplateResponse
from django.urls import path, reverse
from django.utils.timesince import timesince
from django_q.tasks import async_task

from accounts import exports
from accounts.admin_buttons import ReadOnlyAdmin, Section
from billing import adjustments, currency
from billing.amounts import format_credits
from billing.models import Adjustment, Budget, Incident, MoneyCheck, UpstreamBalance, Wallet
from billing.payments import redeem
from billing.upstream import account, breaker, budgets
from generation.admin import balance_chart, bar_chart, gauges
from generation.oversight import dashboard, health
from generation.oversight.dashboard import Report, Sales, Span

PERMISSION = "billing.view_money"
READINGS = 300
CENT = Decimal("0.01")


@dataclass(frozen=True)
class Figure:
    """A number with the rows behind it. `wrong` when an operator has to look after it."""

    name: str
    value: str
    unit: str = ""
    note: str = ""
    url: str = ""
    csv: str = ""
    wrong: bool = False


def rows(model: str, **filters: Any) -> dict[str, Any]:
    """The addresses of the rows behind a number, as a page and as CSV."""
    query = f"?{urlencode(filters)}" if filters else ""
    app, name = model.split(".")
    csv = reverse("admin:export", args=[app, name])
    return {"url": reverse(f"admin:{app}_{name}_changelist") + query, "csv": csv + query}


def usd(value: Decimal) -> str:
    return currency.written(value.quantize(CENT), "USD")


def _worth(millicredits: int) -> str:
    return usd(Decimal(millicredits) * Sales(spent=1000).revenue_usd / 1000)


# What happened


def figures(report: Report) -> list[Figure]:
    """The totals of a span."""
    moved, sales, chosen = report.movements, report.sales, report.span

    def entries(name: str, value: int, kind: str, note: str = "") -> Figure:
        link = rows("billing.entry", kind__exact=kind, **between("created_at", chosen))
        return Figure(name, format_credits(value), "credits", note or _worth(value), **link)

    settled = rows("generation.generation", **between("finished_at", chosen))
    percent = sales.margin_percent
    unknown = f"; {sales.unknown} not known yet" if sales.unknown else ""
    return [
        entries("Sold", moved.sold, "top_up"),
        entries("Spent", moved.spent, "settle"),
        Figure(
            "Upstream cost", usd(sales.cost_usd), "", f"{format_credits(sales.cost)} KIE credits{unknown}", **settled
        ),
        Figure(
            "Margin",
            usd(sales.margin_usd),
            "",
            "nothing was sold" if percent is None else f"{percent:.1f} % of {usd(sales.revenue_usd)}",
            **settled,
            wrong=sales.margin_usd < 0,
        ),
        entries("Returned", moved.returned, "settle", "holds that were not charged"),
        entries("Refunded by operators", moved.refunded, "refund"),
        entries("Granted", moved.granted, "grant"),
        entries("Adjusted", moved.adjusted, "adjust"),
        entries("Expired", moved.expired, "expire"),
        entries("Payments taken back", moved.taken_back, "reversal", f"{format_credits(moved.owed)} of it owed"),
    ]


def between(name: str, chosen: Span) -> dict[str, str]:
    """The filter of a list for a span."""
    return {f"{name}__gte": chosen.since.isoformat(), f"{name}__lt": chosen.until.isoformat()}


def charts(report: Report) -> list[bar_chart.Chart]:
    """Credits sold and spent, and money in and out, by day or hour."""
    chosen = report.span
    labels = [chosen.label(number) for number in range(len(chosen.parts))]
    moved, sales = report.movements_by_part, report.sales_by_part
    credits: dict[str, list[int]] = {
        "Sold": [each.sold for each in moved],
        "Spent": [each.spent for each in moved],
        "Granted": [each.granted for each in moved],
    }
    money = {"Revenue": [each.revenue_usd for each in sales], "Upstream cost": [each.cost_usd for each in sales]}
    in_words = [[f"{format_credits(value)} credits" for value in values] for values in credits.values()]
    in_usd = [[usd(value) for value in values] for values in money.values()]
    return [
        bar_chart.bars("Credits", labels, credits, in_words),  # type: ignore[arg-type]
        bar_chart.bars("Revenue and upstream cost", labels, money, in_usd),  # type: ignore[arg-type]
    ]


def with_links(sales: list[Sales], chosen: Span, field: str) -> Iterator[tuple[Sales, dict[str, str]]]:
    """Each line of a table with the generations behind it."""
    for sale in sales:
        filters = {field: sale.key or "", **between("finished_at", chosen)}
        yield sale, rows("generation.generation", **filters)


# How things stand


def standing() -> list[Figure]:
    """The platform at this moment."""
    now = [
        Figure(gauge.name, gauge.value, url=gauge.url, csv=_csv_of(gauge.url), wrong=gauge.wrong)
        for gauge in gauges._open()
    ]
    return [*now, _submission(), *_balance(), *_budget(), *_wallets(), *_waiting(), _books()]


def _csv_of(url: str) -> str:
    base, _, query = url.partition("?")
    return f"{base}export.csv?{query}"


def _submission() -> Figure:
    state = breaker.read()
    paused = breaker.paused(state)
    value, note = ("paused", state.reason) if paused else ("running", "")
    return Figure("Submission", value, note=note, **rows("billing.breaker"), wrong=paused)


def _balance() -> Iterator[Figure]:
    reading = UpstreamBalance.objects.order_by("-read_at", "-pk").first()
    link = rows("billing.upstreambalance")
    if reading is None:
        yield Figure("KIE's balance", "never read", **link, wrong=True)
        return
    pace = account.pace()
    ago = f"{timesince(reading.read_at, depth=1)} ago"
    value = format_credits(reading.millicredits)
    low = reading.millicredits < max(account.thresholds(), default=0)
    yield Figure("KIE's balance", value, "KIE credits", ago, **link, wrong=low)
    if not pace:
        yield Figure("Empty in", "–", note="the pace is not known yet" if pace is None else "nothing is used", **link)
        return
    left = max(0, reading.millicredits) // pace
    words = f"{left} h" if left < 72 else f"{left // 24} days"
    yield Figure("Empty in", words, note=f"at {format_credits(pace)} KIE credits an hour", **link, wrong=left < 24)


def _budget() -> Iterator[Figure]:
    budget = Budget.objects.filter(scope=Budget.PLATFORM).first()
    if budget is None:
        return
    for words, (period, used) in zip(("today", "this month"), budgets.used(budget).items(), strict=True):
        cap = budgets.cap(budget, period)
        note = "no cap" if cap is None else f"of {format_credits(cap)}"
        link = rows("billing.budget")
        wrong = cap is not None and used >= cap
        yield Figure(f"Budget used {words}", format_credits(used), "KIE credits", note, **link, wrong=wrong)


def _wallets() -> Iterator[Figure]:
    """Wallets are the running sums of their entries; the check of the books proves it."""
    names = {"available": "Customers have", "held": "Held", "owed": "Owed by customers"}
    found = Wallet.objects.aggregate(**{f"sum_{name}": Sum(name, default=0) for name in names})
    for name, words in names.items():
        value = found[f"sum_{name}"]
        link = rows("billing.wallet", **{f"{name}__gt": 0})
        yield Figure(words, format_credits(value), "credits", _worth(value), **link)


def _waiting() -> Iterator[Figure]:
    alerts = health.open_alerts_by_severity()
    number = sum(alerts.values())
    note = ", ".join(f"{count} {severity}" for severity, count in sorted(alerts.items()))
    yield Figure("Open alerts", str(number), note=note, **rows("billing.alert", acknowledged="no"), wrong=number > 0)
    asked, codes = adjustments.waiting(), redeem.waiting()
    link = rows("billing.adjustment", state__exact=Adjustment.State.PENDING.value)
    yield Figure("Wait for a second person", str(asked), "adjustments", **link)
    if codes:
        unit = "batch of codes" if codes == 1 else "batches of codes"
        yield Figure("Wait for a second person", str(codes), unit, **rows("billing.redeembatch"))
    going = Incident.objects.exclude(state=Incident.State.DONE).count()
    yield Figure("Incident refunds under way", str(going), **rows("billing.incident"))


def _books() -> Figure:
    result, link = health.last(), rows("billing.moneycheck")
    if result is None:
        return Figure("The books", "never checked", **link, wrong=True)
    ago = f"{timesince(result.started_at, depth=1)} ago, in {result.milliseconds / 1000:.1f} s"
    wrong = result.violations > 0
    value = f"{result.violations} violations" if wrong else "all good"
    return Figure("The books", value, note=f"{result.entries} entries, {ago}", **link, wrong=wrong)


# The page


def _chosen(request: HttpRequest) -> Span:
    text = request.GET.get("days", "7")
    if text not in map(str, dashboard.DAYS):
        raise Http404
    return dashboard.span(int(text))


def show(request: HttpRequest) -> HttpResponse:
    """The dashboard of today, 7 or 30 days: `?days=30`."""
    if not request.user.has_perm(PERMISSION):
        raise PermissionDenied
    chosen = _chosen(request)
    report = dashboard.report(chosen)
    readings = UpstreamBalance.objects.filter(read_at__gte=chosen.since).order_by("-read_at", "-pk")[:READINGS]
    context = {
        **admin.site.each_context(request),
        "title": "Money",
        "span": chosen,
        "choices": [(1, "Today"), (7, "7 days"), (30, "30 days")],
        "figures": figures(report),
        "standing": standing(),
        "charts": charts(report),
        "balances": balance_chart.balances(list(readings)[::-1]),
        "models": list(with_links(report.models, chosen, "model__exact")),
        "customers": list(with_links(report.customers, chosen, "user__id__exact")),
        "parts": list(zip(report.sales_by_part, report.movements_by_part, strict=True)),
        "can_check": request.user.has_perm("billing.add_moneycheck"),
    }
    return TemplateResponse(request, "admin/dashboard/money.html", context)


COLUMNS = ["number", "spent", "refunded", "kie_cost", "revenue_usd", "cost_usd", "margin_usd"]


def _cells(sale: Sales) -> list[Any]:
    amounts = (sale.spent, sale.refunded, sale.cost)
    money = (sale.revenue_usd, sale.cost_usd, sale.margin_usd)
    return [sale.name, sale.number, *map(format_credits, amounts), *(f"{value:.6f}" for value in money)]


def export(request: HttpRequest, table: str) -> HttpResponseBase:
    """One table of the dashboard as CSV; of the customers all, not only those that are shown."""
    if not request.user.has_perm(PERMISSION):
        raise PermissionDenied
    chosen = _chosen(request)
    report = dashboard.report(chosen, customers=None if table == "customers" else 0)
    name = f"{table}-{chosen.days}-days"
    if table in ("models", "customers"):
        lines = [_cells(sale) for sale in getattr(report, table)]
        return exports.stream(name, [table.removesuffix("s"), *COLUMNS], lines)
    if table != "days":
        raise Http404
    moved = [[format_credits(value) for value in vars(each).values()] for each in report.movements_by_part]
    starts = [since for since, _ in chosen.parts]
    header = ["from", *vars(report.movements), "kie_cost", "margin_usd"]
    sales = [[format_credits(sale.cost), f"{sale.margin_usd:.6f}"] for sale in report.sales_by_part]
    return exports.stream(name, header, [[at, *a, *b] for at, a, b in zip(starts, moved, sales, strict=True)])


def check(request: HttpRequest) -> HttpResponse:
    """Have the books checked now, by the queue."""
    if not request.user.has_perm("billing.add_moneycheck"):
        raise PermissionDenied
    if request.method == "POST":
        async_task("generation.oversight.health.run")
        messages.success(request, "The books are being checked. Look again in a moment.")
    return HttpResponseRedirect(reverse("money"))


urlpatterns = [
    path("", admin.site.admin_view(show), name="money"),
    path("check/", admin.site.admin_view(check), name="money-check"),
    path("<slug:table>.csv", admin.site.admin_view(export), name="money-export"),
]


# The books


@admin.register(MoneyCheck)
class MoneyCheckAdmin(ReadOnlyAdmin):
    """When the books were checked, how long it took, and what was found."""

    list_display = ["started_at", "seconds", "entries", "violations"]
    list_filter = ["started_at"]
    ordering = ["-started_at", "-pk"]
    fields = ["started_at", "seconds", "entries", "violations"]

    @admin.display(description="seconds", ordering="milliseconds")
    def seconds(self, result: MoneyCheck) -> str:
        return f"{result.milliseconds / 1000:.3f}"

    def sections(self, request: HttpRequest, obj: MoneyCheck) -> list[Section]:
        return [
            Section("Violations, the first of each check", ["Invariant", "Check", "Violation"], obj.found),
            Section("Checks", ["Invariant", "Check", "Violations"], obj.counts),
        ]
