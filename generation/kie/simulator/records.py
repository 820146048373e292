"""What all status queries share: finding the task, and the faults of the first polls."""

import time

from starlette.requests import Request
from starlette.responses import Response

from generation.kie.simulator.config import FOURTEEN_DAYS
from generation.kie.simulator.envelope import Refusal, reply, to_json
from generation.kie.simulator.tasks import Task
from generation.kie.simulator.world import World

FAULTY_POLLS = 2
NULL_SECONDS = 3.0
# Suno's answer for a task that it does not know: a success with nothing in it (trap 10).
NULL = ""
TOO_OLD = "record is null. Temporarily supports records within 14 days."


def find(world: World, task_id: str | None, families: tuple[str, ...], missing: str, now: float | None = None) -> Task:
    """Find the task a status query is about, or refuse as KIE does for unknown and old ones."""
    now = now or time.time()
    if not task_id:
        raise Refusal(400, "taskId parameter is required")
    task = world.tasks.get(task_id)
    if task is None or task.family not in families or now - task.created > FOURTEEN_DAYS:
        raise _unknown(missing)
    return task


def _unknown(missing: str) -> Refusal:
    return Refusal(200, "success") if missing == NULL else Refusal(422, missing)


def poll(world: World, request: Request, families: tuple[str, ...], missing: str, now: float | None = None) -> Task:
    """Find the task of `?taskId=` and count the query; the first ones may be made to fail."""
    now = now or time.time()
    task = find(world, request.query_params.get("taskId"), families, missing, now)
    world.polls += 1
    task.polls += 1
    # The first query, too, however late it comes.
    young = task.polls == 1 or now - task.created < NULL_SECONDS / world.config.speed
    if "null-record" in task.faults and young:
        raise _unknown(missing)
    if task.polls <= FAULTY_POLLS:
        if "poll-500" in task.faults:
            raise Refusal(500)
        if "poll-429" in task.faults:
            raise Refusal(429)
    return task


def record(task: Task, data: dict[str, object]) -> Response:
    """Answer a status query."""
    body = {"code": 200, "msg": "success", "data": data}
    if "bad-record-json" in task.faults and task.polls <= FAULTY_POLLS:
        # A quote inside `param` that is escaped once too often ends the string early (trap 6).
        broken = to_json(body).replace('\\"', '\\\\"', 1)
        return Response(broken, media_type="application/json")
    return reply(body)
