"""Tokens of a conversation: how many it can be at most, and how many it probably was. Pure."""

import json
from typing import Any

from generation.kie.families.chat.base import Usage

__all__ = ["Usage", "bound", "estimate", "unbounded"]

# The dearest documented way to look at a picture is Gemini's, in tiles of 258 tokens; a picture within the limits
# of an upload stays below this.
PICTURE_TOKENS = 10_000
# What a picture of usual size comes to, for estimates.
USUAL_PICTURE_TOKENS = 1_500
# Models are told how to use tools in a prompt of their own; Anthropic's is the longest documented, with some 500.
TOOL_PROMPT_TOKENS = 1_000
BYTES_PER_TOKEN = 4
# Parts of a message whose tokens do not follow from the length of its text, and tools that fetch more text.
_UNBOUNDED_PARTS = frozenset({"image_url", "file_url", "file_data", "fileData", "inline_data", "inlineData", "source"})
_UNBOUNDED_TYPES = frozenset({"image", "document", "input_file", "input_image", "input_audio"})


def bound(values: dict[str, Any], pictures: int = 0) -> int:
    """The most tokens that a request can be: a token is at least a byte of it."""
    text = json.dumps(values, ensure_ascii=False, default=float)
    tools = TOOL_PROMPT_TOKENS if values.get("tools") else 0
    return len(text.encode(errors="replace")) + pictures * PICTURE_TOKENS + tools


def estimate(characters: int, pictures: int = 0) -> int:
    """What so much text probably comes to, for a call of which KIE did not say. `characters` are bytes of UTF-8."""
    return -(-characters // BYTES_PER_TOKEN) + pictures * USUAL_PICTURE_TOKENS


def unbounded(values: dict[str, Any]) -> bool:
    """Whether a conversation has parts or tools whose tokens have no bound.

    Only where messages have their parts: a tool may well have a parameter that is called `source`.
    """
    turns = [turn for name in ("messages", "input", "contents") for turn in _list(values.get(name))]
    tools = _list(values.get("tools"))
    hosted = any("googleSearch" in tool or tool.get("type", "function") not in ("function", "custom") for tool in tools)
    return hosted or any(map(_part_unbounded, [part for turn in turns for part in _parts(turn)]))


def _part_unbounded(part: dict[str, Any]) -> bool:
    known = _UNBOUNDED_PARTS & set(part) or part.get("type") in _UNBOUNDED_TYPES
    return bool(known) or any(map(_part_unbounded, _list(part.get("content"))))


def _parts(turn: dict[str, Any]) -> list[dict[str, Any]]:
    return _list(turn.get("content")) + _list(turn.get("parts"))


def _list(value: Any) -> list[dict[str, Any]]:
    return [item for item in value if isinstance(item, dict)] if isinstance(value, list) else []
