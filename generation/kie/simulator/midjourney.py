"""Midjourney on its own endpoints; KIE has retired it (protocol 4.7)."""

import time
from typing import Any

from starlette.requests import Request
from starlette.responses import Response

from generation.kie.simulator import legacy, links, records
from generation.kie.simulator.envelope import Refusal, to_json
from generation.kie.simulator.tasks import SUCCESS, Task, state
from generation.kie.simulator.world import Order, World

FAMILY = "midjourney"
GENERATE_TYPES = ("mj_txt2img", "mj_img2img", "mj_style_reference", "mj_omni_reference", "mj_video", "mj_video_hd")
UPSCALE, VARY, EXTEND = "midjourney/upscale", "midjourney/vary", "midjourney/video_extend"
TYPES = {UPSCALE: "mj_upscale", VARY: "mj_vary"}


async def generate(world: World, request: Request) -> Response:
    """POST /api/v1/mj/generate."""
    return await legacy.accept(world, request, read_generate)


async def upscale(world: World, request: Request) -> Response:
    """POST /api/v1/mj/generateUpscale."""
    return await legacy.accept(world, request, lambda world, body: _follow_up(world, UPSCALE, body, "imageIndex"))


async def vary(world: World, request: Request) -> Response:
    """POST /api/v1/mj/generateVary."""
    return await legacy.accept(world, request, lambda world, body: _follow_up(world, VARY, body, "imageIndex"))


async def extend(world: World, request: Request) -> Response:
    """POST /api/v1/mj/generateVideoExtend."""
    return await legacy.accept(world, request, lambda world, body: _follow_up(world, EXTEND, body, "index"))


async def record_info(world: World, request: Request) -> Response:
    """GET /api/v1/mj/record-info?taskId=."""
    now = time.time()
    task = records.poll(world, request, (FAMILY,), records.TOO_OLD, now)
    return records.record(task, record_data(world, task, now))


def read_generate(world: World, body: dict[str, Any]) -> Order:
    """Check a generate body. Each task type is a model of its own in the catalogue."""
    task_type = body.get("taskType")
    if task_type not in GENERATE_TYPES:
        raise Refusal(422, f"taskType must be one of {', '.join(GENERATE_TYPES)}")
    entry = world.catalogue.get(FAMILY, f"midjourney/{task_type}")
    return legacy.order(FAMILY, entry, body, legacy.given(body))


def record_data(world: World, task: Task, now: float) -> dict[str, Any]:
    """Return the record: resultInfoJson is an object that wraps each address in an object."""
    failure = legacy.failure(task, now)
    urls = links.urls(world, task) if state(task, now) == SUCCESS else None
    return {
        "taskId": task.id,
        "taskType": task.body.get("taskType") or TYPES[task.model],
        "paramJson": to_json(task.body),
        "createTime": legacy.iso(task.created),
        "completeTime": legacy.iso(legacy.ended(task, now)),
        "resultInfoJson": None if urls is None else {"resultUrls": [{"resultUrl": url} for url in urls]},
        "successFlag": legacy.flag(task, now),
        "errorCode": failure.code if failure else None,
        "errorMessage": failure.message if failure else None,
    }


def callback(world: World, task: Task) -> dict[str, Any]:
    """Return the callback; here the addresses are plain, and a failure has an empty list."""
    failure = task.failure
    code, message = (failure.code, failure.message) if failure else (200, "success")
    urls = [] if failure else links.urls(world, task)
    return {
        "code": code,
        "msg": message,
        "data": {"taskId": task.id, "promptJson": to_json(task.body), "resultUrls": urls},
    }


def _follow_up(world: World, model: str, body: dict[str, Any], index: str) -> Order:
    """Check a follow-up: its base is a finished task of the right kind, and has a result of that number."""
    entry = world.catalogue.get(FAMILY, model)
    values = legacy.given(body)
    entry.check(values)
    base = legacy.finished(world, FAMILY, values["taskId"])
    if base.model == UPSCALE or world.entry_of(base).kind != entry.kind:
        raise Refusal(422, f"{values['taskId']} cannot be worked on in this way")
    if values[index] >= len(links.urls(world, base)):
        raise Refusal(422, f"{index} is out of range")
    return legacy.order(FAMILY, entry, body, values, parent=base.id)
