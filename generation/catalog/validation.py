"""What a customer sent, made into what a model takes: normal form, and every fault in plain words.

Works on one entry's JSON Schema (Draft 2020-12) with our own markers: `x-alias-of` names the field
that a deprecated spelling stands for, `x-media` says that an address is one of a file.
"""

import math
import re
from collections.abc import Iterable, Iterator
from dataclasses import dataclass
from typing import Any, cast
from urllib.parse import urlsplit

from jsonschema import Draft202012Validator, FormatChecker, ValidationError

_INTEGER = re.compile(r"-?[0-9]{1,15}")
_NUMBER = re.compile(r"-?[0-9]{1,15}(\.[0-9]{1,15})?")
_TYPES = {
    "string": "must be text",
    "integer": "must be a whole number",
    "number": "must be a number",
    "boolean": "must be true or false",
    "array": "must be a list",
    "object": "must be an object",
}
_UPLOAD = re.compile(r"upload:[0-9a-fA-F-]{32,36}")
_LARGEST_INTEGER = 2**53  # beyond it a JSON parser that reads doubles sees another number
_DEEPEST = 50
_SHOWN_CHOICES = 12

formats = FormatChecker(formats=())


@dataclass(frozen=True)
class FieldError:
    """One fault: the field's path ("" for the input as a whole), a stable code, a readable message."""

    field: str
    code: str
    message: str


class InvalidInput(Exception):
    """The input does not fit the model; `errors` names every fault."""

    def __init__(self, errors: list[FieldError]) -> None:
        super().__init__("; ".join(f"{e.field} {e.message}".strip() for e in errors))
        self.errors = errors


@formats.checks("uri")
def _is_address(value: object) -> bool:
    """An http(s) address, or "upload:<id>", a file in our storage that becomes an address when sent."""
    if not isinstance(value, str) or _UPLOAD.fullmatch(value):
        return True
    try:
        parts = urlsplit(value)
    except ValueError:
        return False
    return parts.scheme in ("http", "https") and bool(parts.hostname) and not re.search(r"\s", value)


def normalise(schema: dict[str, Any], value: Any) -> dict[str, Any]:
    """The input in normal form, checked; the argument is left alone.

    Aliases are moved to the field they stand for, None and "" mean absent, empty optional lists are
    dropped, defaults are filled in (never those of deprecated fields), and values are converted where
    the schema leaves one reading only ("5" for an integer, 5 for the choice "5").

    Raises InvalidInput.
    """
    if not isinstance(value, dict):
        raise InvalidInput([FieldError("", "type", "must be an object")])
    errors = list(_unsendable(value, ""))
    if errors:
        raise InvalidInput(errors)
    result = _convert(schema, _without_aliases(schema, value, errors))
    validator = Draft202012Validator(schema, format_checker=formats)
    errors += [found for error in validator.iter_errors(result) for found in explain(error)]
    if errors:
        raise InvalidInput(sorted(set(errors), key=lambda error: error.field))
    return result


def _unsendable(value: Any, path: str, depth: int = 0) -> Iterator[FieldError]:
    """Values that Python's JSON accepts, but KIE's parser or a jsonb column does not."""
    if isinstance(value, float) and not math.isfinite(value):
        yield FieldError(path, "type", "must be a finite number")
    elif isinstance(value, int) and abs(value) > _LARGEST_INTEGER:
        yield FieldError(path, "type", "is too large a number")
    elif isinstance(value, str) and re.search("[\x00\ud800-\udfff]", value):
        yield FieldError(path, "type", "contains characters that cannot be used")
    elif isinstance(value, (dict, list)) and depth == _DEEPEST:
        yield FieldError(path, "type", "is nested too deeply")
    elif isinstance(value, dict):
        for key, inner in value.items():
            yield from _unsendable(inner, _join(path, key), depth + 1)
    elif isinstance(value, list):
        for index, inner in enumerate(value):
            yield from _unsendable(inner, f"{path}[{index}]", depth + 1)


def _without_aliases(schema: dict[str, Any], value: dict[str, Any], errors: list[FieldError]) -> dict[str, Any]:
    result = dict(value)
    for old, field in schema["properties"].items():
        target = field.get("x-alias-of")
        if not target or _absent(result.get(old)):
            continue
        given = result.pop(old)
        if schema["properties"][target]["type"] == "array" and not isinstance(given, list):
            given = [given]
        if _absent(result.get(target)):
            result[target] = given
        elif result[target] != given:
            errors.append(FieldError(old, "alias", f"says something else than {target}; give only {target}"))
    return result


def _absent(value: Any) -> bool:
    return value is None or value == "" or value == []


def _convert(schema: dict[str, Any], value: Any) -> Any:
    if isinstance(value, dict) and "properties" in schema:
        return _convert_object(schema, value)
    if isinstance(value, list) and "items" in schema:
        return [_convert(schema["items"], item) for item in value if item is not None and item != ""]
    return _convert_scalar(schema, value)


def _convert_object(schema: dict[str, Any], value: dict[str, Any]) -> dict[str, Any]:
    properties = schema["properties"]
    result = {}
    for key, inner in value.items():
        field = properties.get(key, {})
        converted = _convert(field, inner)
        # A required list may be empty (kling-3.0/video demands multi_prompt even for a single shot),
        # but not one of files.
        needed = key in schema.get("required", []) and "x-media" not in field.get("items", {})
        if not _absent(converted) or (converted == [] and needed):
            result[key] = converted
    for key, field in properties.items():
        if "default" in field and not field.get("deprecated"):
            result.setdefault(key, field["default"])
    return result


def _convert_scalar(schema: dict[str, Any], value: Any) -> Any:
    kind = schema.get("type")
    if isinstance(value, (bool, dict, list)) or value is None:
        return value
    if isinstance(value, float) and value.is_integer() and abs(value) <= _LARGEST_INTEGER:
        value = int(value)
    if kind == "string" and not isinstance(value, str):
        return str(value) if str(value) in schema.get("enum", ()) else value
    if kind in ("integer", "number") and isinstance(value, str):
        if _INTEGER.fullmatch(value):
            return int(value)
        return float(value) if kind == "number" and _NUMBER.fullmatch(value) else value
    if kind == "boolean":
        return {"true": True, "false": False}.get(value, value) if isinstance(value, str) else value
    return value


def explain(error: ValidationError) -> Iterable[FieldError]:
    """One schema violation as FieldErrors, one per field concerned."""
    path, value = _path(error.absolute_path), cast(Any, error.instance)
    schema, limit = cast("dict[str, Any]", error.schema), cast(Any, error.validator_value)
    match error.validator:
        case "required":
            missing = [name for name in limit if name not in value]
            return [FieldError(_join(path, name), "required", "is required") for name in missing]
        case "additionalProperties":
            unknown = [name for name in value if name not in schema.get("properties", {})]
            return [FieldError(_join(path, n), "unknown", "is not a field of this model") for n in unknown]
        case "anyOf" | "oneOf":
            return [FieldError(path, "one_of", _choice_of_fields(str(error.validator), limit, schema))]
        case "not":
            return [FieldError(path, "combination", _combination(limit))]
    code, message = _limit(str(error.validator), limit, value, schema)
    return [FieldError(path, code, message)]


def _limit(keyword: str, limit: Any, value: Any, schema: dict[str, Any]) -> tuple[str, str]:
    match keyword:
        case "type":
            return "type", _TYPES[limit if isinstance(limit, str) else limit[0]]
        case "enum":
            shown = ", ".join(map(_shown, limit[:_SHOWN_CHOICES]))
            more = f" … ({len(limit)} choices)" if len(limit) > _SHOWN_CHOICES else ""
            return "enum", f"must be one of {shown}{more}"
        case "const":
            return "enum", f"must be {_shown(limit)}"
        case "minimum":
            return "minimum", f"must be at least {limit}"
        case "maximum":
            return "maximum", f"must be at most {limit}"
        case "minLength":
            return "min_length", f"needs at least {_count(limit, 'character')}"
        case "maxLength":
            return "max_length", f"must have at most {_count(limit, 'character')} (has {len(value)})"
        case "minItems":
            return "min_items", f"needs at least {_count(limit, _item_word(schema))}"
        case "maxItems":
            return "max_items", f"takes at most {_count(limit, _item_word(schema))} (got {len(value)})"
        case "pattern" if schema.get("format") == "uri":
            return "url", "must be a web address (https://…)"
        case "format":
            return "url", "must be a web address (https://…) or an uploaded file"
    return "form", "is not in the expected form"


def _choice_of_fields(keyword: str, branches: list[dict[str, Any]], schema: dict[str, Any]) -> str:
    """Says which fields exclude or replace each other, where the branches list required fields."""
    properties = schema.get("properties", {})
    required = [branch.get("required", []) for branch in branches]
    if not all(required):
        return "is not in an accepted form"
    current = [r for r in required if not any(properties.get(name, {}).get("deprecated") for name in r)]
    options = ", ".join(" with ".join(names) for names in current)
    return f"give {'exactly ' if keyword == 'oneOf' else ''}one of {options}"


def _combination(schema: dict[str, Any]) -> str:
    consts = {name: field.get("const") for name, field in schema.get("properties", {}).items()}
    named = ", ".join(f"{name} {_shown(value)}" for name, value in consts.items())
    return f"this combination is not offered: {named}" if named else "this combination is not allowed"


def _item_word(schema: dict[str, Any]) -> str:
    return "file" if "x-media" in schema.get("items", {}) else "item"


def _count(number: int, word: str) -> str:
    return f"{number} {word}{'' if number == 1 else 's'}"


def _shown(value: Any) -> str:
    return str(value).lower() if isinstance(value, bool) else str(value)


def _path(parts: Iterable[str | int]) -> str:
    path = ""
    for part in parts:
        path = f"{path}[{part}]" if isinstance(part, int) else _join(path, part)
    return path


def _join(path: str, name: str) -> str:
    return f"{path}.{name}" if path else name
