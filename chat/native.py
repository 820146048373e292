"""The dialects of the models themselves: Anthropic's messages, OpenAI's responses, Gemini.

KIE's own events and bodies pass through, without what they say of its prices; ours are added.
"""

from collections.abc import AsyncIterator
from types import ModuleType
from typing import Any

from django.http import HttpRequest, HttpResponseBase

from accounts.errors import Refused
from billing.amounts import format_credits
from chat import api, calls, edge
from chat.calls import Call, Ended, Piece
from chat.edge import Caller, Shape
from generation import catalog
from generation.kie.families import chat as families

_ANTHROPIC = {
    401: "authentication_error",
    402: "billing_error",
    404: "not_found_error",
    413: "request_too_large",
    429: "rate_limit_error",
    503: "overloaded_error",
}
_GOOGLE = {400: "INVALID_ARGUMENT", 401: "UNAUTHENTICATED", 404: "NOT_FOUND", 429: "RESOURCE_EXHAUSTED"}
# The event that tells the end, which waits for the settlement; Gemini has none.
_LAST = ("message_stop", "response.completed", "response.incomplete")


def anthropic(refused: Refused) -> dict[str, Any]:
    """An error as Anthropic tells it."""
    kind = _ANTHROPIC.get(refused.status) or ("invalid_request_error" if refused.status < 500 else "api_error")
    return {"type": "error", "error": {"type": kind, "message": refused.message, "code": refused.code}}


def google(refused: Refused) -> dict[str, Any]:
    """An error as Google tells it."""
    status = _GOOGLE.get(refused.status) or ("FAILED_PRECONDITION" if refused.status < 500 else "UNAVAILABLE")
    return {"error": {"code": refused.status, "message": refused.message, "status": status}}


@edge.endpoint("POST", anthropic)
async def messages(request: HttpRequest, caller: Caller) -> HttpResponseBase:
    """`POST /v1/messages`: Claude's models as Anthropic serves them."""
    body = await edge.read(request)
    return await _answer(caller, families.messages, _named(body), body, body.get("stream") is True, anthropic)


@edge.endpoint("POST", api.shape)
async def responses(request: HttpRequest, caller: Caller) -> HttpResponseBase:
    """`POST /v1/responses`: the models that speak OpenAI's responses."""
    body = await edge.read(request)
    return await _answer(caller, families.responses, _named(body), body, body.get("stream") is True, api.shape)


@edge.endpoint("POST", google)
async def gemini(request: HttpRequest, caller: Caller, model: str, method: str) -> HttpResponseBase:
    """`POST /v1beta/models/{model}:generateContent`, or `:streamGenerateContent` for server-sent events."""
    if method not in ("generateContent", "streamGenerateContent"):
        raise Refused("unknown_method", f"There is no method {method!r}.", status=404)
    body = await edge.read(request)
    return await _answer(caller, families.gemini, model, body, method == "streamGenerateContent", google)


def _named(body: dict[str, Any]) -> str:
    if not isinstance(name := body.get("model"), str):
        raise Refused("invalid_request", "model: must name a model", status=400, field="model")
    return name


async def _answer(
    caller: Caller, style: ModuleType, model: str, body: dict[str, Any], streamed: bool, shape: Shape
) -> HttpResponseBase:
    _check_style(style, model)
    call = await calls.open(
        caller.user, model, lambda style, target: style.native(body, target, streamed), api_key=caller.key, native=True
    )
    items = await edge.begun(call)
    return edge.stream(call, _events(items, shape)) if streamed else await _whole(call, items)


def _check_style(style: ModuleType, model: str) -> None:
    """A model that speaks otherwise is told where it does."""
    try:
        entry = catalog.get(model)
    except catalog.UnknownModel:
        return
    if entry.chat and families.dialect(entry.endpoint) is not style:
        raise Refused("invalid_request", f"{model}: use /v1/chat/completions for this model", status=400, field="model")


async def _whole(call: Call, items: AsyncIterator[Piece | Ended]) -> HttpResponseBase:
    body: dict[str, Any] = {}
    async for item in items:
        if isinstance(item, Piece):
            # Gemini may answer with the chunks of a stream as a list; the last has the counts.
            [(_, data)] = item.events
            body = data[-1] if isinstance(data, list) else data
        elif item.error_code:
            raise edge.error_of(item)
        else:
            body = without_cost(body) | {"credits_charged": format_credits(item.charged_millicredits)}
    return edge.whole(call, body)


async def _events(items: AsyncIterator[Piece | Ended], shape: Shape) -> AsyncIterator[bytes]:
    last: tuple[str, Any] | None = None
    async for item in items:
        if isinstance(item, Piece):
            chunks = []
            for name, data in item.events:
                if isinstance(data, dict) and data.get("type") in _LAST:
                    last = name, data
                elif data is not None:
                    chunks.append(edge.data(without_cost(data), name))
            if chunks:
                yield b"".join(chunks)
        elif item.error_code:
            name = "error" if shape is anthropic else ""
            yield edge.data(shape(edge.error_of(item)), name)
        elif last is not None:
            cost = {"credits_charged": format_credits(item.charged_millicredits)}
            name, data = last
            yield edge.data(without_cost(data) | cost, name)


def without_cost(data: Any) -> Any:
    """KIE's own prices are nobody's business (R-API1); they stand at the top, or in what an event is about."""
    if not isinstance(data, dict):
        return data
    kept = {name: value for name, value in data.items() if name != "credits_consumed"}
    return {
        name: without_cost(value) if name in ("response", "message", "usage") else value for name, value in kept.items()
    }
