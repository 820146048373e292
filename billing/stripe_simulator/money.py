"""Amounts: in the smallest unit of a currency, whole numbers, rounded half up."""

from typing import Any

from billing.stripe_simulator.errors import ApiError, invalid

ZERO_DECIMALS = frozenset(
    ["bif", "clp", "djf", "gnf", "jpy", "kmf", "krw", "mga", "pyg", "rwf", "ugx", "vnd", "vuv", "xaf", "xof", "xpf"]
)
SYMBOLS = {"usd": "$", "eur": "€", "gbp": "£", "jpy": "¥"}
SMALLEST = 50
LARGEST = 99_999_999
FEE_PERCENT_TENTHS = 29
FEE_FIXED = 30


def shown(amount: int, currency: str) -> str:
    """For people: "$25.00"."""
    symbol = SYMBOLS.get(currency, currency.upper() + " ")
    sign = "-" if amount < 0 else ""
    if currency in ZERO_DECIMALS:
        return f"{sign}{symbol}{abs(amount):,}"
    return f"{sign}{symbol}{abs(amount) // 100:,}.{abs(amount) % 100:02}"


def share(amount: int, percent: float) -> int:
    """A percentage with at most four decimals, rounded half up."""
    parts = round(percent * 10_000)
    return (2 * amount * parts + 1_000_000) // 2_000_000


def tax_of(amount: int, percent: int, inclusive: bool) -> int:
    """The tax that comes on top of an amount, or that is in it."""
    if inclusive:
        return amount - (2 * amount * 100 + (100 + percent)) // (2 * (100 + percent))
    return share(amount, percent)


def fee(amount: int) -> int:
    """What Stripe keeps: 2.9 % and 30."""
    return (2 * amount * FEE_PERCENT_TENTHS + 1000) // 2000 + FEE_FIXED


def check_chargeable(amount: int, currency: str, param: str) -> None:
    """Refuse what is too small or too large to be charged."""
    if amount > LARGEST:
        raise invalid(f"Amount must be no more than {shown(LARGEST, currency)}", param, "amount_too_large")
    if amount < SMALLEST:
        raise too_small(currency, param)


def too_small(currency: str, param: str) -> ApiError:
    """Stripe's lower limit."""
    return invalid(f"Amount must be at least {shown(SMALLEST, currency)} {currency}", param, "amount_too_small")


def spread(amount: int, weights: list[int]) -> list[int]:
    """Divide an amount in proportion to weights; the parts add up to it."""
    total, parts, left = sum(weights), [], amount
    for weight in weights[:-1]:
        parts.append(amount * weight // total if total else 0)
        left -= parts[-1]
    return [*parts, left] if weights else []


def empty_list(url: str, data: list[dict[str, Any]] | None = None, has_more: bool = False) -> dict[str, Any]:
    """A list object."""
    return {"object": "list", "data": data or [], "has_more": has_more, "url": url}
