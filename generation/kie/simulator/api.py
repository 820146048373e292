"""The API host: every path, and what happens before a path's handler is reached."""

import hmac
import time
from collections.abc import Awaitable, Callable

from starlette.applications import Starlette
from starlette.exceptions import HTTPException
from starlette.requests import Request
from starlette.responses import Response
from starlette.routing import Route

from generation.kie.simulator import (
    aleph,
    at_once,
    catalogue_api,
    chat,
    common,
    control,
    flux_kontext,
    gpt4o_image,
    luma,
    market,
    midjourney,
    runway,
    suno,
    suno_tools,
    suno_voice,
    veo,
    veo_upgrades,
)
from generation.kie.simulator.answers import answer
from generation.kie.simulator.envelope import Refusal, refuse, reply
from generation.kie.simulator.world import World

Handler = Callable[[World, Request], Awaitable[Response]]

ENDPOINTS: list[tuple[str, str, Handler]] = [
    ("GET", "/api/v1/jobs/recordInfo", market.record_info),
    ("POST", "/api/v1/jobs/createTask", market.create_task),
    ("POST", "/api/v1/veo/generate", veo.generate),
    ("POST", "/api/v1/veo/extend", veo.extend),
    ("GET", "/api/v1/veo/record-info", veo.record_info),
    ("GET", "/api/v1/veo/query/{task_id}", veo.query),
    ("GET", "/api/v1/veo/get-1080p-video", veo_upgrades.get_1080p),
    ("POST", "/api/v1/veo/get-4k-video", veo_upgrades.get_4k),
    ("POST", "/api/v1/gpt4o-image/generate", gpt4o_image.generate),
    ("GET", "/api/v1/gpt4o-image/record-info", gpt4o_image.record_info),
    ("POST", "/api/v1/gpt4o-image/download-url", gpt4o_image.download_url),
    ("POST", "/api/v1/flux/kontext/generate", flux_kontext.generate),
    ("GET", "/api/v1/flux/kontext/record-info", flux_kontext.record_info),
    ("POST", "/api/v1/runway/generate", runway.generate),
    ("POST", "/api/v1/runway/extend", runway.extend),
    ("GET", "/api/v1/runway/record-detail", runway.record_detail),
    ("POST", "/api/v1/aleph/generate", aleph.generate),
    ("GET", "/api/v1/aleph/record-info", aleph.record_info),
    ("POST", "/api/v1/modify/generate", luma.generate),
    ("GET", "/api/v1/modify/record-info", luma.record_info),
    ("POST", "/api/v1/mj/generate", midjourney.generate),
    ("POST", "/api/v1/mj/generateUpscale", midjourney.upscale),
    ("POST", "/api/v1/mj/generateVary", midjourney.vary),
    ("POST", "/api/v1/mj/generateVideoExtend", midjourney.extend),
    ("GET", "/api/v1/mj/record-info", midjourney.record_info),
    ("GET", "/api/v1/models", catalogue_api.models),
    ("GET", "/api/v1/models/{model:path}/schema", catalogue_api.schema),
    ("GET", "/api/v1/models/{model:path}/price", catalogue_api.price),
    ("GET", "/api/v1/models/{model:path}/success-rate", catalogue_api.success_rate),
    ("POST", "/client/v1/model-pricing/page", catalogue_api.feed),
    *suno.ENDPOINTS,
    *suno_tools.ENDPOINTS,
    *suno_voice.ENDPOINTS,
    *at_once.ENDPOINTS,
    ("GET", "/api/v1/chat/credit", common.credit),
    ("POST", "/api/v1/common/download-url", common.download_url),
]


def is_authorised(world: World, request: Request) -> bool:
    """Check the Bearer key."""
    given = request.headers.get("authorization", "")
    return hmac.compare_digest(given.encode(), f"Bearer {world.config.key}".encode())


def app(world: World) -> Starlette:
    """Return the application of the API host."""
    endpoints = [*ENDPOINTS, *chat.endpoints(world.catalogue)]
    routes = [Route(path, _endpoint(world, handler), methods=[method]) for method, path, handler in endpoints]
    return Starlette(routes=[*routes, control.mount(world)], exception_handlers={HTTPException: _http_error})


def _endpoint(world: World, handler: Handler) -> Callable[[Request], Awaitable[Response]]:
    async def serve(request: Request) -> Response:
        path = request.url.path
        world.requests[path] += 1
        if time.monotonic() < world.down_until:
            return answer(world.down_answer)
        try:
            if handler is not catalogue_api.feed and not is_authorised(world, request):
                raise Refusal(401, chat.UNAUTHORISED if handler is chat.talk else "")
            fault = world.armoury.for_call(path)
            return answer(fault) if fault else await handler(world, request)
        except Refusal as refusal:
            return refuse(refusal)

    return serve


async def _http_error(_request: Request, error: Exception) -> Response:
    """Unknown paths and methods: a real HTTP status, as on every host."""
    status = error.status_code if isinstance(error, HTTPException) else 500
    return reply({"code": status, "msg": "The page does not exist", "data": None}, status)
