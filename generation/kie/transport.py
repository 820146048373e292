"""Connections that keep one time limit for a whole call (R-UP5).

The timeouts of httpx are for one read, one write and one connect each, so that an answer which trickles byte by byte
starts them anew without end. Here each of them is cut to what is left of the call that the thread is making.
"""

import math
import socket
import ssl
import threading
import time
from collections.abc import Iterable, Iterator
from concurrent.futures import Future
from contextlib import contextmanager
from contextvars import ContextVar
from functools import lru_cache
from typing import Any

import httpcore
import httpx

IDLE_SECONDS = 20.0
# A connection is shared by the calls of many threads one after the other, so the limit is the call's, not its own.
_until: ContextVar[float] = ContextVar("until", default=math.inf)


@contextmanager
def time_limit(seconds: float | None) -> Iterator[None]:
    """Let everything that this thread does on connections of this module end within `seconds`."""
    token = _until.set(min(_until.get(), time.monotonic() + (math.inf if seconds is None else seconds)))
    try:
        yield
    finally:
        _until.reset(token)


def _left(timeout: float | None = None) -> float | None:
    """`timeout` cut to what is left of the call, None for no limit. Raises TimeoutError when nothing is left."""
    seconds = min(math.inf if timeout is None else timeout, _until.get() - time.monotonic())
    if seconds <= 0:
        raise TimeoutError("the time of the call is over")
    return None if math.isinf(seconds) else seconds


def lookup(host: str, port: int) -> list[str]:
    """The IP addresses of a name, best first. Raises OSError (so TimeoutError, too) when it has none.

    The system's resolver takes no time limit, so it runs in a thread that is left to itself when time is up.
    """
    answer: Future[list[Any]] = Future()

    def ask() -> None:
        try:
            answer.set_result(socket.getaddrinfo(host, port, type=socket.SOCK_STREAM))
        except (OSError, UnicodeError) as error:
            # Python turns names into IDNA itself, which fails for labels that are empty or too long.
            answer.set_exception(OSError(f"{host} does not resolve: {error}"))

    seconds = _left()
    threading.Thread(target=ask, daemon=True).start()
    return [str(entry[4][0]) for entry in answer.result(seconds)]


@contextmanager
def _translated(timeout: type[Exception], broken: type[Exception]) -> Iterator[None]:
    try:
        yield
    except TimeoutError as error:
        raise timeout(str(error)) from error
    except OSError as error:
        raise broken(str(error)) from error


class _Stream(httpcore.NetworkStream):
    def __init__(self, stream: httpcore.NetworkStream) -> None:
        self._stream = stream

    def read(self, max_bytes: int, timeout: float | None = None) -> bytes:
        with _translated(httpcore.ReadTimeout, httpcore.ReadError):
            return self._stream.read(max_bytes, _left(timeout))

    def write(self, buffer: bytes, timeout: float | None = None) -> None:
        """In pieces as the other side takes them: the library's own loop gives each piece the whole timeout."""
        sock, rest = self._stream.get_extra_info("socket"), memoryview(buffer)
        with _translated(httpcore.WriteTimeout, httpcore.WriteError):
            while rest:
                sock.settimeout(_left(timeout))
                rest = rest[sock.send(rest) :]

    def start_tls(
        self, ssl_context: ssl.SSLContext, server_hostname: str | None = None, timeout: float | None = None
    ) -> httpcore.NetworkStream:
        with _translated(httpcore.ConnectTimeout, httpcore.ConnectError):
            return _Stream(self._stream.start_tls(ssl_context, server_hostname, _left(timeout)))

    def get_extra_info(self, info: str) -> Any:
        return self._stream.get_extra_info(info)

    def close(self) -> None:
        self._stream.close()


class Backend(httpcore.SyncBackend):
    """Opens connections within the time limit; a subclass may choose the addresses that a name stands for."""

    def addresses(self, host: str, port: int) -> list[str]:
        return lookup(host, port)

    def connect_tcp(
        self,
        host: str,
        port: int,
        timeout: float | None = None,
        local_address: str | None = None,
        socket_options: Iterable[Any] | None = None,
    ) -> httpcore.NetworkStream:
        """One timeout for the name and all its addresses together."""
        with time_limit(timeout), _translated(httpcore.ConnectTimeout, httpcore.ConnectError):
            *others, last = self.addresses(host, port)
            for address in others:
                try:
                    return _Stream(super().connect_tcp(address, port, _left(), local_address, socket_options))
                except (httpcore.ConnectError, httpcore.ConnectTimeout):
                    continue
            return _Stream(super().connect_tcp(last, port, _left(), local_address, socket_options))


@lru_cache(maxsize=1)
def _ssl_context() -> ssl.SSLContext:
    return httpx.create_ssl_context(trust_env=False)


def client(backend: Backend, *, max_connections: int, max_idle: int, **options: Any) -> httpx.Client:
    """An httpx client over `backend` that ignores proxies of the environment and keeps `max_idle` connections."""
    transport = httpx.HTTPTransport(verify=_ssl_context(), trust_env=False)
    # httpx has no way to name a network backend, so its pool is replaced by one that has ours.
    transport._pool = httpcore.ConnectionPool(
        ssl_context=_ssl_context(),
        max_connections=max_connections,
        max_keepalive_connections=max_idle,
        keepalive_expiry=IDLE_SECONDS,
        network_backend=backend,
    )
    return httpx.Client(transport=transport, trust_env=False, **options)
