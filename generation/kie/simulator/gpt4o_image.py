"""4o image on its own endpoints (protocol 4.2)."""

import time
from typing import Any

from starlette.requests import Request
from starlette.responses import Response

from generation.kie.simulator import links, pricing, records
from generation.kie.simulator.create import create, read_object
from generation.kie.simulator.envelope import Refusal, ok, to_json
from generation.kie.simulator.tasks import FAIL, SUCCESS, UNKNOWN, Task, share, state
from generation.kie.simulator.world import Order, World

FAMILIES = ("gpt4o-image",)
MODEL = "gpt4o-image/generate"
FAILED_FLAG = 2


async def generate(world: World, request: Request) -> Response:
    """POST /api/v1/gpt4o-image/generate."""
    return await create(world, request, read, lambda task: {"taskId": task.id})


async def record_info(world: World, request: Request) -> Response:
    """GET /api/v1/gpt4o-image/record-info?taskId=."""
    now = time.time()
    task = records.poll(world, request, FAMILIES, records.TOO_OLD, now)
    return records.record(task, record_data(world, task, now))


async def download_url(world: World, request: Request) -> Response:
    """POST /api/v1/gpt4o-image/download-url: `taskId` and `url`, or the old `imageUrl` (trap 40)."""
    body = await read_object(request)
    url = str(body.get("url") or body.get("imageUrl") or "")
    if body.get("taskId"):
        task = records.find(world, str(body["taskId"]), FAMILIES, records.TOO_OLD)
        if url not in links.urls(world, task):
            raise Refusal(422, "url is wrong")
    return ok(_fresh(world, url))


def read(world: World, body: dict[str, Any]) -> Order:
    """Check a generate body."""
    entry = world.catalogue.get("gpt4o-image", MODEL)
    values = {name: value for name, value in body.items() if name != "callBackUrl"}
    entry.check(values)
    price = pricing.cost(entry.price, entry.defaults | values)
    return Order("gpt4o-image", entry, body, price)


def record_data(world: World, task: Task, now: float) -> dict[str, Any]:
    """Return the record: words in capitals, progress as a string, milliseconds, and no cost."""
    now_is = state(task, now)
    failure = task.failure if now_is == FAIL else None
    used = share(task, now)
    final = now_is in (SUCCESS, FAIL)
    # completeTime may be filled while the task still runs (trap 50).
    completed = final or ("complete-time-early" in task.faults and used > 0.3)
    return {
        "taskId": task.id,
        "paramJson": to_json(task.body),
        "createTime": int(task.created * 1000),
        "completeTime": int((task.ends or now) * 1000) if completed else None,
        "response": _response(world, task, now_is, completed),
        "successFlag": {SUCCESS: 1, FAIL: FAILED_FLAG, UNKNOWN: 7}.get(now_is, 0),
        "status": _status(task, now_is),
        "errorCode": failure.code if failure else None,
        "errorMessage": failure.message if failure else "",
        "progress": "1.00" if now_is == SUCCESS else f"{min(used, 0.99):.2f}",
    }


def callback(world: World, task: Task) -> dict[str, Any]:
    """Return the callback; here the key is result_urls (trap 19)."""
    failure = task.failure
    if failure:
        return {"code": failure.code, "msg": failure.message, "data": {"taskId": task.id, "info": None}}
    info = {"result_urls": links.urls(world, task)}
    return {"code": 200, "msg": "success", "data": {"taskId": task.id, "info": info}}


def _status(task: Task, now_is: str) -> str:
    if now_is == FAIL and task.failure:
        return "CREATE_TASK_FAILED" if task.failure.early else "GENERATE_FAILED"
    return {SUCCESS: "SUCCESS", UNKNOWN: "MODERATING"}.get(now_is, "GENERATING")


def _response(world: World, task: Task, now_is: str, completed: bool) -> dict[str, Any] | None:
    if now_is == SUCCESS:
        return {"resultUrls": links.urls(world, task)}
    return {"resultUrls": None} if completed and now_is != FAIL else None


def _fresh(world: World, url: str) -> str:
    link = links.fresh(world, url)
    if link is None:
        raise Refusal(422, "url is wrong")
    return link
