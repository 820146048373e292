"""JSON as it comes from a server that we do not trust."""

import json
import re
from decimal import Decimal, InvalidOperation
from typing import Any

MAX_DEPTH = 100
MAX_DIGITS = 30
# What PostgreSQL refuses in texts and JSON, though JSON can spell it.
UNSTORABLE = re.compile("[\x00\ud800-\udfff]")


def parse(text: str) -> Any:
    """The JSON in `text` as it may be stored; None where there is none or it is nested deeper than MAX_DEPTH.

    Fractions are Decimals, what is no number (NaN, Infinity, absurd exponents) is None, and characters that databases
    refuse are left out.
    """
    try:
        value = _DECODER.decode(text)
        return value if _harmless(text) else _cleaned(value, MAX_DEPTH)
    except (ValueError, RecursionError):
        return None


def _harmless(text: str) -> bool:
    """Whether nothing can be wrong with what it says, at one look: every event of a chat comes through here."""
    shallow = text.count("[") + text.count("{") < MAX_DEPTH
    return shallow and "\\u" not in text and not UNSTORABLE.search(text)


def plain(value: Any) -> Any:
    """A structure as it may be stored as JSON again: fractions are floats."""
    if isinstance(value, Decimal):
        return float(value)
    if isinstance(value, dict):
        return {key: plain(inner) for key, inner in value.items()}
    return [plain(inner) for inner in value] if isinstance(value, list) else value


def _decimal(text: str) -> Decimal | None:
    try:
        value = Decimal(text)
    except InvalidOperation:
        return None
    return value if abs(value.adjusted()) <= MAX_DIGITS else None


_DECODER = json.JSONDecoder(parse_float=_decimal, parse_constant=lambda _: None)


def _cleaned(value: Any, depth: int) -> Any:
    if depth == 0:
        raise ValueError("nested too deep")
    if isinstance(value, str):
        return UNSTORABLE.sub("", value)
    if isinstance(value, list):
        return [_cleaned(item, depth - 1) for item in value]
    if isinstance(value, dict):
        return {UNSTORABLE.sub("", key): _cleaned(item, depth - 1) for key, item in value.items()}
    return value
