"""The takes of a Suno task, each with audio, cover and title, in the spellings of its endpoints (protocol 2.2, 4.8)."""

from datetime import UTC, datetime
from typing import Any, NamedTuple

from generation.kie.simulator import links
from generation.kie.simulator.results import caption
from generation.kie.simulator.tasks import Task
from generation.kie.simulator.world import World

ID_LENGTH = 32


class Take(NamedTuple):
    """One take; `audio` and `cover` are addresses."""

    id: str
    audio: str
    cover: str
    seconds: float
    prompt: str
    tags: str
    title: str


def takes(world: World, task: Task) -> list[Take]:
    """Return the takes of a task, which all have a cover beside their audio."""
    media, urls = links.media(world, task), links.urls(world, task)
    values = task.body.get("input", task.body)
    tags = values.get("style") or values.get("tags") or ""
    about = (values.get("prompt", ""), tags, values.get("title") or caption(values)[:40])
    return [
        Take(part_id(task, number), urls[number], urls[number + 1], media[number].seconds, *about)
        for number in range(0, len(urls), 2)
    ]


def part_id(task: Task, number: int) -> str:
    """Return the id of one take or stem."""
    return f"{task.token}{number}"


def owner(world: World, audio_id: str) -> Task | None:
    """Find the task that made a take or stem; None for an id that nothing has."""
    task = world.tasks_by_token.get(audio_id[:ID_LENGTH])
    known = task is not None and audio_id in [part_id(task, number) for number in range(len(links.media(world, task)))]
    return task if known else None


def snake(take: Take, task: Task) -> dict[str, Any]:
    """Return a take as callbacks and the unified API spell it."""
    return {
        "id": take.id,
        "audio_url": take.audio,
        "stream_audio_url": take.audio,
        "image_url": take.cover,
        "prompt": take.prompt,
        "model_name": "chirp-hawk",
        "title": take.title,
        "tags": take.tags,
        "createTime": clock(task.ends or task.created),
        "duration": take.seconds,
    }


def camel(take: Take, task: Task, ready: bool) -> dict[str, Any]:
    """Return a take as the record of the older endpoints spells it; one that is not ready can only be streamed."""
    return {
        "id": take.id,
        "audioUrl": take.audio if ready else "",
        "streamAudioUrl": take.audio,
        "imageUrl": take.cover,
        "prompt": take.prompt,
        "modelName": "chirp-v4-5",
        "title": take.title,
        "tags": take.tags,
        "createTime": clock(task.ends or task.created),
        "duration": take.seconds,
    }


def song_result(world: World, task: Task) -> dict[str, Any]:
    """Return the unified API's `{code, data: [take, ...], msg, task_id}`; its times are in milliseconds."""
    created = int((task.ends or task.created) * 1000)
    found = [snake(take, task) | {"createTime": created} for take in takes(world, task)]
    return {"code": 200, "data": found, "msg": "success", "task_id": task.id}


def clock(seconds: float) -> str:
    """Return a time without a zone (trap 32)."""
    return datetime.fromtimestamp(seconds, UTC).strftime("%Y-%m-%d %H:%M:%S")
