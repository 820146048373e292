"""What a generation costs: KIE's price of a normalised input, and ours.

Pure functions on integers; Decimal inside, never a float. Amounts of KIE are millicredits of KIE
(`Cost`), ours are our millicredits; they are never mixed. Both are rounded up, each once. How ours
follows from KIE's is a `Tariff` of the price list (billing/prices.py).

Quantities: characters are priced proportionally (7 characters at 6 credits per 1,000 are 42
millicredits), other quantities in whole units. What is known only afterwards is priced at a bounded
maximum (`exact=False`), to be settled by the actual cost.
"""

import hashlib
import json
from collections.abc import Iterator
from dataclasses import dataclass
from decimal import ROUND_CEILING, Context, Decimal, localcontext
from typing import Any

from billing import currency
from billing.amounts import MILLI, format_credits, parse_credits
from billing.prices import Tariff
from generation import tokens
from generation.catalog import Entry

__all__ = [
    "MILLI",
    "Cost",
    "Quote",
    "Tariff",
    "Unpriced",
    "charge",
    "cost",
    "describe",
    "format_credits",
    "parse_credits",
    "price_millicredits",
    "quote",
    "rate_per_unit",
    "shown_version",
    "used",
    "worth",
]

# Every inexact step errs upwards, so a bound stays a bound.
_UPWARDS = Context(prec=28, rounding=ROUND_CEILING)
_UNIT_WORDS = {"1k_chars": "1,000 characters"}


class Unpriced(Exception):
    """Not for sale: no price is known for the model or for this combination (`reason`)."""

    def __init__(self, reason: str) -> None:
        super().__init__(reason)
        self.reason = reason


@dataclass(frozen=True)
class Cost:
    """KIE's price in KIE millicredits; an upper bound where `exact` is False. `reason` says how it came.

    `quantity` is the number of units where every unit has the same price (`rate_per_unit`).
    """

    millicredits: int
    exact: bool
    reason: str
    quantity: Decimal | None = None


@dataclass(frozen=True)
class Quote:
    """Our price in our millicredits for exactly this input, and where it came from."""

    price_millicredits: int
    cost: Cost
    price_version: str
    input: dict[str, Any]


def cost(entry: Entry, normalised_input: dict[str, Any], pictures: int = 0) -> Cost:
    """KIE's price of an input that came out of catalog.validate. Raises Unpriced.

    `pictures` counts those that were taken out of a conversation, for which the length of the text says nothing.
    """
    price = _price_of(entry)
    _refuse_unpriced(price, normalised_input)
    with localcontext(_UPWARDS):
        if price["unit"] == "million_tokens":
            return _token_cost(price, normalised_input, pictures)
        rate, bounds = _rate(price, normalised_input)
        quantity, quantity_bounds = _quantity(entry, price, normalised_input)
        extra, extra_bounds = _surcharges(price, normalised_input)
        bounds += quantity_bounds + extra_bounds
        unit = _UNIT_WORDS.get(price["unit"], price["unit"])
        added = f" + {extra:f}" if extra else ""
        reason = "; ".join([f"{rate:f} credits per {unit} x {quantity:f}{added}", *bounds])
        units = None if rate_per_unit(price) is None else quantity
        return Cost(_ceil((rate * quantity + extra) * MILLI), not bounds, reason, units)


def rate_per_unit(price: dict[str, Any]) -> Decimal | None:
    """KIE's credits for one unit where that is the same for every input: only then a price can be fixed per unit."""
    plain = "credits" in price and price["unit"] != "million_tokens" and "surcharges" not in price
    return Decimal(price["credits"]) if plain else None


def price_millicredits(cost_millicredits: int, tariff: Tariff, quantity: Decimal | None = None) -> int:
    """Our price of a KIE cost, rounded up to a multiple of the tariff's step, at least one step (R-PR7).

    `quantity` is the number of units where the tariff may fix their price. Raises ValueError for a negative cost.
    """
    if isinstance(cost_millicredits, bool) or not isinstance(cost_millicredits, int) or cost_millicredits < 0:
        raise ValueError("a cost must be a whole number of millicredits, not negative")
    step = tariff.step_millicredits
    with localcontext(_UPWARDS):
        if tariff.fixed_millicredits is not None and quantity is not None:
            price = _ceil(tariff.fixed_millicredits * quantity)
        else:
            price = _ceil(cost_millicredits * tariff.markup)
    return max(1, -(-price // step)) * step


def charge(price_millicredits: int, estimate_millicredits: int, exact: bool, cost_millicredits: int | None) -> int:
    """What is charged of a quoted price in the end: never more than it (R-PR4).

    Where the quantity was only bounded before, it is the price in proportion to the actual cost, rounded up to a
    whole millicredit; the price list's own rounding is in the price already.
    """
    if exact or cost_millicredits is None or cost_millicredits >= estimate_millicredits:
        return price_millicredits
    return -(-price_millicredits * cost_millicredits // estimate_millicredits)


def quote(entry: Entry, normalised_input: dict[str, Any], tariff: Tariff, pictures: int = 0) -> Quote:
    """Our price of a normalised input. Raises Unpriced.

    The price version changes when the entry's price, its date or the price list does.
    """
    upstream = cost(entry, normalised_input, pictures)
    digest = hashlib.sha256(json.dumps(entry.price, default=str, sort_keys=True).encode()).hexdigest()
    version = f"{entry.as_of}/{digest[:12]}/{tariff.version or 'x' + str(tariff.markup)}"
    price = price_millicredits(upstream.millicredits, tariff, upstream.quantity)
    return Quote(price, upstream, version, normalised_input)


def shown_version(version: str) -> str:
    """A price version as customers may read it: without a markup that comes from the settings."""
    catalogue, _, ours = version.rpartition("/")
    return catalogue if ours.startswith("x") else version


def describe(entry: Entry, tariff: Tariff, *, money: bool = False) -> str:
    """A short price for lists: "5 credits per image", "from 2.4 credits per second"; with `money` in the currency."""
    if entry.price is None:
        return "not for sale"
    numbers = _numbers(entry.price, tariff)
    first, *rest = map(_money, numbers) if money else map(format_credits, numbers)
    noun = "" if money else " credit" if numbers == [MILLI] else " credits"
    if rest:
        return f"{first}{noun} per million input tokens, {rest[0]} per million output tokens"
    unit = _UNIT_WORDS.get(entry.price["unit"], entry.price["unit"])
    return f"{_prefix(entry.price)}{first}{noun} per {unit}"


def worth(entry: Entry, tariff: Tariff) -> str:
    """What the numbers of `describe` are in the site's currency, to stand beside them: "≈ $0.03"."""
    if entry.price is None:
        return ""
    first, *rest = map(_money, _numbers(entry.price, tariff))
    return f"≈ {first} in, {rest[0]} out" if rest else f"≈ {first}"


def _numbers(price: dict[str, Any], tariff: Tariff) -> list[int]:
    """Our price of one unit, where it depends the lowest; of tokens that of input and that of output."""
    if price["unit"] == "million_tokens":
        return [_ours(price[key], tariff) for key in ("credits", "output_credits")]
    return [_ours(min(_rates(price)), tariff, None if rate_per_unit(price) is None else Decimal(1))]


def _rates(price: dict[str, Any]) -> set[int | Decimal]:
    return {price["credits"]} if "credits" in price else {rule["credits"] for rule in _all_rules(price)}


def _prefix(price: dict[str, Any]) -> str:
    several = len(_rates(price)) > 1 or "surcharges" in price
    return "from " if several else "up to " if "at_most" in price else ""


def _money(millicredits: int) -> str:
    return currency.written(currency.worth(millicredits))


def _ours(credits: int | Decimal, tariff: Tariff, quantity: Decimal | None = None) -> int:
    with localcontext(_UPWARDS):
        return price_millicredits(_ceil(credits * Decimal(MILLI)), tariff, quantity)


def _all_rules(price: dict[str, Any]) -> list[dict[str, Any]]:
    return [*price["rules"], *price.get("rules_if_present", {}).get("rules", [])]


def _price_of(entry: Entry) -> dict[str, Any]:
    if entry.price is None:
        raise Unpriced(f"{entry.id} has no known price")
    return entry.price


def _refuse_unpriced(price: dict[str, Any], values: dict[str, Any]) -> None:
    for combination in price.get("unpriced", []):
        if _matches(combination, values):
            raise Unpriced(f"no price is known for {_words(combination)}")


def _rate(price: dict[str, Any], values: dict[str, Any]) -> tuple[Decimal, list[str]]:
    """KIE credits per unit, and why that is a maximum where it is one."""
    bounds = [price["at_most"]] if "at_most" in price else []
    if "credits" in price:
        return Decimal(price["credits"]), bounds
    present = price.get("rules_if_present")
    table = present if present and values.get(present["field"]) else price
    for rule in table["rules"]:
        if _matches(rule["when"], values):
            return Decimal(rule["credits"]), bounds + ([rule["at_most"]] if "at_most" in rule else [])
    # Never the default: a value that appears new in a schema is not for sale until priced (R-PR8).
    fields = {name: values.get(name) for rule in table["rules"] for name in rule["when"]}
    raise Unpriced(f"no price is known for {_words(fields)}")


def _quantity(entry: Entry, price: dict[str, Any], values: dict[str, Any]) -> tuple[Decimal, list[str]]:
    quantity, bounds = Decimal(1), []
    if "quantity_from" in price:
        seconds = Decimal(price["max_seconds"])
        quantity = seconds / 60 if price["unit"] == "minute" else seconds
        bounds = [f"at most {seconds} seconds of media"]
    elif price["unit"] == "1k_chars":
        quantity = Decimal(sum(map(len, _texts(values, price["quantity_field"])))) / 1000
    elif "quantity_field" in price:
        quantity, bounds = _counted(entry.schema["properties"], price["quantity_field"], values)
    if "quantity_at_most" in price and quantity > 1:
        bounds.append(price["quantity_at_most"])
    extra = price.get("extra_seconds")
    if extra and values.get(extra["field"]):
        quantity += extra["max_seconds"]
        bounds.append(f"with at most {extra['max_seconds']} seconds of {extra['field']}")
    return quantity, bounds


def _counted(properties: dict[str, Any], field: str, values: dict[str, Any]) -> tuple[Decimal, list[str]]:
    """A number the customer chose; -1, 0 or nothing means the service picks, so the largest counts."""
    chosen = Decimal(str(values.get(field, 0)))
    if chosen > 0:
        whole = chosen.to_integral_value(ROUND_CEILING)
        return whole, [] if whole == chosen else [f"{field} counted in whole units"]
    limits = [*properties[field].get("enum", []), properties[field].get("maximum", 0)]
    largest = max(Decimal(str(limit)) for limit in limits)
    if largest <= 0:
        raise Unpriced(f"{field} has no upper limit to price")
    return largest, [f"the service picks {field}"]


def _surcharges(price: dict[str, Any], values: dict[str, Any]) -> tuple[Decimal, list[str]]:
    total, bounds = Decimal(0), []
    for item in price.get("surcharges", []):
        given = values.get(item["field"])
        count = len(given) if isinstance(given, list) else int(bool(given))
        charged = max(0, count - item.get("free_items", 0))
        total += charged * Decimal(item["credits"])
        if charged and "at_most" in item and item["at_most"] not in bounds:
            bounds.append(item["at_most"])
    return total, bounds


def _token_cost(price: dict[str, Any], values: dict[str, Any], pictures: int) -> Cost:
    """A bound: a byte is at least one token's worth of input, and the reply is as long as allowed."""
    if tokens.unbounded(values):
        raise Unpriced("files and hosted tools in a message have no bounded price")
    tokens_in = tokens.bound(values, pictures)
    field = price.get("output_tokens_field")
    tokens_out = int(values[field]) if field else price["max_output_tokens"]
    # Writing to a cache is dearer than reading input, and KIE decides when it happens.
    rate_in = Decimal(max(price["credits"], price.get("cache_write_credits", 0)))
    total = (rate_in * tokens_in + Decimal(price["output_credits"]) * tokens_out) / 1_000_000
    return Cost(_ceil(total * MILLI), False, f"at most {tokens_in} tokens in and {tokens_out} out")


def used(entry: Entry, usage: tokens.Usage) -> int:
    """KIE's price of the tokens that a call used, in its millicredits, rounded up. Raises Unpriced."""
    price = _price_of(entry)
    fresh = max(0, usage.input - usage.cached - usage.cache_written)
    with localcontext(_UPWARDS):
        total = Decimal(price["credits"]) * fresh + Decimal(price["output_credits"]) * usage.output
        total += Decimal(price.get("cached_input_credits", price["credits"])) * usage.cached
        total += Decimal(price.get("cache_write_credits", price["credits"])) * usage.cache_written
        return _ceil(total / 1_000_000 * MILLI)


def _texts(values: dict[str, Any], path: str) -> Iterator[str]:
    """The strings at a path: "text" or "dialogue[].text"."""
    name, _, rest = path.partition("[].")
    if not rest:
        yield values.get(name, "")
        return
    for item in values.get(name, []):
        yield from _texts(item, rest)


def _matches(when: dict[str, Any], values: dict[str, Any]) -> bool:
    return all(_same(values.get(name), wanted) for name, wanted in when.items())


def _same(value: Any, wanted: Any) -> bool:
    """Equal as JSON: True is not 1."""
    return isinstance(value, bool) == isinstance(wanted, bool) and value == wanted


def _words(values: dict[str, Any]) -> str:
    return ", ".join(f"{name} {json.dumps(value, default=str)}" for name, value in values.items())


def _ceil(amount: Decimal) -> int:
    return int(amount.to_integral_value(ROUND_CEILING))
