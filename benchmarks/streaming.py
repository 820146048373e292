"""Many streams at once: a fixed number of keep-alive connections, each asks again when its stream has ended.

Like `load`, it knows only as much HTTP as it needs, so that it leaves the cores to the servers. A stream is an answer
in chunks with server-sent events that end with `[DONE]`.
"""

import asyncio
import itertools
import re
import time
from collections.abc import Iterator

# The first piece of text that a reader would see.
FIRST_TEXT = re.compile(rb'"content": ?"[^"]')
END, DONE = b"0\r\n\r\n", b"data: [DONE]"
# What is kept of an answer's end: enough to find DONE in it.
KEPT_BYTES = 100


class Reader(asyncio.Protocol):
    """One connection; `seconds` are the times to the first text, `ended` counts whole streams."""

    def __init__(self, requests: Iterator[bytes], ends: float) -> None:
        self.requests, self.ends = requests, ends
        self.first_texts: list[float] = []
        self.ended = 0
        self.closed = asyncio.get_running_loop().create_future()

    def connection_made(self, transport: asyncio.BaseTransport) -> None:
        assert isinstance(transport, asyncio.Transport)
        self.transport = transport
        self._send()

    def _send(self) -> None:
        self.seen, self.waiting = bytearray(), True
        self.started = time.perf_counter()
        self.transport.write(next(self.requests))

    def data_received(self, data: bytes) -> None:
        self.seen += data
        if self.waiting and FIRST_TEXT.search(self.seen):
            self.waiting = False
            self.first_texts.append(time.perf_counter() - self.started)
        if self.seen.endswith(END):
            self._end()
        elif not self.waiting:
            del self.seen[:-KEPT_BYTES]

    def _end(self) -> None:
        if self.waiting or DONE not in self.seen:
            self.transport.abort()
            self.closed.set_exception(RuntimeError(f"no whole stream: {bytes(self.seen)!r}"))
            return
        now = time.perf_counter()
        self.ended += now < self.ends
        if now < self.ends:
            self._send()
        else:
            self.transport.close()
            self.closed.set_result(None)

    def connection_lost(self, error: Exception | None) -> None:
        if not self.closed.done():
            self.closed.set_exception(ConnectionError(f"the server closed a connection in use: {bytes(self.seen)!r}"))


def run(port: int, requests: list[bytes], streams: int, seconds: float, spread: float) -> tuple[int, list[float]]:
    """Keep so many streams open for so long; returns how many ended, and all seconds to the first text.

    They begin one after the other over `spread` seconds, as they do in life.
    """
    return asyncio.run(_run(port, requests, streams, seconds, spread))


async def _run(
    port: int, requests: list[bytes], streams: int, seconds: float, spread: float
) -> tuple[int, list[float]]:
    asked = itertools.cycle(requests)
    ends = time.perf_counter() + spread + seconds
    loop = asyncio.get_running_loop()
    readers: list[Reader] = []
    for _ in range(streams):
        _, reader = await loop.create_connection(lambda: Reader(asked, ends), "127.0.0.1", port)
        readers.append(reader)
        await asyncio.sleep(spread / streams)
    counted = sum(reader.ended for reader in readers)
    await asyncio.gather(*(reader.closed for reader in readers))
    texts = [each for reader in readers for each in reader.first_texts]
    return sum(reader.ended for reader in readers) - counted, texts
