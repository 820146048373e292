"""Suno's own voices on their endpoints: a phrase, a recording of it, a voice (protocol 4.10)."""

import time
from typing import Any

from starlette.requests import Request
from starlette.responses import Response

from generation.kie.simulator import legacy, objects, records, suno
from generation.kie.simulator.tasks import FAIL, SUCCESS, UNKNOWN, WAITING, Task, state
from generation.kie.simulator.world import Order, World

PHRASE, VOICE = "suno-phrase", "suno-voice"


async def validate(world: World, request: Request) -> Response:
    """POST /api/v1/voice/validate."""
    return await legacy.accept(world, request, lambda world, body: _read(world, request, PHRASE, body))


async def regenerate(world: World, request: Request) -> Response:
    """POST /api/v1/voice/regenerate, where the callback address is spelled calBackUrl (trap 13)."""
    return await legacy.accept(world, request, lambda world, body: _read(world, request, PHRASE, body))


async def generate(world: World, request: Request) -> Response:
    """POST /api/v1/voice/generate."""
    return await legacy.accept(world, request, lambda world, body: _read(world, request, VOICE, body))


def _read(world: World, request: Request, family: str, body: dict[str, Any]) -> Order:
    """Check a create body; only the spelling of this endpoint makes a callback come."""
    entry = world.catalogue.at(family, request.url.path)[0]
    if entry.id == "suno/voice-regenerate":
        body = {name: value for name, value in body.items() if name != "callBackUrl"}
    found = suno.order(family, entry, body)
    if body.get("taskId"):
        found.parent = suno.source(world, (PHRASE,), body["taskId"]).id
    if body.get("calBackUrl"):
        found.body = {**body, "callBackUrl": body["calBackUrl"]}
    return found


async def validate_info(world: World, request: Request) -> Response:
    """GET /api/v1/voice/validate-info?taskId=."""
    now = time.time()
    task = records.poll(world, request, (PHRASE,), records.NULL, now)
    return records.record(task, _record(task, now, "validateInfo"))


async def record_info(world: World, request: Request) -> Response:
    """GET /api/v1/voice/record-info?taskId=."""
    now = time.time()
    task = records.poll(world, request, (VOICE,), records.NULL, now)
    return records.record(task, _record(task, now, "voiceId"))


def _record(task: Task, now: float, field: str) -> dict[str, Any]:
    """Return the record. A phrase that is there waits to be sung; the voice id is never filled."""
    failure = legacy.failure(task, now)
    done = state(task, now) == SUCCESS and "empty-result" not in task.faults
    return {
        "taskId": task.id,
        field: objects.phrase(task) if done and task.family == PHRASE else None,
        "status": _word(task, now),
        "errorCode": failure.code if failure else None,
        "errorMessage": failure.message if failure else None,
    }


def _word(task: Task, now: float) -> str:
    now_is = state(task, now)
    if now_is == FAIL and task.failure:
        return "processing_validate_fail" if task.failure.early else "fail"
    done = "wait_validating" if task.family == PHRASE else "success"
    words = {WAITING: "wait_processing", SUCCESS: done, UNKNOWN: "moderating"}
    return words.get(now_is, "processing_validate")


def callback(world: World, task: Task) -> dict[str, Any]:
    """Return the callback: code 400 for every failure."""
    field = "validateInfo" if task.family == PHRASE else "voiceId"
    data = _record(task, task.ends or time.time(), field)
    return {"code": 400 if task.failure else 200, "msg": "fail" if task.failure else "success", "data": data}


ENDPOINTS = [
    ("POST", "/api/v1/voice/validate", validate),
    ("POST", "/api/v1/voice/regenerate", regenerate),
    ("POST", "/api/v1/voice/generate", generate),
    ("GET", "/api/v1/voice/validate-info", validate_info),
    ("GET", "/api/v1/voice/record-info", record_info),
]
CALLBACKS = {PHRASE: callback, VOICE: callback}
