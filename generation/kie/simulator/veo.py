"""Veo 3.1 on its own endpoints: generate, extend and status (protocol 4.1)."""

import time
from datetime import UTC, datetime
from typing import Any

from starlette.requests import Request
from starlette.responses import Response

from generation.kie.simulator import links, pricing, records
from generation.kie.simulator.create import create
from generation.kie.simulator.envelope import Refusal, ok, to_json
from generation.kie.simulator.tasks import FAIL, SUCCESS, UNKNOWN, Task, state
from generation.kie.simulator.world import Order, World

FAMILIES = ("veo", "veo-4k")
ID_PREFIX = "veo_task_"
EXTEND = "veo3-api/extend-video"
DEFAULT_MODEL = "veo3_fast"
NOT_FINISHED = "record status is not success"
RUNNING_FLAG, SUCCESS_FLAG, EARLY_FLAG, FAILED_FLAG, UNKNOWN_FLAG = 0, 1, 2, 3, 7


async def generate(world: World, request: Request) -> Response:
    """POST /api/v1/veo/generate."""
    return await create(world, request, read_generate, lambda task: {"taskId": task.id})


async def extend(world: World, request: Request) -> Response:
    """POST /api/v1/veo/extend."""
    return await create(world, request, read_extend, lambda task: {"taskId": task.id})


async def record_info(world: World, request: Request) -> Response:
    """GET /api/v1/veo/record-info?taskId=, also for 4K tasks."""
    now = time.time()
    task = records.poll(world, request, FAMILIES, records.TOO_OLD, now)
    return records.record(task, record_data(world, task, now))


async def query(world: World, request: Request) -> Response:
    """GET /api/v1/veo/query/{taskId}: the flat record of one old document."""
    now = time.time()
    task = records.find(world, request.path_params["task_id"], FAMILIES, records.TOO_OLD)
    world.polls += 1
    done = flag(task, now) == SUCCESS_FLAG
    urls = links.urls(world, task) if done else []
    final = flag(task, now) not in (RUNNING_FLAG, UNKNOWN_FLAG)
    return ok(
        {
            "taskId": task.id,
            "successFlag": flag(task, now),
            "videoUrl": urls[0] if urls else None,
            "createdAt": _iso(task.created),
            "completedAt": _iso(task.ends) if final and task.ends else None,
        }
    )


def read_generate(world: World, body: dict[str, Any]) -> Order:
    """Check a generate body. The tier is a model of its own in the catalogue."""
    values = _values(body)
    model = values.setdefault("model", DEFAULT_MODEL)
    entry = world.catalogue.get("veo", f"veo/{model}")
    # Both spellings are accepted (trap 15).
    if "aspectRatio" in values:
        values["aspect_ratio"] = values.pop("aspectRatio")
    entry.check(values)
    if values.get("generationType", "TEXT_2_VIDEO") != "TEXT_2_VIDEO" and not values.get("imageUrls"):
        raise Refusal(422, "imageUrls is required for this generationType")
    price = pricing.cost(entry.price, entry.defaults | values)
    return Order("veo", entry, body, price, id_prefix=ID_PREFIX)


def read_extend(world: World, body: dict[str, Any]) -> Order:
    """Check an extend body: its base must have succeeded."""
    entry = world.catalogue.get("veo", EXTEND)
    values = _values(body)
    entry.check(values)
    base = finished(world, values["taskId"])
    price = pricing.cost(entry.price, entry.defaults | values)
    return Order("veo", entry, body, price, id_prefix=ID_PREFIX, parent=base.id)


def finished(world: World, task_id: object) -> Task:
    """Find a base task that has succeeded."""
    task = records.find(world, str(task_id or ""), ("veo",), records.TOO_OLD)
    if state(task, time.time()) != SUCCESS:
        raise Refusal(422, NOT_FINISHED)
    return task


def flag(task: Task, now: float) -> int:
    """Return the successFlag."""
    now_is = state(task, now)
    if now_is == FAIL and task.failure:
        return EARLY_FLAG if task.failure.early else FAILED_FLAG
    return {SUCCESS: SUCCESS_FLAG, UNKNOWN: UNKNOWN_FLAG}.get(now_is, RUNNING_FLAG)


def record_data(world: World, task: Task, now: float) -> dict[str, Any]:
    """Return the record; times have no zone, and there is no cost."""
    now_is = state(task, now)
    failure = task.failure if now_is == FAIL else None
    final = now_is in (SUCCESS, FAIL)
    data: dict[str, Any] = {
        "taskId": task.id,
        "paramJson": to_json(_shown(task.body)),
        "completeTime": _clock(task.ends) if final and task.ends else None,
        "createTime": _clock(task.created),
        "response": response(world, task) if now_is == SUCCESS else None,
        "successFlag": flag(task, now),
        "errorCode": failure.code if failure else None,
        "errorMessage": failure.message if failure else "",
    }
    if task.family == "veo":
        data["fallbackFlag"] = False
    return data


def response(world: World, task: Task) -> dict[str, Any]:
    """Return the result part of a record."""
    urls = links.urls(world, task)
    if task.family == "veo-4k":
        return {"taskId": task.id, "resultUrls": urls[:1], "imageUrls": urls[1:], "mediaIds": [task.token]}
    found: dict[str, Any] = {"taskId": task.id, **_files(task, urls)}
    if task.model == EXTEND:
        found["fullResultUrls"] = urls
    return found


def callback(world: World, task: Task) -> dict[str, Any]:
    """Return the callback of generate and extend; a failure has no info."""
    data: dict[str, Any] = {"taskId": task.id, "promptJson": to_json(_shown(task.body)), "fallbackFlag": False}
    if task.failure:
        return {"code": task.failure.code, "msg": task.failure.message, "data": data}
    data["info"] = _files(task, links.urls(world, task))
    return {"code": 200, "msg": "Veo3.1 video generated successfully.", "data": data}


def _files(task: Task, urls: list[str]) -> dict[str, Any]:
    """originUrls exist only when the ratio is not 16:9."""
    ratio = task.body.get("aspect_ratio") or task.body.get("aspectRatio") or "16:9"
    origin = {} if ratio == "16:9" else {"originUrls": urls}
    return {"resultUrls": urls, **origin, "resolution": task.body.get("resolution", "720p")}


def _values(body: dict[str, Any]) -> dict[str, Any]:
    return {name: value for name, value in body.items() if name != "callBackUrl"}


def _shown(body: dict[str, Any]) -> dict[str, Any]:
    """The record shows aspectRatio whichever spelling was sent (trap 15)."""
    return {("aspectRatio" if name == "aspect_ratio" else name): value for name, value in body.items()}


def _clock(seconds: float) -> str:
    return datetime.fromtimestamp(seconds, UTC).strftime("%Y-%m-%d %H:%M:%S")


def _iso(seconds: float) -> str:
    return datetime.fromtimestamp(seconds, UTC).strftime("%Y-%m-%dT%H:%M:%SZ")
