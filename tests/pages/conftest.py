import io
import json
from collections.abc import Callable
from typing import Any

import pytest
from django.core.files.base import ContentFile
from django.core.files.storage import default_storage
from django.test import Client
from PIL import Image

from accounts.models import User
from generation import catalog, lifecycle
from generation.models import Asset, Generation

State = Generation.State
BANANA = "google/nano-banana"


@pytest.fixture
def browser(alice: User) -> Client:
    """Alice's browser."""
    return browser_of(alice)


def browser_of(user: User) -> Client:
    client = Client()
    client.force_login(user)
    return client


def requested(user: User, prompt: str = "A red fox") -> Generation:
    return lifecycle.request(user, BANANA, {"prompt": prompt})


def running(user: User, prompt: str = "A red fox") -> Generation:
    generation = requested(user, prompt)
    lifecycle.move(generation, State.RUNNING, "submitting")
    return generation


def failed(user: User, error: str = "deadline", why: str = "KIE said: internal words") -> Generation:
    generation = running(user)
    lifecycle.finish(generation, State.FAILED, why, error=error)
    return generation


def succeeded(user: User, prompt: str = "A red fox") -> Generation:
    generation = running(user, prompt)
    lifecycle.move(generation, State.STORING, "KIE finished")
    keep_picture(generation)
    lifecycle.finish(generation, State.SUCCEEDED, "results stored")
    return generation


def keep_picture(generation: Generation) -> Asset:
    data = picture()
    names = [default_storage.save(f"{generation.pk}/{name}", ContentFile(data)) for name in ("0.png", "0.webp")]
    return Asset.objects.create(
        generation=generation,
        index=0,
        kind="image",
        file=names[0],
        preview=names[1],
        content_type="image/png",
        size_bytes=len(data),
        width=8,
        height=8,
    )


def made(user: User, model: str, *results: dict[str, Any], state: str = State.SUCCEEDED) -> Generation:
    """A generation of any model with results, each given as the fields of its Asset and its `content`."""
    generation = requested(user)
    task = {"model": model, "kind": catalog.get(model).modality, "kie_task_id": f"task-{generation.pk.hex[:8]}"}
    Generation.objects.filter(pk=generation.pk).update(**task)
    generation.refresh_from_db()
    lifecycle.move(generation, State.RUNNING, "submitting")
    for index, result in enumerate(results):
        keep(generation, index, **result)
    if state != State.RUNNING:
        lifecycle.move(generation, State.STORING, "KIE finished")
        lifecycle.finish(generation, state, "results stored", error="" if state == State.SUCCEEDED else "deadline")
    generation.refresh_from_db()
    return generation


def keep(generation: Generation, index: int, **fields: Any) -> Asset:
    """One result: a structure (`data`), a text, or else a sound; with `cover` it has a picture."""
    data = fields.get("data")
    kind, extension, content_type, content = "audio", "mp3", "audio/mpeg", b"ID3 a sound"
    if data is not None:
        kind, extension, content_type = "text", "txt", "text/plain"
        content = data.encode() if isinstance(data, str) else json.dumps(data).encode()
    if isinstance(data, dict | list):
        extension, content_type = "json", "application/json"
    name = default_storage.save(f"{generation.pk}/{index}.{extension}", ContentFile(content))
    cover = (
        default_storage.save(f"{generation.pk}/{index}.webp", ContentFile(picture())) if fields.pop("cover", 0) else ""
    )
    shape = {"kind": kind, "content_type": content_type, "size_bytes": len(content), "file": name, "preview": cover}
    return Asset.objects.create(generation=generation, index=index, **shape | fields)


def picture() -> bytes:
    out = io.BytesIO()
    Image.new("RGB", (8, 8), "teal").save(out, "PNG")
    return out.getvalue()


@pytest.fixture
def text_of() -> Callable[[Any], str]:
    """A response's HTML with runs of white space made one, so that tests can look for sentences."""
    return lambda response: " ".join(response.content.decode().split())
