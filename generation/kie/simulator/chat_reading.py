"""Reading requests: what the four styles share. Whatever does not belong to a style is refused with 422."""

from collections.abc import Callable
from typing import Any

from jsonschema import Draft202012Validator

from generation.kie.simulator.catalogue import Entry
from generation.kie.simulator.chat_call import Message
from generation.kie.simulator.envelope import Refusal, to_json

# Reads one content part of a style: its text, its file, and whether it is a tool's answer; None if unknown.
ReadPart = Callable[[dict[str, Any]], tuple[str, str, bool] | None]


def check(entry: Entry, body: dict[str, Any], talk: str) -> None:
    """Raise Refusal 422 unless required fields are there and known ones fit the schema.

    `talk` is the field with the conversation, which the styles read themselves. Fields that the schema does
    not know are ignored, as max_tokens is on several models (protocol 5.4).
    """
    schema: dict[str, Any] = dict(entry.validator.schema)  # type: ignore[arg-type]
    for name in schema.get("required", []):
        if name not in body:
            raise Refusal(422, f"{name} is required")
    for name, inner in schema["properties"].items():
        if name in body and name != talk:
            for error in Draft202012Validator(inner).iter_errors(body[name]):
                raise Refusal(422, f"{name}: {error.message}")


def turns(values: object, where: str, roles: tuple[str, ...]) -> list[dict[str, Any]]:
    """Return a conversation's turns: a list of at least one object, each with a known role if it has one."""
    if not isinstance(values, list) or not values or not all(isinstance(turn, dict) for turn in values):
        raise Refusal(422, f"{where} must be a list of messages")
    for turn in values:
        if "role" in turn and turn["role"] not in roles:
            raise Refusal(422, f"{where}: role {turn['role']!r} is not supported")
    return values


def message(role: str, content: object, read: ReadPart) -> Message:
    """Read the content of one turn: a text, nothing, or a list of parts."""
    if content is None or isinstance(content, str):
        return Message(role, content or "", result=role == "tool")
    if not isinstance(content, list):
        raise Refusal(422, "content must be a string or a list")
    found = [_part(part, read) for part in content]
    return Message(
        role,
        "\n".join(text for text, _, _ in found if text),
        [file for _, file, _ in found if file],
        role == "tool" or any(result for _, _, result in found),
    )


def functions(tools: object, searches: Callable[[dict[str, Any]], bool]) -> list[dict[str, Any]]:
    """Return the tools that are functions; web search and functions exclude each other (protocol 5.4)."""
    given = [tool for tool in tools if isinstance(tool, dict)] if isinstance(tools, list) else []
    found = [tool for tool in given if not searches(tool)]
    if found and len(found) < len(given):
        raise Refusal(422, "web search and function tools cannot be used together")
    return found


def text_of(value: object) -> str:
    """Return a text as it is and anything else as JSON."""
    return value if isinstance(value, str) else to_json(value)


def _part(part: object, read: ReadPart) -> tuple[str, str, bool]:
    try:
        found = read(part) if isinstance(part, dict) else None
    except (KeyError, TypeError, AttributeError):
        found = None
    if found is None:
        raise Refusal(422, f"unknown content part: {to_json(part)[:100]}")
    return found
