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


class NoAnswer(Response):
    """Never answers; with `drop` the connection is closed at once."""

    def __init__(self, drop: bool) -> None:
        super().__init__()
        self.drop = drop

    async def __call__(self, scope: Scope, receive: Receive, send: Send) -> None:
        if self.drop:
            scope["state"]["connection"].transport.abort()
        while (await receive())["type"] != "http.disconnect":
            pass
