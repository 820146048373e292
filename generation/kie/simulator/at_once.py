"""Endpoints that answer an order with its result: Suno's small ones and Gemini Omni's (protocol 4.9, 4.10, 4.12)."""

from collections.abc import Callable
from typing import Any

from starlette.requests import Request
from starlette.responses import Response

from generation.kie.simulator import objects, suno, suno_voice
from generation.kie.simulator.create import create
from generation.kie.simulator.envelope import Refusal, reply
from generation.kie.simulator.tasks import Task
from generation.kie.simulator.world import Order, World

FAMILY, OMNI = "suno-at-once", "gemini-omni"
STYLE, PERSONA = "suno/style", "suno/generate-persona"
# A task without a duration would take its kind's.
AT_ONCE = 1e-6
Data = dict[str, Any]


async def _suno(world: World, request: Request) -> Response:
    return await create(world, request, _reader(request, FAMILY), lambda task: _answer(world, task))


async def _omni(world: World, request: Request) -> Response:
    """Success is code 0 here (trap 3)."""
    made: list[Data] = []

    def remember(task: Task) -> Data:
        made.append(_answer(world, task))
        return made[0]

    answer = await create(world, request, _reader(request, OMNI), remember)
    return reply({"code": 0, "msg": "success", "data": made[0]}) if made else answer


def _reader(request: Request, family: str) -> Callable[[World, Data], Order]:
    def read(world: World, body: Data) -> Order:
        entry = world.catalogue.at(family, request.url.path)[0]
        found = suno.order(family, entry, body)
        found.usual_seconds = AT_ONCE
        if body.get("task_id"):
            found.parent = suno.source(world, (suno_voice.VOICE,), body["task_id"]).id
        if body.get("taskId"):
            found.parent = suno.source(world, (suno.FAMILY,), body["taskId"], body.get("audioId")).id
        if entry.id == PERSONA:
            _refuse_twice(world, body)
        return found

    return read


def _refuse_twice(world: World, body: Data) -> None:
    made = [task for task in world.tasks.values() if task.model == PERSONA and not task.failure]
    if body["audioId"] in [task.body["audioId"] for task in made]:
        raise Refusal(409, "A persona has already been generated for this audio")


def _answer(world: World, task: Task) -> Data:
    """Return what was made; a failure is an error, but for the style, which has a flag for it."""
    failure = task.failure
    if task.model == STYLE:
        return _style(world, task)
    if failure:
        raise Refusal(failure.code, failure.message)
    return {} if "empty-result" in task.faults else _MADE[task.model](task)


def _style(world: World, task: Task) -> Data:
    """As it was seen live: the flag of a success is a word in Chinese, and the cost is told (trap 17)."""
    failure = task.failure
    empty = failure or "empty-result" in task.faults
    cost = {} if "no-cost" in task.faults else {"creditsConsumed": task.consumed}
    return {
        "taskId": task.id,
        "param": task.body["content"],
        "result": None if empty else objects.style(task),
        **cost,
        "creditsRemaining": world.account.balance,
        "successFlag": 2 if failure else "成功",
        "errorCode": failure.code if failure else None,
        "errorMsg": failure.message if failure else None,
        "createTime": int(task.created * 1000),
    }


_MADE: dict[str, Callable[[Task], Data]] = {
    "suno/get-timestamped-lyrics": objects.timings,
    PERSONA: objects.persona,
    "suno/check-voice": lambda task: {"isAvailable": True},
    "gemini-omni/audio-create": lambda task: {"audioId": f"audio_{task.token}"},
    "gemini-omni/character-create": lambda task: {"characterId": f"character_{task.token}"},
}
ENDPOINTS = [
    ("POST", "/api/v1/generate/get-timestamped-lyrics", _suno),
    ("POST", "/api/v1/generate/generate-persona", _suno),
    ("POST", "/api/v1/style/generate", _suno),
    ("POST", "/api/v1/voice/check-voice", _suno),
    ("POST", "/api/v1/omni/audio/create", _omni),
    ("POST", "/api/v1/omni/character/create", _omni),
]
