"""Form parameters: from `items[0][price]=x` to typed values, refused as Stripe refuses them.

A schema is a dict of leaves, dicts and one-element lists. A parameter that is not in it is refused, so that a client
cannot rely on something that is not simulated.
"""

import re
from collections.abc import Callable
from decimal import Decimal, InvalidOperation
from typing import Any

from billing.stripe_simulator.errors import invalid

Leaf = Callable[[Any, str], Any]
_PARTS = re.compile(r"\[([^\]]*)\]")


def nested(pairs: list[tuple[str, str]]) -> dict[str, Any]:
    """Turn `a[b][0]=x` into {"a": {"b": {"0": "x"}}}; only the schema knows what is a list."""
    root: dict[str, Any] = {}
    for name, value in pairs:
        head, _, rest = name.partition("[")
        keys = [head, *_PARTS.findall("[" + rest)] if rest else [head]
        _put(root, keys, value)
    return root


def _put(node: dict[str, Any], keys: list[str], value: str) -> None:
    for key in keys[:-1]:
        inner = node.setdefault(key or str(len(node)), {})
        if not isinstance(inner, dict):
            raise invalid(f"Invalid parameters: {key} is both a value and an object", key)
        node = inner
    node[keys[-1] or str(len(node))] = value


def read(schema: dict[str, Any], raw: dict[str, Any], prefix: str = "") -> dict[str, Any]:
    """Return typed values of the parameters that were given."""
    found = {}
    for name, value in raw.items():
        full = f"{prefix}[{name}]" if prefix else name
        if name not in schema:
            raise invalid(f"Received unknown parameter: {full}", full, "parameter_unknown")
        found[name] = _value(schema[name], value, full)
    for name, part in schema.items():
        if getattr(part, "required", False) and found.get(name) is None:
            full = f"{prefix}[{name}]" if prefix else name
            raise invalid(f"Missing required param: {full}.", full, "parameter_missing")
    return found


def _value(part: Any, value: Any, full: str) -> Any:
    if isinstance(part, dict):
        if value == "":
            return {}
        if not isinstance(value, dict):
            raise invalid("Invalid object", full)
        return read(part, value, full)
    if isinstance(part, list):
        if value == "":
            return []
        if not isinstance(value, dict) or not all(re.fullmatch(r"[0-9]{1,4}", key) for key in value):
            raise invalid("Invalid array", full)
        rows = [value[key] for key in sorted(value, key=int)]
        return [_value(part[0], each, f"{full}[{index}]") for index, each in enumerate(rows)]
    return part(value, full)


def required(leaf: Leaf) -> Leaf:
    """A parameter that must be given."""

    def check(value: Any, name: str) -> Any:
        return leaf(value, name)

    check.required = True  # type: ignore[attr-defined]
    return check


def text(value: Any, name: str) -> str | None:
    """A string; the empty one unsets."""
    if not isinstance(value, str):
        raise invalid("Invalid string", name)
    return value or None


def integer(value: Any, name: str) -> int | None:
    """A whole number."""
    if value == "":
        return None
    if not isinstance(value, str) or not re.fullmatch(r"-?\d{1,18}", value):
        raise invalid(f"Invalid integer: {value}", name, "parameter_invalid_integer")
    return int(value)


def amount(value: Any, name: str) -> int | None:
    """A whole number that is not negative."""
    number = integer(value, name)
    if number is not None and number < 0:
        raise invalid("This value must be greater than or equal to 0.", name, "parameter_invalid_integer")
    return number


def boolean(value: Any, name: str) -> bool:
    """true or false."""
    if value not in ("true", "false"):
        raise invalid(f"Invalid boolean: {value}", name)
    return value == "true"


def percent(value: Any, name: str) -> float:
    """Between 0 and 100, with at most four decimals."""
    try:
        number = Decimal(str(value))
    except InvalidOperation:
        raise invalid(f"Invalid decimal: {value}", name) from None
    if not number.is_finite() or not 0 < number <= 100:
        raise invalid("Coupon percent off must be between 1 and 100", name)
    return float(round(number, 4))


def currency(value: Any, name: str) -> str:
    """Three letters, kept in lower case."""
    if not isinstance(value, str) or not re.fullmatch(r"[A-Za-z]{3}", value):
        raise invalid(f"Invalid currency: {value}.", name)
    return value.lower()


def address(value: Any, name: str) -> str:
    """An absolute http or https address."""
    if not isinstance(value, str) or not re.match(r"https?://[^\s/]+", value):
        raise invalid("Not a valid URL", name, "url_invalid")
    return value


def one_of(*words: str) -> Leaf:
    """One of some words."""

    def check(value: Any, name: str) -> str:
        if value not in words:
            raise invalid(f"Invalid {name}: must be one of {', '.join(words)}", name)
        return str(value)

    return check


def metadata(value: Any, name: str) -> dict[str, str]:
    """At most 50 keys of 40 characters with values of 500; an empty value unsets a key."""
    if value == "":
        return {}
    if not isinstance(value, dict):
        raise invalid("Invalid object", name)
    for key, each in value.items():
        if not isinstance(each, str) or len(key) > 40 or len(each) > 500:
            raise invalid("Metadata keys can have up to 40 characters and values up to 500 characters.", name)
    if len(value) > 50:
        raise invalid("Metadata can have at most 50 keys.", name)
    return dict(value)


def moment(value: Any, name: str) -> int | dict[str, int]:
    """A time, or a range `{"gte": …}` of them."""
    if isinstance(value, dict):
        return {key: _second(each, f"{name}[{key}]") for key, each in value.items()}
    return _second(value, name)


def _second(value: Any, name: str) -> int:
    number = integer(value, name)
    if number is None:
        raise invalid(f"Invalid integer: {value}", name, "parameter_invalid_integer")
    return number


def anything(value: Any, _name: str) -> Any:
    """Whatever it is."""
    return value


EXPAND: dict[str, Any] = {"expand": [text]}
PAGE: dict[str, Any] = {
    "limit": integer,
    "starting_after": text,
    "ending_before": text,
    "created": moment,
    **EXPAND,
}


def merged(old: dict[str, str] | None, new: dict[str, str]) -> dict[str, str]:
    """Metadata after an update."""
    both = {**(old or {}), **new}
    return {key: value for key, value in both.items() if value != ""}
