"""The receipt of a generation: quote, price version, held, charged, returned, the lots that paid, times (R-UX1)."""

from dataclasses import dataclass
from datetime import datetime
from typing import Any

from billing import lots
from billing.models import Entry, Lot
from generation import pricing
from generation.models import Generation

Kind = Entry.Kind


@dataclass(frozen=True)
class Line:
    """One movement of credits in a receipt, in millicredits; `note` is what an operator told the customer."""

    words: str
    amount: int
    at: datetime
    note: str = ""


@dataclass(frozen=True)
class Receipt:
    """`total` is what was paid in the end, `lots` what each lot paid of it before any refund."""

    lines: list[Line]
    total: int
    returned: int
    settled: bool
    version: str
    lots: list[tuple[Lot, int]]
    times: list[tuple[str, datetime]]


def of(row: Generation) -> Receipt:
    """What happened to the credits of a generation, read from the ledger's entries only (R-REF6, R-LED7)."""
    entries = list(Entry.objects.filter(about=row.about).order_by("id"))
    lines = [line for entry in entries for line in _lines(entry)]
    settled = any(entry.kind == Kind.SETTLE for entry in entries)
    return Receipt(
        lines=lines,
        total=sum(entry.spent for entry in entries),
        returned=sum(entry.available for entry in entries if entry.kind == Kind.SETTLE),
        settled=settled,
        version=pricing.shown_version(row.price_version),
        lots=lots.paid_by(row.about) if settled else [],
        times=times(row),
    )


def _lines(entry: Entry) -> list[Line]:
    if entry.kind == Kind.HOLD:
        return [Line("Held", entry.held, entry.created_at)]
    if entry.kind == Kind.SETTLE:
        return [
            Line("Charged", entry.spent, entry.created_at),
            Line("Returned", entry.available, entry.created_at),
        ]
    if entry.kind == Kind.REFUND:
        return [Line("Refunded", entry.available, entry.created_at, entry.note)]
    return []


def times(row: Generation) -> list[tuple[str, datetime]]:
    """When it was requested, begun and finished, or is due."""
    known: list[tuple[str, Any]] = [
        ("Requested", row.created_at),
        ("Submitted", row.started_at),
        ("Finished", row.finished_at),
        ("Returned by", None if row.terminal else row.deadline),
    ]
    return [(words, at) for words, at in known if at]
