"""Flux Kontext on its own endpoints (protocol 4.3)."""

from typing import Any

from generation.kie.simulator import legacy, links
from generation.kie.simulator.envelope import Refusal, to_json
from generation.kie.simulator.tasks import SUCCESS, Task, state
from generation.kie.simulator.world import Order, World

FAMILY = "flux-kontext"
DEFAULT_MODEL = "flux-kontext-pro"
MOST_TOLERANT_EDIT = 2


def read(world: World, body: dict[str, Any]) -> Order:
    """Check a generate body. The variant is a model of its own in the catalogue."""
    values = legacy.given(body)
    entry = world.catalogue.get(FAMILY, f"flux-kontext/{values.setdefault('model', DEFAULT_MODEL)}")
    tolerance = values.get("safetyTolerance")
    if values.get("inputImage") and isinstance(tolerance, int) and tolerance > MOST_TOLERANT_EDIT:
        raise Refusal(500, "security tolerance level is out of range")
    return legacy.order(FAMILY, entry, body, values)


def record_data(world: World, task: Task, now: float) -> dict[str, Any]:
    """Return the record: ISO times with a zone, two addresses of the picture, and no cost."""
    failure = legacy.failure(task, now)
    return {
        "taskId": task.id,
        "paramJson": to_json(task.body),
        "createTime": legacy.iso(task.created),
        "completeTime": legacy.iso(legacy.ended(task, now)),
        "response": _pictures(world, task) if state(task, now) == SUCCESS else None,
        "successFlag": legacy.flag(task, now),
        "errorCode": failure.code if failure else None,
        "errorMessage": failure.message if failure else "",
    }


def callback(world: World, task: Task) -> dict[str, Any]:
    """Return the callback; a failure has addresses that are empty."""
    failure = task.failure
    if failure:
        info = {"originImageUrl": "", "resultImageUrl": ""}
        return {"code": failure.code, "msg": failure.message, "data": {"taskId": task.id, "info": info}}
    data = {"taskId": task.id, "info": _pictures(world, task)}
    return {"code": 200, "msg": "BFL image generated successfully.", "data": data}


def _pictures(world: World, task: Task) -> dict[str, str]:
    urls = links.urls(world, task)
    return {"originImageUrl": legacy.nth(urls, 1), "resultImageUrl": legacy.nth(urls, 0)}


# POST /api/v1/flux/kontext/generate and GET /api/v1/flux/kontext/record-info?taskId=.
generate, record_info = legacy.endpoints(FAMILY, read, record_data)
