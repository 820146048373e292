"""How the rehearsal of a price list writes its numbers."""

from decimal import ROUND_HALF_UP, Decimal

from django import template

from billing import currency

register = template.Library()


@register.filter
def usd(value: Decimal) -> str:
    """US dollars: `$1,234.50`."""
    return currency.written(value.quantize(Decimal("0.01"), ROUND_HALF_UP), "USD")


@register.filter
def percent(value: Decimal | None) -> str:
    """`21 %`, or `1.5 %` where it is little; a dash where there is nothing to compare with."""
    return "–" if value is None else f"{_rounded(value)} %".replace("-", "−")


@register.filter
def percent_change(value: Decimal | None) -> str:
    """`+4.2 %`, `−10 %`, `±0 %`; a dash where there was nothing before."""
    if value is None:
        return "–"
    sign = "+" if value > 0 else "−" if value < 0 else "±"
    return f"{sign}{_rounded(abs(value))} %"


@register.filter
def direction(change: int) -> str:
    """For the style sheet."""
    return "up" if change > 0 else "down" if change < 0 else "same"


def _rounded(value: Decimal) -> str:
    places = Decimal("0.1") if abs(value) < 100 else Decimal(1)
    rounded = value.quantize(places, ROUND_HALF_UP)
    return f"{rounded.normalize():f}" if rounded else "0"
