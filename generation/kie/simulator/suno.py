"""Suno's music tasks on their own endpoints (protocol 4.8), and what its other endpoints share with them."""

import time
from typing import Any

from starlette.requests import Request
from starlette.responses import Response

from generation.kie.simulator import legacy, records, songs
from generation.kie.simulator.catalogue import Entry
from generation.kie.simulator.courier import RETRY_SECONDS
from generation.kie.simulator.envelope import Refusal, to_json
from generation.kie.simulator.tasks import FAIL, SUCCESS, UNKNOWN, Task, has_first_take, has_text, state
from generation.kie.simulator.world import Order, World

FAMILY = "suno"
KINDS: tuple[str, ...] = ("", "/extend", "/upload-cover", "/upload-extend", "/add-instrumental", "/add-vocals")
KINDS += ("/replace-section", "/mashup", "/sounds")
# These work on somebody's song, and keep the addresses of it beside those of the new one.
UPLOADS = ("suno/upload-cover", "suno/upload-extend")
# The callbacks on the way; there is one more at the end.
STAGES = ("text", "first")
NO_RECORD = "Record does not exist"
CALLBACK_NAMES = ("callBackUrl", "calBackUrl")


async def generate(world: World, request: Request) -> Response:
    """POST /api/v1/generate and everything below it."""
    path = request.url.path
    return await legacy.accept(world, request, lambda world, body: read(world, path, body))


async def record_info(world: World, request: Request) -> Response:
    """GET /api/v1/generate/record-info?taskId=: an unknown task is no error but null (trap 10)."""
    now = time.time()
    task = records.poll(world, request, (FAMILY,), records.NULL, now)
    return records.record(task, record_data(world, task, now))


def read(world: World, path: str, body: dict[str, Any]) -> Order:
    """Check a create body. What it builds upon is checked for replace-section only (trap 11)."""
    entry = world.catalogue.at(FAMILY, path)[0]
    found = order(FAMILY, entry, body)
    if body.get("taskId"):
        found.parent = source(world, (FAMILY,), body["taskId"], body.get("audioId")).id
    elif is_bogus(world, body.get("audioId"), body.get("uploadUrl")):
        found.faults = {"fail": None}
    return found


def order(family: str, entry: Entry, body: dict[str, Any]) -> Order:
    """Check a body against its schema; most of Suno's endpoints insist on a callback address (trap 12)."""
    if entry.callback_required and not any(body.get(name) for name in CALLBACK_NAMES):
        raise Refusal(422, "Please enter callBackUrl.")
    values = {name: value for name, value in body.items() if name not in CALLBACK_NAMES}
    return legacy.order(family, entry, body, values)


def source(world: World, families: tuple[str, ...], task_id: object, audio_id: object = None) -> Task:
    """Find the finished task that a follow-up names, and refuse an audio id that is not of it."""
    task = world.tasks.get(str(task_id))
    if task is None or task.family not in families or state(task, time.time()) != SUCCESS:
        raise Refusal(422, NO_RECORD)
    if audio_id and songs.owner(world, str(audio_id)) is not task:
        raise Refusal(422, NO_RECORD)
    return task


def is_bogus(world: World, audio_id: object, url: object) -> bool:
    """Return whether an order is accepted although it names what does not exist; it fails later (trap 11)."""
    if audio_id and songs.owner(world, str(audio_id)) is None:
        return True
    ours = str(url or "").startswith(world.files_url + "/kieai/")
    return ours and str(url).removeprefix(world.files_url + "/") not in world.uploads


def record_data(world: World, task: Task, now: float) -> dict[str, Any]:
    """Return the record: words for each stage, times without a zone, and no cost."""
    failure = legacy.failure(task, now)
    kind = task.model.removeprefix("suno/").replace("-", "_")
    return {
        "taskId": task.id,
        "parentMusicId": "",
        "param": to_json(task.body),
        "response": _response(world, task, now),
        "status": word(task, now, "GENERATE_AUDIO_FAILED"),
        "type": kind.upper(),
        "operationType": kind,
        "errorCode": failure.code if failure else None,
        "errorMessage": failure.message if failure else None,
    }


def word(task: Task, now: float, failed: str) -> str:
    """Return the status word of Suno's tasks; `failed` is the endpoint's own for a failed generation."""
    now_is = state(task, now)
    if now_is == SUCCESS:
        return "CALLBACK_EXCEPTION" if is_unheard(task) else "SUCCESS"
    if now_is == FAIL and task.failure:
        policy = "SENSITIVE_WORD_ERROR" if "policy" in task.faults and failed != "GENERATE_WAV_FAILED" else failed
        return "CREATE_TASK_FAILED" if task.failure.early else policy
    if now_is == UNKNOWN:
        return "MODERATING"
    if has_first_take(task, now):
        return "FIRST_SUCCESS"
    return "TEXT_SUCCESS" if has_text(task, now) else "PENDING"


def is_unheard(task: Task) -> bool:
    """Return whether KIE says that its callback failed, as it does when it gives up calling (trap 24)."""
    last = task.deliveries[-1] if task.deliveries else None
    if last and last["form"] not in STAGES and last["status"] != 200 and last["attempt"] == len(RETRY_SECONDS):
        return True
    return "callback-exception" in task.faults or "callback-exception-empty" in task.faults


def _response(world: World, task: Task, now: float) -> dict[str, Any] | None:
    done = state(task, now) == SUCCESS
    early = has_first_take(task, now)
    if "callback-exception-empty" in task.faults or not (done or early or has_text(task, now)):
        return None
    found = [
        songs.camel(take, task, ready=done or (early and number == 0))
        for number, take in enumerate(songs.takes(world, task))
    ]
    return {"taskId": task.id, "sunoData": found}


def callback(world: World, task: Task) -> dict[str, Any]:
    """Return the last callback of a task; failures differ in what they say beside the code."""
    if task.failure:
        return {"code": task.failure.code, "msg": task.failure.message, "data": _failed(task)}
    return _stage(task, "complete", "All generated successfully.", _heard(world, task))


def stage_callback(world: World, task: Task, form: str) -> dict[str, Any]:
    """Return the callback of a stage on the way: `text` has no takes yet, `first` has one."""
    if form == "text":
        return _stage(task, "text", "Text generation completed successfully.", [])
    return _stage(task, "first", "First track generated successfully.", _heard(world, task)[:1])


def _stage(task: Task, kind: str, message: str, found: list[dict[str, Any]]) -> dict[str, Any]:
    return {"code": 200, "msg": message, "data": {"callbackType": kind, "task_id": task.id, "data": found}}


def _heard(world: World, task: Task) -> list[dict[str, Any]]:
    """Return the takes as callbacks have them, which differs a little with the endpoint."""
    found = [songs.snake(take, task) for take in songs.takes(world, task)]
    for take in found:
        if task.model == "suno/add-vocals":
            del take["tags"]
        if task.model in UPLOADS:
            take |= {f"source_{name}": take[name] for name in ("audio_url", "stream_audio_url", "image_url")}
    return found


def _failed(task: Task) -> dict[str, Any]:
    data: dict[str, Any] = {"callbackType": "error", "task_id": task.id}
    if task.model == "suno/replace-section":
        return data | {"error": "Generation failed due to technical issues"}
    return data | {"data": [] if task.model in ("suno/extend", *UPLOADS) else None}


ENDPOINTS = [("POST", f"/api/v1/generate{kind}", generate) for kind in KINDS]
ENDPOINTS += [("GET", "/api/v1/generate/record-info", record_info)]
CALLBACKS = {FAMILY: callback}
