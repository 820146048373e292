"""Paid chat calls: the hold before, the reply as it comes, the settlement after.

The work of a call is a task of its own, which hands over what it gets. So whoever waits for it may leave, or be
cancelled at any moment: the call is read to its end and settled by what KIE reports (R-CH1). A process that is killed
leaves a running generation without a task, which the sweep gives back at its deadline like every other.
"""

import asyncio
import json
import logging
import time
from collections.abc import AsyncGenerator, AsyncIterator, Callable
from dataclasses import dataclass
from datetime import timedelta
from types import ModuleType
from typing import Any

from django.conf import settings
from django.utils import timezone

from accounts.errors import Refused
from accounts.models import ApiKey, User
from billing import prices
from billing.upstream import breaker
from chat import pictures, settling, threads
from chat.settling import Ended, Heard
from generation import catalog, lifecycle, offers, pricing, tokens
from generation.kie import streams, wire
from generation.kie.errors import KieError, Unknown
from generation.kie.families.base import Answer, Request
from generation.kie.families.chat import base, dialect, normal, sse
from generation.kie.families.chat.base import Delta, Said, Target, Thought, ToolCall, Unsupported
from generation.models import Generation

__all__ = ["Call", "Delta", "Ended", "Piece", "Started", "Thought", "ToolCall", "answer", "open", "quote"]

logger = logging.getLogger(__name__)
# A stream begins with one of its fields or a comment; JSON and HTML begin otherwise.
_STREAM_BEGINS = b"deir:"
# How long to wait before each attempt to settle, should the database be away for a moment.
_SETTLE_AFTER_SECONDS = (0, 1, 4)
_running: set[asyncio.Task[None]] = set()

# Makes the request in a dialect for a model. Raises Unsupported.
Build = Callable[[ModuleType, Target], Request]


@dataclass(frozen=True)
class Started:
    """The credits are held; nothing was said yet."""

    generation_id: str


@dataclass(frozen=True)
class Piece:
    """What came in one go: what it says, and KIE's own events (name, data), or its whole body without a name."""

    said: list[Said]
    events: list[tuple[str, Any]]


@dataclass(frozen=True)
class Prepared:
    """A request as it is priced and sent (R-PR6)."""

    entry: catalog.Entry
    style: ModuleType
    request: Request
    quote: pricing.Quote
    summary: dict[str, Any]


async def answer(
    user: User,
    model: str,
    messages: list[dict[str, Any]],
    *,
    api_key: ApiKey | None = None,
    max_tokens: int | None = None,
    effort: str | None = None,
) -> AsyncGenerator[Started | Delta | Thought | Ended, None]:
    """The reply to a conversation, as OpenAI has it: `{"role", "content"}`, the content a text or a list of parts.

    Raises Refused before the first event, and then nothing is held. `Started` comes first and `Ended` last, also when
    the call failed (`error_code`). Who stops iterating leaves the call to end by itself.
    """
    body = {"messages": messages, "stream": True, "max_tokens": max_tokens, "reasoning_effort": effort}
    ask = _checked(lambda: normal.ask(body))
    call = await open(user, model, lambda style, target: style.request(ask, target), api_key=api_key)
    try:
        yield Started(call.generation_id)
        async for item in call.items():
            if isinstance(item, Ended):
                yield item
            else:
                for said in item.said:
                    if not isinstance(said, ToolCall):
                        yield said
    finally:
        call.leave()


async def quote(user: User, model: str, messages: list[dict[str, Any]], *, effort: str | None = None) -> pricing.Quote:
    """What the reply to a conversation would be held at, the most it can cost. Raises Refused. Fetches its pictures."""
    ask = _checked(lambda: normal.ask({"messages": messages, "stream": True, "reasoning_effort": effort}))
    return (await _prepare(user, model, lambda style, target: style.request(ask, target))).quote


async def open(user: User, model: str, build: Build, *, api_key: ApiKey | None = None, native: bool = False) -> "Call":
    """Price a call, hold its credits and begin it. Raises Refused; then nothing is held and KIE hears nothing.

    `native`: the caller needs KIE's own events, or its own body, in exactly the way it asked for them.
    """
    call = Call(user, await _prepare(user, model, build), api_key, native)
    await call.begin()
    return call


# Pricing


def _offered(user: User, model: str) -> tuple[catalog.Entry, prices.Tariff]:
    entry = offers.find(model)
    return entry, prices.tariff(user.pk, entry.id)


async def _prepare(user: User, model: str, build: Build) -> Prepared:
    entry, tariff = await threads.database(_offered, user, model)
    if not entry.chat:
        raise Refused("unknown_model", f"{model!r} is no chat model.", status=404)
    style, target = dialect(entry.endpoint), Target(entry.id, entry.endpoint, entry.schema)
    request = _checked(lambda: build(style, target))
    addresses: list[str] = []
    text = style.pictures(request.json, lambda address: addresses.append(address))
    if addresses:
        found = await threads.files(pictures.inline, addresses)
        body = style.pictures(request.json, found.__getitem__)
        request = Request(request.method, request.path, json=body)
    try:
        priced = pricing.quote(entry, text, tariff, len(addresses))
    except pricing.Unpriced as error:
        raise Refused("not_for_sale", f"This combination is not for sale: {error}", status=400) from None
    return Prepared(entry, style, request, priced, _summary(text, len(addresses)))


def _checked(make: Callable[[], Any]) -> Any:
    try:
        return make()
    except Unsupported as error:
        raise Refused("invalid_request", f"{error.field}: {error.message}", status=400, field=error.field) from None


def _summary(body: dict[str, Any], count: int) -> dict[str, Any]:
    """What is kept of a request: not what was said, which is nobody's business."""
    turns = body.get("messages") or body.get("input") or body.get("contents") or []
    said = {"messages": len(turns), "characters": len(json.dumps(body, ensure_ascii=False, default=float))}
    limit = {"max_tokens": body["max_tokens"]} if "max_tokens" in body else {}
    return {"stream": body["stream"], **said, "pictures": count, **limit}


# The call


class Call:
    """One call on its way. `items` gives what comes, once; `leave` says that nobody listens any more."""

    def __init__(self, user: User, prepared: Prepared, api_key: ApiKey | None, native: bool) -> None:
        self.entry, self.prepared = prepared.entry, prepared
        self.generation: Generation | None = None
        self._user, self._api_key, self._native = user, api_key, native
        self._reader: base.Reader = prepared.style.Reader()
        self._queue: asyncio.Queue[Piece | Ended | Exception | None] = asyncio.Queue()
        self._left = False
        self._delivered_bytes = 0
        self._status: int | None = None

    @property
    def generation_id(self) -> str:
        assert self.generation is not None, "a call has a generation as soon as it has begun"
        return str(self.generation.pk)

    @property
    def finish_reason(self) -> str:
        return self._reader.finish_reason or base.STOP

    async def begin(self) -> None:
        """Hold the credits and ask KIE. Raises Refused."""
        task = asyncio.create_task(self._work())
        # The event loop itself does not keep its tasks alive.
        _running.add(task)
        task.add_done_callback(_running.discard)
        try:
            item = await self._queue.get()
        except BaseException:
            self.leave()
            raise
        if isinstance(item, Exception):
            raise item

    async def items(self) -> AsyncIterator[Piece | Ended]:
        """The pieces as they come, and how the call ended: that is the last, and it comes when all is settled."""
        while True:
            item = await self._queue.get()
            if isinstance(item, Piece):
                yield item
            elif isinstance(item, Ended):
                yield item
                return

    def leave(self) -> None:
        """Nobody listens any more. What KIE has begun is read to its end; what it has not is not begun."""
        self._left = True

    async def _work(self) -> None:
        try:
            self.generation = await threads.database(self._admit)
        except Exception as refusal:
            self._queue.put_nowait(refusal)
            return
        self._queue.put_nowait(None)
        started = time.monotonic()
        trouble = await self._talk()
        milliseconds = round((time.monotonic() - started) * 1000)
        self._queue.put_nowait(await self._settle(trouble, milliseconds))

    async def _talk(self) -> KieError | None:
        """Ask KIE and hand over what it says; what went wrong, if anything did. Never raises."""
        if self._left:
            return settling.Nobody("the caller left before KIE was asked")
        try:
            await self._read()
        except KieError as error:
            return error
        except asyncio.CancelledError:
            return Unknown("this process was stopped")
        except Exception as error:
            logger.exception("chat call %s went wrong", self.generation_id)
            return Unknown(f"a fault of ours: {error!r}")
        return None

    def _admit(self) -> Generation:
        """Hold the credits, in the transaction that makes the row (R-BUD3, R-UP4)."""
        if not breaker.enter():
            message = "Chat is temporarily unavailable. Please try again later."
            raise Refused("temporarily_unavailable", message, status=503, retry_after_seconds=30)
        now, quote = timezone.now(), self.prepared.quote
        deadline = now + timedelta(seconds=settings.DEADLINE_SECONDS[lifecycle.CHAT])
        generation = Generation(
            user=self._user,
            api_key=self._api_key,
            model=self.entry.id,
            kind=lifecycle.CHAT,
            input=self.prepared.summary,
            price_millicredits=quote.price_millicredits,
            price_exact=quote.cost.exact,
            price_version=quote.price_version,
            cost_estimate_millicredits=quote.cost.millicredits,
            state=Generation.State.RUNNING,
            created_at=now,
            started_at=now,
            submit_by=now,
            deadline=deadline,
            # Should this process die, the sweep finds the row here.
            check_at=deadline,
            kie_files={},
        )
        lifecycle.admit(generation, by=f"key {self._api_key.prefix}" if self._api_key else "customer")
        return generation

    # Reading

    async def _read(self) -> None:
        request, streamed = self.prepared.request, bool(self.prepared.summary["stream"])
        total = settings.CHAT_MAX_SECONDS
        # A reply that comes in one piece is silent until it is whole.
        limits = streams.Limits(total, settings.CHAT_IDLE_SECONDS if streamed else total, settings.CHAT_MAX_BYTES)
        async with streams.send(settings.KIE_BASE_URL, settings.KIE_API_KEY, request, limits) as reply:
            self._status = reply.status
            head, pieces = b"", reply.pieces()
            async for head in pieces:
                if head := head.lstrip():
                    break
            if reply.status < 400 and head[:1] in _STREAM_BEGINS and head:
                await self._read_stream(head, pieces, streamed)
            else:
                await self._read_body(reply.status, head, pieces, streamed)

    async def _read_stream(self, head: bytes, pieces: AsyncIterator[bytes], streamed: bool) -> None:
        if self._native and not streamed:
            raise Unknown("a stream came where a whole body was asked for")
        events = sse.Events()
        self._take(events.feed(head))
        async for piece in pieces:
            self._take(events.feed(piece))
        self._take(events.end())
        if not self._reader.complete:
            raise Unknown("the stream broke off")

    def _take(self, events: list[sse.Event]) -> None:
        """Hand over together what came together: the busier the platform, the less each event costs."""
        piece = Piece([], [])
        try:
            for event in events:
                if event.data == sse.DONE:
                    self._reader.complete = True
                    continue
                data = wire.parse(event.data)
                piece.said.extend(self._reader.event(data))
                piece.events.append((event.name, data))
        finally:
            if piece.events:
                self._hand_over(piece)

    async def _read_body(self, status: int, head: bytes, pieces: AsyncIterator[bytes], streamed: bool) -> None:
        text = (head + b"".join([piece async for piece in pieces])).decode(errors="replace")
        answer = Answer(status, wire.parse(text), text)
        said = self._reader.body(answer)
        if self._native and streamed:
            raise Unknown("a whole body came where a stream was asked for")
        self._hand_over(Piece(said, [("", answer.body)]))

    def _hand_over(self, piece: Piece) -> None:
        self._delivered_bytes += sum(map(_length, piece.said))
        if not self._left:
            self._queue.put_nowait(piece)

    # Settling

    async def _settle(self, error: KieError | None, milliseconds: int) -> Ended:
        assert self.generation is not None
        heard = Heard(
            usage=self._reader.usage,
            cost_millicredits=self._reader.cost_millicredits,
            finish_reason=self.finish_reason,
            delivered_bytes=self._delivered_bytes,
            asked_tokens=tokens.estimate(self.prepared.summary["characters"], self.prepared.summary["pictures"]),
            error=error,
            status=self._status,
            path=self.prepared.request.path,
            milliseconds=milliseconds,
        )
        for seconds in _SETTLE_AFTER_SECONDS:
            try:
                await asyncio.sleep(seconds)
                return await threads.database(settling.settle, self.generation, self.entry, heard)
            except Exception:
                logger.exception("chat call %s is not settled yet", self.generation.pk)
        return settling.unsettled(self.generation, heard)


def _length(said: Said) -> int:
    text = said.arguments + said.name if isinstance(said, ToolCall) else said.text
    return len(text.encode(errors="replace"))


async def stop(seconds: float = 10.0) -> None:
    """End all calls of this process, each settled by what has come so far."""
    tasks = list(_running)
    for task in tasks:
        task.cancel()
    if tasks:
        await asyncio.wait(tasks, timeout=seconds)
