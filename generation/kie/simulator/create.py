"""What all create endpoints share: rate limit, faults, acceptance, and an answer or none."""

import json
from collections.abc import Callable
from typing import Any

from starlette.requests import Request
from starlette.responses import Response

from generation.kie.simulator.answers import answer_among
from generation.kie.simulator.envelope import Refusal, ok
from generation.kie.simulator.faults import Faults, asked_for
from generation.kie.simulator.tasks import Task
from generation.kie.simulator.world import Order, World
from simulating.hangup import NoAnswer

Read = Callable[[World, dict[str, Any]], Order]


async def read_object(request: Request) -> dict[str, Any]:
    """Parse a JSON object; anything else is refused with 400 (protocol 1.5)."""
    try:
        body = json.loads(await request.body())
    except ValueError as error:
        raise Refusal(400, "Invalid JSON in the request body") from error
    if not isinstance(body, dict):
        raise Refusal(400, "The request body must be a JSON object")
    return body


async def create(world: World, request: Request, read: Read, reply: Callable[[Task], dict[str, Any]]) -> Response:
    """Accept a task. `read` turns the body into an Order or refuses it; `reply` makes the answer's data."""
    body = await read_object(request)
    if not world.account.may_create():
        raise Refusal(429)
    faults = _faults(world, request, body)
    bad_answer = answer_among(faults)
    if bad_answer:
        return bad_answer
    task = world.accept(read(world, body), faults)
    if "callback-early" in faults and task.callback_url:
        await world.courier.deliver_early(task)
    if "create-timeout" in faults or "create-drop" in faults:
        return NoAnswer(drop="create-drop" in faults)
    return ok(reply(task))


def _faults(world: World, request: Request, body: dict[str, Any]) -> Faults:
    armed = world.armoury.for_create(request.url.path, str(body.get("model", "")))
    words = asked_for({name: value for name, value in body.items() if name != "callBackUrl"})
    return armed | words
