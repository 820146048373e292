"""Statements: opening + in − out − expired = closing, all of it computed from entries (R-LED7).

The balance of a statement is what a user has, available and held, less what is owed. So only what comes in, is spent,
expires or is taken back changes it; holding and returning do not. Amounts are millicredits. A period is half open.
"""

from collections.abc import Iterator, Sequence
from dataclasses import dataclass, replace
from datetime import datetime, timedelta
from itertools import pairwise
from typing import Any

from django.db.models import Case, F, IntegerField, Q, QuerySet, Sum, Value, When

from accounts import given
from billing.models import Entry, Wallet
from billing.statements import wording
from billing.statements.months import Month
from billing.statements.wording import Words

PAGE = 30
BATCH = 2000
# What expires within this time is told.
SOON = timedelta(days=30)
CHANGE = F("available") + F("held") - F("owed")
Kind = Entry.Kind

# What a kind of entry is called where its changes are added up.
NAMES: dict[str, str] = {
    Kind.TOP_UP: "Top-ups",
    Kind.GRANT: "Gifts",
    Kind.SETTLE: "Charged",
    Kind.REFUND: "Refunds",
    Kind.ADJUST: "Corrections",
    Kind.EXPIRE: "Expired",
    Kind.REVERSAL: "Payments taken back",
}


@dataclass(frozen=True)
class Totals:
    """What a period or a page adds up to. `lines` are the changes by kind, signed, in the words for them."""

    opening: int = 0
    came_in: int = 0
    out: int = 0
    expired: int = 0
    lines: tuple[tuple[str, int], ...] = ()

    @property
    def closing(self) -> int:
        return self.opening + self.came_in - self.out - self.expired


@dataclass(frozen=True)
class Row:
    """An entry in a statement: `change` of the balance and `after`, the balance that it left."""

    entry: Entry
    change: int
    after: int

    @property
    def words(self) -> Words:
        return wording.of(self.entry)


@dataclass(frozen=True)
class Page:
    """Some rows, newest first, and what they add up to; `older` is the cursor of the next page, or empty."""

    rows: list[Row]
    totals: Totals
    older: str

    @property
    def abouts(self) -> list[str]:
        return [row.entry.about for row in self.rows]


def change_of(entry: Entry) -> int:
    """By how much an entry changed the balance of its statement."""
    return entry.available + entry.held - entry.owed


def entries_of(user_id: int, start: datetime | None = None, end: datetime | None = None) -> QuerySet[Entry]:
    """A user's entries from `start` to before `end`."""
    entries = Entry.objects.filter(wallet_id=user_id)
    if start:
        entries = entries.filter(created_at__gte=start)
    return entries.filter(created_at__lt=end) if end else entries


def balance_of(entries: QuerySet[Entry]) -> int:
    """The balance that entries from the first on left."""
    return entries.aggregate(total=Sum(CHANGE, default=0))["total"]


def began_at(user_id: int) -> datetime | None:
    """When the first entry was made."""
    return entries_of(user_id).order_by("created_at", "id").values_list("created_at", flat=True).first()


def frozen(user_id: int) -> int:
    """What of the held credits is set aside because a payment is disputed."""
    if not Wallet.objects.filter(pk=user_id, held__gt=0).exists():
        return 0
    moved = entries_of(user_id).filter(kind__in=[Kind.FREEZE, Kind.UNFREEZE])
    return moved.aggregate(total=Sum("held", default=0))["total"]


# Periods


def of_period(user_id: int, start: datetime, end: datetime) -> Totals:
    """What a period adds up to, with the changes by kind."""
    found = _summed(entries_of(user_id, start, end), of=F("kind"))
    totals = _totals(balance_of(entries_of(user_id, end=start)), found)
    changes = {row["of"]: row["rise"] + row["fall"] for row in found}
    lines = tuple((name, changes[kind]) for kind, name in NAMES.items() if changes.get(kind))
    return replace(totals, lines=lines)


def of_spans(user_id: int, edges: Sequence[datetime]) -> list[Totals]:
    """What each of the periods between neighbouring edges adds up to. Two queries, however many there are."""
    within = [When(created_at__gte=a, created_at__lt=b, then=Value(n)) for n, (a, b) in enumerate(pairwise(edges))]
    span = Case(*within, output_field=IntegerField())
    found = {row["span"]: row for row in _summed(entries_of(user_id, edges[0], edges[-1]), span=span)}
    balance, totals = balance_of(entries_of(user_id, end=edges[0])), []
    for number in range(len(edges) - 1):
        totals.append(_totals(balance, [found[number]] if number in found else []))
        balance = totals[-1].closing
    return totals


def of_months(user_id: int, months: Sequence[Month]) -> list[tuple[Month, Totals]]:
    """What each of months that follow each other adds up to."""
    edges = [month.start for month in months] + [months[-1].end]
    return list(zip(months, of_spans(user_id, edges), strict=True))


def _summed(entries: QuerySet[Entry], **by: Any) -> list[dict[str, Any]]:
    """What rises, falls and lapses, for each value of `by`."""
    rise, fall = (Sum("change", filter=only, default=0) for only in (Q(change__gt=0), Q(change__lt=0)))
    groups = entries.alias(change=CHANGE).order_by().values(**by)
    rows: Any = groups.annotate(rise=rise, fall=fall, lapse=Sum("expired"))
    return list(rows)


def _totals(opening: int, sums: Sequence[dict[str, Any]]) -> Totals:
    rise, fall, expired = (sum(row[name] for row in sums) for name in ("rise", "fall", "lapse"))
    return Totals(opening, rise, -fall - expired, expired)


# Rows


def page(user_id: int, cursor: str = "", start: datetime | None = None, end: datetime | None = None) -> Page:
    """The newest rows of a period, or those before a cursor, with opening + in − out − expired = closing."""
    found = list(_before(entries_of(user_id, start, end), cursor).order_by("-created_at", "-id")[: PAGE + 1])
    shown = found[:PAGE][::-1]
    opening = balance_of(_earlier(entries_of(user_id), shown[0])) if shown else 0
    older = f"{shown[0].created_at.isoformat()}_{shown[0].pk}" if len(found) > PAGE else ""
    found_rows = rows(shown, opening)
    changes = [
        {"rise": max(0, row.change), "fall": min(0, row.change), "lapse": row.entry.expired} for row in found_rows
    ]
    return Page(found_rows[::-1], _totals(opening, changes), older)


def rows(entries: Sequence[Entry], opening: int) -> list[Row]:
    """Entries, oldest first, each with the balance after it."""
    found = []
    for entry in entries:
        change = change_of(entry)
        opening += change
        found.append(Row(entry, change, opening))
    return found


def walk(
    user_id: int, start: datetime, end: datetime, opening: int, *, all_of_them: bool = True
) -> Iterator[list[Row]]:
    """The rows of a period, oldest first, some at a time, so that memory is bounded however many there are.

    Without `all_of_them` only those that changed the balance.
    """
    entries, last = entries_of(user_id, start, end).order_by("created_at", "id"), None
    if not all_of_them:
        entries = entries.alias(change=CHANGE).exclude(change=0)
    while True:
        batch = list((_later(entries, last) if last else entries)[:BATCH])
        if not batch:
            return
        found = rows(batch, opening)
        opening, last = found[-1].after, batch[-1]
        yield found


def _before(entries: QuerySet[Entry], cursor: str) -> QuerySet[Entry]:
    """What is older than a cursor, also of the same moment; all for a cursor that is none."""
    moment, _, number = cursor.partition("_")
    at, pk = given.moment(moment), given.number(number)
    if at is None or pk is None:
        return entries
    return entries.filter(Q(created_at__lt=at) | Q(created_at=at, pk__lt=pk))


def _earlier(entries: QuerySet[Entry], than: Entry) -> QuerySet[Entry]:
    return entries.filter(Q(created_at__lt=than.created_at) | Q(created_at=than.created_at, pk__lt=than.pk))


def _later(entries: QuerySet[Entry], than: Entry) -> QuerySet[Entry]:
    # The first condition says nothing new, and lets the database begin where the last batch ended.
    ahead = Q(created_at__gt=than.created_at) | Q(created_at=than.created_at, pk__gt=than.pk)
    return entries.filter(ahead, created_at__gte=than.created_at)
