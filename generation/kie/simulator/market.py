"""The unified jobs API: createTask, recordInfo and its callback (protocol 2)."""

import time
from typing import Any

from starlette.requests import Request
from starlette.responses import Response

from generation.kie.simulator import links, pricing, records, songs
from generation.kie.simulator.create import create
from generation.kie.simulator.envelope import Refusal, to_json
from generation.kie.simulator.faults import Faults
from generation.kie.simulator.objects import result_object
from generation.kie.simulator.results import is_song
from generation.kie.simulator.songs import song_result
from generation.kie.simulator.tasks import FAIL, SUCCESS, UNKNOWN, UPGRADE_SECONDS, Task, state
from generation.kie.simulator.world import Order, World

RECORD_MISSING = "recordInfo is null"
STATE_WORDS = {UNKNOWN: "reviewing"}
SUCCESS_FLAGS = {SUCCESS: 1, FAIL: 3}
UPGRADES = ("veo/get-1080p-video", "veo/get-4k-video")


async def create_task(world: World, request: Request) -> Response:
    """POST /api/v1/jobs/createTask."""
    return await create(world, request, read, lambda task: {"taskId": task.id, "recordId": task.id})


async def record_info(world: World, request: Request) -> Response:
    """GET /api/v1/jobs/recordInfo?taskId=."""
    now = time.time()
    task = records.poll(world, request, ("market",), RECORD_MISSING, now)
    return records.record(task, record_data(world, task, now))


def read(world: World, body: dict[str, Any]) -> Order:
    """Check a create body: model, its schema, and the tasks it refers to."""
    entry = world.catalogue.get("market", body.get("model"))
    values = body.get("input")
    if not isinstance(values, dict):
        raise Refusal(422, "input is required")
    entry.check(values)
    # Follow-ups on unknown ids are refused; a track without its task is accepted and fails later (trap 11).
    earlier = values.get("task_id") or values.get("taskId")
    owner = songs.owner(world, str(values["audio_id"])) if values.get("audio_id") else None
    if earlier and (earlier not in world.tasks or (values.get("audio_id") and owner is not world.tasks[earlier])):
        raise Refusal(422, "Record does not exist")
    price = pricing.cost(entry.price, entry.defaults | values)
    seconds = UPGRADE_SECONDS if entry.id in UPGRADES else None
    doomed: Faults = {"fail": None} if values.get("audio_id") and owner is None else {}
    return Order("market", entry, body, price, parent=str(earlier or ""), usual_seconds=seconds, faults=doomed)


def record_data(world: World, task: Task, now: float) -> dict[str, Any]:
    """Return the record as KIE has shown it live: camel case, JSON inside JSON, seconds and milliseconds."""
    now_is = state(task, now)
    data: dict[str, Any] = {
        "taskId": task.id,
        "model": task.model,
        "state": STATE_WORDS.get(now_is, now_is),
        "param": _param(task),
        "resultJson": "",
        "failCode": None,
        "failMsg": None,
        "costTime": None,
        "completeTime": None,
        "createTime": _milliseconds(task.created),
        "successFlag": 7 if now_is == UNKNOWN else SUCCESS_FLAGS.get(now_is, 0),
    }
    if now_is in (SUCCESS, FAIL):
        data |= _outcome(world, task)
        if now_is == SUCCESS and task.model.startswith("ai-music-api/"):
            data |= _suno_fields(task)
    return data


def callback(world: World, task: Task) -> dict[str, Any]:
    """Return the body of the one callback (protocol 2.3): a failure is always code 501."""
    outcome = _outcome(world, task)
    outcome.pop("response", None)
    data = {
        "taskId": task.id,
        "model": task.model,
        "state": FAIL if task.failure else SUCCESS,
        "param": _param(task),
        "createTime": _milliseconds(task.created),
        "updateTime": outcome["completeTime"],
        **outcome,
    }
    if task.failure:
        return {"code": 501, "msg": "Playground task failed.", "data": data}
    return {"code": 200, "msg": "Playground task completed successfully.", "data": data}


def _outcome(world: World, task: Task) -> dict[str, Any]:
    """Return the fields that a final state adds."""
    ends = task.ends or task.created
    outcome: dict[str, Any] = {"completeTime": _milliseconds(ends), "costTime": round(ends - task.created)}
    if "no-cost" not in task.faults:
        outcome["creditsConsumed"] = float(task.consumed)
    if task.failure:
        return outcome | {"failCode": str(task.failure.code), "failMsg": task.failure.message, "costTime": 0}
    result = _result(world, task)
    return outcome | {"resultJson": to_json(result), "response": result}


def _result(world: World, task: Task) -> dict[str, Any]:
    entry = world.entry_of(task)
    if is_song(entry):
        return song_result(world, task)
    found = result_object(entry, task)
    if found is not None:
        return {"resultObject": found}
    urls = links.urls(world, task)
    if entry.task == "subject-detection":
        return {"resultObject": {"mask_urls": urls}}
    if entry.kind == "video" and len(urls) > 1:
        return {"resultUrls": urls[:1], "firstFrameUrl": urls[1:2], "lastFrameUrl": urls[2:]}
    return {"resultUrls": urls}


def _param(task: Task) -> str:
    """JSON text whose `input` is JSON text again (trap 5)."""
    return to_json({**task.body, "input": to_json(task.body["input"])})


def _suno_fields(task: Task) -> dict[str, Any]:
    return {
        "paramJson": _param(task),
        "operationType": task.model,
        "status": "SUCCESS",
        "type": "chirp-hawk",
        "parentMusicId": "",
    }


def _milliseconds(seconds: float) -> int:
    return int(seconds * 1000)
