"""Listening, and ending at once: requests that are never answered on purpose must not hold up the end."""

import asyncio
import contextlib
import json
import signal
import socket
import sys
from collections.abc import Generator, Iterable

import uvicorn
from starlette.applications import Starlette

from simulating.hangup import ReachableProtocol

BACKLOG = 2048


class Server(uvicorn.Server):
    """A server of an application that leaves signals to `stop_on_signals`, because there may be several of it."""

    def __init__(self, app: Starlette) -> None:
        super().__init__(
            uvicorn.Config(
                app,
                http=ReachableProtocol,
                ws="none",
                lifespan="off",
                log_level="error",
                access_log=False,
                timeout_graceful_shutdown=1,
            )
        )

    @contextlib.contextmanager
    def capture_signals(self) -> Generator[None, None, None]:
        yield


def listen(host: str, port: int) -> socket.socket:
    """A listening socket; port 0 takes a free one.

    It names its protocol: asyncio turns Nagle's algorithm off only for sockets that say they are TCP.
    """
    family = socket.AF_INET6 if ":" in host else socket.AF_INET
    listener = socket.socket(family, socket.SOCK_STREAM, socket.IPPROTO_TCP)
    listener.setsockopt(socket.SOL_SOCKET, socket.SO_REUSEADDR, 1)
    listener.bind((host, port))
    listener.listen(BACKLOG)
    listener.setblocking(False)
    return listener


def url(listener: socket.socket) -> str:
    """Where a socket listens, as `http://host:port`."""
    host, port = listener.getsockname()[:2]
    return f"http://[{host}]:{port}" if ":" in host else f"http://{host}:{port}"


def stop_on_signals(servers: Iterable[Server]) -> None:
    """End the servers on SIGTERM and SIGINT."""

    def stop() -> None:
        for server in servers:
            server.should_exit = True
            server.force_exit = True

    for number in (signal.SIGTERM, signal.SIGINT):
        asyncio.get_running_loop().add_signal_handler(number, stop)


def announce(**addresses: str) -> None:
    """Say on one line of JSON that it is ready. The sockets listen already, so a reader may connect at once."""
    sys.stdout.write(json.dumps(addresses) + "\n")
    sys.stdout.flush()
