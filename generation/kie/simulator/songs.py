"""The result of the Suno models: takes, each with audio, cover and title (protocol 2.2)."""

from typing import Any

from generation.kie.simulator import links
from generation.kie.simulator.results import caption
from generation.kie.simulator.tasks import Task
from generation.kie.simulator.world import World


def song_result(world: World, task: Task) -> dict[str, Any]:
    """Return `{code, data: [take, ...], msg, task_id}`."""
    media, urls = links.media(world, task), links.urls(world, task)
    values = task.body["input"]
    created = int((task.ends or task.created) * 1000)
    takes = [
        {
            "audio_url": urls[number],
            "createTime": created,
            "duration": media[number].seconds,
            "id": f"{task.token}{number}",
            "image_url": urls[number + 1],
            "model_name": "chirp-hawk",
            "prompt": values.get("prompt", ""),
            "stream_audio_url": urls[number],
            "tags": values.get("style") or values.get("tags") or "",
            "title": values.get("title") or caption(values)[:40],
        }
        for number in range(0, len(urls), 2)
    ]
    return {"code": 200, "data": takes, "msg": "success", "task_id": task.id}
