"""What was charged, by day and by model: read from the ledger's entries, never counted beside them (R-LED7).

A refund lessens the day on which it is given. Amounts are millicredits; days are those of the reader's time zone.
"""

from collections.abc import Iterator
from dataclasses import dataclass, field
from datetime import date, datetime, time, timedelta
from zoneinfo import ZoneInfo

from django.db.models import Count, F, OuterRef, Q, QuerySet, Subquery, Sum, UUIDField, Value
from django.db.models.functions import Cast, Replace, Substr, TruncDate

from billing.models import Entry
from generation.models import Generation

PREFIX = "generation:"
# More days than this are no picture any more, and a statement says the rest.
MAX_DAYS = 366


@dataclass(frozen=True)
class Use:
    """What one model cost on one day: `charged` less what was refunded, and how many generations were charged."""

    day: date
    model: str
    charged: int
    generations: int


@dataclass(frozen=True)
class Usage:
    """The use of the days from `first` to `last`, both included."""

    first: date
    last: date
    uses: list[Use] = field(default_factory=list)

    @property
    def charged(self) -> int:
        return sum(use.charged for use in self.uses)

    @property
    def generations(self) -> int:
        return sum(use.generations for use in self.uses)

    @property
    def dates(self) -> list[date]:
        return [self.first + timedelta(days=number) for number in range((self.last - self.first).days + 1)]

    def by_model(self) -> list[tuple[str, int, int]]:
        """(model, charged, generations), what cost most first."""
        sums: dict[str, tuple[int, int]] = {}
        for use in self.uses:
            charged, generations = sums.get(use.model, (0, 0))
            sums[use.model] = charged + use.charged, generations + use.generations
        return sorted(((model, *both) for model, both in sums.items()), key=lambda row: (-row[1], row[0]))

    def only(self, model: str) -> "Usage":
        """The same days, of one model."""
        return Usage(self.first, self.last, [use for use in self.uses if use.model == model])

    def by_day(self) -> Iterator[tuple[date, list[Use]]]:
        """Every day, also those without use."""
        found: dict[date, list[Use]] = {}
        for use in self.uses:
            found.setdefault(use.day, []).append(use)
        return ((day, found.get(day, [])) for day in self.dates)


def of(user_id: int, first: date, last: date, zone: ZoneInfo, model: str = "") -> Usage:
    """A user's use of the days from `first` to `last`, of one model or of all. Raises ValueError for too many days."""
    if not 0 <= (last - first).days < MAX_DAYS:
        raise ValueError(f"a period of 1 to {MAX_DAYS} days is needed")
    charges = _with_model(_charges(user_id, _midnight(first, zone), _midnight(last + timedelta(days=1), zone)))
    if model:
        charges = charges.filter(Q(named=model))
    groups = charges.order_by().values(day=TruncDate("created_at", tzinfo=zone), of=F("named"))
    rows = groups.annotate(charged=Sum("spent"), charges=Count("pk", filter=Q(spent__gt=0))).order_by("day", "of")
    return Usage(first, last, [Use(row["day"], row["of"] or "", row["charged"], row["charges"]) for row in rows])


def _charges(user_id: int, start: datetime, end: datetime) -> QuerySet[Entry]:
    return Entry.objects.filter(wallet=user_id, created_at__gte=start, created_at__lt=end).exclude(spent=0)


def _with_model(charges: QuerySet[Entry]) -> QuerySet[Entry]:
    """An entry is about `generation:<id>`; not every database keeps ids with their dashes."""
    digits = Replace(Substr("about", len(PREFIX) + 1), Value("-"), Value(""))
    jobs = charges.filter(about__startswith=PREFIX).alias(job=Cast(digits, UUIDField()))
    return jobs.alias(named=Subquery(Generation.objects.filter(pk=OuterRef("job")).values("model")[:1]))


def _midnight(day: date, zone: ZoneInfo) -> datetime:
    return datetime.combine(day, time(), zone)
