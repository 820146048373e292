"""A small HTTP load generator: a fixed number of keep-alive connections, each sends when its last answer has come.

It knows no Django and no HTTP beyond Content-Length, so that it leaves the cores to the server.
"""

import asyncio
import itertools
import os
import re
import time
from collections import Counter
from collections.abc import Iterator

LENGTH = re.compile(rb"content-length: *(\d+)", re.IGNORECASE)
UNIQUE = b"{unique}"


def post(path: str, body: bytes, headers: dict[str, str]) -> bytes:
    """The bytes of a POST request; `{unique}` in it is replaced at every sending."""
    fields = {"Host": "127.0.0.1", "Content-Type": "application/json", "Content-Length": str(len(body))}
    fields |= headers
    lines = [f"POST {path} HTTP/1.1", *(f"{name}: {value}" for name, value in fields.items())]
    return "\r\n".join(lines).encode() + b"\r\n\r\n" + body


class Caller(asyncio.Protocol):
    """One connection."""

    def __init__(self, requests: Iterator[bytes], ends: float) -> None:
        self.requests, self.ends = requests, ends
        self.answer = bytearray()
        self.latencies: list[float] = []
        self.statuses: Counter[int] = Counter()
        self.closed = asyncio.get_running_loop().create_future()

    def connection_made(self, transport: asyncio.BaseTransport) -> None:
        assert isinstance(transport, asyncio.Transport)
        self.transport = transport
        self._send()

    def _send(self) -> None:
        self.started = time.perf_counter()
        self.transport.write(next(self.requests))

    def data_received(self, data: bytes) -> None:
        self.answer += data
        head = self.answer.find(b"\r\n\r\n")
        if head < 0:
            return
        length = LENGTH.search(self.answer, 0, head)
        if length and len(self.answer) < head + 4 + int(length[1]):
            return
        now = time.perf_counter()
        self.latencies.append(now - self.started)
        self.statuses[int(self.answer[9:12])] += 1
        self.answer.clear()
        if now < self.ends:
            self._send()
        else:
            self.transport.close()

    def connection_lost(self, error: Exception | None) -> None:
        if time.perf_counter() < self.ends:
            self.closed.set_exception(ConnectionError("the server closed a connection that was in use"))
        else:
            self.closed.set_result(None)


def run(port: int, requests: list[bytes], connections: int, seconds: float) -> tuple[dict[int, int], list[float]]:
    """Send `requests` in turn for so long; returns how often each status came, and all latencies in seconds."""
    return asyncio.run(_run(port, requests, connections, seconds))


async def _run(
    port: int, requests: list[bytes], connections: int, seconds: float
) -> tuple[dict[int, int], list[float]]:
    nonce, numbers = os.urandom(6).hex().encode(), itertools.count()
    stream = (request.replace(UNIQUE, b"%s-%d" % (nonce, next(numbers))) for request in itertools.cycle(requests))
    ends = time.perf_counter() + seconds
    loop = asyncio.get_running_loop()
    opened = [await loop.create_connection(lambda: Caller(stream, ends), "127.0.0.1", port) for _ in range(connections)]
    callers = [caller for _, caller in opened]
    await asyncio.gather(*(caller.closed for caller in callers))
    statuses = sum((caller.statuses for caller in callers), Counter())
    return dict(statuses), [each for caller in callers for each in caller.latencies]
