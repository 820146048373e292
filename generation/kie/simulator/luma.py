"""Luma modify on its own endpoints; KIE has retired it (protocol 4.6)."""

from typing import Any

from generation.kie.simulator import legacy, links
from generation.kie.simulator.envelope import to_json
from generation.kie.simulator.tasks import SUCCESS, Task, state
from generation.kie.simulator.world import Order, World

FAMILY = "luma"
MODEL = "luma/modify"
CALLBACK_FAILED_FLAG = 4


def read(world: World, body: dict[str, Any]) -> Order:
    """Check a generate body."""
    return legacy.order(FAMILY, world.catalogue.get(FAMILY, MODEL), body, legacy.given(body))


def record_data(world: World, task: Task, now: float) -> dict[str, Any]:
    """Return the record: times in milliseconds, the film at two addresses, and no cost."""
    failure = legacy.failure(task, now)
    ended = legacy.ended(task, now)
    return {
        "taskId": task.id,
        "paramJson": to_json(task.body),
        "completeTime": None if ended is None else int(ended * 1000),
        "response": _response(world, task) if state(task, now) == SUCCESS else None,
        "successFlag": _flag(task, now),
        "createTime": int(task.created * 1000),
        "errorCode": failure.code if failure else None,
        "errorMessage": failure.message if failure else "",
    }


def callback(world: World, task: Task) -> dict[str, Any]:
    """Return the callback; a failure names no film."""
    data: dict[str, Any] = {"taskId": task.id, "promptJson": to_json(task.body)}
    if task.failure:
        return {"code": task.failure.code, "msg": task.failure.message, "data": data}
    data["resultUrls"] = links.urls(world, task)[:1]
    return {"code": 200, "msg": "Modify record generated successfully.", "data": data}


def _flag(task: Task, now: float) -> int:
    """Flag 4: the film is there, and the callback about it could not be delivered (trap 24)."""
    found = legacy.flag(task, now)
    refused = bool(task.deliveries) and all(delivery["status"] != 200 for delivery in task.deliveries)
    if found == legacy.SUCCESS_FLAG and (refused or "callback-exception" in task.faults):
        return CALLBACK_FAILED_FLAG
    return found


def _response(world: World, task: Task) -> dict[str, Any]:
    urls = links.urls(world, task)
    return {"taskId": task.id, "originUrls": urls[1:], "resultUrls": urls[:1]}


# POST /api/v1/modify/generate and GET /api/v1/modify/record-info?taskId=.
generate, record_info = legacy.endpoints(FAMILY, read, record_data)
