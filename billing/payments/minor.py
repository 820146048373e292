"""Money as Stripe counts it: integers in the smallest unit of a currency, such as cents."""

import re
from decimal import ROUND_CEILING, Decimal

from django.conf import settings

from billing import currency
from billing.amounts import LIMIT_MILLICREDITS

# Currencies whose unit is not a hundredth (Stripe: Supported currencies).
ZERO_DECIMALS = frozenset(
    ["BIF", "CLP", "DJF", "GNF", "JPY", "KMF", "KRW", "MGA", "PYG", "RWF", "UGX", "VND", "VUV", "XAF", "XOF", "XPF"]
)
THREE_DECIMALS = frozenset(["BHD", "JOD", "KWD", "OMR", "TND"])
# Stripe takes no larger charge.
LARGEST = 99_999_999


def decimals(code: str) -> int:
    """How many decimals an amount in this currency has."""
    return 0 if code in ZERO_DECIMALS else 3 if code in THREE_DECIMALS else 2


def price(millicredits: int) -> int:
    """What credits cost at the site's price per credit, rounded up."""
    value = currency.worth(millicredits).scaleb(decimals(settings.CURRENCY))
    minor = int(value.to_integral_value(ROUND_CEILING))
    # Stripe charges thousandths in steps of ten.
    return -(-minor // 10) * 10 if settings.CURRENCY in THREE_DECIMALS else minor


def affordable(minor: int) -> int:
    """The millicredits that cost at most this much, never more than can be counted."""
    value = Decimal(minor).scaleb(-decimals(settings.CURRENCY)) / settings.CREDIT_PRICE * 1000
    return min(int(value), LIMIT_MILLICREDITS)


def written(minor: int, code: str) -> str:
    """For people: "$25.00", "−€1,234.50", "¥500"."""
    symbol = currency.SYMBOLS.get(code, f"{code} ")
    return f"{'−' if minor < 0 else ''}{symbol}{Decimal(abs(minor)).scaleb(-decimals(code)):,f}"


def plain(minor: int, code: str) -> str:
    """For programs and fields: "25.00"."""
    return f"{Decimal(minor).scaleb(-decimals(code)):f}"


def parse(text: str, code: str) -> int:
    """The minor units of a decimal string such as "25" or "25.50".

    Raises ValueError for anything else: signs, exponents, NaN, separators, more decimals than the currency has, and
    what is larger than Stripe charges.
    """
    places = decimals(code)
    form = r"[0-9]{1,8}" + (rf"(\.[0-9]{{1,{places}}})?" if places else "")
    if not re.fullmatch(form, text):
        raise ValueError(f"must be an amount in {code}, such as {plain(2500 if places else 25, code)}")
    minor = int(Decimal(text).scaleb(places))
    if minor > LARGEST:
        raise ValueError(f"is more than {written(LARGEST, code)}")
    return minor


def credits_left(credits: int, paid: int, gone: int) -> int:
    """The millicredits that a payment is worth after `gone` minor units of `paid` went back, rounded down."""
    gone = min(gone, paid)
    return credits - -(-credits * gone // paid) if gone else credits
