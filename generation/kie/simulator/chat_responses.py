"""Style 2, OpenAI responses with the model in the body (protocol 5.1-5.3)."""

from collections.abc import Iterator
from typing import Any

from generation.kie.simulator.catalogue import Entry
from generation.kie.simulator.chat_call import TEXT, THOUGHT, TOOL, Asked, Call, Frame, Message, Part, pieces
from generation.kie.simulator.chat_reading import functions, message, text_of, turns
from generation.kie.simulator.envelope import Refusal, to_json

TALK = "input"
ROLES = ("developer", "system", "user", "assistant", "tool")
DELTAS = {TEXT: "response.output_text.delta", TOOL: "response.function_call_arguments.delta"}
DONES = {TEXT: "response.output_text.done", TOOL: "response.function_call_arguments.done"}


def read(body: dict[str, Any], entry: Entry) -> Asked:
    """Understand a request; the input is a text or a list of messages, calls of tools and their answers."""
    given = body[TALK]
    found = [Message("user", given)] if isinstance(given, str) else [_item(item) for item in turns(given, TALK, ROLES)]
    tools = functions(body.get("tools"), lambda tool: tool.get("type") != "function")
    system = [each.text for each in found if each.role in ("system", "developer")]
    return Asked(
        [each for each in found if each.role not in ("system", "developer")] or found,
        "\n".join([str(body.get("instructions") or ""), *system]).strip(),
        {tool["name"]: tool.get("parameters") or {} for tool in tools},
        shape=((body.get("text") or {}).get("format") or {}).get("schema"),
    )


def stream(call: Call) -> Iterator[Frame]:
    """Yield the events; response.completed has usage and cost, and there is no [DONE]."""
    number = -1

    def event(kind: str, values: dict[str, Any], piece: str = "", of: str = "", bills: bool = False) -> Frame:
        nonlocal number
        number += 1
        data = to_json({"type": kind, "sequence_number": number, **values})
        return Frame(f"event: {kind}\ndata: {data}\n\n", piece, of, bills)

    begun = _head(call) | {"status": "in_progress", "output": [], "usage": None}
    yield event("response.created", {"response": begun})
    yield event("response.in_progress", {"response": begun})
    for index, part in enumerate(call.parts):
        place = {"output_index": index, "item_id": _id(call, part)}
        yield event("response.output_item.added", {"output_index": index, "item": _output(call, part, "in_progress")})
        inner = place | ({"content_index": 0} if part.kind == TEXT else {})
        if part.kind == TEXT:
            yield event("response.content_part.added", {**inner, "part": _text("")})
        for piece in pieces(part.text):
            # Thoughts take their time and are counted, but not shown (the documented summary is empty).
            shown = part.kind != THOUGHT
            yield event(DELTAS[part.kind], {**inner, "delta": piece}, piece, part.kind) if shown else _silent(piece)
        if part.kind in DONES:
            name = "text" if part.kind == TEXT else "arguments"
            yield event(DONES[part.kind], {**inner, name: part.text})
        if part.kind == TEXT:
            yield event("response.content_part.done", {**inner, "part": _text(part.text)})
        yield event("response.output_item.done", {"output_index": index, "item": _output(call, part, "completed")})
    yield event("response.completed", {"response": whole(call)}, bills=True)


def whole(call: Call) -> dict[str, Any]:
    """Return the body without streaming."""
    output = [_output(call, part, "completed") for part in call.parts]
    return _head(call) | {"status": "completed", "output": output, **call.bill("usage", _usage(call))}


def _item(item: dict[str, Any]) -> Message:
    kind = item.get("type", "message")
    if kind == "function_call_output":
        return Message("tool", text_of(item.get("output")), result=True)
    if kind == "function_call":
        return Message("assistant", f"{item.get('name')}({item.get('arguments')})")
    if kind == "reasoning":
        return Message("assistant", "")
    if kind != "message" or "role" not in item:
        raise Refusal(422, f"input: {kind} without a role is not supported")
    return message(item["role"], item.get("content"), _part)


def _part(part: dict[str, Any]) -> tuple[str, str, bool] | None:
    kind = part["type"]
    if kind in ("input_text", "output_text"):
        return part["text"], "", False
    if kind == "refusal":
        return part["refusal"], "", False
    field = {"input_image": "image_url", "input_file": "file_url"}.get(kind)
    return ("", str(part.get(field) or part["file_data"]), False) if field else None


def _silent(piece: str) -> Frame:
    return Frame("", piece, THOUGHT)


def _head(call: Call) -> dict[str, Any]:
    return {"id": f"resp_{call.id}", "object": "response", "created_at": call.created, "model": call.model}


def _id(call: Call, part: Part) -> str:
    return {THOUGHT: "rs_", TEXT: "msg_", TOOL: "fc_"}[part.kind] + (part.id.removeprefix("call_") or call.id)


def _text(text: str) -> dict[str, Any]:
    return {"type": "output_text", "text": text, "annotations": []}


def _output(call: Call, part: Part, status: str) -> dict[str, Any]:
    """Return an item of the output, empty while it is in progress."""
    text = part.text if status == "completed" else ""
    if part.kind == THOUGHT:
        return {"type": "reasoning", "id": _id(call, part), "summary": []}
    if part.kind == TEXT:
        content = [_text(text)] if text else []
        item = {"type": "message", "role": "assistant", "id": _id(call, part), "content": content}
    else:
        item = {"type": "function_call", "id": _id(call, part), "call_id": part.id, "name": part.name}
        item["arguments"] = text
    return item | {"status": status}


def _usage(call: Call) -> dict[str, Any]:
    return {
        "input_tokens": call.reported_input_tokens,
        "output_tokens": call.output_tokens,
        "output_tokens_details": {"reasoning_tokens": call.thought_tokens},
        "total_tokens": call.reported_input_tokens + call.output_tokens,
    }
