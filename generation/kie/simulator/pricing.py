"""What KIE debits for an input, in its own credits, from the price data of a catalogue entry."""

from typing import Any

# The simulator does not open input files: everything measured in their length counts as this long.
INPUT_MEDIA_SECONDS = 5
# Rough token counts for speech that is sold by tokens: about 25 tokens per second of audio.
TOKENS_OF_A_SPEECH = 250
UNITS = {"1k_chars": 1_000, "million_tokens": 1_000_000, "minute": 60}


def cost(price: dict[str, Any] | None, values: dict[str, Any]) -> float:
    """Credits for an input whose defaults are filled in; 0 for a model without a price."""
    if price is None:
        return 0.0
    if price["unit"] == "million_tokens":
        return _token_cost(price, values)
    total = _rate(price, values) * _quantity(price, values) / UNITS.get(price["unit"], 1)
    return round(total + _surcharges(price, values), 4)


def _rate(price: dict[str, Any], values: dict[str, Any]) -> float:
    """Find the first rule that matches, else the default.

    The data spells prices per megapixel out as one rule per size, so those need no arithmetic here.
    """
    table = price
    present = price.get("rules_if_present")
    if present and values.get(present["field"]):
        table = present
    for rule in table.get("rules", []):
        if all(_same(values.get(field), wanted) for field, wanted in rule["when"].items()):
            return float(rule["credits"])
    return float(table["default"] if "default" in table else table["credits"])


def _same(value: object, wanted: object) -> bool:
    """Numbers may come as strings: duration "10" is 10."""
    return value == wanted or str(value).lower() == str(wanted).lower()


def _quantity(price: dict[str, Any], values: dict[str, Any]) -> float:
    if "quantity_from" in price:
        return INPUT_MEDIA_SECONDS
    field = price.get("quantity_field")
    if field is None:
        return 1
    if price["unit"] == "1k_chars":
        return sum(len(text) for text in _texts(values, field))
    number = float(values.get(field) or price.get("quantity_default") or 0)
    # -1 and 0 mean that the service picks.
    return number if number > 0 else (INPUT_MEDIA_SECONDS if price["unit"] == "second" else 1)


def _texts(values: dict[str, Any], field: str) -> list[str]:
    """Read "text", or "dialogue[].text" over a list."""
    name, _, inner = field.partition("[].")
    if inner:
        return [str(item.get(inner, "")) for item in values.get(name) or []]
    return [str(values.get(name) or "")]


def _surcharges(price: dict[str, Any], values: dict[str, Any]) -> float:
    return sum(
        surcharge["credits"] * max(0, _items(values.get(surcharge["field"])) - surcharge.get("free_items", 0))
        for surcharge in price.get("surcharges", [])
    )


def _items(value: Any) -> int:
    """How many files a field names: one address, or a list of them."""
    return len(value) if isinstance(value, list) else bool(value)


def _token_cost(price: dict[str, Any], values: dict[str, Any]) -> float:
    tokens = len(str(values)) / 4
    credits = tokens * price["credits"] + TOKENS_OF_A_SPEECH * price.get("output_credits", 0)
    return round(credits / UNITS["million_tokens"], 4)
