"""Style 1, OpenAI chat completions with the model in the path (protocol 5.1-5.3)."""

from collections.abc import Iterator
from typing import Any

from generation.kie.simulator.catalogue import Entry
from generation.kie.simulator.chat_call import TEXT, THOUGHT, TOOL, Asked, Call, Frame, Part, pieces
from generation.kie.simulator.chat_reading import functions, message, turns
from generation.kie.simulator.envelope import to_json

TALK = "messages"
ROLES = ("developer", "system", "user", "assistant", "tool")


def read(body: dict[str, Any], entry: Entry) -> Asked:
    """Understand a request."""
    found = [message(turn["role"], turn.get("content"), _part) for turn in turns(body[TALK], TALK, ROLES)]
    tools = functions(body.get("tools"), lambda tool: False)
    return Asked(
        [each for each in found if each.role not in ("system", "developer")] or found,
        "\n".join(each.text for each in found if each.role in ("system", "developer")),
        {tool["function"]["name"]: tool["function"].get("parameters", {}) for tool in tools},
        shape=((body.get("response_format") or {}).get("json_schema") or {}).get("schema"),
        shows_thoughts=entry.knows("include_thoughts") and body.get("include_thoughts", True),
    )


def stream(call: Call) -> Iterator[Frame]:
    """Yield the chunks: the id differs in each, the one before [DONE] has no choices but usage and cost."""
    yield _chunk(call, 0, [_delta({"role": "assistant", "content": ""})])
    number = 0
    for part in call.parts:
        if part.kind == TOOL:
            opening = _tool(call, part) | {"function": {"name": part.name, "arguments": ""}}
            yield _chunk(call, number, [_delta({"tool_calls": [opening]})])
        for piece in pieces(part.text):
            number += 1
            delta = _piece(call, part, piece)
            yield _chunk(call, number, [_delta(delta)], piece, part.kind) if delta else Frame("", piece, part.kind)
    yield _chunk(call, number + 1, [_delta({}, _reason(call))])
    bill = call.bill("usage", _usage(call))
    if bill:
        yield Frame(_data(_head(call, number + 2, "chat.completion.chunk") | {"choices": [], **bill}), bills=True)
    yield Frame("data: [DONE]\n\n")


def whole(call: Call) -> dict[str, Any]:
    """Return the body without streaming."""
    said: dict[str, Any] = {"role": "assistant", "content": call.said or None}
    if "no-content" in call.faults or "usage-only" in call.faults:
        said["content"] = ""
    tools = [_tool(call, part) for part in call.parts if part.kind == TOOL]
    if tools:
        said["tool_calls"] = [{name: value for name, value in tool.items() if name != "index"} for tool in tools]
    thoughts = "".join(part.text for part in call.parts if part.kind == THOUGHT)
    if thoughts and call.asked.shows_thoughts:
        said["reasoning_content"] = thoughts
    choice = {"index": 0, "message": said, "finish_reason": _reason(call)}
    return _head(call, 0, "chat.completion") | {"choices": [choice], **call.bill("usage", _usage(call))}


def _part(part: dict[str, Any]) -> tuple[str, str, bool] | None:
    if part["type"] == "text":
        return part["text"], "", False
    return ("", part["image_url"]["url"], False) if part["type"] == "image_url" else None


def _head(call: Call, number: int, kind: str) -> dict[str, Any]:
    return {"id": f"chatcmpl-{call.id[:24]}{number:04x}", "object": kind, "created": call.created, "model": call.model}


def _chunk(call: Call, number: int, choices: list[dict[str, Any]], piece: str = "", kind: str = "") -> Frame:
    return Frame(_data(_head(call, number, "chat.completion.chunk") | {"choices": choices}), piece, kind)


def _delta(delta: dict[str, Any], reason: str | None = None) -> dict[str, Any]:
    return {"index": 0, "delta": delta, "finish_reason": reason}


def _piece(call: Call, part: Part, piece: str) -> dict[str, Any]:
    """Return the delta of one piece; a thought that is not shown has none."""
    if part.kind == TEXT:
        return {"content": piece}
    if part.kind == THOUGHT:
        return {"reasoning_content": piece} if call.asked.shows_thoughts else {}
    return {"tool_calls": [{"index": _index(call, part), "function": {"arguments": piece}}]}


def _tool(call: Call, part: Part) -> dict[str, Any]:
    function = {"name": part.name, "arguments": part.text}
    return {"index": _index(call, part), "id": part.id, "type": "function", "function": function}


def _index(call: Call, part: Part) -> int:
    return [each for each in call.parts if each.kind == TOOL].index(part)


def _reason(call: Call) -> str:
    return "tool_calls" if any(part.kind == TOOL for part in call.parts) else "stop"


def _usage(call: Call) -> dict[str, Any]:
    """Gemini's total counts thoughts that its parts leave out, so it is not their sum (protocol 5.4)."""
    gemini = call.model.startswith("gemini")
    completion = call.reply_tokens if gemini else call.output_tokens
    usage: dict[str, Any] = {"prompt_tokens": call.reported_input_tokens, "completion_tokens": completion}
    usage["total_tokens"] = call.reported_input_tokens + call.output_tokens
    if not gemini:
        usage["completion_tokens_details"] = {"reasoning_tokens": call.thought_tokens}
    return usage


def _data(value: dict[str, Any]) -> str:
    return f"data: {to_json(value)}\n\n"
