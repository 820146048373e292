"""Style 4, Gemini native with the model in the path (protocol 5.1-5.3)."""

import json
from collections.abc import Iterator
from typing import Any

from generation.kie.simulator.catalogue import Entry
from generation.kie.simulator.chat_call import TEXT, THOUGHT, TOOL, Asked, Call, Frame, Part, pieces
from generation.kie.simulator.chat_reading import functions, message, turns
from generation.kie.simulator.envelope import to_json

TALK = "contents"
ROLES = ("user", "model", "function")


def read(body: dict[str, Any], entry: Entry) -> Asked:
    """Understand a request; its roles are user and model."""
    thinking = (body.get("generationConfig") or {}).get("thinkingConfig") or {}
    tools = functions(body.get("tools"), lambda tool: "functionDeclarations" not in tool)
    system = body.get("systemInstruction") or body.get("system_instruction") or {}
    return Asked(
        [message(turn.get("role", "user"), turn.get("parts"), _part) for turn in turns(body[TALK], TALK, ROLES)],
        message("system", system.get("parts"), _part).text,
        {each["name"]: each.get("parameters") or {} for tool in tools for each in tool["functionDeclarations"]},
        shows_thoughts=bool(thinking.get("includeThoughts")),
    )


def stream(call: Call) -> Iterator[Frame]:
    """Yield chunks of candidates; the last one has finishReason, usage and cost."""
    for part in call.parts:
        if part.kind == TOOL:
            # A call comes in one piece here, so it is counted before.
            yield from (Frame("", piece, TOOL) for piece in pieces(part.text))
            yield Frame(_data(_body(call, [_content(part, part.text)])))
            continue
        for piece in pieces(part.text):
            shown = part.kind == TEXT or call.asked.shows_thoughts
            yield Frame(_data(_body(call, [_content(part, piece)])) if shown else "", piece, part.kind)
    yield Frame(_data(_body(call, [], "STOP") | call.bill("usageMetadata", _usage(call))), bills=True)


def whole(call: Call) -> dict[str, Any]:
    """Return the body without streaming."""
    shown = [part for part in call.parts if part.kind != THOUGHT or call.asked.shows_thoughts]
    contents = [_content(part, part.text) for part in shown]
    return _body(call, contents, "STOP") | call.bill("usageMetadata", _usage(call))


def _part(part: dict[str, Any]) -> tuple[str, str, bool] | None:
    if "text" in part:
        return part["text"], "", False
    inline = part.get("inline_data") or part.get("inlineData")
    if inline:
        return "", f"data:{inline.get('mime_type') or inline['mimeType']};base64,{inline['data']}", False
    by_address = part.get("file_data") or part.get("fileData")
    if by_address:
        return "", by_address.get("file_uri") or by_address["fileUri"], False
    if "functionResponse" in part:
        return to_json(part["functionResponse"]["response"]), "", True
    return (to_json(part["functionCall"]), "", False) if "functionCall" in part else None


def _body(call: Call, parts: list[dict[str, Any]], reason: str = "") -> dict[str, Any]:
    candidate: dict[str, Any] = {"content": {"role": "model", "parts": parts}, "index": 0}
    if reason:
        candidate["finishReason"] = reason
    return {"candidates": [candidate], "modelVersion": call.model, "responseId": call.id}


def _content(part: Part, text: str) -> dict[str, Any]:
    if part.kind == TOOL:
        return {"functionCall": {"name": part.name, "args": json.loads(text)}}
    return {"text": text} | ({"thought": True} if part.kind == THOUGHT else {})


def _usage(call: Call) -> dict[str, Any]:
    """The total counts thoughts, which the candidates do not."""
    return {
        "promptTokenCount": call.reported_input_tokens,
        "candidatesTokenCount": call.reply_tokens,
        "thoughtsTokenCount": call.thought_tokens,
        "totalTokenCount": call.reported_input_tokens + call.output_tokens,
    }


def _data(value: dict[str, Any]) -> str:
    return f"data: {to_json(value)}\n\n"
