"""KIE's balance as measured and as expected, drawn as SVG: it brings neither scripts nor styles."""

from collections.abc import Sequence
from dataclasses import dataclass
from datetime import datetime

from billing.models import UpstreamBalance

WIDTH, HEIGHT, EDGE = 960, 220, 8


@dataclass(frozen=True)
class Balances:
    """A picture of readings, as the points of SVG: `measured` a line, `expected` the outline of a band.

    `low` and `high` are the ends of the vertical axis in KIE's millicredits.
    """

    measured: str
    expected: str
    low: int
    high: int
    since: datetime
    until: datetime
    width: int = WIDTH
    height: int = HEIGHT


def balances(readings: Sequence[UpstreamBalance]) -> Balances | None:
    """The picture of readings, oldest first; None for fewer than two."""
    if len(readings) < 2:
        return None
    bands = [(r, r.expected_low, r.expected_high) for r in readings]
    known = [(r, low, high) for r, low, high in bands if low is not None and high is not None]
    values = [r.millicredits for r in readings] + [value for _, *ends in known for value in ends]
    lowest, highest = min(values), max(values)
    since, until = readings[0].read_at, readings[-1].read_at

    def point(reading: UpstreamBalance, millicredits: int) -> str:
        across = (reading.read_at - since) / (until - since) if until > since else 0.0
        up = (millicredits - lowest) / (highest - lowest) if highest > lowest else 0.5
        return f"{EDGE + across * (WIDTH - 2 * EDGE):.1f},{HEIGHT - EDGE - up * (HEIGHT - 2 * EDGE):.1f}"

    outline = [point(r, high) for r, _, high in known] + [point(r, low) for r, low, _ in known[::-1]]
    measured = " ".join(point(r, r.millicredits) for r in readings)
    return Balances(measured, " ".join(outline), lowest, highest, since, until)
