from django import template

from billing import currency
from billing.amounts import format_credits

register = template.Library()


@register.filter
def credits(millicredits: int | None) -> str:
    """Millicredits as people read them: `12.5`."""
    return "" if millicredits is None else format_credits(millicredits)


@register.filter
def signed_credits(millicredits: int) -> str:
    """A change of a balance: `+12.5`, `−5` with a true minus sign, `0`."""
    sign = "+" if millicredits > 0 else "−" if millicredits < 0 else ""
    return f"{sign}{format_credits(abs(millicredits))}"


@register.filter
def money(millicredits: int | None) -> str:
    """What millicredits are worth in the site's currency: `≈ $0.03`."""
    return "" if millicredits is None else currency.about(millicredits)
