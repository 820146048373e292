"""Bars by day, drawn as SVG: they bring neither scripts nor styles, and no text that shrinks on a phone."""

from collections.abc import Sequence
from dataclasses import dataclass
from decimal import Decimal

WIDTH, HEIGHT = 1000, 200
# Of the width that a day has, what its bars fill.
FILLED = 0.78
# What is not nothing is seen.
LEAST = 2.0


@dataclass(frozen=True)
class Bar:
    """One bar, in the units of the picture; `number` says which series it belongs to."""

    x: str
    y: str
    width: str
    height: str
    number: int
    words: str


@dataclass(frozen=True)
class Chart:
    """Groups of bars side by side. `labels` are those of the first, the middle and the last group."""

    title: str
    names: list[str]
    bars: list[Bar]
    top: str
    labels: list[str]
    width: int = WIDTH
    height: int = HEIGHT

    @property
    def empty(self) -> bool:
        return not self.bars


def bars(
    title: str, labels: Sequence[str], series: dict[str, Sequence[int | Decimal]], written: Sequence[Sequence[str]]
) -> Chart:
    """The picture of some series of the same length; `written` are their values as words, series by series."""
    top = max((value for values in series.values() for value in values), default=0)
    found = []
    if top > 0:
        room = WIDTH / len(labels)
        each = room * FILLED / len(series)
        for number, values in enumerate(series.values()):
            for place, value in enumerate(values):
                if value > 0:
                    height = max(LEAST, float(value / top) * HEIGHT)
                    x = place * room + room * (1 - FILLED) / 2 + number * each
                    words = f"{labels[place]}: {written[number][place]}"
                    found.append(_bar(x, each, height, number + 1, words))
    largest = max(
        (
            (value, text)
            for values, texts in zip(series.values(), written, strict=True)
            for value, text in zip(values, texts, strict=True)
        ),
        default=(0, ""),
    )
    ends = [labels[0], labels[len(labels) // 2], labels[-1]] if len(labels) > 2 else list(labels)
    return Chart(title, list(series), found, largest[1], ends)


def _bar(x: float, width: float, height: float, number: int, words: str) -> Bar:
    return Bar(f"{x:.1f}", f"{HEIGHT - height:.1f}", f"{width:.1f}", f"{height:.1f}", number, words)
