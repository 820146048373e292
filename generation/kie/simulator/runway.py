"""Runway on its own endpoints: generate, extend and status (protocol 4.4)."""

import time
from datetime import UTC, datetime
from typing import Any

from starlette.requests import Request
from starlette.responses import Response

from generation.kie.simulator import legacy, links, records
from generation.kie.simulator.envelope import Refusal
from generation.kie.simulator.tasks import QUEUING, SUCCESS, UNKNOWN, WAITING, Task, state
from generation.kie.simulator.world import Order, World

FAMILY = "runway"
GENERATE, EXTEND = "runway/generate", "runway/extend"
# Other spellings than the unified API's (trap 16).
STATE_WORDS = {WAITING: "wait", QUEUING: "queueing", UNKNOWN: "throttled"}


async def generate(world: World, request: Request) -> Response:
    """POST /api/v1/runway/generate."""
    return await legacy.accept(world, request, read_generate)


async def extend(world: World, request: Request) -> Response:
    """POST /api/v1/runway/extend."""
    return await legacy.accept(world, request, read_extend)


async def record_detail(world: World, request: Request) -> Response:
    """GET /api/v1/runway/record-detail?taskId=."""
    now = time.time()
    task = records.poll(world, request, (FAMILY,), records.TOO_OLD, now)
    return records.record(task, record_data(world, task, now))


def read_generate(world: World, body: dict[str, Any]) -> Order:
    """Check a generate body; KIE's own example sends the duration as a string."""
    values = legacy.given(body)
    if isinstance(values.get("duration"), str) and values["duration"].isdigit():
        values["duration"] = int(values["duration"])
    if not values.get("imageUrl") and not values.get("aspectRatio"):
        raise Refusal(422, "aspectRatio is required for text to video")
    return legacy.order(FAMILY, world.catalogue.get(FAMILY, GENERATE), body, values)


def read_extend(world: World, body: dict[str, Any]) -> Order:
    """Check an extend body: its base must have succeeded."""
    values = legacy.given(body)
    base = legacy.finished(world, FAMILY, values.get("taskId"))
    return legacy.order(FAMILY, world.catalogue.get(FAMILY, EXTEND), body, values, parent=base.id)


def record_data(world: World, task: Task, now: float) -> dict[str, Any]:
    """Return the record: a time without a zone, one film with a picture, and no cost."""
    now_is = state(task, now)
    failure = legacy.failure(task, now)
    return {
        "taskId": task.id,
        "parentTaskId": task.parent,
        "generateParam": {
            "prompt": task.body.get("prompt", ""),
            "imageUrl": task.body.get("imageUrl", ""),
            "expandPrompt": True,
        },
        "state": STATE_WORDS.get(now_is, now_is),
        "generateTime": datetime.fromtimestamp(task.created, UTC).strftime("%Y-%m-%d %H:%M:%S"),
        "videoInfo": _film(world, task) if now_is == SUCCESS else None,
        "failCode": failure.code if failure else None,
        "failMsg": failure.message if failure else "",
        "expireFlag": 0,
    }


def callback(world: World, task: Task) -> dict[str, Any]:
    """Return the callback, which spells the id task_id; of a failed extension it has nothing else."""
    failure = task.failure
    if failure:
        nothing = {} if task.model == EXTEND else {"video_id": "", "video_url": "", "image_url": ""}
        return {"code": failure.code, "msg": failure.message, "data": {"task_id": task.id, **nothing}}
    film = _film(world, task)
    data = {
        "task_id": task.id,
        "video_id": film["videoId"],
        "video_url": film["videoUrl"],
        "image_url": film["imageUrl"],
    }
    return {"code": 200, "msg": "All generated successfully.", "data": data}


def _film(world: World, task: Task) -> dict[str, str]:
    urls = links.urls(world, task)
    film, cover = legacy.nth(urls, 0), legacy.nth(urls, 1)
    return {"videoId": task.token, "taskId": task.id, "videoUrl": film, "imageUrl": cover}
