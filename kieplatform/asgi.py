"""One ASGI application for everything: streams are Django's asynchronous side, all else its WSGI side in threads.

Pages and the REST API are several times slower when every one of them crosses into a thread of its own, so they keep
WSGI; in production gunicorn serves them, and only the paths of streams come here (docs/production.md).
"""

import os
from collections.abc import Awaitable, Callable, Iterator
from contextlib import contextmanager
from typing import Any

from a2wsgi import WSGIMiddleware
from django.conf import settings
from django.core.handlers.asgi import ASGIHandler

os.environ.setdefault("DJANGO_SETTINGS_MODULE", "kieplatform.settings")

from kieplatform import requests
from kieplatform.wsgi import application as wsgi

Message = dict[str, Any]
Receive = Callable[[], Awaitable[Message]]
Send = Callable[[Message], Awaitable[None]]

# Callers of the API bring keys: of the middleware nothing is left to do for them.
API = ("/v1/", "/v1beta/")
PAGES = ("/chat/",)
_TOO_LARGE = b'{"error": {"message": "The request is too large.", "type": "invalid_request_error", "code": 413}}'
# It serves static files, which the other side does, and being synchronous keeps a thread for each open stream.
_SYNCHRONOUS = "whitenoise.middleware.WhiteNoiseMiddleware"


@contextmanager
def _middleware(names: list[str]) -> Iterator[None]:
    """Django knows one list for a whole process; handlers read it once, when they are made."""
    everyones = settings.MIDDLEWARE
    settings.MIDDLEWARE = names
    try:
        yield
    finally:
        settings.MIDDLEWARE = everyones


with _middleware([]):
    api: Any = ASGIHandler()
with _middleware([name for name in settings.MIDDLEWARE if name != _SYNCHRONOUS]):
    pages: Any = ASGIHandler()
api.request_class = pages.request_class = requests.Asgi
everything_else: Any = WSGIMiddleware(wsgi, workers=settings.WEB_THREADS)  # type: ignore[arg-type]


async def application(scope: dict[str, Any], receive: Receive, send: Send) -> None:
    """By path; and the end of the process, which settles the calls that are under way."""
    if scope["type"] == "lifespan":
        await _live(receive, send)
    elif scope["type"] != "http":
        raise ValueError(f"{scope['type']} is not served")
    elif scope["path"].startswith(API + PAGES):
        await _stream(scope, receive, send)
    else:
        await everything_else(scope, receive, send)


async def _stream(scope: dict[str, Any], receive: Receive, send: Send) -> None:
    """Django keeps all that it is sent before it looks at it, so what is too large never gets there."""
    length = dict(scope["headers"]).get(b"content-length", b"0")
    if length.isdigit() and int(length) > settings.CHAT_MAX_REQUEST_BYTES:
        headers = [(b"content-type", b"application/json"), (b"connection", b"close")]
        await send({"type": "http.response.start", "status": 413, "headers": headers})
        await send({"type": "http.response.body", "body": _TOO_LARGE})
        return
    handler = api if scope["path"].startswith(API) else pages
    await handler(scope, _limited(receive), send)


def _limited(receive: Receive) -> Receive:
    """Hang up on a body that never ends."""
    left = settings.CHAT_MAX_REQUEST_BYTES + 1

    async def limited() -> Message:
        nonlocal left
        message = await receive()
        left -= len(message.get("body", b""))
        return message if left >= 0 else {"type": "http.disconnect"}

    return limited


async def _live(receive: Receive, send: Send) -> None:
    # It has models, so Django must have been set up before.
    from chat import calls

    while True:
        message = await receive()
        if message["type"] == "lifespan.startup":
            await send({"type": "lifespan.startup.complete"})
        else:
            await calls.stop()
            await send({"type": "lifespan.shutdown.complete"})
            return
