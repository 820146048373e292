"""Entries in words, the same on a page, in a CSV and in a PDF."""

from typing import NamedTuple

from billing.amounts import format_credits
from billing.models import Entry

Kind = Entry.Kind

_PLAIN: dict[str, str] = {
    Kind.TOP_UP: "Top-up",
    Kind.GRANT: "Gift",
    Kind.ADJUST: "Correction",
    Kind.EXPIRE: "Expired",
    Kind.FREEZE: "Frozen while a payment is disputed:",
    Kind.UNFREEZE: "No longer frozen:",
    Kind.REVERSAL: "Payment taken back",
}


class Words(NamedTuple):
    """What happened; where `named`, the name of what it is about stands between `before` and `after`."""

    before: str
    named: bool = False
    after: str = ""


def of(entry: Entry) -> Words:
    """An entry in words, with its amounts."""
    credits = {name: format_credits(abs(getattr(entry, name))) for name in ("available", "held", "spent", "owed")}
    if entry.kind == Kind.HOLD:
        return Words(f"Held {credits['held']} for ", True)
    if entry.kind == Kind.SETTLE and entry.spent:
        back = f", returned {credits['available']}" if entry.available else ""
        return Words(f"Charged {credits['spent']} for ", True, back)
    if entry.kind == Kind.SETTLE:
        return Words(f"Returned {credits['available']} for ", True)
    if entry.kind == Kind.REFUND:
        return Words("Refund for ", True)
    if entry.owed and entry.kind == Kind.TOP_UP:
        return Words(f"Top-up; {credits['owed']} of it paid what was owed")
    if entry.kind == Kind.REPAY:
        return Words(f"{credits['owed']} that had come back paid what was owed")
    if entry.owed:
        return Words(f"Payment taken back; {credits['owed']} of it is owed")
    held = f" {credits['held']}" if entry.held else ""
    return Words(f"{_PLAIN[entry.kind]}{held}")


def told(entry: Entry, name: str) -> str:
    """What happened, as one line of plain text."""
    before, named, after = of(entry)
    return f"{before}{name}{after}" if named else before
