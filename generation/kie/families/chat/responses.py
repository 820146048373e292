"""OpenAI's responses, with the model in the body: Codex, GPT, Grok and others (protocol 5.1)."""

from collections.abc import Callable
from typing import Any

from generation.kie.families.base import Request
from generation.kie.families.chat import base
from generation.kie.families.chat.base import Ask, Delta, Said, Target, Thought, ToolCall, Unsupported, Usage

# Without instructions the gateway adds some 40 KB of its own, which the customer would pay for (protocol 5.4).
INSTRUCTIONS = "You are a helpful assistant."
_NATIVE = ("reasoning", "tools", "tool_choice", "text")
_ITEMS = ("message", "function_call", "function_call_output")
_PARTS = ("input_text", "output_text", "input_image", "refusal")


def request(ask: Ask, target: Target) -> Request:
    """The call for a conversation in normal form."""
    body: dict[str, Any] = {
        "model": target.model,
        "input": [item for turn in ask.turns for item in _items(turn)],
        "instructions": ask.system or INSTRUCTIONS,
        "stream": ask.stream,
    }
    if effort := target.effort(ask.effort, "reasoning", "effort"):
        body["reasoning"] = {"effort": effort}
    if ask.tools:
        body["tools"] = [_tool(tool["function"]) for tool in ask.tools]
        if ask.tool_choice is not None and target.field("tool_choice"):
            body["tool_choice"] = _choice(ask.tool_choice)
    if ask.shape:
        if not target.field("text"):
            raise Unsupported("response_format", "This model takes no response_format.")
        body["text"] = {"format": {"type": "json_schema", **ask.shape}}
    return Request("POST", target.endpoint, json=body)


def _items(turn: dict[str, Any]) -> list[dict[str, Any]]:
    if turn["role"] == "tool":
        answer = {"call_id": turn["tool_call_id"], "output": base.text_of(turn["content"])}
        return [{"type": "function_call_output", **answer}]
    said = "output_text" if turn["role"] == "assistant" else "input_text"
    content = [_part(part, said) for part in base.parts_of(turn["content"])]
    calls = [
        {"type": "function_call", "call_id": call["id"], **call["function"]} for call in turn.get("tool_calls") or []
    ]
    return [*([{"role": turn["role"], "content": content}] if content else []), *calls]


def _part(part: dict[str, Any], said: str) -> dict[str, Any]:
    if part["type"] == "text":
        return {"type": said, "text": part["text"]}
    return {"type": "input_image", "image_url": part["image_url"]["url"]}


def _tool(function: dict[str, Any]) -> dict[str, Any]:
    parameters = function.get("parameters") or {"type": "object", "properties": {}}
    given = {"name": function["name"], "description": function.get("description") or "", "parameters": parameters}
    return {"type": "function", **given}


def _choice(choice: str | dict[str, Any]) -> str | dict[str, Any]:
    return choice if isinstance(choice, str) else {"type": "function", "name": choice["function"]["name"]}


def native(body: dict[str, Any], target: Target, stream: bool) -> Request:
    """The call for a body of this dialect: what KIE documents of it, checked. Raises Unsupported."""
    items = body.get("input")
    if isinstance(items, str):
        items = [{"role": "user", "content": items}]
    if not isinstance(items, list) or not items:
        raise Unsupported("input", "must be a text or a list of items")
    sent = {name: body[name] for name in _NATIVE if body.get(name) is not None and target.field(name)}
    for tool in base.objects(sent.get("tools")):
        if tool.get("type") != "function" or not isinstance(tool.get("name"), str):
            raise Unsupported("tools", f"Tools of type {tool.get('type')!r} are not offered, only functions.")
    if effort := target.effort(_effort(sent.get("reasoning")), "reasoning", "effort"):
        sent["reasoning"] = {"effort": effort}
    instructions = body.get("instructions")
    told = instructions if isinstance(instructions, str) and instructions.strip() else INSTRUCTIONS
    checked = [_checked(item) for item in items]
    return Request(
        "POST",
        target.endpoint,
        json={"model": target.model, "input": checked, "instructions": told, "stream": stream, **sent},
    )


def _effort(reasoning: Any) -> str | None:
    effort = base.obj(reasoning).get("effort")
    if effort is not None and effort not in base.EFFORTS:
        raise Unsupported("reasoning.effort", f"must be one of {', '.join(base.EFFORTS)}")
    return effort


def _checked(item: Any) -> dict[str, Any]:
    kind = base.obj(item).get("type", "message")
    if kind not in _ITEMS:
        raise Unsupported("input", f"Items of type {kind!r} are not offered.")
    if kind != "message":
        return item
    content = item.get("content")
    if isinstance(content, str):
        said = "output_text" if item.get("role") == "assistant" else "input_text"
        content = [{"type": said, "text": content}]
    if not isinstance(content, list) or not all(isinstance(part, dict) for part in content):
        raise Unsupported("input", "content must be a text or a list of parts")
    for part in content:
        if part.get("type") not in _PARTS:
            raise Unsupported("input", f"Parts of type {part.get('type')!r} are not offered.")
        if part["type"] == "input_image" and not isinstance(part.get("image_url"), str):
            raise Unsupported("input", "An input_image needs an image_url.")
    return {"role": item.get("role"), "content": content}


def pictures(body: dict[str, Any], change: Callable[[str], str | None]) -> dict[str, Any]:
    """A copy of `body` with every picture's address changed; one that becomes None is left out."""
    return {**body, "input": [_pictured(item, change) for item in body["input"]]}


def _pictured(item: dict[str, Any], change: Callable[[str], str | None]) -> dict[str, Any]:
    if not isinstance(item.get("content"), list):
        return item
    parts: list[dict[str, Any]] = []
    for part in item["content"]:
        if part.get("type") != "input_image":
            parts.append(part)
        elif (url := change(part["image_url"])) is not None:
            parts.append({"type": "input_image", "image_url": url})
    return {**item, "content": parts}


class Reader(base.Reader):
    def __init__(self) -> None:
        self._calls: list[str] = []
        self._spoke = False

    def said(self, data: dict[str, Any]) -> list[Said]:
        kind, piece = data.get("type"), base.text(data.get("delta"))
        if kind in ("response.output_text.delta", "response.refusal.delta"):
            self._spoke = True
            return [Delta(piece)] if piece else []
        if kind in ("response.reasoning_summary_text.delta", "response.reasoning_text.delta"):
            return [Thought(piece)] if piece else []
        if kind == "response.output_item.added" and base.obj(data.get("item")).get("type") == "function_call":
            return [self._call(data["item"])]
        if kind == "response.function_call_arguments.delta":
            place = str(data.get("item_id"))
            return [ToolCall(self._calls.index(place), arguments=piece)] if place in self._calls else []
        if kind in ("response.completed", "response.incomplete"):
            spoke = self._spoke or bool(self._calls)
            found = self.whole(base.obj(data.get("response")))
            self.complete = True
            # Everything was said already, unless the gateway only sent the end.
            return [] if spoke else found
        return []

    def whole(self, body: dict[str, Any]) -> list[Said]:
        self._count(base.obj(body.get("usage")))
        found: list[Said] = []
        for item in base.objects(body.get("output")):
            if item.get("type") == "function_call":
                found.append(self._call(item, base.text(item.get("arguments"))))
            elif item.get("type") == "reasoning":
                found += [Thought(piece) for piece in base.texts(item.get("summary"))]
            else:
                found += [Delta(piece) for piece in base.texts(item.get("content"))]
        why = base.obj(body.get("incomplete_details")).get("reason")
        if body.get("status") == "incomplete":
            self.finish_reason = base.FILTERED if why == "content_filter" else base.LENGTH
        else:
            self.finish_reason = base.TOOL_CALLS if self._calls else base.STOP
        return found

    def _call(self, item: dict[str, Any], arguments: str = "") -> ToolCall:
        place = str(item.get("id"))
        if place not in self._calls:
            self._calls.append(place)
        return ToolCall(
            self._calls.index(place), base.text(item.get("call_id")), base.text(item.get("name")), arguments
        )

    def _count(self, usage: dict[str, Any]) -> None:
        if usage:
            cached = base.count(base.obj(usage.get("input_tokens_details")).get("cached_tokens"))
            tokens_in, tokens_out = base.count(usage.get("input_tokens")), base.count(usage.get("output_tokens"))
            self.usage = Usage(tokens_in, tokens_out, cached)
