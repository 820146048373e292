"""A draft of the price list tried on what was really made: the last 30 days, charged again under the draft.

What was charged is read from the ledger, less what was refunded (R-LED7). What would have been charged is computed
from what KIE asked then, by the functions that price and charge (R-PR4), under the group that each customer is in
today. Generations that cost KIE the same for the same customer are computed once and counted. A price that is fixed
per unit needs the number of units: that is KIE's price of then divided by KIE's price per unit of today.
"""

from collections.abc import Iterator
from dataclasses import dataclass
from datetime import datetime, timedelta
from decimal import Decimal
from typing import Any

from django.conf import settings
from django.db.models import CharField, Count, F, Func, OuterRef, Q, Subquery, Sum
from django.db.models.functions import Coalesce
from django.utils import timezone

from accounts.models import User
from billing import currency, prices
from billing.models import Entry, PriceGroup, PriceList, PriceMember
from generation import catalog, pricing
from generation.models import Generation
from generation.pricing import MILLI

DAYS = 30
SHOWN_CUSTOMERS = 15


@dataclass
class Line:
    """What some generations brought and would bring, in our millicredits, and what they cost, in KIE's."""

    name: str = ""
    number: int = 0
    now: int = 0
    then: int = 0
    cost: int = 0

    def add(self, number: int, now: int, then: int, cost: int) -> None:
        self.number += number
        self.now += now
        self.then += then
        self.cost += cost

    @property
    def change(self) -> int:
        return self.then - self.now

    @property
    def change_percent(self) -> Decimal | None:
        return Decimal(100 * self.change) / self.now if self.now else None

    @property
    def revenue_now_usd(self) -> Decimal:
        return self.now * settings.CREDIT_USD / MILLI

    @property
    def revenue_then_usd(self) -> Decimal:
        return self.then * settings.CREDIT_USD / MILLI

    @property
    def cost_usd(self) -> Decimal:
        return self.cost * settings.KIE_CREDIT_USD / MILLI

    @property
    def margin_now_usd(self) -> Decimal:
        return self.revenue_now_usd - self.cost_usd

    @property
    def margin_then_usd(self) -> Decimal:
        return self.revenue_then_usd - self.cost_usd

    @property
    def margin_now_percent(self) -> Decimal | None:
        return 100 * self.margin_now_usd / self.revenue_now_usd if self.now else None

    @property
    def margin_then_percent(self) -> Decimal | None:
        return 100 * self.margin_then_usd / self.revenue_then_usd if self.then else None


@dataclass(frozen=True)
class Rehearsal:
    """All, by model (the largest revenue first) and by customer (the largest change first).

    `estimated` counts the generations whose actual cost is our estimate, because KIE gave none.
    """

    since: datetime
    total: Line
    models: list[Line]
    customers: list[Line]
    others: int
    dearer: int
    cheaper: int
    estimated: int

    @property
    def credit_usd(self) -> str:
        return currency.written(settings.CREDIT_USD, "USD")

    @property
    def kie_credit_usd(self) -> str:
        return currency.written(settings.KIE_CREDIT_USD, "USD")


class About(Func):
    """The name under which the ledger knows a generation, made from its id. SQLite keeps ids without their hyphens."""

    output_field = CharField()
    template = "('generation:' || %(expressions)s::text)"

    def as_sqlite(self, compiler: Any, connection: Any, **extra: Any) -> Any:
        parts = [f"substr(%(expressions)s, {start}, {length})" for start, length in _UUID_PARTS]
        template = "('generation:' || " + " || '-' || ".join(parts) + ")"
        return self.as_sql(compiler, connection, template=template, **extra)


_UUID_PARTS = ((1, 8), (9, 4), (13, 4), (17, 4), (21, 12))


def rehearse(draft: PriceList, days: int = DAYS) -> Rehearsal:
    """What the last days would have brought under a draft, which need not be saved."""
    since = timezone.now() - timedelta(days=days)
    tariffs = _Tariffs(draft)
    total, estimated = Line(), 0
    models: dict[str, Line] = {}
    customers: dict[int, Line] = {}
    for row in _rows(since):
        then = _then(row, tariffs)
        cost = (row["cost_millicredits"] or 0) * row["number"]
        estimated += row["number"] if row["cost_source"] == Generation.CostSource.ESTIMATED else 0
        lines = total, models.setdefault(row["model"], Line()), customers.setdefault(row["user_id"], Line())
        for line in lines:
            line.add(row["number"], row["net"], then, cost)
    for model, line in models.items():
        line.name = model
    changed = [line.change for line in customers.values()]
    return Rehearsal(
        since=since,
        total=total,
        models=sorted(models.values(), key=lambda line: (-line.now, line.name)),
        customers=_hit(customers),
        others=max(0, len(customers) - SHOWN_CUSTOMERS),
        dearer=sum(change > 0 for change in changed),
        cheaper=sum(change < 0 for change in changed),
        estimated=estimated,
    )


def _rows(since: datetime) -> Iterator[dict[str, Any]]:
    """The generations that ended, those alike in one row with their `number`, and what was charged for them.

    `gross` is what was charged, `net` what is left of it after refunds.
    """
    spent = Entry.objects.filter(about=About(OuterRef("pk"))).order_by().values("about")
    net = Subquery(spent.annotate(sum=Sum("spent")).values("sum"))
    gross = Subquery(spent.annotate(sum=Sum("spent", filter=Q(spent__gt=0))).values("sum"))
    costs = ("cost_estimate_millicredits", "cost_millicredits", "cost_source")
    alike = ("user_id", "model", "state", "price_exact", *costs)
    return (
        Generation.objects.filter(created_at__gte=since, finished_at__isnull=False)
        .annotate(each_net=net, each_gross=gross)
        .order_by()
        .values(*alike)
        .annotate(number=Count("pk"), net=Coalesce(Sum(F("each_net")), 0), gross=Coalesce(Sum(F("each_gross")), 0))
        .iterator(chunk_size=5000)
    )


class _Tariffs:
    """The tariff of every customer and model under a draft, each looked up once."""

    def __init__(self, draft: PriceList) -> None:
        self._groups = dict(PriceMember.objects.values_list("user_id", "group_id"))
        discounts = {"": Decimal(0), **dict(PriceGroup.objects.values_list("name", "discount_percent"))}
        self._tariffs = {group: prices.Tariffs.under(draft, group, off) for group, off in discounts.items()}
        self._known: dict[tuple[str, str], tuple[prices.Tariff, Decimal | None]] = {}

    def of(self, user_id: int, model: str) -> tuple[prices.Tariff, Decimal | None]:
        """The tariff, and KIE's credits for one unit where our price of it is fixed."""
        group = self._groups.get(user_id, "")
        if (group, model) not in self._known:
            tariff = self._tariffs[group].of(model)
            self._known[group, model] = tariff, _rate(model) if tariff.fixed_millicredits else None
        return self._known[group, model]


def _rate(model: str) -> Decimal | None:
    try:
        price = catalog.get(model).price
    except catalog.UnknownModel:
        return None
    return pricing.rate_per_unit(price) if price else None


def _then(row: dict[str, Any], tariffs: _Tariffs) -> int:
    """What some alike generations would be charged under the draft; of what was refunded, the same share."""
    if row["state"] != Generation.State.SUCCEEDED:
        return 0
    tariff, rate = tariffs.of(row["user_id"], row["model"])
    estimate = row["cost_estimate_millicredits"]
    quantity = Decimal(estimate) / (rate * MILLI) if rate else None
    price = pricing.price_millicredits(estimate, tariff, quantity)
    charged = pricing.charge(price, estimate, row["price_exact"], row["cost_millicredits"]) * row["number"]
    return charged * row["net"] // row["gross"] if row["net"] != row["gross"] else charged


def _hit(customers: dict[int, Line]) -> list[Line]:
    """Those whose payments change most, by name."""
    found = sorted(customers.items(), key=lambda pair: (-abs(pair[1].change), pair[0]))[:SHOWN_CUSTOMERS]
    emails = dict(User.objects.filter(pk__in=[pk for pk, _ in found]).values_list("pk", "email"))
    for pk, line in found:
        line.name = emails[pk]
    return [line for _, line in found]
