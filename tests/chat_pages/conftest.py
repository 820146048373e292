"""The chat page as a browser uses it: forms, and the stream of events that a script reads."""

import asyncio
import io
import json
import re
import time
import uuid
from collections.abc import AsyncIterator, Awaitable, Callable
from typing import Any

import pytest
from asgiref.sync import async_to_sync
from django.core.files.uploadedfile import SimpleUploadedFile
from django.test import AsyncClient, Client
from PIL import Image

from accounts.models import User
from chat.models import Conversation, Message
from generation.media import uploads
from generation.models import Generation, Upload

MODEL = "claude-haiku-4-5"
THINKER = "gemini-2.5-pro"
CHEAP = "gpt-6-luna"
Event = tuple[str, dict[str, Any]]


@pytest.fixture
def browser(alice: User) -> Client:
    """Alice's browser."""
    return browser_of(alice)


def browser_of(user: User, **options: Any) -> Client:
    client = Client(**options)
    client.force_login(user)
    return client


def form(text: str = "What do bees eat?", **fields: Any) -> dict[str, Any]:
    """What the composer sends; each call of this is a page that was opened anew."""
    return {"text": text, "model": MODEL, "request_id": str(uuid.uuid4()), **fields}


def said(user: User, text: str = "What do bees eat?", **fields: Any) -> list[Event]:
    """Send the composer as the script does; every event of the stream."""
    return listen(user, form(text, **fields), None)


def listen(
    user: User, data: dict[str, Any], heard: Callable[[Event, AsyncClient], Awaitable[bool]] | None
) -> list[Event]:
    """The events of a stream; `heard` sees each as it comes, and leaves by returning False."""

    async def run() -> list[Event]:
        client, events = AsyncClient(), []
        await client.aforce_login(user)
        response = await client.post("/chat/send/", data, headers={"accept": "text/event-stream"})
        assert response.status_code == 200, response.content
        assert response["Content-Type"] == "text/event-stream"
        async for event in parsed(response.streaming_content):
            events.append(event)
            if heard and not await heard(event, client):
                break
        # A server's loop goes on when a request has ended, and so do the tasks that were begun in it.
        if others := asyncio.all_tasks() - {asyncio.current_task()}:
            await asyncio.wait(others, timeout=20)
        return events

    return async_to_sync(run)()


async def parsed(pieces: AsyncIterator[bytes]) -> AsyncIterator[Event]:
    async for piece in pieces:
        for name, data in re.findall(r"event: (\w+)\ndata: (.*)\n\n", piece.decode()):
            yield name, json.loads(data)


def refused(user: User, data: dict[str, Any]) -> Any:
    """The answer to a form that is not accepted, as the script gets it."""
    return browser_of(user).post("/chat/send/", data, headers={"accept": "text/event-stream"})


def last(role: str = "assistant") -> Message:
    """The newest message of a role that was not replaced."""
    found = Message.objects.filter(role=role, replaced_at=None).select_related("generation", "conversation").last()
    assert found
    return found


def until(condition: Callable[[], Any], what: str, *, seconds: float = 20) -> None:
    deadline = time.monotonic() + seconds
    while not condition():
        assert time.monotonic() < deadline, f"{what} did not come true in {seconds} s"
        time.sleep(0.02)


def settled(message: Message) -> Generation:
    """The generation behind an answer, once what it cost is known."""
    assert message.generation_id
    until(lambda: Generation.objects.get(pk=message.generation_id).terminal, "the settlement")
    return Generation.objects.get(pk=message.generation_id)


def conversation(user: User, title: str = "Bees", **answer: Any) -> Conversation:
    """A question and its answer, as they are kept."""
    thread = Conversation.objects.create(user=user, title=title, model=MODEL)
    thread.messages.create(role="user", text="What do bees eat?")
    thread.messages.create(role="assistant", model=MODEL, **{"text": "Nectar and **pollen**.", **answer})
    return thread


def picture_of(user: User, size: tuple[int, int] = (40, 30)) -> Upload:
    out = io.BytesIO()
    Image.new("RGB", size, "teal").save(out, "PNG")
    return uploads.save(user, SimpleUploadedFile("bee.png", out.getvalue()))
