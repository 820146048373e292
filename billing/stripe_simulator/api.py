"""The API: every path, and what happens before and after a path's handler: key, version, faults, idempotency."""

import asyncio
import base64
import hashlib
import hmac
import json
import time
from collections.abc import Awaitable, Callable
from typing import Any
from urllib.parse import parse_qsl

from starlette.requests import Request
from starlette.responses import Response
from starlette.routing import Route

from billing.stripe_simulator import schema
from billing.stripe_simulator.config import API_VERSION
from billing.stripe_simulator.errors import ApiError, invalid, other_parameters, unauthorized
from billing.stripe_simulator.expand import expanded
from billing.stripe_simulator.routes import ENDPOINTS, Endpoint
from billing.stripe_simulator.world import Obj, World
from simulating.hangup import NoAnswer

BROKEN = ApiError(500, "api_error", "An unknown error occurred. Please try again or contact support.", kept=True)
TOO_MANY = ApiError(429, "invalid_request_error", "Request rate limit exceeded.", code="rate_limit")
KEY_SECONDS = 24 * 3600
LONGEST_KEY = 255


def routes(world: World) -> list[Route]:
    """The routes of /v1."""
    return [Route(each.path, _edge(world, each), methods=[each.method]) for each in ENDPOINTS]


def _edge(world: World, endpoint: Endpoint) -> Callable[[Request], Awaitable[Response]]:
    async def serve(request: Request) -> Response:
        request_id = world.new_id("req", 14)
        raw = (await request.body()).decode("utf-8", "replace")
        await asyncio.sleep(world.armoury.rates.get("latency_seconds", 0.0))
        fault = world.armoury.for_call(request.url.path, endpoint.method == "POST")
        if fault == "drop":
            return NoAnswer(drop=True)
        answer = _answer(world, endpoint, request, raw, request_id, fault)
        if fault == "drop-after":
            return NoAnswer(drop=True)
        if fault == "timeout":
            return await _never(world)
        return answer

    return serve


async def _never(world: World) -> Response:
    seconds = world.armoury.rates.get("timeout_seconds", 0.0)
    await asyncio.sleep(seconds)
    return NoAnswer(drop=seconds > 0)


def _answer(world: World, endpoint: Endpoint, request: Request, raw: str, request_id: str, fault: str) -> Response:
    key = request.headers.get("idempotency-key", "") if endpoint.method == "POST" else ""
    headers = {"Request-Id": request_id, "Stripe-Version": API_VERSION}
    pairs = parse_qsl(raw if endpoint.method == "POST" else request.url.query, keep_blank_values=True)
    try:
        _check_caller(world, request, key)
        if fault in ("500", "429"):
            headers["Stripe-Should-Retry"] = "true"
            raise BROKEN if fault == "500" else TOO_MANY
        status, body, replayed = _once(world, endpoint, request, pairs, request_id, key, fault)
        headers |= {"Idempotent-Replayed": "true", "Original-Request": body["request"]} if replayed else {}
        answer = body["answer"]
    except ApiError as error:
        status, answer = error.status, error.as_json(request_id)
    if key:
        headers["Idempotency-Key"] = key
    if fault == "500-after":
        headers["Stripe-Should-Retry"] = "false"
    _log(world, request, pairs, request_id, key, status)
    world.store.flush()
    return Response(json.dumps(answer, indent=2), status, headers, media_type="application/json")


def _once(
    world: World,
    endpoint: Endpoint,
    request: Request,
    pairs: list[tuple[str, str]],
    request_id: str,
    key: str,
    fault: str,
) -> tuple[int, Obj, bool]:
    """Do it, or replay what was answered to the same idempotency key."""
    print_ = hashlib.sha256(repr((request.url.path, sorted(pairs))).encode()).hexdigest()
    kept = world.answers.get(key) if key else None
    if kept and kept["at"] > time.time() - KEY_SECONDS:
        if kept["print"] != print_:
            raise other_parameters(key)
        return kept["status"], kept, True
    status, answer, keep = 200, {}, True
    try:
        answer = _do(world, endpoint, request, pairs, request_id, key)
    except ApiError as error:
        status, answer, keep = error.status, error.as_json(request_id), error.kept
    if fault == "500-after":
        status, answer, keep = 500, BROKEN.as_json(request_id), True
    body = {"answer": answer, "status": status, "print": print_, "at": time.time(), "request": request_id}
    if key and keep:
        world.answers[key] = json.loads(json.dumps(body))
        world.store.put("answer", key, world.answers[key])
    return status, body, False


def _do(
    world: World, endpoint: Endpoint, request: Request, pairs: list[tuple[str, str]], request_id: str, key: str
) -> Obj:
    params = schema.read({**endpoint.schema, **schema.EXPAND}, schema.nested(pairs))
    paths = params.pop("expand", [])
    world.request = {"id": request_id, "idempotency_key": key or None}
    try:
        answer = endpoint.act(world, params, dict(request.path_params))
    finally:
        world.request = {"id": None, "idempotency_key": None}
    return expanded(world, answer, paths)


def _check_caller(world: World, request: Request, key: str) -> None:
    given = _key(request.headers.get("authorization", ""))
    if not hmac.compare_digest(given.encode(), world.config.key.encode()):
        raise unauthorized(given)
    version = request.headers.get("stripe-version", API_VERSION)
    if version != API_VERSION:
        raise invalid(f"Invalid Stripe API version: {version}")
    if len(key) > LONGEST_KEY:
        raise invalid("Idempotency keys can be at most 255 characters long.", "", "idempotency_key_too_long")


def _key(header: str) -> str:
    kind, _, value = header.partition(" ")
    if kind.lower() == "basic":
        try:
            return base64.b64decode(value).decode().partition(":")[0]
        except ValueError:
            return ""
    return value if kind.lower() == "bearer" else ""


def _log(world: World, request: Request, pairs: list[tuple[str, str]], id: str, key: str, status: int) -> None:
    entry: dict[str, Any] = {"at": time.time(), "id": id, "idempotency_key": key, "status": status}
    entry |= {"method": request.method, "path": request.url.path, "params": dict(pairs)}
    world.requests.append(entry)
