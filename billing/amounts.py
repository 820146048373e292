"""Credits as people write them and as we count them: one credit is 1000 millicredits."""

import re

MILLI = 1000
LIMIT_MILLICREDITS = 10**15
_TEXT = re.compile(r"(-?)([0-9]{1,13})(?:\.([0-9]{1,3}))?")


def format_credits(millicredits: int) -> str:
    """A plain decimal string without trailing zeros or thousands separators: 12500 -> "12.5"."""
    whole, rest = divmod(abs(millicredits), MILLI)
    sign = "-" if millicredits < 0 else ""
    return f"{sign}{whole}.{rest:03}".rstrip("0").rstrip(".")


def parse_credits(text: str) -> int:
    """Millicredits of a decimal string with at most three decimals: "12.5" -> 12500.

    Raises ValueError for anything else: no exponents, NaN, infinity, signs other than a leading
    minus, spaces or separators, and nothing beyond 10**15 millicredits.
    """
    match = _TEXT.fullmatch(text)
    if not match:
        raise ValueError("must be a number of credits with at most three decimals, such as 12.5")
    sign, whole, decimals = match.groups()
    millicredits = int(whole) * MILLI + int((decimals or "").ljust(3, "0"))
    if millicredits > LIMIT_MILLICREDITS:
        raise ValueError("is more credits than can be counted here")
    return -millicredits if sign else millicredits
