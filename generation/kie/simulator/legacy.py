"""What the older endpoints of pictures and videos share: orders, bases of follow-ups, flags and times."""

import time
from collections.abc import Awaitable, Callable
from datetime import UTC, datetime
from typing import Any

from starlette.requests import Request
from starlette.responses import Response

from generation.kie.simulator import pricing, records
from generation.kie.simulator.catalogue import Entry
from generation.kie.simulator.create import Read, create
from generation.kie.simulator.envelope import Refusal
from generation.kie.simulator.failures import Failure
from generation.kie.simulator.tasks import FAIL, SUCCESS, UNKNOWN, Task, state
from generation.kie.simulator.world import Order, World

Handler = Callable[[World, Request], Awaitable[Response]]
RecordData = Callable[[World, Task, float], dict[str, Any]]
NOT_FINISHED = "record status is not success"
RUNNING_FLAG, SUCCESS_FLAG, EARLY_FLAG, FAILED_FLAG, UNKNOWN_FLAG = 0, 1, 2, 3, 7


async def accept(world: World, request: Request, read: Read) -> Response:
    """Answer a create: the task id is all there is."""
    return await create(world, request, read, lambda task: {"taskId": task.id})


def endpoints(
    family: str, read: Read, record_data: Callable[[World, Task, float], dict[str, Any]]
) -> tuple[Handler, Handler]:
    """The two endpoints that most families have: `generate` takes orders, `record-info?taskId=` tells of them."""

    async def generate(world: World, request: Request) -> Response:
        return await accept(world, request, read)

    async def record_info(world: World, request: Request) -> Response:
        now = time.time()
        task = records.poll(world, request, (family,), records.TOO_OLD, now)
        return records.record(task, record_data(world, task, now))

    return generate, record_info


def given(body: dict[str, Any]) -> dict[str, Any]:
    """Return the input in a create body."""
    return {name: value for name, value in body.items() if name != "callBackUrl"}


def order(family: str, entry: Entry, body: dict[str, Any], values: dict[str, Any], parent: str = "") -> Order:
    """Check the input against the schema and price it."""
    entry.check(values)
    return Order(family, entry, body, pricing.cost(entry.price, entry.defaults | values), parent=parent)


def finished(world: World, family: str, task_id: object) -> Task:
    """Find the base of a follow-up: a task of the family that has succeeded."""
    task = records.find(world, str(task_id or ""), (family,), records.TOO_OLD)
    if state(task, time.time()) != SUCCESS:
        raise Refusal(422, NOT_FINISHED)
    return task


def flag(task: Task, now: float) -> int:
    """Return the successFlag of families that have 0 running, 1 success, 2 not created, 3 not generated."""
    now_is = state(task, now)
    if now_is == FAIL and task.failure:
        return EARLY_FLAG if task.failure.early else FAILED_FLAG
    return {SUCCESS: SUCCESS_FLAG, UNKNOWN: UNKNOWN_FLAG}.get(now_is, RUNNING_FLAG)


def failure(task: Task, now: float) -> Failure | None:
    """Return how a task has failed, None while it has not."""
    return task.failure if state(task, now) == FAIL else None


def ended(task: Task, now: float) -> float | None:
    """Return the Unix time of the end, None before it."""
    return task.ends if task.ends is not None and now >= task.ends else None


def nth(urls: list[str], number: int) -> str:
    """Return one of several addresses, "" where there is none."""
    return urls[number] if number < len(urls) else ""


def iso(seconds: float | None) -> str | None:
    """Return a time as 2024-03-20T10:25:00Z (trap 32)."""
    return datetime.fromtimestamp(seconds, UTC).strftime("%Y-%m-%dT%H:%M:%SZ") if seconds is not None else None
