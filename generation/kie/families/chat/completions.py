"""Chat completions, with the model in the path (protocol 5.1)."""

from collections.abc import Callable
from typing import Any

from generation.kie.families.base import Request
from generation.kie.families.chat import base
from generation.kie.families.chat.base import Ask, Delta, Said, Target, Thought, ToolCall, Unsupported, Usage

_FINISH = {"length": base.LENGTH, "tool_calls": base.TOOL_CALLS, "content_filter": base.FILTERED}


def request(ask: Ask, target: Target) -> Request:
    """The call for a conversation in normal form, which is nearly this dialect's own."""
    body: dict[str, Any] = {"messages": [_message(turn) for turn in ask.messages], "stream": ask.stream}
    if target.field("include_thoughts"):
        body["include_thoughts"] = True
    if effort := target.effort(ask.effort, "reasoning_effort"):
        body["reasoning_effort"] = effort
    if ask.tools:
        if not target.field("tools"):
            raise Unsupported("tools", "This model takes no tools.")
        body["tools"] = ask.tools
        if ask.tool_choice is not None:
            body["tool_choice"] = ask.tool_choice
    if ask.shape:
        if not target.field("response_format"):
            raise Unsupported("response_format", "This model takes no response_format.")
        body["response_format"] = {"type": "json_schema", "json_schema": ask.shape}
    return Request("POST", target.endpoint, json=body)


def _message(turn: dict[str, Any]) -> dict[str, Any]:
    """Texts are sent as parts, the one form that every page of KIE's shows."""
    if turn["role"] == "tool":
        return turn
    content = base.parts_of(turn["content"])
    # A turn that only calls tools has no content to show.
    return {**turn, "content": content or (None if turn.get("tool_calls") else [{"type": "text", "text": ""}])}


def pictures(body: dict[str, Any], change: Callable[[str], str | None]) -> dict[str, Any]:
    """A copy of `body` with every picture's address changed; one that becomes None is left out."""
    return {**body, "messages": [_pictured(turn, change) for turn in body["messages"]]}


def _pictured(turn: dict[str, Any], change: Callable[[str], str | None]) -> dict[str, Any]:
    if not isinstance(turn.get("content"), list):
        return turn
    parts: list[dict[str, Any]] = []
    for part in turn["content"]:
        if part.get("type") != "image_url":
            parts.append(part)
        elif (url := change(part["image_url"]["url"])) is not None:
            parts.append({"type": "image_url", "image_url": {"url": url}})
    return {**turn, "content": parts}


class Reader(base.Reader):
    def said(self, data: dict[str, Any]) -> list[Said]:
        """A chunk; its id differs from chunk to chunk and means nothing (protocol 5.3)."""
        self._count(data)
        choice = next(iter(base.objects(data.get("choices"))), {})
        self._finish(choice)
        return _read(base.obj(choice.get("delta")))

    def whole(self, body: dict[str, Any]) -> list[Said]:
        self._count(body)
        choice = next(iter(base.objects(body.get("choices"))), {})
        self._finish(choice)
        return _read(base.obj(choice.get("message")))

    def _finish(self, choice: dict[str, Any]) -> None:
        if reason := choice.get("finish_reason"):
            self.finish_reason = _FINISH.get(str(reason), base.STOP)
            self.complete = True

    def _count(self, body: dict[str, Any]) -> None:
        """Gemini's total counts thoughts that its parts leave out, so the output is the rest of it (5.4)."""
        usage = body.get("usage")
        if not isinstance(usage, dict):
            return
        tokens_in, tokens_out = base.count(usage.get("prompt_tokens")), base.count(usage.get("completion_tokens"))
        tokens_out = max(tokens_out, base.count(usage.get("total_tokens")) - tokens_in)
        cached = base.count(base.obj(usage.get("prompt_tokens_details")).get("cached_tokens"))
        self.usage = Usage(tokens_in, tokens_out, cached)


def _read(message: dict[str, Any]) -> list[Said]:
    found: list[Said] = []
    if thought := base.text(message.get("reasoning_content")):
        found.append(Thought(thought))
    content = message.get("content")
    texts = [content] if isinstance(content, str) else base.texts(content)
    found += [Delta(piece) for piece in texts if piece]
    for place, call in enumerate(base.objects(message.get("tool_calls"))):
        function, index = base.obj(call.get("function")), call.get("index", place)
        arguments = base.text(function.get("arguments"))
        found.append(ToolCall(base.count(index), base.text(call.get("id")), base.text(function.get("name")), arguments))
    return found
