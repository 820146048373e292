"""Writing one answer: takes what the model says, tells whoever watches, and keeps it in the answer's row.

The writer is a task of its own, apart from the response that shows it. So an answer that is paid for is kept whole when
its reader loses the network or closes the page; only Stop ends it early. The row says whether it is still
wanted: every second the writer saves what has come, under the condition that nobody has stopped it.
"""

import asyncio
import json
import logging
import time
from collections.abc import AsyncIterator, Callable
from dataclasses import dataclass, field
from typing import Any

from django.utils import timezone

from accounts.errors import Refused
from chat import calls, context, markdown, threads
from chat.models import Conversation, Message

logger = logging.getLogger(__name__)
BEAT_SECONDS = 1.0
# Blocks of Markdown are looked for at this pace while text comes in.
RENDER_SECONDS = 0.25
# A quiet connection is closed by proxies; a comment keeps it open.
QUIET_SECONDS = 10.0
INTERNAL = ("internal", "Something went wrong on our side.")

State = Message.State
Tell = Callable[[str, dict[str, Any]], None]
_END = object()
_writers: set[asyncio.Task[None]] = set()


@dataclass
class Sheet:
    """What has come so far, and how it ended. `shown` characters of the text were told as finished HTML."""

    text: str = ""
    thought: str = ""
    shown: int = 0
    rendered_at: float = 0.0
    kept: dict[str, Any] = field(default_factory=dict)
    state: str = State.DONE
    ended: dict[str, Any] = field(default_factory=dict)


# The response


async def stream(answer: Message, finish: Callable[[], dict[str, Any]]) -> AsyncIterator[bytes]:
    """Start writing, and yield the news as server-sent events; the last one, `ended`, carries what `finish` says."""
    news: asyncio.Queue[tuple[str, dict[str, Any]]] = asyncio.Queue()
    task = start(answer, lambda name, data: news.put_nowait((name, data)))
    task.add_done_callback(lambda _: news.put_nowait(("ended", {})))
    while True:
        try:
            name, data = await asyncio.wait_for(news.get(), QUIET_SECONDS)
        except TimeoutError:
            yield b": still there\n\n"
            continue
        yield event(name, data if name != "ended" else await threads.database(finish))
        if name == "ended":
            return


def event(name: str, data: dict[str, Any]) -> bytes:
    """One server-sent event."""
    return f"event: {name}\ndata: {json.dumps(data)}\n\n".encode()


def start(answer: Message, tell: Tell) -> asyncio.Task[None]:
    """Write an answer in a task of its own."""
    task = asyncio.create_task(write(answer, tell))
    # The event loop itself does not keep its tasks alive.
    _writers.add(task)
    task.add_done_callback(_writers.discard)
    return task


# The writer


async def write(answer: Message, tell: Tell) -> None:
    """Write an answer to its end, whatever that is, and keep it."""
    sheet = Sheet()
    try:
        await _write(answer, sheet, tell)
    except Refused as refused:
        _failed(sheet, refused.code, refused.message)
    except Exception:
        logger.exception("answer %s failed", answer.pk)
        _failed(sheet, *INTERNAL)
    finally:
        await threads.database(_end, answer, sheet)


def _failed(sheet: Sheet, code: str, message: str) -> None:
    sheet.state = State.FAILED
    sheet.ended |= {"error_code": code[:60], "error_message": message[:500]}


async def _write(answer: Message, sheet: Sheet, tell: Tell) -> None:
    messages = await threads.database(context.before, answer)
    user = answer.conversation.user
    events: asyncio.Queue[Any] = asyncio.Queue()
    call = calls.answer(user, answer.model, messages, effort=answer.effort or None)
    pump = asyncio.create_task(_pump(call, events))
    try:
        beat_at = time.monotonic() + BEAT_SECONDS
        while (event := await _next(events, beat_at)) is not _END:
            if event is not None:
                _take(event, sheet, tell)
            if time.monotonic() >= beat_at:
                if not await threads.database(_keep, answer, sheet):
                    sheet.state = State.STOPPED
                    return
                beat_at = time.monotonic() + BEAT_SECONDS
        await pump
    finally:
        pump.cancel()
        await asyncio.wait([pump])


async def _pump(call: AsyncIterator[Any], events: asyncio.Queue[Any]) -> None:
    """Iterate in one task from beginning to end: who cancels it has stopped listening."""
    try:
        async for event in call:
            events.put_nowait(event)
    finally:
        events.put_nowait(_END)


async def _next(events: asyncio.Queue[Any], until: float) -> Any:
    """The next event, or None when none has come by the time of `until`."""
    try:
        return await asyncio.wait_for(events.get(), max(0.001, until - time.monotonic()))
    except TimeoutError:
        return None


def _take(event: Any, sheet: Sheet, tell: Tell) -> None:
    match event:
        case calls.Started():
            sheet.kept["generation_id"] = event.generation_id
        case calls.Thought():
            sheet.thought += (text := storable(event.text))
            tell("thought", {"text": text})
        case calls.Delta():
            sheet.text += (text := storable(event.text))
            tell("text", {"text": text})
            _show_finished(sheet, tell)
        case calls.Ended():
            sheet.kept["generation_id"] = event.generation_id
            sheet.ended["input_tokens"], sheet.ended["output_tokens"] = event.input_tokens, event.output_tokens
            sheet.ended["finish_reason"] = (event.finish_reason or "")[:40]
            if event.error_code:
                _failed(sheet, event.error_code, event.error_message)


def storable(text: str) -> str:
    """Without what PostgreSQL cannot store in a text: NUL and half characters."""
    return text.replace("\x00", "").encode("utf-8", "replace").decode()


def _show_finished(sheet: Sheet, tell: Tell) -> None:
    """Tell the paragraphs, lists and so on that are complete as HTML, in place of their plain text."""
    if time.monotonic() < sheet.rendered_at + RENDER_SECONDS:
        return
    sheet.rendered_at = time.monotonic()
    rest = sheet.text[sheet.shown :]
    if length := markdown.finished(rest):
        sheet.shown += length
        tell("block", {"html": str(markdown.render(rest[:length])), "rest": rest[length:]})


# The row


def _keep(answer: Message, sheet: Sheet) -> bool:
    """Save what has come so far; False when the answer is no longer wanted."""
    rows = Message.objects.filter(pk=answer.pk, state=State.WRITING)
    return bool(rows.update(text=sheet.text, thought=sheet.thought, beat_at=timezone.now(), **sheet.kept))


def _end(answer: Message, sheet: Sheet) -> None:
    """Save the whole of it. A row that was deleted or given up meanwhile stays as it is."""
    rows = Message.objects.filter(pk=answer.pk, state__in=Message.OPEN)
    rows.update(text=sheet.text, thought=sheet.thought, state=sheet.state, **sheet.kept, **sheet.ended)
    Conversation.objects.filter(pk=answer.conversation_id).update(updated_at=timezone.now())
