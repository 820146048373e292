"""What the chat APIs share: who calls, what they send, how they are refused, how a stream is answered."""

import json
from collections.abc import AsyncIterator, Callable, Coroutine
from dataclasses import dataclass
from functools import wraps
from types import SimpleNamespace
from typing import Any

from django.conf import settings
from django.core.handlers.asgi import ASGIRequest
from django.http import HttpRequest, HttpResponse, HttpResponseBase, JsonResponse, StreamingHttpResponse
from django.views.decorators.csrf import csrf_exempt
from rest_framework.exceptions import AuthenticationFailed

from accounts import given
from accounts.api import THROTTLES
from accounts.authentication import ApiKeyAuthentication
from accounts.errors import Refused
from accounts.models import ApiKey, User
from chat import threads
from chat.calls import Call, Ended, Piece
from generation import messages
from generation.kie import wire
from generation.kie.families import failures

# How an API tells an error: the body for a refusal.
Shape = Callable[[Refused], dict[str, Any]]
View = Callable[..., Coroutine[Any, Any, HttpResponseBase]]

_STATUS = {
    failures.POLICY: 400,
    failures.INVALID: 400,
    failures.UNREACHABLE: 400,
    failures.MODEL: 503,
    failures.TIMEOUT: 504,
    failures.FAILED: 502,
    failures.EMPTY: 502,
    messages.UNAVAILABLE: 503,
}


@dataclass(frozen=True)
class Caller:
    """Who calls, and how much of their rate is left, as headers."""

    user: User
    key: ApiKey
    limits: dict[str, str]


def endpoint(method: str, shape: Shape) -> Callable[[View], View]:
    """An asynchronous view for callers with a key; whatever is refused comes in the API's own shape."""

    def decorate(view: View) -> View:
        @wraps(view)
        async def answer(request: HttpRequest, *args: Any, **kwargs: Any) -> HttpResponseBase:
            limits: dict[str, str] = {}
            try:
                _check(request, method)
                caller = await threads.database(_caller, request)
                limits = caller.limits
                response = await view(request, caller, *args, **kwargs)
            except Refused as refused:
                response = _refusal(refused, shape)
            headers = {**limits, "X-Content-Type-Options": "nosniff"}
            if isinstance(response, HttpResponse):
                headers["Content-Length"] = str(len(response.content))
            for name, value in headers.items():
                response.headers.setdefault(name, value)
            return response

        # Keys, not cookies, say who calls.
        return csrf_exempt(answer)

    return decorate


def _check(request: HttpRequest, method: str) -> None:
    if not isinstance(request, ASGIRequest):
        raise Refused(
            "not_streaming", "This address is served by the wrong server; see docs/production.md.", status=501
        )
    if request.method != method:
        raise Refused("method_not_allowed", f"Only {method} is possible here.", status=405)
    given.check_address(request)


def _caller(request: HttpRequest) -> Caller:
    """By the same keys, and within the same rate, as the rest of the API. Anthropic's clients say `x-api-key`."""
    if key := request.META.get("HTTP_X_API_KEY") or request.META.get("HTTP_X_GOOG_API_KEY"):
        request.META.setdefault("HTTP_AUTHORIZATION", f"Bearer {key}")
    try:
        found = ApiKeyAuthentication().authenticate(request)  # type: ignore[arg-type]
    except AuthenticationFailed as error:
        raise Refused(str(error.get_codes()), str(error.detail), status=401) from None
    if found is None:
        raise Refused("not_authenticated", "Send your API key as `Authorization: Bearer kp_…`.", status=401)
    asked = SimpleNamespace(user=found[0], auth=found[1], rate_limit={})
    for throttle in THROTTLES:
        throttle().allow_request(asked, None)  # type: ignore[arg-type]
    return Caller(*found, {name: str(value) for name, value in asked.rate_limit.items()})


async def read(request: HttpRequest) -> dict[str, Any]:
    """The JSON object that was sent. Raises Refused."""
    raw = request.read(settings.CHAT_MAX_REQUEST_BYTES + 1)
    if len(raw) > settings.CHAT_MAX_REQUEST_BYTES:
        limit = settings.CHAT_MAX_REQUEST_BYTES // 1024**2
        raise Refused("request_too_large", f"A request may have at most {limit} MB.", status=413)
    # Fractions are floats again: nothing in a conversation is an amount.
    body = wire.plain(wire.parse(raw.decode(errors="replace")))
    if not isinstance(body, dict):
        raise Refused("invalid_json", "The body must be a JSON object.", status=400)
    return body


def _refusal(refused: Refused, shape: Shape) -> HttpResponse:
    response = JsonResponse(shape(refused), status=refused.status)
    if seconds := refused.data.get("retry_after_seconds"):
        response["Retry-After"] = str(seconds)
    return response


def error_of(ended: Ended) -> Refused:
    """The refusal that a failed call is."""
    data = {"retry_after_seconds": 10} if ended.error_code == messages.UNAVAILABLE else {}
    return Refused(ended.error_code, ended.error_message, status=_STATUS.get(ended.error_code, 502), **data)


# Answering


async def begun(call: Call) -> AsyncIterator[Piece | Ended]:
    """All that comes of a call, given when it has said something; one that failed before that is refused.

    So a failure has a status of its own, which clients understand better than an error within a stream.
    """
    items, heard = call.items(), []
    try:
        async for item in items:
            heard.append(item)
            if isinstance(item, Ended) or item.said:
                break
    except BaseException:
        call.leave()
        raise
    if isinstance(heard[-1], Ended) and heard[-1].error_code:
        raise error_of(heard[-1])
    return _following(call, heard, items)


async def _following(
    call: Call, heard: list[Piece | Ended], items: AsyncIterator[Piece | Ended]
) -> AsyncIterator[Piece | Ended]:
    """What was heard and what comes after it; the call is left when nobody reads on."""
    try:
        for item in heard:
            yield item
        async for item in items:
            yield item
    finally:
        call.leave()


def stream(call: Call, chunks: AsyncIterator[bytes]) -> StreamingHttpResponse:
    """Server-sent events that nothing on their way holds back."""
    headers = {"Cache-Control": "no-store", "X-Accel-Buffering": "no", "X-Generation-Id": call.generation_id}
    return StreamingHttpResponse(chunks, content_type="text/event-stream; charset=utf-8", headers=headers)


def whole(call: Call, body: dict[str, Any]) -> HttpResponse:
    response = HttpResponse(to_json(body), content_type="application/json")
    response["X-Generation-Id"] = call.generation_id
    response["Cache-Control"] = "no-store"
    return response


def data(value: Any, name: str = "") -> bytes:
    """One server-sent event."""
    head = f"event: {name}\n" if name else ""
    return f"{head}data: {to_json(value)}\n\n".encode()


def to_json(value: Any) -> str:
    return json.dumps(value, ensure_ascii=False, separators=(",", ":"), default=float)
