"""Claude's messages, with KIE's own `thinkingFlag` (protocol 5.1)."""

import json
from collections.abc import Callable
from typing import Any

from generation.kie.families.base import Request
from generation.kie.families.chat import base
from generation.kie.families.chat.base import Ask, Delta, Said, Target, Thought, ToolCall, Unsupported, Usage

_FINISH = {"max_tokens": base.LENGTH, "tool_use": base.TOOL_CALLS, "refusal": base.FILTERED}
_BLOCKS = ("text", "image", "tool_use", "tool_result", "thinking", "redacted_thinking")
# `system` and `tool_choice` are not on KIE's page, but its users send them, and without them a request is another one.
_NATIVE = ("system", "tools", "tool_choice", "output_config")


def request(ask: Ask, target: Target) -> Request:
    """The call for a conversation in normal form."""
    if ask.tools and not target.field("tools"):
        raise Unsupported("tools", "This model takes no tools.")
    thinks = ask.effort not in (None, "none", "minimal") and not ask.tools
    body = _head(target, ask.max_tokens, ask.stream) | {"messages": _turns(ask), "thinkingFlag": thinks}
    if ask.system:
        body["system"] = ask.system
    if ask.tools and ask.tool_choice != "none":
        body["tools"] = [_tool(tool["function"]) for tool in ask.tools]
        if ask.tool_choice not in (None, "auto"):
            body["tool_choice"] = _choice(ask.tool_choice)
    if ask.shape:
        if not target.field("output_config"):
            raise Unsupported("response_format", "This model takes no response_format.")
        body["output_config"] = {"format": {"type": "json_schema", "schema": ask.shape.get("schema") or {}}}
    return Request("POST", target.endpoint, json=body)


def _head(target: Target, max_tokens: int | None, stream: bool) -> dict[str, Any]:
    """What always is said: the longest reply moves the price (R-UP2)."""
    limit = target.field("max_tokens") or {}
    chosen = min(max_tokens or limit["default"], limit["maximum"])
    return {"model": target.model, "max_tokens": chosen, "stream": stream}


def _turns(ask: Ask) -> list[dict[str, Any]]:
    """Turns of users and assistants by turns, as Claude wants them: neighbours of one role are one turn."""
    turns: list[dict[str, Any]] = []
    for turn in ask.turns:
        role = "assistant" if turn["role"] == "assistant" else "user"
        blocks = _blocks(turn)
        if turns and turns[-1]["role"] == role:
            turns[-1]["content"] += blocks
        elif blocks:
            turns.append({"role": role, "content": blocks})
    return turns


def _blocks(turn: dict[str, Any]) -> list[dict[str, Any]]:
    if turn["role"] == "tool":
        answer = {"tool_use_id": turn["tool_call_id"], "content": base.text_of(turn["content"])}
        return [{"type": "tool_result", **answer}]
    calls = [
        {"type": "tool_use", "id": call["id"], "name": call["function"]["name"], "input": _arguments(call)}
        for call in turn.get("tool_calls") or []
    ]
    return [_block(part) for part in base.parts_of(turn["content"])] + calls


def _block(part: dict[str, Any]) -> dict[str, Any]:
    if part["type"] == "text":
        return {"type": "text", "text": part["text"]}
    return {"type": "image", "source": _source(part["image_url"]["url"])}


def _source(url: str) -> dict[str, Any]:
    if not url.startswith("data:"):
        return {"type": "url", "url": url}
    content_type, data = base.of_data_url(url)
    return {"type": "base64", "media_type": content_type, "data": data}


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
    return {"name": function["name"], "description": function.get("description") or "", "input_schema": schema}


def _choice(choice: Any) -> dict[str, Any]:
    return {"type": "any"} if choice == "required" else {"type": "tool", "name": choice["function"]["name"]}


def native(body: dict[str, Any], target: Target, stream: bool) -> Request:
    """The call for a body of this dialect: what KIE takes of it, checked. Raises Unsupported."""
    turns = body.get("messages")
    if not isinstance(turns, list) or not turns:
        raise Unsupported("messages", "must be a list of messages")
    limit = body.get("max_tokens")
    if isinstance(limit, bool) or not isinstance(limit, int) or limit < 1:
        raise Unsupported("max_tokens", "must be a whole number of at least 1")
    for turn in turns:
        if not isinstance(turn, dict) or turn.get("role") not in ("user", "assistant"):
            raise Unsupported("messages", "Every message needs the role user or assistant.")
        _check_blocks(turn.get("content"))
    for tool in base.objects(body.get("tools")):
        if tool.get("type", "custom") != "custom":
            raise Unsupported("tools", f"Tools of type {tool['type']!r} are not offered, only functions.")
    if body.get("tools") and not target.field("tools"):
        raise Unsupported("tools", "This model takes no tools.")
    if body.get("mcp_servers"):
        raise Unsupported("mcp_servers", "MCP servers are not offered.")
    sent = {name: body[name] for name in _NATIVE if body.get(name) is not None}
    thinks = base.obj(body.get("thinking")).get("type") in ("enabled", "adaptive") or body.get("thinkingFlag") is True
    head = _head(target, limit, stream)
    return Request("POST", target.endpoint, json={**head, "messages": turns, "thinkingFlag": thinks, **sent})


def _check_blocks(content: Any) -> None:
    if isinstance(content, str):
        return
    if not isinstance(content, list) or not all(isinstance(block, dict) for block in content):
        raise Unsupported("messages", "content must be a text or a list of blocks")
    for block in content:
        if block.get("type") not in _BLOCKS:
            raise Unsupported("messages", f"Blocks of type {block.get('type')!r} are not offered.")
        if block["type"] == "image" and _address(block.get("source")) is None:
            raise Unsupported("messages", "An image needs a source of type base64 or url.")
        if block["type"] == "tool_result" and block.get("content") is not None:
            _check_blocks(block["content"])


def _address(source: Any) -> str | None:
    source = base.obj(source)
    if source.get("type") == "base64" and isinstance(source.get("data"), str):
        return base.data_url(source.get("media_type"), source["data"])
    return source["url"] if source.get("type") == "url" and isinstance(source.get("url"), str) else None


def pictures(body: dict[str, Any], change: Callable[[str], str | None]) -> dict[str, Any]:
    """A copy of `body` with every picture's address changed; one that becomes None is left out."""
    turns = [{**turn, "content": _pictured(turn["content"], change)} for turn in body["messages"]]
    return {**body, "messages": turns}


def _pictured(content: Any, change: Callable[[str], str | None]) -> Any:
    if not isinstance(content, list):
        return content
    blocks: list[dict[str, Any]] = []
    for block in content:
        if block["type"] == "image":
            if (url := change(str(_address(block["source"])))) is not None:
                blocks.append({**block, "source": _source(url)})
        elif block["type"] == "tool_result":
            blocks.append({**block, "content": _pictured(block.get("content"), change)})
        else:
            blocks.append(block)
    return blocks


class Reader(base.Reader):
    def __init__(self) -> None:
        self._usage: dict[str, Any] = {}
        # Which of the reply's blocks call tools: theirs are numbered apart.
        self._calls: list[Any] = []

    def said(self, data: dict[str, Any]) -> list[Said]:
        kind, delta = data.get("type"), base.obj(data.get("delta"))
        if kind == "message_start":
            self._count(base.obj(data.get("message")).get("usage"))
        elif kind == "content_block_start":
            return self._block(base.obj(data.get("content_block")), data.get("index"), streamed=True)
        elif kind == "content_block_delta":
            return self._piece(delta, data.get("index"))
        elif kind == "message_delta":
            self._count(data.get("usage"))
            self._finish(delta.get("stop_reason"))
        elif kind == "message_stop":
            self.complete = True
        return []

    def whole(self, body: dict[str, Any]) -> list[Said]:
        self._count(body.get("usage"))
        self._finish(body.get("stop_reason"))
        blocks = base.objects(body.get("content"))
        return [said for index, block in enumerate(blocks) for said in self._block(block, index, streamed=False)]

    def _block(self, block: dict[str, Any], index: Any, *, streamed: bool) -> list[Said]:
        if block.get("type") == "tool_use":
            self._calls.append(index)
            arguments = "" if streamed else json.dumps(base.obj(block.get("input")), ensure_ascii=False, default=float)
            name = base.text(block.get("name"))
            return [ToolCall(len(self._calls) - 1, base.text(block.get("id")), name, arguments)]
        thought, piece = base.text(block.get("thinking")), base.text(block.get("text"))
        return [Thought(thought)] if thought else [Delta(piece)] if piece else []

    def _piece(self, delta: dict[str, Any], index: Any) -> list[Said]:
        kind = delta.get("type")
        if kind == "input_json_delta" and index in self._calls:
            return [ToolCall(self._calls.index(index), arguments=base.text(delta.get("partial_json")))]
        if kind == "thinking_delta" and (thought := base.text(delta.get("thinking"))):
            return [Thought(thought)]
        return [Delta(piece)] if kind == "text_delta" and (piece := base.text(delta.get("text"))) else []

    def _finish(self, reason: Any) -> None:
        if reason:
            self.finish_reason = _FINISH.get(str(reason), base.STOP)

    def _count(self, usage: Any) -> None:
        """Counts are cumulative, and those of the start hold where the end has none; tokens of caches come on top."""
        if not isinstance(usage, dict):
            return
        self._usage |= {name: value for name, value in usage.items() if value is not None}
        names = ("input_tokens", "output_tokens", "cache_read_input_tokens", "cache_creation_input_tokens")
        fresh, output, cached, written = (base.count(self._usage.get(name)) for name in names)
        self.usage = Usage(fresh + cached + written, output, cached, written)
