"""Closing a connection in the middle of things, which ASGI has no word for."""

from typing import Any

from starlette.responses import Response
from starlette.types import Receive, Scope, Send
from uvicorn.protocols.http.h11_impl import H11Protocol


class ReachableProtocol(H11Protocol):
    """Lets the application reach its own connection through the request's state."""

    def __init__(self, *args: Any, **kwargs: Any) -> None:
        super().__init__(*args, **kwargs)
        self.app_state = {**self.app_state, "connection": self}


async def wait_for_client_to_leave(receive: Receive) -> None:
    """Return when the connection is gone."""
    while (await receive())["type"] != "http.disconnect":
        pass


class NoAnswer(Response):
    """Never answers; with `drop` the connection is closed at once."""

    def __init__(self, drop: bool) -> None:
        super().__init__()
        self.drop = drop

    async def __call__(self, scope: Scope, receive: Receive, send: Send) -> None:
        if self.drop:
            scope["state"]["connection"].transport.abort()
        await wait_for_client_to_leave(receive)


class Truncated(Response):
    """Sends half of a file under the length of the whole, then closes."""

    def __init__(self, content: bytes, content_type: str) -> None:
        super().__init__(content, media_type=content_type)

    async def __call__(self, scope: Scope, receive: Receive, send: Send) -> None:
        await send({"type": "http.response.start", "status": 200, "headers": self.raw_headers})
        half = self.body[: len(self.body) // 2]
        await send({"type": "http.response.body", "body": half, "more_body": True})
        scope["state"]["connection"].transport.close()
        await wait_for_client_to_leave(receive)
