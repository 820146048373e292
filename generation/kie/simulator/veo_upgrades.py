"""Veo follow-ups: 1080p by asking again, 4K by a task of its own (protocol 4.1)."""

import time
from typing import Any

from starlette.requests import Request
from starlette.responses import Response

from generation.kie.simulator import links, pricing
from generation.kie.simulator.create import create, read_object
from generation.kie.simulator.envelope import Refusal, ok
from generation.kie.simulator.failures import Failure
from generation.kie.simulator.tasks import FAIL, SUCCESS, UPGRADE_SECONDS, Task, state
from generation.kie.simulator.veo import ID_PREFIX, finished
from generation.kie.simulator.world import Order, World

PROCESSING_1080P = "1080p is processing. It should be ready in 1-2 minutes. Please check back shortly."
PROCESSING_4K = "4k is processing. It should be ready in 5-10 minutes. Please check back shortly."
DONE_4K = "The video has been generated successfully"
MODELS = {"veo-1080p": "veo3-api/get-1080p-video", "veo-4k": "veo3-api/get-4k-video"}


async def get_1080p(world: World, request: Request) -> Response:
    """GET /api/v1/veo/get-1080p-video: the first call starts it, and 400 means "not yet" (trap 7)."""
    query = request.query_params
    body: dict[str, Any] = {"taskId": query.get("taskId", ""), "index": _index(query.get("index"))}
    base = finished(world, body["taskId"])
    task = world.upgrades.get(("veo-1080p", base.id, body["index"]))
    task = task or world.accept(_order(world, "veo-1080p", body), {})
    if state(task, time.time()) != SUCCESS:
        raise Refusal(400, PROCESSING_1080P)
    return ok({"resultUrl": links.urls(world, task)[0]})


async def get_4k(world: World, request: Request) -> Response:
    """POST /api/v1/veo/get-4k-video: repeats answer 422, with the URLs when it is done (trap 8)."""
    body = await read_object(request)
    base = finished(world, body.get("taskId"))
    task = world.upgrades.get(("veo-4k", base.id, _index(body.get("index"))))
    if task is None:
        return await create(world, request, lambda world, body: _order(world, "veo-4k", body), _pending)
    now_is = state(task, time.time())
    failure = task.failure
    if now_is == FAIL and failure:
        raise Refusal(failure.code, failure.message, {"taskId": task.id})
    if now_is == SUCCESS:
        urls = links.urls(world, task)
        raise Refusal(422, DONE_4K, {"taskId": task.id, "resultUrls": urls[:1], "imageUrls": urls[1:]})
    raise Refusal(422, PROCESSING_4K, _pending(task))


def callback_4k(world: World, task: Task) -> dict[str, Any]:
    """Return the callback of a 4K task."""
    failure: Failure | None = task.failure
    if failure:
        return {"code": failure.code, "msg": failure.message, "data": {"taskId": task.id}}
    urls = links.urls(world, task)
    info = {"resultUrls": urls[:1], "imageUrls": urls[1:]}
    message = "4K Video generated successfully."
    return {"code": 200, "msg": message, "data": {"taskId": task.id, "info": info}}


def _pending(task: Task) -> dict[str, Any]:
    return {"taskId": task.id, "resultUrls": None, "imageUrls": None}


def _order(world: World, family: str, body: dict[str, Any]) -> Order:
    entry = world.catalogue.get("veo", MODELS[family])
    values = {name: value for name, value in body.items() if name != "callBackUrl"}
    entry.check(values)
    return Order(
        family,
        entry,
        body,
        pricing.cost(entry.price, entry.defaults | values),
        id_prefix=ID_PREFIX,
        parent=str(body["taskId"]),
        index=_index(body.get("index")),
        usual_seconds=UPGRADE_SECONDS,
    )


def _index(value: object) -> int:
    try:
        return int(str(value or 0))
    except ValueError as error:
        raise Refusal(422, "index must be an integer") from error
