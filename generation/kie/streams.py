"""KIE's answers that arrive in pieces, without blocking an event loop: what `client` is for tasks, for chat.

Like a create, a chat call costs money and is sent once, on a connection of its own (see `client`). That is also the
faster way: a shared pool of httpx looks through all its connections for every call.
"""

import asyncio
import ssl
import time
from collections.abc import AsyncIterator, Iterator
from contextlib import asynccontextmanager, contextmanager
from dataclasses import dataclass
from functools import lru_cache

import httpx

from generation.kie.client import CONNECT_SECONDS, USER_AGENT
from generation.kie.errors import Unavailable, Unknown
from generation.kie.families.base import Request

WRITE_SECONDS = 30.0


class TimedOut(Unknown):
    """KIE was silent for too long, or the call took too long in all."""


@dataclass(frozen=True)
class Limits:
    """`total_seconds` for the whole call (R-UP5), `idle_seconds` between two pieces of it."""

    total_seconds: float = 600.0
    idle_seconds: float = 120.0
    max_bytes: int = 16 * 1024**2


class Reply:
    """An answer whose headers are there. `pieces` may be read once."""

    def __init__(self, response: httpx.Response, limits: Limits, until: float) -> None:
        self.status = response.status_code
        self._response, self._limits, self._until = response, limits, until

    async def pieces(self) -> AsyncIterator[bytes]:
        """The body as it arrives. Raises Unknown when it breaks off, TimedOut, and Unknown past the limit of bytes."""
        size, pieces = 0, self._response.aiter_bytes()
        while True:
            try:
                with _translated():
                    async with asyncio.timeout(_left(self._until, self._limits.idle_seconds)):
                        piece = await anext(pieces)
            except StopAsyncIteration:
                return
            size += len(piece)
            if size > self._limits.max_bytes:
                raise Unknown(f"no whole answer within {self._limits.max_bytes} bytes")
            yield piece


@asynccontextmanager
async def send(base_url: str, api_key: str, request: Request, limits: Limits) -> AsyncIterator[Reply]:
    """Send a paid request, once; gives the reply as soon as its headers are there.

    Raises Unavailable when it never left us, Unknown when no answer came.
    """
    # As bytes, because a key that is not ASCII would otherwise be quoted by the error that httpx raises (R-SEC3).
    headers = {
        b"Authorization": f"Bearer {api_key}".encode(errors="replace"),
        b"User-Agent": USER_AGENT.encode(),
        # Unpacking holds pieces back until there is enough of them.
        b"Accept-Encoding": b"identity",
    }
    until = time.monotonic() + limits.total_seconds
    over = httpx.AsyncHTTPTransport(verify=_ssl_context(), trust_env=False)
    async with httpx.AsyncClient(base_url=base_url, headers=headers, transport=over, trust_env=False) as http:
        timeout = httpx.Timeout(None, connect=CONNECT_SECONDS, write=WRITE_SECONDS)
        with _translated():
            built = http.build_request(request.method, request.path, json=request.json, timeout=timeout)
            async with asyncio.timeout(_left(until, limits.idle_seconds)):
                response = await http.send(built, stream=True)
        try:
            yield Reply(response, limits, until)
        finally:
            await response.aclose()


def _left(until: float, idle_seconds: float) -> float:
    return max(0.0, min(idle_seconds, until - time.monotonic()))


@lru_cache(maxsize=1)
def _ssl_context() -> ssl.SSLContext:
    return httpx.create_ssl_context(trust_env=False)


@contextmanager
def _translated() -> Iterator[None]:
    """The one border at which httpx's errors become ours."""
    try:
        yield
    except (httpx.ConnectError, httpx.ConnectTimeout, httpx.PoolTimeout, httpx.UnsupportedProtocol) as error:
        raise Unavailable(f"no connection: {error!r}") from error
    except httpx.LocalProtocolError:
        # Its text quotes the header that cannot be sent, which is the one with the key (R-SEC3).
        raise Unavailable("the API key cannot be sent in a header", account=True) from None
    except (TimeoutError, httpx.TimeoutException) as error:
        raise TimedOut(f"no answer in time: {error!r}") from error
    except httpx.HTTPError as error:
        raise Unknown(f"the answer broke off: {error!r}") from error
