"""JSON whose numbers stay exact: amounts are Decimals on both sides and never floats (R-PR7)."""

import json
import re
from decimal import Decimal
from typing import Any

# A character for private use, which no text of ours or KIE's holds.
_MARK = "\ue000"
_MARKED = re.compile(f'"{_MARK}([-0-9.E+]+){_MARK}"')


def dumps(value: Any, indent: int | None = None) -> str:
    """A structure with Decimals as JSON text."""

    def number(inner: Any) -> str:
        if not isinstance(inner, Decimal):
            raise TypeError(f"{type(inner).__name__} is not JSON")
        return f"{_MARK}{inner:f}{_MARK}"

    return _MARKED.sub(r"\1", json.dumps(value, default=number, ensure_ascii=False, indent=indent))


def loads(text: str) -> Any:
    """JSON text as a structure; fractions are Decimals. Raises ValueError."""
    return json.loads(text, parse_float=Decimal, parse_constant=_refuse)


def _refuse(word: str) -> None:
    raise ValueError(f"{word} is not a number")
