"""Use by day and model as a picture: what stands where, in whole units of an SVG's view box."""

from dataclasses import dataclass
from datetime import date

from billing.amounts import MILLI, format_credits
from generation.pages import forms
from generation.usage import Usage

# More colours than this nobody tells apart; the rest is one.
COLOURS = 6
OTHERS = "Others"
HEIGHT, STEP, GAP = 1000, 10, 2


@dataclass(frozen=True)
class Series:
    """A model in the legend; `share` in percent of all."""

    colour: int
    name: str
    charged: int
    generations: int
    share: int


@dataclass(frozen=True)
class Part:
    colour: int
    y: int
    height: int


@dataclass(frozen=True)
class Bar:
    """A day: its column begins at `edge` and what is drawn at `x`; `words` is what is told of it."""

    day: date
    edge: int
    x: int
    parts: list[Part]
    charged: int
    generations: int
    words: str


@dataclass(frozen=True)
class Chart:
    """`ticks` are the amounts at the top, in the middle and at the bottom."""

    bars: list[Bar]
    series: list[Series]
    width: int
    ticks: tuple[int, int, int]
    height: int = HEIGHT
    step: int = STEP
    bar: int = STEP - GAP


def of(usage: Usage) -> Chart:
    """The chart of a usage: what cost most has a colour of its own and stands at the bottom."""
    models = usage.by_model()
    colours = {model: min(number, COLOURS) for number, (model, _, _) in enumerate(models)}
    days = list(usage.by_day())
    top = nice(max((sum(max(0, use.charged) for use in uses) for _, uses in days), default=0))
    bars = []
    for number, (day, uses) in enumerate(days):
        uses = sorted(uses, key=lambda use: colours[use.model])
        parts = _stacked([(colours[use.model], use.charged) for use in uses], top)
        charged, count = sum(use.charged for use in uses), sum(use.generations for use in uses)
        told = [f"{forms.title(use.model) or OTHERS} {format_credits(use.charged)}" for use in uses]
        words = "\n".join([f"{day}: {format_credits(charged)} credits", *told])
        bars.append(Bar(day, number * STEP, number * STEP + GAP // 2, parts, charged, count, words))
    return Chart(bars, _series(models), len(days) * STEP, (top, top // 2, 0))


def nice(millicredits: int) -> int:
    """The next even number of credits that is 1, 2 or 5 times a power of ten, or more, so that its half is whole."""
    unit = 2 * MILLI
    while True:
        for factor in (1, 2, 5):
            if unit * factor >= millicredits:
                return unit * factor
        unit *= 10


def _stacked(amounts: list[tuple[int, int]], top: int) -> list[Part]:
    """A refund larger than the day's charges has nothing to stand on, and is left out of the picture."""
    parts, below = [], 0
    for colour, amount in amounts:
        start, below = below, below + max(0, amount)
        y, base = HEIGHT - below * HEIGHT // top, HEIGHT - start * HEIGHT // top
        if base > y:
            parts.append(Part(colour, y, base - y))
    return parts


def _series(models: list[tuple[str, int, int]]) -> list[Series]:
    total = sum(charged for _, charged, _ in models)
    found = []
    for number, (model, charged, generations) in enumerate(models):
        share = charged * 100 // total if total > 0 else 0
        found.append(Series(min(number, COLOURS), forms.title(model) or OTHERS, charged, generations, max(0, share)))
    return found
