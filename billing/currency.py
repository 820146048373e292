"""Credits in the currency of the site. Only shown beside credits: what is booked is credits, always."""

from decimal import ROUND_HALF_UP, Decimal

from django.conf import settings

from billing.amounts import MILLI

SYMBOLS = {"USD": "$", "EUR": "€", "GBP": "£", "JPY": "¥", "INR": "₹", "KRW": "₩", "BRL": "R$", "PLN": "zł "}
SIGNIFICANT_DIGITS = 2


def worth(millicredits: int) -> Decimal:
    """The exact value in the site's currency."""
    return settings.CREDIT_PRICE * millicredits / MILLI


def exact(millicredits: int) -> str:
    """The value as a plain decimal string without trailing zeros, for programs: "0.03125"."""
    value = worth(millicredits)
    return f"{value.normalize():f}" if value else "0"


def about(millicredits: int) -> str:
    """The value for people: "≈ $0.03", "≈ −$1.20"; with as many decimals as it takes to see two digits."""
    return f"≈ {written(worth(millicredits))}"


def written(value: Decimal, currency: str = "") -> str:
    """An amount of money: "$0.03", "−€1,234.50", "CHF 0.0013"."""
    code = currency or settings.CURRENCY
    symbol = SYMBOLS.get(code, f"{code} ")
    return f"{'−' if value < 0 else ''}{symbol}{_digits(abs(value))}"


def _digits(value: Decimal) -> str:
    # `adjusted` is the place of the first digit: -3 for 0.00125.
    places = max(2, SIGNIFICANT_DIGITS - 1 - value.adjusted()) if value else 2
    rounded = value.quantize(Decimal(1).scaleb(-places), ROUND_HALF_UP)
    whole, _, decimals = f"{rounded:,f}".partition(".")
    return f"{whole}.{decimals.rstrip('0').ljust(2, '0')}"


def field(name: str) -> str:
    """What a field of the API beside one in credits is called: "price_usd"."""
    return f"{name}_{settings.CURRENCY.lower()}"
