"""KIE's catalogue (protocol 3): what is sold, schemas, prices in prose, success rates, and the public price feed."""

import hashlib
import time
from datetime import UTC, datetime, timedelta
from typing import Any

from starlette.requests import Request
from starlette.responses import Response

from generation.kie.simulator import catalogue_prices
from generation.kie.simulator.catalogue_document import document
from generation.kie.simulator.create import read_object
from generation.kie.simulator.envelope import Refusal, ok
from generation.kie.simulator.world import World

# The families whose models have an id of KIE's own; the older direct endpoints are in no list.
LISTED = ("market", "chat")
LARGEST_PAGE = 100
BUCKET = timedelta(minutes=10)
BUCKETS = 144


async def models(world: World, request: Request) -> Response:
    """GET /api/v1/models?q=&provider=&taskType=: everything that matches at once, there are no pages."""
    _one_a_second(world)
    wanted = {name: request.query_params.get(name, "") for name in ("q", "provider", "taskType")}
    found = [row for row in map(_row, _sold(world)) if _matches(row, **wanted)]
    return ok({"total": len(found), "models": found})


async def price(world: World, request: Request) -> Response:
    """GET /api/v1/models/{model}/price: the prose of the list, no number."""
    _one_a_second(world)
    raw = _model(world, request)
    return ok({"model": raw["id"], "pricingDesc": raw["price_text"]})


async def schema(world: World, request: Request) -> Response:
    """GET /api/v1/models/{model}/schema: an OpenAPI document, null for some."""
    _one_a_second(world)
    raw = _model(world, request)
    return ok({"model": raw["id"], "openapi": document(raw)})


async def success_rate(world: World, request: Request) -> Response:
    """GET /api/v1/models/{model}/success-rate: the last day in buckets of ten minutes."""
    _one_a_second(world)
    raw = _model(world, request)
    return ok({"model": raw["id"], "points": _points(raw["id"], datetime.now(UTC))})


async def feed(world: World, request: Request) -> Response:
    """POST /client/v1/model-pricing/page: the numbers behind KIE's price page. Takes no key and has no limit."""
    body = await read_object(request)
    number, size = int(body.get("pageNum") or 1), min(int(body.get("pageSize") or 10), LARGEST_PAGE)
    wanted, kind = str(body.get("modelDescription") or "").lower(), body.get("interfaceType") or ""
    rows = [row for raw in _sold(world) for row in catalogue_prices.rows(raw)]
    rows = [r for r in rows if wanted in r["modelDescription"].lower() and kind in ("", r["interfaceType"])]
    page = rows[(number - 1) * size : number * size]
    pages = -(-len(rows) // size)
    return ok({"records": page, "total": len(rows), "size": size, "current": number, "pages": pages})


def change(world: World, _request: Request, body: dict[str, Any]) -> object:
    """{"model", …keys of the model's entry}: sell it like that from now on; objects are merged, null removes a key.

    A model that is not known yet needs "like", the id of the one that it is a copy of. A price is replaced as a
    whole, and told in prose unless "price_text" is given; "documented": false leaves the model without a document.
    """
    body = dict(body)
    model, like = str(body.pop("model")), body.pop("like", None)
    source = world.catalogue.raw.get(model) or world.catalogue.raw[str(like)]
    if "price" in body and "price_text" not in body:
        body["price_text"] = None
    raw = _merged({**source, "id": model}, body)
    raw.setdefault("price", None)
    raw.setdefault("price_text", catalogue_prices.prose(raw["price"]))
    world.catalogue.change(raw)
    world.journal.save_model(model, raw)
    return raw


def show(world: World, _request: Request, _body: dict[str, Any]) -> object:
    """The models that were changed or added."""
    return list(world.catalogue.changes.values())


def restore(world: World, _request: Request, _body: dict[str, Any]) -> object:
    """Forget all changes."""
    world.catalogue.restore()
    world.journal.forget_models()
    return {}


def _one_a_second(world: World) -> None:
    """One budget for all four calls; what comes too early is refused, not queued (protocol 3, 8)."""
    now = time.monotonic()
    if now - world.catalogue_asked < world.config.catalogue_interval:
        raise Refusal(429)
    world.catalogue_asked = now


def _sold(world: World) -> list[dict[str, Any]]:
    return [raw for raw in world.catalogue.raw.values() if raw["api"] in LISTED and raw["status"] == "live"]


def _model(world: World, request: Request) -> dict[str, Any]:
    raw = world.catalogue.raw.get(request.path_params["model"])
    if raw is None or raw["api"] not in LISTED or raw["status"] != "live":
        raise Refusal(404, "Model not found")
    return raw


def _row(raw: dict[str, Any]) -> dict[str, Any]:
    return {
        "model": raw["id"],
        "slug": raw["id"],
        "title": f"Affordable {raw['title']} API",
        "provider": raw["vendor"],
        "taskType": [raw["task"].replace("-", " ").title().replace(" To ", " to ")],
        "description": raw.get("description"),
        "pricingDesc": raw["price_text"],
    }


def _matches(row: dict[str, Any], q: str, provider: str, taskType: str) -> bool:
    words = f"{row['model']} {row['title']} {row['provider']}".lower()
    tasks = {task.strip().lower() for task in taskType.split(",") if task.strip()}
    return (
        q.lower() in words
        and provider.lower() in ("", row["provider"].lower())
        and (not tasks or bool(tasks & {task.lower() for task in row["taskType"]}))
    )


def _points(model: str, now: datetime) -> list[dict[str, Any]]:
    """The same for the same model and time. One model in sixteen is not watched, one bucket in eight had no traffic."""
    seed = hashlib.sha256(model.encode()).digest()
    if seed[0] < 16:
        return []
    end = now.replace(minute=now.minute // 10 * 10, second=0, microsecond=0)
    return [_point(seed, end - BUCKET * (BUCKETS - index)) for index in range(BUCKETS)]


def _point(seed: bytes, start: datetime) -> dict[str, Any]:
    dice = hashlib.sha256(seed + str(start.timestamp()).encode()).digest()
    rate = None if dice[0] % 8 == 0 else round(100 - seed[1] / 64 - dice[1] / 256, 2)
    return {
        "start": f"{start:%Y-%m-%dT%H:%M:%SZ}",
        "end": f"{start + BUCKET:%Y-%m-%dT%H:%M:%SZ}",
        "successRate": rate,
        "errorRate": None if rate is None else round(100 - rate, 2),
        "isNormal": rate is None or rate > 95,
    }


def _merged(value: dict[str, Any], changes: dict[str, Any]) -> dict[str, Any]:
    result = dict(value)
    for key, change in changes.items():
        if change is None:
            result.pop(key, None)
        elif isinstance(change, dict) and isinstance(result.get(key), dict) and key != "price":
            result[key] = _merged(result[key], change)
        else:
            result[key] = change
    return result
