"""Style 3, Claude messages with KIE's thinkingFlag (protocol 5.1-5.3)."""

import json
from collections.abc import Iterator
from typing import Any

from generation.kie.simulator.catalogue import Entry
from generation.kie.simulator.chat_call import TEXT, THOUGHT, TOOL, Asked, Call, Frame, Part, pieces
from generation.kie.simulator.chat_reading import functions, message, turns
from generation.kie.simulator.envelope import to_json

TALK = "messages"
ROLES = ("user", "assistant")
BLOCKS = {THOUGHT: ("thinking", "thinking"), TEXT: ("text", "text")}


def read(body: dict[str, Any], entry: Entry) -> Asked:
    """Understand a request; max_tokens is kept to here, unlike in the other styles."""
    tools = functions(body.get("tools"), lambda tool: str(tool.get("type", "")).startswith("web_search"))
    system = message("system", body.get("system"), _part)
    return Asked(
        [message(turn["role"], turn.get("content"), _part) for turn in turns(body[TALK], TALK, ROLES)],
        system.text,
        {tool["name"]: tool.get("input_schema") or {} for tool in tools},
        max_tokens=body.get("max_tokens", entry.defaults.get("max_tokens")),
        shape=((body.get("output_config") or {}).get("format") or {}).get("schema"),
        thinks=bool(body.get("thinkingFlag")),
        shows_thoughts=bool(body.get("thinkingFlag")),
    )


def stream(call: Call) -> Iterator[Frame]:
    """Yield the events from message_start to message_stop; message_delta has usage and cost."""
    usage = {"input_tokens": call.reported_input_tokens, "output_tokens": 0}
    yield _event("message_start", {"message": _head(call) | {"content": [], "stop_reason": None, "usage": usage}})
    for index, part in enumerate(call.parts):
        yield _event("content_block_start", {"index": index, "content_block": _block(part, "")})
        for piece in pieces(part.text):
            event = _event("content_block_delta", {"index": index, "delta": _delta(part, piece)})
            yield event._replace(piece=piece, kind=part.kind)
        yield _event("content_block_stop", {"index": index})
    ended = {"delta": {"stop_reason": _reason(call), "stop_sequence": None}}
    yield _event("message_delta", ended | call.bill("usage", _usage(call)))._replace(bills=True)
    yield _event("message_stop", {})


def whole(call: Call) -> dict[str, Any]:
    """Return the body without streaming."""
    content = [_block(part, part.text) for part in call.parts]
    return _head(call) | {"content": content, "stop_reason": _reason(call)} | call.bill("usage", _usage(call))


def _part(part: dict[str, Any]) -> tuple[str, str, bool] | None:
    kind = part["type"]
    if kind in ("text", "thinking"):
        return part[kind], "", False
    if kind == "redacted_thinking":
        return "", "", False
    if kind in ("image", "document"):
        source = part["source"]
        inline = source["type"] == "base64"
        return "", f"data:{source['media_type']};base64,{source['data']}" if inline else source["url"], False
    if kind == "tool_result":
        return message("user", part.get("content"), _part).text, "", True
    return (f"{part['name']}({to_json(part['input'])})", "", False) if kind == "tool_use" else None


def _event(kind: str, values: dict[str, Any]) -> Frame:
    return Frame(f"event: {kind}\ndata: {to_json({'type': kind, **values})}\n\n")


def _head(call: Call) -> dict[str, Any]:
    return {"id": f"msg_{call.id}", "type": "message", "role": "assistant", "model": call.model}


def _block(part: Part, text: str) -> dict[str, Any]:
    if part.kind == TOOL:
        return {"type": "tool_use", "id": part.id, "name": part.name, "input": json.loads(text) if text else {}}
    kind, field = BLOCKS[part.kind]
    return {"type": kind, field: text}


def _delta(part: Part, piece: str) -> dict[str, Any]:
    if part.kind == TOOL:
        return {"type": "input_json_delta", "partial_json": piece}
    kind, field = BLOCKS[part.kind]
    return {"type": f"{kind}_delta", field: piece}


def _reason(call: Call) -> str:
    if any(part.kind == TOOL for part in call.parts):
        return "tool_use"
    return "max_tokens" if call.output_tokens == call.asked.max_tokens else "end_turn"


def _usage(call: Call) -> dict[str, Any]:
    return {"input_tokens": call.reported_input_tokens, "output_tokens": call.output_tokens}
