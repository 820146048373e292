"""The numbers in an entry's price: naming, replacing and adding them, and what that does to our margin. Pure."""

import copy
import re
from collections.abc import Mapping
from dataclasses import dataclass
from decimal import ROUND_CEILING, Decimal, InvalidOperation
from typing import Any

from jsonschema import Draft202012Validator

from generation import pricing
from generation.pricing import MILLI, Tariff

Path = tuple[str | int, ...]
Price = dict[str, Any]
_TABLES: tuple[Path, ...] = (("rules",), ("rules_if_present", "rules"))
_PLAIN = {
    "credits": "",
    "output_credits": "output",
    "cached_input_credits": "cached input",
    "cache_write_credits": "cache write",
}


@dataclass(frozen=True)
class Amount:
    """One number of a price: where it stands, what it is for, and KIE's credits."""

    path: Path
    label: str
    credits: Decimal
    when: Mapping[str, Any]


@dataclass(frozen=True)
class Effect:
    """What a change of KIE's price does, per unit. Costs are KIE's millicredits, prices ours; None is unknown."""

    label: str
    cost_now: int
    cost_then: int | None
    price_now: int
    price_then: int | None

    @property
    def margin(self) -> int | None:
        """Our millicredits per unit beyond KIE's, if nothing is done."""
        return None if self.cost_then is None else self.price_now - self.cost_then


def amounts(price: Price) -> list[Amount]:
    """Every number that somebody pays, in a stable order."""
    found = [_amount(price, (name,), label) for name, label in _PLAIN.items() if name in price]
    for table in _TABLES:
        prefix = f"with {price['rules_if_present']['field']}: " if len(table) > 1 and table[0] in price else ""
        for index, rule in enumerate(_at(price, table) or []):
            found.append(_amount(price, (*table, index, "credits"), prefix + words(rule["when"]), rule["when"]))
    for index, extra in enumerate(price.get("surcharges", [])):
        found.append(_amount(price, ("surcharges", index, "credits"), f"each of {extra['field']}"))
    return found


def _amount(price: Price, path: Path, label: str, when: Mapping[str, Any] | None = None) -> Amount:
    return Amount(path, label or f"per {price['unit']}", Decimal(_at(price, path)), when or {})


def words(when: Mapping[str, Any]) -> str:
    """A rule's condition: "resolution 1K, sound true"."""
    return ", ".join(f"{name} {str(v).lower() if isinstance(v, bool) else v}" for name, v in when.items())


def replaced(price: Price, numbers: Mapping[Path, Decimal]) -> Price:
    """The price with other numbers; a table's default stays the price of the rule that it was the price of."""
    result = copy.deepcopy(price)
    for path, number in numbers.items():
        _at(result, path[:-1])[path[-1]] = _whole(number)
    for table in _TABLES:
        before, after = _at(price, table[:-1]), _at(result, table[:-1])
        if before and "rules" in before:
            index = next(i for i, rule in enumerate(before["rules"]) if rule["credits"] == before["default"])
            after["default"] = after["rules"][index]["credits"]
    return result


def _whole(number: Decimal) -> int | Decimal:
    """As in the data files: whole numbers are integers."""
    return int(number) if number == number.to_integral_value() else number.normalize()


def _at(value: Any, path: Path) -> Any:
    for step in path:
        if isinstance(step, str) and step not in value:
            return None
        value = value[step]
    return value


# New numbers of KIE's feed


def suggested(price: Price, before: Mapping[str, str], after: Mapping[str, str]) -> dict[Path, Decimal]:
    """New numbers for the amounts that rows of KIE's feed are about, as far as the old numbers tell which these are.

    Rows are {what it is for: credits}. Where several rows had the same number, the words of the row must name the
    rule's values; amounts for which rows say different things are left out.
    """
    found: dict[Path, set[Decimal]] = {}
    for name, new in after.items():
        old, number = decimal(before.get(name)), decimal(new)
        if old is None or number is None or old == number:
            continue
        rivals = [other for other, value in before.items() if other != name and decimal(value) == old]
        for amount in amounts(price):
            if amount.credits == old and (not rivals or _names(name, amount.when)):
                found.setdefault(amount.path, set()).add(number)
    return {path: numbers.pop() for path, numbers in found.items() if len(numbers) == 1}


def decimal(text: Any) -> Decimal | None:
    """An amount as KIE writes it, "84.0"; None for what is no amount."""
    try:
        number = Decimal(str(text).strip())
    except InvalidOperation:
        return None
    return number if number.is_finite() and 0 <= number < 10**9 else None


def _names(row: str, when: Mapping[str, Any]) -> bool:
    values = [str(value).lower() for value in when.values() if not isinstance(value, bool)]
    text = row.lower()
    return all(re.search(rf"(?<![0-9a-z.]){re.escape(value)}(?![0-9.])", text) for value in values)


# Values that are new in a schema


def ruled(price: Price) -> set[str]:
    """The fields whose value picks the rule."""
    return {name for table in _TABLES for rule in _at(price, table) or [] for name in rule["when"]}


def openings(price: Price, field: str, value: Any) -> list[tuple[Path, dict[str, Any]]]:
    """The rules that a new value of a field needs, each with its table, in all combinations that have a price."""
    found: list[tuple[Path, dict[str, Any]]] = []
    for table in _TABLES:
        for rule in _at(price, table) or []:
            opening = table, {**rule["when"], field: value}
            if field in rule["when"] and opening not in found:
                found.append(opening)
    return found


def extended(price: Price, openings: list[tuple[Path, dict[str, Any]]], credits: list[Decimal | None]) -> Price:
    """With a rule for each opening that has a number. The others are not for sale, whatever other rules say (R-PR8)."""
    result = copy.deepcopy(price)
    for (table, when), number in zip(openings, credits, strict=True):
        if number is None:
            result["unpriced"] = [*result.get("unpriced", []), when]
        else:
            _at(result, table).insert(0, {"when": when, "credits": _whole(number)})
    return result


def fitted(price: Price, schema: dict[str, Any]) -> Price:
    """Without the rules for values that the schema does not take any more."""
    result = copy.deepcopy(price)
    for table in _TABLES:
        holder = _at(result, table[:-1])
        if holder and "rules" in holder:
            kept = [rule for rule in holder["rules"] if _fits(schema, rule["when"])]
            holder["rules"] = kept or holder["rules"]
            if holder["default"] not in [rule["credits"] for rule in holder["rules"]]:
                holder["default"] = holder["rules"][0]["credits"]
    if "unpriced" in result:
        result["unpriced"] = [values for values in result["unpriced"] if _fits(schema, values)]
    return result


def _fits(schema: dict[str, Any], values: Mapping[str, Any]) -> bool:
    fields = schema["properties"]
    return all(name in fields and Draft202012Validator(fields[name]).is_valid(v) for name, v in values.items())


# Margin


def effects(price: Price, numbers: Mapping[Path, Decimal] | None, tariff: Tariff) -> list[Effect]:
    """What new numbers do to each amount; None where nobody knows the new ones."""
    known = {} if numbers is None else {amount.path: amount.credits for amount in amounts(price)} | dict(numbers)
    one_unit = None if pricing.rate_per_unit(price) is None else Decimal(1)
    return [_effect(amount, known.get(amount.path), tariff, one_unit) for amount in amounts(price)]


def _effect(amount: Amount, new: Decimal | None, tariff: Tariff, one_unit: Decimal | None) -> Effect:
    now, then = millicredits(amount.credits), None if new is None else millicredits(new)
    after = None if then is None else pricing.price_millicredits(then, tariff, one_unit)
    return Effect(amount.label, now, then, pricing.price_millicredits(now, tariff, one_unit), after)


def millicredits(credits: Decimal) -> int:
    """KIE's credits as millicredits, rounded up."""
    return int((credits * MILLI).to_integral_value(ROUND_CEILING))
