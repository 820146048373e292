"""OpenAI's API: chat completions of every chat model, and the list of them."""

import time
from collections.abc import AsyncIterator
from datetime import datetime
from typing import Any

from django.http import HttpRequest, HttpResponseBase, JsonResponse

from accounts.errors import Refused
from billing.amounts import format_credits
from chat import calls, edge, threads
from chat.calls import Call, Delta, Ended, Piece, Thought, ToolCall
from chat.edge import Caller
from generation import catalog, offers
from generation.kie.families.chat import normal
from generation.kie.families.chat.base import Said, Unsupported

_KINDS = {401: "authentication_error", 402: "insufficient_quota", 429: "rate_limit_error"}


def shape(refused: Refused) -> dict[str, Any]:
    """An error as OpenAI tells it."""
    kind = _KINDS.get(refused.status) or ("invalid_request_error" if refused.status < 500 else "api_error")
    error = {"message": refused.message, "type": kind, "param": refused.data.get("field"), "code": refused.code}
    known = {name: refused.data[name] for name in ("needed", "available", "frees_at") if name in refused.data}
    return {"error": {**error, **known}}


# Models


@edge.endpoint("GET", shape)
async def models(request: HttpRequest, caller: Caller) -> HttpResponseBase:
    """Every chat model that is on."""
    rows = [_row(entry) for entry in await threads.database(_offered)]
    ends = {"first_id": rows[0]["id"] if rows else None, "last_id": rows[-1]["id"] if rows else None}
    return JsonResponse({"object": "list", "data": rows, "has_more": False, **ends})


@edge.endpoint("GET", shape)
async def model(request: HttpRequest, caller: Caller, model: str) -> HttpResponseBase:
    """One chat model that is on."""
    found = [entry for entry in await threads.database(_offered) if entry.id == model]
    if not found:
        raise Refused("model_not_found", f"There is no chat model {model!r}.", status=404, field="model")
    return JsonResponse(_row(found[0]))


def _offered() -> list[catalog.Entry]:
    enabled = offers.enabled()
    return [entry for entry in catalog.all() if entry.chat and enabled[entry.id]]


def _row(entry: catalog.Entry) -> dict[str, Any]:
    """A model as OpenAI lists it, with what Anthropic's clients look for."""
    since = datetime.fromisoformat(f"{entry.as_of}T00:00:00+00:00")
    openai = {"id": entry.id, "object": "model", "created": int(since.timestamp()), "owned_by": entry.vendor.lower()}
    return openai | {"type": "model", "display_name": entry.title, "created_at": since.isoformat()}


# Completions


@edge.endpoint("POST", shape)
async def completions(request: HttpRequest, caller: Caller) -> HttpResponseBase:
    """`POST /v1/chat/completions`. `credits_charged` tells what it cost, in credits."""
    body = await edge.read(request)
    name = body.get("model")
    if not isinstance(name, str):
        raise Refused("invalid_request", "model: must name a model", status=400, field="model")
    try:
        ask = normal.ask(body)
    except Unsupported as error:
        raise Refused("invalid_request", f"{error.field}: {error.message}", status=400, field=error.field) from None
    call = await calls.open(caller.user, name, lambda style, target: style.request(ask, target), api_key=caller.key)
    items = await edge.begun(call)
    if not ask.stream:
        return await _whole(call, items)
    options = body.get("stream_options")
    usage = isinstance(options, dict) and options.get("include_usage") is True
    return edge.stream(call, _chunks(call, items, usage))


def _head(call: Call, kind: str, created: int) -> dict[str, Any]:
    return {"id": f"chatcmpl-{call.generation_id}", "object": kind, "created": created, "model": call.entry.id}


def _usage(ended: Ended) -> dict[str, Any]:
    counts = {"prompt_tokens": ended.input_tokens, "completion_tokens": ended.output_tokens}
    return counts | {"total_tokens": ended.input_tokens + ended.output_tokens}


async def _whole(call: Call, items: AsyncIterator[Piece | Ended]) -> HttpResponseBase:
    said: list[Said] = []
    ended: Ended | None = None
    async for item in items:
        if isinstance(item, Ended):
            ended = item
        else:
            said += item.said
    assert ended is not None, "a call ends with how it ended"
    if ended.error_code:
        raise edge.error_of(ended)
    choice = {"index": 0, "message": _message(said), "logprobs": None, "finish_reason": ended.finish_reason}
    body = _head(call, "chat.completion", int(time.time())) | {"choices": [choice], "usage": _usage(ended)}
    return edge.whole(call, body | {"credits_charged": format_credits(ended.charged_millicredits)})


def _message(said: list[Said]) -> dict[str, Any]:
    text = "".join(piece.text for piece in said if isinstance(piece, Delta))
    thought = "".join(piece.text for piece in said if isinstance(piece, Thought))
    tools = _tool_calls(piece for piece in said if isinstance(piece, ToolCall))
    message: dict[str, Any] = {"role": "assistant", "content": text or (None if tools else ""), "refusal": None}
    if thought:
        message["reasoning_content"] = thought
    return message | ({"tool_calls": tools} if tools else {})


def _tool_calls(pieces: Any) -> list[dict[str, Any]]:
    found: dict[int, dict[str, Any]] = {}
    for piece in pieces:
        function = {"name": "", "arguments": ""}
        call = found.setdefault(piece.index, {"id": "", "type": "function", "function": function})
        call["id"] = call["id"] or piece.id
        call["function"]["name"] = call["function"]["name"] or piece.name
        call["function"]["arguments"] += piece.arguments
    return [found[index] for index in sorted(found)]


async def _chunks(call: Call, items: AsyncIterator[Piece | Ended], usage: bool) -> AsyncIterator[bytes]:
    head, role = _head(call, "chat.completion.chunk", int(time.time())), {"role": "assistant"}
    async for item in items:
        if isinstance(item, Ended):
            for chunk in _ending(head, role, item, usage):
                yield chunk
            return
        chunks = []
        for said in item.said:
            choice = {"index": 0, "delta": role | _delta(said), "finish_reason": None}
            chunks.append(edge.data(head | {"choices": [choice]}))
            role = {}
        if chunks:
            yield b"".join(chunks)


def _delta(said: Said) -> dict[str, Any]:
    if isinstance(said, Delta):
        return {"content": said.text}
    if isinstance(said, Thought):
        return {"reasoning_content": said.text}
    call: dict[str, Any] = {"index": said.index, "function": {"arguments": said.arguments}}
    if said.id or said.name:
        call |= {"id": said.id, "type": "function"}
        call["function"]["name"] = said.name
    return {"tool_calls": [call]}


def _ending(head: dict[str, Any], role: dict[str, Any], ended: Ended, usage: bool) -> list[bytes]:
    """The last chunks: why the reply ended and what it cost, or what went wrong."""
    cost = {"credits_charged": format_credits(ended.charged_millicredits)}
    if ended.error_code:
        return [edge.data(shape(edge.error_of(ended)) | cost)]
    choice = {"index": 0, "delta": role, "finish_reason": ended.finish_reason}
    chunks = [edge.data(head | {"choices": [choice], **cost})]
    if usage:
        chunks.append(edge.data(head | {"choices": [], "usage": _usage(ended), **cost}))
    return [*chunks, b"data: [DONE]\n\n"]
