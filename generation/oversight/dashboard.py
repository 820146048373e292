"""The business in numbers for operators: what happened in a span of local days, and how things stand now.

What happened is summed up from entries, and from the generations they are about (R-LED7), in two statements however
long the span. Amounts are millicredits, ours or KIE's; money is US dollars, in Decimal.
"""

# ruff: noqa: S608 - what is put into the statements are names, placeholders and numbers of this file.

from dataclasses import dataclass, field
from datetime import UTC, datetime, time, timedelta
from decimal import Decimal
from itertools import pairwise
from typing import Any

from django.conf import settings
from django.db import connection
from django.utils import timezone

from accounts.models import User
from billing.amounts import MILLI
from billing.models import BUCKETS, Entry

DAYS = (1, 7, 30)
SHOWN_CUSTOMERS = 20
Kind = Entry.Kind


# When


@dataclass(frozen=True)
class Span:
    """Some local days that end with today, cut into parts: days, or the hours of one day."""

    days: int
    zone: str
    parts: list[tuple[datetime, datetime]]

    @property
    def since(self) -> datetime:
        return self.parts[0][0]

    @property
    def until(self) -> datetime:
        """The first moment after it, which is still to come."""
        return self.parts[-1][1]

    def label(self, number: int) -> str:
        at = timezone.localtime(self.parts[number][0])
        return f"{at:%H:%M}" if self.days == 1 else f"{at:%a %d %b}"


def span(days: int, now: datetime | None = None) -> Span:
    """The last `days` local days of the platform's zone, today included (R-TZ1)."""
    zone = timezone.get_default_timezone()
    today = timezone.localtime(now or timezone.now(), zone).date()
    midnights = [datetime.combine(today + timedelta(days=number), time(), tzinfo=zone) for number in range(1 - days, 2)]
    if days == 1:
        # Hours are cut in UTC: a day on which the clock changes has 23 or 25 of them.
        first, last = (at.astimezone(UTC) for at in midnights)
        hours = int((last - first) / timedelta(hours=1))
        midnights = [first + timedelta(hours=number) for number in range(hours)] + [last]
    return Span(days, str(zone), list(pairwise(midnights)))


# What happened


@dataclass
class Movements:
    """The sums of the entries of some time, in our millicredits; each is positive in its usual direction."""

    sold: int = 0
    taken_back: int = 0
    granted: int = 0
    adjusted: int = 0
    spent: int = 0
    returned: int = 0
    refunded: int = 0
    expired: int = 0
    owed: int = 0

    def add(self, kind: str, sums: dict[str, int]) -> None:
        self.owed += sums["owed"]
        match kind:
            case Kind.TOP_UP:
                self.sold -= sums["outside"]
            case Kind.REVERSAL:
                self.taken_back += sums["outside"]
            case Kind.GRANT:
                self.granted += sums["available"]
            case Kind.ADJUST:
                self.adjusted += sums["available"]
            case Kind.SETTLE:
                self.spent += sums["spent"]
                self.returned += sums["available"]
            case Kind.REFUND:
                self.refunded += sums["available"]
            case Kind.EXPIRE:
                self.expired += sums["expired"]


@dataclass
class Sales:
    """What some generations brought, in our millicredits, and cost, in KIE's; of those settled in some time."""

    name: str = ""
    key: Any = None
    number: int = 0
    spent: int = 0
    refunded: int = 0
    cost: int = 0
    unknown: int = 0

    def add(self, number: int, spent: int, refunded: int, cost: int, unknown: int) -> None:
        self.number += number
        self.spent += spent
        self.refunded += refunded
        self.cost += cost
        self.unknown += unknown

    @property
    def revenue(self) -> int:
        return self.spent - self.refunded

    @property
    def revenue_usd(self) -> Decimal:
        return self.revenue * settings.CREDIT_USD / MILLI

    @property
    def cost_usd(self) -> Decimal:
        return self.cost * settings.KIE_CREDIT_USD / MILLI

    @property
    def margin_usd(self) -> Decimal:
        return self.revenue_usd - self.cost_usd

    @property
    def margin_percent(self) -> Decimal | None:
        return 100 * self.margin_usd / self.revenue_usd if self.revenue else None


@dataclass
class Report:
    """Everything that happened in a span; the lists by part are as long as the span has parts."""

    span: Span
    movements: Movements = field(default_factory=Movements)
    movements_by_part: list[Movements] = field(default_factory=list)
    sales: Sales = field(default_factory=Sales)
    sales_by_part: list[Sales] = field(default_factory=list)
    models: list[Sales] = field(default_factory=list)
    customers: list[Sales] = field(default_factory=list)


def report(chosen: Span, customers: int | None = SHOWN_CUSTOMERS) -> Report:
    """In three queries. `customers` is how many of them are named, None for all."""
    result = Report(chosen)
    result.movements_by_part = [Movements() for _ in chosen.parts]
    result.sales_by_part = [Sales(name=chosen.label(number)) for number in range(len(chosen.parts))]
    for part, kind, *values in _movements(chosen):
        sums = dict(zip(BUCKETS, map(int, values), strict=True))
        result.movements.add(kind, sums)
        result.movements_by_part[part].add(kind, sums)
    for part, model, wallet, *values in _sales(chosen, customers):
        numbers = list(map(int, values))
        if part is not None:
            result.sales.add(*numbers)
            result.sales_by_part[part].add(*numbers)
        elif model is not None:
            result.models.append(_sale(model or "not known", model, numbers))
        else:
            result.customers.append(_sale("", wallet, numbers))
    result.models.sort(key=lambda sale: (-sale.revenue, sale.name))
    result.customers.sort(key=lambda sale: (-sale.revenue, sale.key))
    _name(result.customers)
    return result


def _sale(name: str, key: Any, numbers: list[int]) -> Sales:
    return Sales(name, key, *numbers)


def _name(customers: list[Sales]) -> None:
    names = dict(User.objects.filter(pk__in=[sale.key for sale in customers]).values_list("pk", "email"))
    for sale in customers:
        sale.name = names[sale.key]


def _part(chosen: Span) -> tuple[str, list[Any]]:
    """SQL for the number of the part in which entry `e` lies, if it is in the span, with its parameters."""
    cases = " ".join(f"WHEN e.created_at < %s THEN {number}" for number in range(len(chosen.parts)))
    return f"CASE {cases} END", [_at(until) for _, until in chosen.parts]


_WITHIN = "e.created_at >= %s AND e.created_at < %s"


def _within(chosen: Span) -> list[Any]:
    return [_at(chosen.since), _at(chosen.until)]


def _at(moment: datetime) -> Any:
    return connection.ops.adapt_datetimefield_value(moment)


def _movements(chosen: Span) -> list[tuple]:
    """(part, kind, the sum of each bucket)."""
    part, parameters = _part(chosen)
    sql = f"""
        SELECT {part}, e.kind, {", ".join(f"SUM(e.{name})" for name in BUCKETS)} FROM billing_entry e
        WHERE e.kind <> 'hold' AND {_WITHIN} GROUP BY 1, 2
    """
    return _fetch(sql, [*parameters, *_within(chosen)])


_SUMS = """
    SUM(CASE WHEN kind = 'settle' THEN 1 ELSE 0 END) AS number,
    SUM(CASE WHEN kind = 'settle' THEN spent ELSE 0 END) AS spent,
    SUM(CASE WHEN kind = 'refund' THEN available ELSE 0 END) AS refunded,
    SUM(CASE WHEN kind = 'settle' THEN COALESCE(cost, 0) ELSE 0 END) AS cost,
    SUM(CASE WHEN kind = 'settle' AND spent > 0 AND cost IS NULL THEN 1 ELSE 0 END) AS unknown
"""


def _sales(chosen: Span, customers: int | None) -> list[tuple]:
    """(part, model, wallet, number, spent, refunded, cost, unknown): by one of the first three, the others are null.

    What a generation cost counts where its settlement does. A refund counts when it is made.
    """
    part, parameters = _part(chosen)
    sold = f"""
        SELECT {part} AS part, COALESCE(g.model, '') AS model, e.wallet_id AS wallet,
            e.kind AS kind, e.spent AS spent, e.available AS available, g.cost_millicredits AS cost
        FROM billing_entry e LEFT JOIN generation_generation g ON g.id = {_generation_id()}
        WHERE e.kind IN ('settle', 'refund') AND {_WITHIN}
    """
    limit = "" if customers is None else f"LIMIT {int(customers)}"
    sql = f"""
        WITH sold AS {_MATERIALIZED[connection.vendor]} ({sold}), sums AS MATERIALIZED ({_grouped()})
        SELECT * FROM sums WHERE wallet IS NULL
        UNION ALL SELECT * FROM (
            SELECT * FROM sums WHERE wallet IS NOT NULL ORDER BY spent - refunded DESC, wallet {limit}) AS largest
    """
    return _fetch(sql, [*parameters, *_within(chosen)])


# PostgreSQL groups in three ways in one pass over the rows; SQLite keeps the rows and passes over them three times.
_MATERIALIZED = {"postgresql": "NOT MATERIALIZED", "sqlite": "MATERIALIZED"}


def _grouped() -> str:
    if connection.vendor == "postgresql":
        return f"SELECT part, model, wallet, {_SUMS} FROM sold GROUP BY GROUPING SETS ((part), (model), (wallet))"
    by = {"part": "part, NULL, NULL", "model": "NULL, model, NULL", "wallet": "NULL, NULL, wallet"}
    first = f"SELECT NULL AS part, NULL AS model, NULL AS wallet, {_SUMS} FROM sold WHERE 1 = 0 GROUP BY 1"
    return " UNION ALL ".join(
        [first, *(f"SELECT {columns}, {_SUMS} FROM sold GROUP BY {name}" for name, columns in by.items())]
    )


def _generation_id() -> str:
    """SQL for the generation that entry `e` is about; SQLite keeps a UUID without its dashes."""
    if connection.features.has_native_uuid_field:
        return "CASE WHEN e.about LIKE 'generation:%%' THEN CAST(SUBSTR(e.about, 12) AS uuid) END"
    return "REPLACE(SUBSTR(e.about, 12), '-', '')"


def _fetch(sql: str, parameters: list[Any]) -> list[tuple]:
    with connection.cursor() as cursor:
        cursor.execute(sql, parameters)
        return cursor.fetchall()
