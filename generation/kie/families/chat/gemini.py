"""Gemini's own dialect, with the model in the path (protocol 5.1)."""

import json
from collections.abc import Callable
from typing import Any

from generation.kie.families.base import Request
from generation.kie.families.chat import base
from generation.kie.families.chat.base import Ask, Delta, Said, Target, Thought, ToolCall, Unsupported, Usage

_FINISH = {"STOP": base.STOP, "MAX_TOKENS": base.LENGTH}
_PARTS = ({"text"}, {"inline_data"}, {"inlineData"}, {"file_data"}, {"fileData"})
_CALLS = ({"functionCall"}, {"functionResponse"})
_EXTRA = {"thought", "thoughtSignature"}


def request(ask: Ask, target: Target) -> Request:
    """The call for a conversation in normal form.

    The instructions lead the first turn, for KIE documents no other place for them.
    """
    if ask.shape:
        raise Unsupported("response_format", "This model takes no response_format.")
    names = {call["id"]: call["function"]["name"] for turn in ask.turns for call in turn.get("tool_calls") or []}
    contents = _turns([(_role(turn), _parts(turn, names)) for turn in ask.turns])
    if ask.system:
        contents[0]["parts"].insert(0, {"text": ask.system})
    body: dict[str, Any] = {
        "contents": contents,
        "stream": ask.stream,
        "generationConfig": _thinking(ask.effort, target),
    }
    if ask.tools and ask.tool_choice != "none":
        body["tools"] = [{"functionDeclarations": [_tool(tool["function"]) for tool in ask.tools]}]
    return Request("POST", target.endpoint, json=body)


def _thinking(effort: str | None, target: Target) -> dict[str, Any]:
    level = target.effort(effort, "generationConfig", "thinkingConfig", "thinkingLevel")
    return {"thinkingConfig": {"includeThoughts": True, **({"thinkingLevel": level} if level else {})}}


def _role(turn: dict[str, Any]) -> str:
    return "model" if turn["role"] == "assistant" else "user"


def _turns(turns: list[tuple[str, list[dict[str, Any]]]]) -> list[dict[str, Any]]:
    found: list[dict[str, Any]] = []
    for role, parts in turns:
        if found and found[-1]["role"] == role:
            found[-1]["parts"] += parts
        else:
            found.append({"role": role, "parts": parts})
    return found


def _parts(turn: dict[str, Any], names: dict[str, str]) -> list[dict[str, Any]]:
    if turn["role"] == "tool":
        name = names.get(turn["tool_call_id"], turn["tool_call_id"])
        return [{"functionResponse": {"name": name, "response": {"result": base.text_of(turn["content"])}}}]
    calls = [
        {"functionCall": {"name": call["function"]["name"], "args": _arguments(call)}}
        for call in turn.get("tool_calls") or []
    ]
    return [_part(part) for part in base.parts_of(turn["content"])] + calls


def _part(part: dict[str, Any]) -> dict[str, Any]:
    return {"text": part["text"]} if part["type"] == "text" else _picture(part["image_url"]["url"])


def _picture(url: str) -> dict[str, Any]:
    if not url.startswith("data:"):
        return {"file_data": {"mime_type": "image/*", "file_uri": url}}
    content_type, data = base.of_data_url(url)
    return {"inline_data": {"mime_type": content_type, "data": data}}


def _arguments(call: dict[str, Any]) -> dict[str, Any]:
    try:
        arguments = json.loads(call["function"]["arguments"] or "{}")
    except ValueError:
        arguments = None
    if not isinstance(arguments, dict):
        raise Unsupported("messages", f"The arguments of tool call {call['id']!r} are not a JSON object.")
    return arguments


def _tool(function: dict[str, Any]) -> dict[str, Any]:
    schema = function.get("parameters") or {"type": "object", "properties": {}}
    return {"name": function["name"], "description": function.get("description") or "", "parameters": schema}


def native(body: dict[str, Any], target: Target, stream: bool) -> Request:
    """The call for a body of this dialect: what KIE takes of it, checked. Raises Unsupported."""
    contents = body.get("contents")
    if not isinstance(contents, list) or not contents:
        raise Unsupported("contents", "must be a list of contents")
    turns = [_checked(content) for content in contents]
    for tool in base.objects(body.get("tools")):
        if set(tool) != {"functionDeclarations"}:
            raise Unsupported("tools", "Only functionDeclarations are offered.")
    thinking = base.obj(base.obj(body.get("generationConfig")).get("thinkingConfig"))
    level = str(thinking.get("thinkingLevel", "")).lower() or None
    if level is not None and level not in base.EFFORTS:
        raise Unsupported("generationConfig.thinkingConfig.thinkingLevel", "must be low or high")
    config = _thinking(level, target)
    config["thinkingConfig"]["includeThoughts"] = thinking.get("includeThoughts") is True
    instruction = base.obj(body.get("systemInstruction") or body.get("system_instruction"))
    told = [{"text": base.text(part.get("text"))} for part in base.objects(instruction.get("parts"))]
    turns[0]["parts"] = told + turns[0]["parts"]
    sent = {"tools": body["tools"]} if body.get("tools") else {}
    return Request(
        "POST", target.endpoint, json={"contents": turns, "stream": stream, "generationConfig": config, **sent}
    )


def _checked(content: Any) -> dict[str, Any]:
    content = base.obj(content)
    parts = content.get("parts")
    if not isinstance(parts, list) or not all(isinstance(part, dict) for part in parts):
        raise Unsupported("contents", "Every content needs parts.")
    for part in parts:
        kind = set(part) - _EXTRA
        if kind not in (*_PARTS, *_CALLS):
            raise Unsupported("contents", f"Parts with {', '.join(sorted(kind)) or 'nothing'} are not offered.")
        if not kind & {"text", "functionCall", "functionResponse"} and _address(part) is None:
            raise Unsupported("contents", "A picture needs its data or its file_uri.")
    role = content.get("role", "user")
    return {"role": "user" if role == "function" else role, "parts": parts}


def _address(part: dict[str, Any]) -> str | None:
    """The address of the picture that a part is, in either spelling; None when it is none."""
    inline, file = part.get("inline_data") or part.get("inlineData"), part.get("file_data") or part.get("fileData")
    if isinstance(inline, dict) and isinstance(inline.get("data"), str):
        return base.data_url(inline.get("mime_type") or inline.get("mimeType"), inline["data"])
    uri = base.obj(file).get("file_uri") or base.obj(file).get("fileUri")
    return uri if isinstance(uri, str) else None


def pictures(body: dict[str, Any], change: Callable[[str], str | None]) -> dict[str, Any]:
    """A copy of `body` with every picture's address changed; one that becomes None is left out."""
    contents = []
    for content in body["contents"]:
        parts = []
        for part in content["parts"]:
            if (address := _address(part)) is None:
                parts.append(part)
            elif (url := change(address)) is not None:
                parts.append(_picture(url))
        contents.append({**content, "parts": parts})
    return {**body, "contents": contents}


class Reader(base.Reader):
    def __init__(self) -> None:
        self._calls = 0

    def said(self, data: dict[str, Any]) -> list[Said]:
        return self.whole(data)

    def whole(self, body: dict[str, Any]) -> list[Said]:
        """A chunk has the same shape as a whole body, and counts so far (protocol 5.2)."""
        self._count(body.get("usageMetadata"))
        candidate = next(iter(base.objects(body.get("candidates"))), {})
        blocked = base.obj(body.get("promptFeedback")).get("blockReason")
        if reason := candidate.get("finishReason") or blocked:
            self.complete = True
            self.finish_reason = _FINISH.get(str(reason), base.FILTERED)
        found = [self._part(part) for part in base.objects(base.obj(candidate.get("content")).get("parts"))]
        if self._calls and self.finish_reason == base.STOP:
            self.finish_reason = base.TOOL_CALLS
        return [said for said in found if said]

    def _part(self, part: dict[str, Any]) -> Said | None:
        if isinstance(call := part.get("functionCall"), dict):
            self._calls += 1
            arguments = json.dumps(base.obj(call.get("args")), ensure_ascii=False, default=float)
            name, number = base.text(call.get("name")), self._calls - 1
            return ToolCall(number, base.text(call.get("id")) or f"call_{number}_{name}", name, arguments)
        piece = base.text(part.get("text"))
        if not piece:
            return None
        return Thought(piece) if part.get("thought") is True else Delta(piece)

    def _count(self, usage: Any) -> None:
        """The reply's and the thoughts' tokens are counted apart, and both are paid for."""
        if not isinstance(usage, dict):
            return
        names = ("promptTokenCount", "candidatesTokenCount", "thoughtsTokenCount", "cachedContentTokenCount")
        prompt, reply, thoughts, cached = (base.count(usage.get(name)) for name in names)
        self.usage = Usage(prompt, reply + thoughts, cached)
