"""The control API under /_sim: look inside, arm faults, turn things off. It needs no key."""

import json
import time
from collections import Counter
from collections.abc import Callable
from typing import Any

from starlette.requests import Request
from starlette.responses import Response
from starlette.routing import Mount, Route

from generation.kie.simulator import catalogue_api, chat_call, faults, links
from generation.kie.simulator.envelope import reply
from generation.kie.simulator.tasks import SUCCESS, Task, as_json, state
from generation.kie.simulator.world import World

DEFAULT_LIMIT = 100


class Wrong(Exception):
    """A control request that makes no sense; answered with HTTP 400."""


def mount(world: World) -> Mount:
    """Return the control API, to be put into the API host's application."""
    actions: list[tuple[str, str, Callable[[World, Request, dict[str, Any]], object]]] = [
        ("GET", "/state", show_state),
        ("GET", "/tasks", show_tasks),
        ("GET", "/tasks/{task_id}", show_task),
        ("GET", "/chats", show_chats),
        ("GET", "/callbacks", show_callbacks),
        ("GET", "/requests", show_requests),
        ("GET", "/faults", show_faults),
        ("POST", "/faults", arm_fault),
        ("DELETE", "/faults", disarm_faults),
        ("POST", "/balance", set_balance),
        ("POST", "/down", go_down),
        ("POST", "/retired", serve_retired),
        ("GET", "/catalogue", catalogue_api.show),
        ("POST", "/catalogue", catalogue_api.change),
        ("DELETE", "/catalogue", catalogue_api.restore),
        ("POST", "/reset", reset),
    ]
    return Mount("/_sim", routes=[Route(path, _edge(world, act), methods=[verb]) for verb, path, act in actions])


def show_state(world: World, _request: Request, _body: dict[str, Any]) -> object:
    """Balance, money moved, counters, and how many tasks are in which state."""
    now = time.time()
    world.settle()
    account = world.account
    return {
        "balance": account.balance,
        "debited": account.debited,
        "returned": account.returned,
        "creates": world.creates,
        "polls": world.polls,
        "tasks": Counter(state(task, now) for task in world.tasks.values()),
        "down": time.monotonic() < world.down_until,
        "files": world.files_url,
    }


def show_tasks(world: World, request: Request, _body: dict[str, Any]) -> object:
    """The newest tasks, newest first; ?limit=100."""
    limit = int(request.query_params.get("limit", DEFAULT_LIMIT))
    newest = list(world.tasks.values())[::-1][:limit]
    return [_task(world, task) for task in newest]


def show_task(world: World, request: Request, _body: dict[str, Any]) -> object:
    """One task with the request as received, its state now, its cost and its callbacks."""
    task = world.tasks.get(request.path_params["task_id"])
    if task is None:
        raise Wrong("no such task")
    return _task(world, task)


def show_chats(world: World, request: Request, _body: dict[str, Any]) -> object:
    """The newest chat calls, newest first; ?limit=100."""
    limit = int(request.query_params.get("limit", DEFAULT_LIMIT))
    return [chat_call.as_json(call) for call in list(world.chats)[::-1][:limit]]


def show_callbacks(world: World, _request: Request, _body: dict[str, Any]) -> object:
    """Every delivery attempt, oldest first."""
    return list(world.courier.log)


def show_requests(world: World, request: Request, _body: dict[str, Any]) -> object:
    """How many requests were received, in all and by path; ?path= filters by substring."""
    wanted = request.query_params.get("path", "")
    paths = {path: count for path, count in world.requests.items() if wanted in path}
    return {"count": sum(paths.values()), "paths": paths}


def show_faults(world: World, _request: Request, _body: dict[str, Any]) -> object:
    """The armed faults, and all that exist."""
    return {"armed": [faults.as_json(fault) for fault in world.armoury.armed], "known": faults.FAULTS}


def arm_fault(world: World, _request: Request, body: dict[str, Any]) -> object:
    """{"name", "count"?, "path"?, "model"?}."""
    fault = world.armoury.arm(
        str(body["name"]), int(body.get("count", 1)), str(body.get("path", "")), str(body.get("model", ""))
    )
    return faults.as_json(fault)


def disarm_faults(world: World, _request: Request, _body: dict[str, Any]) -> object:
    """Forget all armed faults."""
    world.armoury.armed.clear()
    return {}


def set_balance(world: World, _request: Request, body: dict[str, Any]) -> object:
    """{"credits": x}."""
    world.settle()
    world.account.balance = float(body["credits"])
    world.journal.save(world.account)
    return {"balance": world.account.balance}


def go_down(world: World, _request: Request, body: dict[str, Any]) -> object:
    """{"seconds": n, "answer": an answer fault, by default "455"}: every API call gets it for that long."""
    name = str(body.get("answer", "455"))
    if name not in faults.ANSWERS:
        raise Wrong(f"{name} is no answer fault")
    world.down_answer = name
    world.down_until = time.monotonic() + float(body["seconds"])
    return {"answer": name}


def serve_retired(world: World, _request: Request, body: dict[str, Any]) -> object:
    """{"serve": true}: creates of retired models are accepted again, until a reset."""
    world.catalogue.serve_retired = bool(body["serve"])
    return {"serve": world.catalogue.serve_retired}


def reset(world: World, _request: Request, _body: dict[str, Any]) -> object:
    """Forget everything."""
    world.reset()
    return {}


def _edge(world: World, act: Callable[[World, Request, dict[str, Any]], object]) -> Callable[[Request], Any]:
    async def serve(request: Request) -> Response:
        raw = await request.body()
        try:
            return reply(act(world, request, json.loads(raw) if raw else {}))
        except (Wrong, KeyError, ValueError, TypeError) as error:
            return reply({"error": f"{type(error).__name__}: {error}"}, 400)

    return serve


def _task(world: World, task: Task) -> dict[str, Any]:
    now_is = state(task, time.time())
    return {
        **as_json(task),
        "state": now_is,
        "ends": task.ends,
        "cost": task.consumed,
        "urls": links.urls(world, task) if now_is == SUCCESS else [],
    }
