"""Chat calls in the test's own process and event loop."""

import asyncio
import time
from collections.abc import AsyncIterator, Callable, Coroutine
from contextlib import aclosing
from typing import Any

from accounts.models import User
from billing import ledger
from billing.models import Wallet
from chat import calls, threads
from chat.calls import Delta, Ended, Started, Thought
from generation.kie.families.chat.base import Ask
from generation.models import Generation

GEMINI = "gemini-3-flash"
CLAUDE = "claude-opus-5"
GPT = "gpt-5-5"
NATIVE_GEMINI = "gemini-3-5-flash"
# One model of each dialect.
DIALECTS = [GEMINI, GPT, CLAUDE, NATIVE_GEMINI]


def said(prompt: str) -> list[dict[str, Any]]:
    return [{"role": "user", "content": prompt}]


def run(coroutine: Coroutine[Any, Any, Any]) -> Any:
    return asyncio.run(coroutine)


async def heard(user: User, model: str, prompt: str, **more: Any) -> list[Any]:
    """Every event of an answer."""
    async with aclosing(calls.answer(user, model, said(prompt), **more)) as events:
        return [event async for event in events]


def talk(user: User, model: str, prompt: str, **more: Any) -> tuple[str, Ended]:
    """The text of an answer, and how it ended."""
    events = run(heard(user, model, prompt, **more))
    assert isinstance(events[0], Started)
    assert isinstance(events[-1], Ended)
    assert events[0].generation_id == events[-1].generation_id
    return text_of(events), events[-1]


def text_of(events: list[Any]) -> str:
    return "".join(event.text for event in events if isinstance(event, Delta))


def thoughts_of(events: list[Any]) -> str:
    return "".join(event.text for event in events if isinstance(event, Thought))


async def eventually(condition: Callable[[], Any], seconds: float = 10.0) -> Any:
    """Wait, without blocking the loop, for something that another task brings about."""
    deadline = time.monotonic() + seconds
    while not (found := await threads.database(condition)):
        assert time.monotonic() < deadline, "the condition did not come true in time"
        await asyncio.sleep(0.01)
    return found


async def whole(user: User, model: str, prompt: str) -> list[Any]:
    """A reply that is not streamed, piece by piece."""
    ask = Ask(said(prompt), stream=False)
    call = await calls.open(user, model, lambda style, target: style.request(ask, target))
    return [item async for item in call.items()]


async def first_words(events: AsyncIterator[Any]) -> str:
    """Listen until something is said."""
    async for event in events:
        if isinstance(event, Delta):
            return event.text
    raise AssertionError("nothing was said")


def the_call() -> Generation:
    return Generation.objects.get(kind="chat")


def receipt() -> ledger.Receipt:
    about = the_call().about
    return ledger.receipts([about])[about]


def wallet(user: User) -> tuple[int, int]:
    """Available and held."""
    row = Wallet.objects.get(pk=user.pk)
    return row.available, row.held
