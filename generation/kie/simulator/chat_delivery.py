"""Sending a reply at the pace of a model, breaking off where a fault says so, and debiting what was generated."""

import asyncio
import time
from collections.abc import Callable, Iterator
from typing import Any

from starlette.responses import Response
from starlette.types import Receive, Scope, Send

from generation.kie.simulator.chat_call import CUT, DONE, LEFT, RUNNING, Call, Frame, pieces
from generation.kie.simulator.envelope import MESSAGES, to_json
from generation.kie.simulator.world import World
from simulating.hangup import wait_for_client_to_leave

FIRST_TOKEN_SECONDS = 0.5
TOKENS_PER_SECOND = 50.0
BREAKS = ("cut", "error-midway", "hang")
BAD_CHUNK = 'data: {"id":"chatcmpl-","choices":[{"delta":{"content":"\n\n'
ERROR = {"code": 500, "msg": MESSAGES[500], "data": None}


class BreakOff(Exception):
    """The reply ends here and now."""


class Delivery(Response):
    """The response of one chat call: server-sent events or one body.

    A client that hangs up has what was generated until then debited.
    """

    def __init__(
        self,
        world: World,
        call: Call,
        stream: Callable[[Call], Iterator[Frame]],
        whole: Callable[[Call], dict[str, Any]],
    ) -> None:
        super().__init__(media_type="text/event-stream" if call.streams else "application/json")
        del self.headers["content-length"]
        self.world, self.call, self.stream, self.whole = world, call, stream, whole
        self.pace = Pace(call, world.config.speed)
        total = sum(len(pieces(part.text)) for part in call.parts)
        # After how many tokens each fault strikes.
        self.breaks = {
            name: total // 2 if call.faults[name] is None else int(call.faults[name] or 0)
            for name in BREAKS
            if name in call.faults
        }
        self.bad_chunk = total // 2 if "bad-chunk" in call.faults else -1

    async def __call__(self, scope: Scope, receive: Receive, send: Send) -> None:
        working = asyncio.create_task(self._work(scope, send))
        leaving = asyncio.create_task(wait_for_client_to_leave(receive))
        try:
            await asyncio.wait({working, leaving}, return_when=asyncio.FIRST_COMPLETED)
            if working.done():
                working.result()
        finally:
            leaving.cancel()
            working.cancel()
            if self.call.state == RUNNING:
                self.call.state = LEFT if self.call.debited is None else DONE
            self._debit()

    async def _work(self, scope: Scope, send: Send) -> None:
        try:
            await (self._send_events(send) if self.call.streams else self._send_body(send))
        except BreakOff:
            self.call.state = CUT
            self._debit()
            scope["state"]["connection"].transport.close()
            await asyncio.Event().wait()

    async def _send_events(self, send: Send) -> None:
        await send({"type": "http.response.start", "status": 200, "headers": self.raw_headers})
        for frame in self.stream(self.call):
            await self._generate(frame)
            wire = BAD_CHUNK + frame.wire if self._is_bad(frame) else frame.wire
            if wire:
                await send({"type": "http.response.body", "body": wire.encode(), "more_body": True})
            if frame.bills and "cut-after-usage" in self.call.faults:
                raise BreakOff
            if self._strikes("error-midway"):
                await send({"type": "http.response.body", "body": _event(ERROR), "more_body": True})
                break
        # Before the end of the answer, so that whoever has read it all finds it debited.
        self._debit()
        self.call.state = DONE
        await send({"type": "http.response.body", "body": b""})

    async def _send_body(self, send: Send) -> None:
        for frame in self.stream(self.call):
            await self._generate(frame)
        body = to_json(ERROR if self._strikes("error-midway") else self.whole(self.call)).encode()
        headers = [*self.raw_headers, (b"content-length", str(len(body)).encode())]
        await send({"type": "http.response.start", "status": 200, "headers": headers})
        if "cut-after-usage" in self.call.faults:
            await send({"type": "http.response.body", "body": body[: len(body) // 2], "more_body": True})
            raise BreakOff
        self._debit()
        self.call.state = DONE
        await send({"type": "http.response.body", "body": body})

    async def _generate(self, frame: Frame) -> None:
        """Take the time of one token, count it, and debit before the frame that tells the cost."""
        if self._strikes("hang"):
            await asyncio.Event().wait()
        if self._strikes("cut"):
            raise BreakOff
        if frame.kind:
            await self.pace.wait()
            self.call.count(frame.kind, frame.piece)
        if frame.bills:
            self._debit()

    def _strikes(self, name: str) -> bool:
        return name in self.breaks and self.call.output_tokens >= self.breaks[name]

    def _is_bad(self, frame: Frame) -> bool:
        return bool(frame.kind) and self.call.output_tokens == self.bad_chunk

    def _debit(self) -> None:
        if self.call.debited is None:
            self.call.debited = self.call.credits
            self.world.account.charge(self.call.debited)
            self.world.journal.save(self.world.account)


def _event(value: dict[str, Any]) -> bytes:
    return f"data: {to_json(value)}\n\n".encode()


class Pace:
    """Tokens by the clock, so that a slow reader or a busy machine is caught up with."""

    def __init__(self, call: Call, speed: float) -> None:
        self.seconds = 1 / TOKENS_PER_SECOND / speed
        if "trickle" in call.faults:
            self.seconds = call.faults["trickle"] or 1 / speed
        self.next = time.monotonic() + FIRST_TOKEN_SECONDS / speed

    async def wait(self) -> None:
        """Return when the next token is due."""
        await asyncio.sleep(max(0.0, self.next - time.monotonic()))
        self.next += self.seconds
