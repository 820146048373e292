"""What must be true of a data file before a single entry of it is used.

Every function raises ValueError with the reason only; catalog.load adds the file and the entry.
"""

from collections.abc import Iterator
from typing import Any

import jsonschema_rs
from jsonschema import Draft202012Validator

from generation.catalog.validation import InvalidInput, explain, normalise

_TEXT = {"type": "string", "minLength": 1}
_DATE = {"type": ["string", "null"], "pattern": r"^\d{4}(-\d\d(-\d\d)?)?$"}
_AMOUNT = {"type": "number", "minimum": 0}
_COUNT = {"type": "integer", "minimum": 1}
_VALUES = {"type": "object", "minProperties": 1}


def _closed(required: str, **properties: dict[str, Any]) -> dict[str, Any]:
    return {
        "type": "object",
        "properties": properties,
        "required": required.split(),
        "additionalProperties": False,
    }


_RULES = {
    "type": "array",
    "minItems": 1,
    "items": _closed("when credits", when=_VALUES, credits=_AMOUNT, at_most=_TEXT),
}
_UNITS = ["image", "video", "request", "second", "minute", "1k_chars", "million_tokens"]
_PRICE = _closed(
    "unit",
    unit={"enum": _UNITS},
    credits=_AMOUNT,
    rules=_RULES,
    default=_AMOUNT,
    rules_if_present=_closed("field rules default", field=_TEXT, rules=_RULES, default=_AMOUNT),
    at_most=_TEXT,
    quantity_field=_TEXT,
    quantity_at_most=_TEXT,
    quantity_from={"enum": ["input_audio_duration", "input_video_duration", "output_duration"]},
    max_seconds=_COUNT,
    max_seconds_source=_TEXT,
    extra_seconds=_closed("field max_seconds source", field=_TEXT, max_seconds=_COUNT, source=_TEXT),
    surcharges={
        "type": "array",
        "items": _closed(
            "field per credits",
            field=_TEXT,
            per={"const": "item"},
            credits=_AMOUNT,
            free_items=_COUNT,
            at_most=_TEXT,
        ),
    },
    unpriced={"type": "array", "items": _VALUES},
    output_credits=_AMOUNT,
    cached_input_credits=_AMOUNT,
    cache_write_credits=_AMOUNT,
    output_tokens_field=_TEXT,
    max_output_tokens=_COUNT,
    max_output_tokens_source=_TEXT,
) | {
    "oneOf": [{"required": ["credits"]}, {"required": ["rules"]}],
    "dependentRequired": {
        "rules": ["default"],
        "quantity_from": ["max_seconds"],
        "max_seconds": ["max_seconds_source"],
        "max_output_tokens": ["max_output_tokens_source"],
    },
    "if": {"properties": {"unit": {"const": "million_tokens"}}},
    "then": {
        "required": ["credits", "output_credits"],
        "anyOf": [{"required": ["max_output_tokens"]}, {"required": ["output_tokens_field"]}],
    },
}
_FAMILIES = (
    "market veo gpt4o-image flux-kontext runway runway-aleph luma midjourney gemini-omni chat suno suno-lyrics"
    " suno-wav suno-vocal-removal suno-midi suno-mp4 suno-cover suno-phrase suno-voice suno-at-once"
)
_ENTRY = _closed(
    "id title vendor api method endpoint modality task status confidence input example price price_text"
    " price_source source schema_as_of listed_as_of",
    id=_TEXT,
    title=_TEXT,
    vendor=_TEXT,
    api={"enum": _FAMILIES.split()},
    method={"enum": ["GET", "POST"]},
    endpoint={"type": "string", "pattern": "^/"},
    modality={"enum": ["image", "video", "music", "speech", "audio", "text", "3d"]},
    task=_TEXT,
    status={"enum": ["live", "unknown", "retired"]},
    confidence={"enum": ["docs", "repo", "inferred"]},
    # Closed, so that no field that nobody priced slips through to KIE (rule R-PR8).
    input={
        "type": "object",
        "properties": {
            "type": {"const": "object"},
            "properties": {"type": "object"},
            "additionalProperties": {"const": False},
        },
        "required": ["type", "properties", "additionalProperties"],
    },
    example={"type": "object"},
    price={"type": ["object", "null"]},
    price_text=_TEXT,
    price_source={"type": ["string", "null"]},
    source=_TEXT,
    schema_as_of=_DATE,
    listed_as_of=_DATE,
    superseded_by=_TEXT,
    callback_required={"type": "boolean"},
    note=_TEXT,
    field_sources={"type": "object", "additionalProperties": _TEXT},
)
_DOCUMENT = _closed(
    "vendor as_of models",
    vendor=_TEXT,
    as_of={"type": "string", "pattern": r"^\d{4}-\d\d-\d\d$"},
    models={"type": "array"},
)
_MARKERS = {
    "type": "object",
    "properties": {
        "x-media": {"enum": ["image", "video", "audio", "any"]},
        "x-generation": {"type": "array", "minItems": 1, "items": _TEXT},
        "x-result": {"type": "array", "minItems": 1, "items": _TEXT},
        "x-alias-of": _TEXT,
        "x-multiline": {"const": True},
        "x-max-seconds": _COUNT,
    },
    "propertyNames": {"not": {"pattern": "^x-(?!(media|generation|result|alias-of|multiline|max-seconds)$)"}},
}


def check_document(document: Any) -> None:
    """The outer shape of a file: {"vendor": text, "as_of": ISO date, "models": [entries]}."""
    _conforms(_DOCUMENT, document)


def check_entry(raw: Any, vendor: str) -> None:
    """The shape of one raw entry, its schema and its price."""
    _conforms(_ENTRY, raw)
    _need(raw["vendor"] == vendor, f"'vendor' {raw['vendor']!r} is not the file's {vendor!r}")
    try:
        # Every process does this when it starts, for hundreds of schemas: jsonschema takes a second, this 10 ms.
        jsonschema_rs.meta.validate(raw["input"])
    except jsonschema_rs.ValidationError as error:
        raise ValueError(f"input: {error.message}") from error
    if raw["price"] is not None:
        _conforms(_PRICE, raw["price"], "price: ")
        _check_price(raw["price"], raw["input"])


def check_schema(schema: dict[str, Any], example: dict[str, Any]) -> None:
    """A valid schema's own markers and defaults make sense, and the example is accepted."""
    for path, field in walk(schema):
        _conforms(_MARKERS, field, f"input: {path}: ")
        if "default" in field:
            _need(_fits(field, field["default"]), f"input: {path}: the default does not fit the field")
    for name, field in schema["properties"].items():
        target = field.get("x-alias-of", name)
        _need(target in schema["properties"], f"input: {name}: x-alias-of names no field")
        _need(target == name or field.get("deprecated"), f"input: {name}: an alias must be deprecated")
    try:
        normalise(schema, example)
    except InvalidInput as error:
        reasons = "; ".join(f"{fault.field!r} {fault.message}" for fault in error.errors)
        raise ValueError(f"example: {reasons}") from error


def references(schema: dict[str, Any], superseded_by: str | None) -> Iterator[str]:
    """Ids of models and families that an entry points to."""
    if superseded_by:
        yield superseded_by
    for _, field in walk(schema):
        yield from [*field.get("x-generation", []), *field.get("x-result", [])]


def walk(schema: dict[str, Any], path: str = "") -> Iterator[tuple[str, dict[str, Any]]]:
    """Every field of a schema with its path: "prompt", "image_urls", "image_urls[]", "video_list[].url"."""
    for name, field in schema.get("properties", {}).items():
        inner = f"{path}.{name}" if path else name
        _need(isinstance(field, dict), f"input: {inner}: must be an object")
        yield inner, field
        yield from walk(field, inner)
    if isinstance(schema.get("items"), dict):
        yield f"{path}[]", schema["items"]
        yield from walk(schema["items"], f"{path}[]")
    for branch in schema.get("oneOf", []) + schema.get("anyOf", []):
        yield from walk(branch, path)


def price_movers(price: dict[str, Any]) -> set[str]:
    """Fields whose value moves the price, so that it must be explicit in what is sent (rule R-UP2).

    Fields that count by being there (rules_if_present, surcharges, extra_seconds) are not among them.
    """
    movers = {name for table in _tables(price) for rule in table["rules"] for name in rule["when"]}
    movers |= {price[key] for key in ("quantity_field", "output_tokens_field") if key in price}
    return {name.partition("[")[0] for name in movers}


def _tables(price: dict[str, Any]) -> list[dict[str, Any]]:
    return [table for table in (price, price.get("rules_if_present", {})) if "rules" in table]


def _check_price(price: dict[str, Any], schema: dict[str, Any]) -> None:
    properties = schema["properties"]
    presence = [price[key] for key in ("rules_if_present", "extra_seconds") if key in price]
    for item in [*presence, *price.get("surcharges", [])]:
        _need(item["field"] in properties, f"price: there is no field {item['field']!r}")
    for table in _tables(price):
        rates = [rule["credits"] for rule in table["rules"]]
        _need(table["default"] in rates, f"price: the default {table['default']} is the price of no rule")
        for rule in table["rules"]:
            _check_values(rule["when"], properties)
    for values in price.get("unpriced", []):
        _check_values(values, properties)
    for name in sorted(price_movers(price)):
        _need(name in properties, f"price: there is no field {name!r}")
        explicit = name in schema.get("required", []) or "default" in properties[name]
        _need(explicit, f"price: {name!r} moves the price, so it needs a default or must be required")


def _check_values(values: dict[str, Any], properties: dict[str, Any]) -> None:
    for name, value in values.items():
        _need(name in properties, f"price: there is no field {name!r}")
        _need(_fits(properties[name], value), f"price: {name}={value!r} does not fit the field")


def _conforms(schema: dict[str, Any], value: Any, prefix: str = "") -> None:
    errors = [fault for error in Draft202012Validator(schema).iter_errors(value) for fault in explain(error)]
    _need(not errors, prefix + "; ".join(f"{fault.field!r} {fault.message}" for fault in errors))


def _fits(field: dict[str, Any], value: Any) -> bool:
    return Draft202012Validator(field).is_valid(value)


def _need(condition: Any, reason: str) -> None:
    if not condition:
        raise ValueError(reason)
