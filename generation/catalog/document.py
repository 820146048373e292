"""KIE's OpenAPI document of a model as an input schema of ours (protocol 3.4). Pure; whatever KIE says.

References are resolved, titles and examples are left out, and alternatives of the whole input become one set of
fields with `anyOf` over what is required, as in the data files.
"""

import re
from collections.abc import Mapping
from dataclasses import dataclass
from typing import Any
from urllib.parse import unquote

from generation.catalog.validation import InvalidInput, normalise

CREATE_PATH = "/api/v1/jobs/createTask"
CHAT_PATHS = ("/chat/completions", "/responses", "/messages", ":streamGenerateContent")
CALLBACK = "callBackUrl"
LIMITS = (
    "minimum",
    "maximum",
    "exclusiveMinimum",
    "exclusiveMaximum",
    "minLength",
    "maxLength",
    "minItems",
    "maxItems",
)
_KEPT = {"type", "enum", "const", "default", "required", *LIMITS}
_BRANCHES = ("oneOf", "anyOf")
_DEEPEST = 30
_MOST_NODES = 5000
_LONGEST_DESCRIPTION = 500
_MEDIA = {
    "image": re.compile(r"image|img|picture|photo|frame|mask", re.I),
    "video": re.compile(r"video|clip", re.I),
    "audio": re.compile(r"audio|voice|music|song|speech", re.I),
}
_ADDRESS = re.compile(r"ur[li]s?$", re.I)
_LONG_TEXT = 500


@dataclass(frozen=True)
class Reading:
    """What a document says: where requests go, what they take, and a complete input that is accepted."""

    method: str
    endpoint: str
    input: dict[str, Any]
    example: dict[str, Any]

    @property
    def api(self) -> str:
        """The protocol family, "" for a protocol that is not spoken here."""
        if self.endpoint == CREATE_PATH:
            return "market"
        return "chat" if self.endpoint.endswith(CHAT_PATHS) else ""


def read(document: Any) -> Reading:
    """What an OpenAPI document says. Raises ValueError where it is none, or too large to be one."""
    try:
        endpoint, method, operation = _operation(document["paths"])
        body = operation["requestBody"]["content"]["application/json"]
        schema = _Reader(document.get("components")).plain(body["schema"])
    except (KeyError, TypeError, AttributeError, StopIteration) as error:
        raise ValueError(f"this is no description of a call: {error!r}") from error
    schema = _one(schema)
    example = _example_of(body)
    if endpoint == CREATE_PATH:
        schema = _one(schema["properties"].get("input", {}))
        given = example.get("input")
        example = given if isinstance(given, dict) else {}
    schema["properties"].pop(CALLBACK, None)
    closed = {**_marked(schema), "additionalProperties": False}
    return Reading(method, endpoint, closed, repaired(closed, example))


def _operation(paths: Mapping[str, Any]) -> tuple[str, str, Any]:
    """The one call of the document: createTask, or else the first path."""
    endpoint = CREATE_PATH if list(paths) == [CREATE_PATH] else next(path for path in paths if path != CREATE_PATH)
    method = next(name for name in ("post", "get") if name in paths[endpoint])
    return endpoint, method.upper(), paths[endpoint][method]


class _Reader:
    """Makes schemas plain; counts what it has seen, because references can multiply."""

    def __init__(self, components: Any) -> None:
        schemas = components.get("schemas") if isinstance(components, dict) else None
        self._schemas = schemas if isinstance(schemas, dict) else {}
        self._nodes = 0

    def plain(self, schema: Any, depth: int = 0) -> dict[str, Any]:
        self._nodes += 1
        if self._nodes > _MOST_NODES or depth > _DEEPEST:
            raise ValueError("the schema is too large")
        if not isinstance(schema, dict):
            return {}
        if "$ref" in schema:
            return self.plain(self._resolve(str(schema["$ref"])), depth + 1)
        for part in schema.get("allOf") or []:
            schema = _joined(schema, self.plain(part, depth + 1))
        return self._node(schema, depth)

    def _node(self, schema: dict[str, Any], depth: int) -> dict[str, Any]:
        result = {name: value for name, value in schema.items() if name in _KEPT}
        if isinstance(result.get("type"), list):
            types = [name for name in result["type"] if name != "null"]
            result["type"] = types[0] if len(types) == 1 else types
        if schema.get("format") in ("uri", "url"):
            result["format"] = "uri"
        if isinstance(schema.get("description"), str):
            result["description"] = schema["description"][:_LONGEST_DESCRIPTION]
        if isinstance(schema.get("properties"), dict):
            fields = schema["properties"].items()
            result["properties"] = {str(name): self.plain(field, depth + 1) for name, field in fields}
        if isinstance(schema.get("items"), dict):
            result["items"] = self.plain(schema["items"], depth + 1)
        for name in _BRANCHES:
            if isinstance(schema.get(name), list):
                result[name] = [self.plain(branch, depth + 1) for branch in schema[name]]
        return result

    def _resolve(self, reference: str) -> Any:
        """Keys may be percent-encoded or end with spaces, and references to them may not (protocol 3.4)."""
        name = reference.rpartition("/")[2].replace("~1", "/").replace("~0", "~")
        for candidate in (name, unquote(name)):
            if candidate in self._schemas:
                return self._schemas[candidate]
        wanted = unquote(name).strip()
        return next((found for key, found in self._schemas.items() if unquote(key).strip() == wanted), {})


def _joined(first: dict[str, Any], second: dict[str, Any]) -> dict[str, Any]:
    result = {**second, **first}
    if "properties" in first or "properties" in second:
        result["properties"] = {**second.get("properties", {}), **first.get("properties", {})}
    if "required" in first or "required" in second:
        result["required"] = list(dict.fromkeys([*second.get("required", []), *first.get("required", [])]))
    return result


def _one(schema: dict[str, Any]) -> dict[str, Any]:
    """An object with all fields of its alternatives, of which one set has to be complete."""
    branches = [_one(branch) for name in _BRANCHES for branch in schema.get(name, [])]
    base: dict[str, Any] = {"type": "object", "properties": dict(schema.get("properties", {}))}
    needs = [set(branch.get("required", [])) for branch in branches]
    common = set.intersection(*needs) if needs else set()
    for branch in branches:
        for name, field in branch["properties"].items():
            base["properties"].setdefault(name, field)
    base["required"] = list(dict.fromkeys([*schema.get("required", []), *sorted(common)]))
    others = [sorted(need - common - set(base["required"])) for need in needs]
    if others and all(others):
        base["anyOf"] = [{"required": names} for names in others]
    return base


def _marked(schema: dict[str, Any]) -> dict[str, Any]:
    """With our marks: files are recognised by how their fields are called, long texts by their length."""
    fields = {name: _marked_field(name, field) for name, field in schema.get("properties", {}).items()}
    return {**schema, "properties": fields} if fields or "properties" in schema else schema


def _marked_field(name: str, field: dict[str, Any]) -> dict[str, Any]:
    field = _marked(field)
    if isinstance(field.get("items"), dict):
        field = {**field, "items": _marked_field(name, field["items"])}
    if "default" in field and "enum" in field and field["default"] not in field["enum"]:
        field = {key: value for key, value in field.items() if key != "default"}
    if field.get("type") != "string" or "enum" in field:
        return field
    if field.get("format") == "uri" or _ADDRESS.search(name):
        kind = next((kind for kind, words in _MEDIA.items() if words.search(name)), "any")
        return {**field, "format": "uri", "x-media": kind}
    long = name in ("prompt", "text", "lyrics") or field.get("maxLength", 0) >= _LONG_TEXT
    return {**field, "x-multiline": True} if long else field


def _example_of(body: dict[str, Any]) -> dict[str, Any]:
    """The example of a request, wherever the document has it."""
    schema, several = body.get("schema"), body.get("examples")
    named = [case.get("value") for case in several.values()] if isinstance(several, dict) else []
    inner = schema.get("examples") if isinstance(schema, dict) else None
    candidates = [body.get("example"), *named, *(inner if isinstance(inner, list) else [])]
    return next((dict(found) for found in candidates if isinstance(found, dict)), {})


def repaired(schema: dict[str, Any], example: dict[str, Any]) -> dict[str, Any]:
    """The example with what a changed schema needs; one that is accepted stays as it is."""
    if _accepts(schema, example):
        return example
    fields, needed = schema["properties"], [*schema.get("required", [])]
    if schema.get("anyOf") and not any(set(b.get("required", [])) <= set(example) for b in schema["anyOf"]):
        needed += schema["anyOf"][0].get("required", [])
    kept = {name: value for name, value in example.items() if name in fields and _fits(fields[name], value)}
    return kept | {name: _value(fields[name]) for name in needed if name in fields and name not in kept}


def _accepts(schema: dict[str, Any], value: dict[str, Any]) -> bool:
    try:
        normalise(schema, value)
    except InvalidInput:
        return False
    return True


def _fits(field: dict[str, Any], value: Any) -> bool:
    return _accepts({"type": "object", "properties": {"value": field}, "required": ["value"]}, {"value": value})


def _value(field: dict[str, Any]) -> Any:
    """Something that a field takes."""
    if "default" in field or "const" in field or field.get("enum"):
        return field.get("default", field.get("const", (field.get("enum") or [None])[0]))
    branches = [branch for name in _BRANCHES for branch in field.get(name, [])]
    kind = field.get("type")
    if kind == "array":
        return [_value(field.get("items", {})) for _ in range(max(1, field.get("minItems", 1)))]
    if kind == "object" or "properties" in field:
        return {name: _value(inner) for name, inner in field.get("properties", {}).items()}
    if kind in ("integer", "number"):
        return max(field.get("minimum", 1), 1) if "maximum" not in field else field.get("minimum", field["maximum"])
    if kind == "boolean":
        return False
    if kind is None and branches:
        return _value(branches[0])
    if "x-media" in field or field.get("format") == "uri":
        suffix = {"video": "mp4", "audio": "mp3"}.get(field.get("x-media", ""), "png")
        return f"https://example.com/input.{suffix}"
    return "A red fox in the snow".ljust(field.get("minLength", 0), ".")[: field.get("maxLength", 200)]
