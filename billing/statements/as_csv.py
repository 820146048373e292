"""A month's statement as CSV: its rows run from the opening to the closing balance and add up."""

import csv
from collections.abc import Callable, Iterable, Iterator
from typing import Any

from accounts.exports import text_cell as cell
from billing.amounts import format_credits
from billing.statements import statement
from billing.statements.months import Month
from billing.statements.statement import Row
from billing.statements.wording import told

# Names what entries are about, many at a time: {about: name}.
Names = Callable[[Iterable[str]], dict[str, str]]

COLUMNS = ["time", "kind", "description", "in", "out", "expired", "balance", "held", "note", "about", "entry"]
# By which Excel knows UTF-8.
MARK = "\ufeff"


class _Line:
    """What csv writes to: keeps the line for the caller."""

    text = ""

    def write(self, text: str) -> None:
        self.text += text

    def taken(self) -> str:
        text, self.text = self.text, ""
        return text


def lines(user_id: int, month: Month, names: Names) -> Iterator[str]:
    """The file, some rows at a time. The sum at its end is that of the rows above it."""
    line = _Line()
    writer = csv.writer(line)
    opening = statement.balance_of(statement.entries_of(user_id, end=month.start))
    writer.writerow(COLUMNS)
    writer.writerow(_sum(month.start, "opening", opening, "Opening balance", ["", "", ""]))
    yield MARK + line.taken()
    totals, closing = [0, 0, 0], opening
    for rows in statement.walk(user_id, month.start, month.end, opening):
        named = names([row.entry.about for row in rows])
        for row in rows:
            totals = [total + part for total, part in zip(totals, parts(row), strict=True)]
            writer.writerow(_row(row, named.get(row.entry.about, row.entry.about), month))
        closing = rows[-1].after
        yield line.taken()
    writer.writerow(_sum(month.end, "closing", closing, "Closing balance", [format_credits(part) for part in totals]))
    yield line.taken()


def parts(row: Row) -> tuple[int, int, int]:
    """The change of a row as what came in, went out and expired, none of them negative."""
    expired = row.entry.expired
    return max(0, row.change), max(0, -row.change - expired), expired


def _row(row: Row, name: str, month: Month) -> list[Any]:
    entry = row.entry
    amounts = [format_credits(part) if part else "" for part in parts(row)]
    held = format_credits(entry.held) if entry.held else ""
    time = entry.created_at.astimezone(month.zone).isoformat(timespec="seconds")
    texts = [cell(entry.note), cell(entry.about), entry.pk]
    return [time, entry.kind, cell(told(entry, name)), *amounts, format_credits(row.after), held, *texts]


def _sum(at: Any, kind: str, balance: int, words: str, totals: list[str]) -> list[Any]:
    return [at.isoformat(timespec="seconds"), kind, words, *totals, format_credits(balance), "", "", "", ""]
