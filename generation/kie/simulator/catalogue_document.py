"""A model's OpenAPI document as KIE gives it: whole, with references, and with the oddities of protocol 3.4."""

import copy
import hashlib
from typing import Any

CREATE_PATH = "/api/v1/jobs/createTask"
ERRORS = {
    401: "Unauthorized",
    402: "Insufficient Credits",
    404: "Not Found",
    422: "Validation Error",
    429: "Rate Limited",
    433: "Request Limit",
    455: "Service Unavailable",
}
# Component keys with percent-encoded and trailing spaces are KIE's own.
ACCEPTED = "response%20not%20with%20recordId"
ERROR = "Error "
ENVELOPE = {"code": {"type": "integer", "format": "int32"}, "msg": {"type": "string"}}


def document(raw: dict[str, Any]) -> dict[str, Any] | None:
    """The document of a raw entry. One model in thirty-two has none, and those that are told not to have one."""
    if not raw.get("documented", True) or hashlib.sha256(raw["id"].encode()).digest()[0] < 8:
        return None
    key = f"{raw['task'].replace('-', '%20')}%20input"
    job = raw["api"] == "market"
    body = _job_body(raw["id"], key) if job else _reference(key)
    callbacks = {"callbacks": {"onCompletion": _callback()}} if job else {}
    operation = {
        "summary": raw["title"],
        "operationId": raw["id"].replace("/", "-"),
        "requestBody": {"required": True, "content": {"application/json": {"schema": body}}},
        "responses": {"200": _json("Accepted", {"allOf": [_reference(ACCEPTED)]}), **_errors()},
        "security": [{"BearerAuth": []}],
        **callbacks,
    }
    return {
        "openapi": "3.1.0",
        "info": {"title": raw["title"], "version": "1.0.0"},
        "servers": [{"url": "https://api.kie.ai", "description": "API Server"}],
        "paths": {raw["endpoint"]: {raw["method"].lower(): operation}},
        "components": {"schemas": _components(key, raw["input"]), "securitySchemes": {"BearerAuth": _bearer()}},
    }


def _components(key: str, schema: dict[str, Any]) -> dict[str, Any]:
    data = {"type": "object", "properties": {"taskId": {"type": "string"}}}
    return {
        key: _input(schema),
        ACCEPTED: {"type": "object", "properties": {**ENVELOPE, "data": data}},
        ERROR: {"type": "object", "properties": {**ENVELOPE, "data": {"type": ["object", "null"]}}},
    }


def _input(schema: dict[str, Any]) -> dict[str, Any]:
    """Without our own marks and spellings. What has branches is told as whole alternatives, as KIE does."""
    plain = _plain(schema)
    branches: list[dict[str, Any]] = next((plain.pop(name) for name in ("oneOf", "anyOf") if name in plain), [])
    plain.pop("allOf", None)
    plain["examples"] = [{}]
    if not branches:
        return plain
    required = plain.get("required", [])
    return {"oneOf": [{**plain, "required": [*required, *branch.get("required", [])]} for branch in branches]}


def _plain(schema: dict[str, Any]) -> dict[str, Any]:
    """KIE's documents are open: nothing says that other fields are refused."""
    plain = {
        name: copy.deepcopy(value)
        for name, value in schema.items()
        if not name.startswith("x-") and name != "additionalProperties"
    }
    if "properties" in plain:
        fields = {name: field for name, field in schema["properties"].items() if "x-alias-of" not in field}
        plain["properties"] = {name: {"title": name, **_plain(field)} for name, field in fields.items()}
    if isinstance(plain.get("items"), dict):
        plain["items"] = _plain(schema["items"])
    for name in ("oneOf", "anyOf"):
        if name in plain:
            plain[name] = [_plain(branch) for branch in schema[name]]
    return plain


def _job_body(model: str, key: str) -> dict[str, Any]:
    return {
        "type": "object",
        "properties": {
            "model": {"type": "string", "enum": [model], "default": model},
            "callBackUrl": {"type": "string", "format": "uri"},
            "input": _reference(key),
        },
        "required": ["model", "input"],
    }


def _reference(key: str) -> dict[str, str]:
    return {"$ref": f"#/components/schemas/{key}"}


def _json(description: str, schema: dict[str, Any]) -> dict[str, Any]:
    return {"description": description, "content": {"application/json": {"schema": schema}}}


def _errors() -> dict[str, Any]:
    return {str(code): _json(text, _reference(ERROR)) for code, text in ERRORS.items()}


def _callback() -> dict[str, Any]:
    body = {"required": True, "content": {"application/json": {"schema": {"type": "object"}}}}
    return {
        "{$request.body#/callBackUrl}": {"post": {"requestBody": body, "responses": {"200": {"description": "OK"}}}}
    }


def _bearer() -> dict[str, str]:
    return {"type": "http", "scheme": "bearer", "bearerFormat": "API Key"}
