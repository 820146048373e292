"""Runway Aleph on its own endpoints (protocol 4.5)."""

from typing import Any

from generation.kie.simulator import legacy, links
from generation.kie.simulator.envelope import to_json
from generation.kie.simulator.tasks import SUCCESS, UNKNOWN, Task, share, state
from generation.kie.simulator.world import Order, World

FAMILY = "runway-aleph"
MODEL = "runway-aleph/generate"
EARLY_END_SHARE = 0.3


def read(world: World, body: dict[str, Any]) -> Order:
    """Check a generate body."""
    return legacy.order(FAMILY, world.catalogue.get(FAMILY, MODEL), body, legacy.given(body))


def record_data(world: World, task: Task, now: float) -> dict[str, Any]:
    """Return the record: flag 0 is failed as well as running, and the error tells which (trap 17)."""
    now_is = state(task, now)
    failure = legacy.failure(task, now)
    ended = legacy.ended(task, now)
    if ended is None and "complete-time-early" in task.faults and share(task, now) > EARLY_END_SHARE:
        ended = now
    return {
        "taskId": task.id,
        "paramJson": to_json(task.body),
        "response": _response(world, task) if now_is == SUCCESS else None,
        "completeTime": legacy.iso(ended),
        "createTime": legacy.iso(task.created),
        "successFlag": {SUCCESS: legacy.SUCCESS_FLAG, UNKNOWN: legacy.UNKNOWN_FLAG}.get(now_is, legacy.RUNNING_FLAG),
        "errorCode": failure.code if failure else 0,
        "errorMessage": failure.message if failure else "",
    }


def callback(world: World, task: Task) -> dict[str, Any]:
    """Return the callback, which has the task id beside the data; a failure has no data."""
    failure = task.failure
    if failure:
        return {"code": failure.code, "msg": failure.message, "data": None, "taskId": task.id}
    urls = links.urls(world, task)
    data = {"result_video_url": legacy.nth(urls, 0), "result_image_url": legacy.nth(urls, 1)}
    return {"code": 200, "msg": "success", "data": data, "taskId": task.id}


def _response(world: World, task: Task) -> dict[str, str]:
    urls = links.urls(world, task)
    return {"taskId": task.id, "resultVideoUrl": legacy.nth(urls, 0), "resultImageUrl": legacy.nth(urls, 1)}


# POST /api/v1/aleph/generate and GET /api/v1/aleph/record-info?taskId=.
generate, record_info = legacy.endpoints(FAMILY, read, record_data)
