"""Months as a reader's calendar has them: from 00:00 on the first day in a time zone, half open."""

from dataclasses import dataclass
from datetime import datetime
from zoneinfo import ZoneInfo

# What a date can be moved by without leaving what dates there are.
YEARS = range(2000, 9999)


@dataclass(frozen=True)
class Month:
    """`start` belongs to it, `end` to the next. Raises ValueError for a month that no calendar has."""

    year: int
    month: int
    zone: ZoneInfo

    def __post_init__(self) -> None:
        if self.year not in YEARS or not 1 <= self.month <= 12:
            raise ValueError(f"{self.year}-{self.month} is no month")

    def __str__(self) -> str:
        return f"{self.year}-{self.month:02}"

    @property
    def start(self) -> datetime:
        return datetime(self.year, self.month, 1, tzinfo=self.zone)

    @property
    def end(self) -> datetime:
        return self.next.start

    @property
    def next(self) -> "Month":
        return self._moved(1)

    @property
    def previous(self) -> "Month":
        return self._moved(-1)

    def _moved(self, months: int) -> "Month":
        years, month = divmod(self.month - 1 + months, 12)
        return Month(self.year + years, month + 1, self.zone)

    def began_by(self, at: datetime) -> bool:
        return self.start <= at


def of(at: datetime, zone: ZoneInfo) -> Month:
    """The month in which a moment lies."""
    local = at.astimezone(zone)
    return Month(local.year, local.month, zone)


def since(first: Month, last: Month) -> list[Month]:
    """All months from one to another, both included, oldest first; at least the last."""
    found = [last]
    while found[-1].start > first.start:
        found.append(found[-1].previous)
    return found[::-1]
