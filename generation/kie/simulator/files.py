"""The files host: results and uploads for download, with everything that can be wrong with them."""

import asyncio
from collections.abc import AsyncIterator, Awaitable, Callable
from pathlib import Path

from starlette.applications import Starlette
from starlette.exceptions import HTTPException
from starlette.requests import Request
from starlette.responses import FileResponse, HTMLResponse, RedirectResponse, Response, StreamingResponse
from starlette.routing import Route

from generation.kie.simulator import links, uploads
from generation.kie.simulator.envelope import reply
from generation.kie.simulator.faults import Faults
from generation.kie.simulator.media.medium import Medium
from generation.kie.simulator.world import World
from simulating.hangup import Truncated

HUGE_BYTES = 5 * 1024**3
CHUNK = b"\0" * 65536
DRIP_BYTES = 64
DRIP_SECONDS = 0.5


def app(world: World) -> Starlette:
    """Return the application of the files host."""
    routes = [
        *uploads.routes(world),
        Route("/s/{name}", _serve(world, result)),
        Route("/kieai/{path:path}", _serve(world, upload)),
    ]
    return Starlette(routes=routes, exception_handlers={HTTPException: _http_error})


async def result(world: World, request: Request, fresh: bool) -> Response:
    """Serve a result file."""
    found = links.find(world, request.path_params["name"])
    if found is None:
        return _missing()
    task, medium = found
    if "gone" in task.faults or ("dead-link" in task.faults and not fresh):
        return _missing()
    return await _spoiled(world, medium, task.faults) or await _whole(world, medium)


async def upload(world: World, request: Request, _fresh: bool) -> Response:
    """Serve an uploaded file."""
    found = links.find_upload(world, request.url.path[1:])
    if found is None:
        return _missing()
    return FileResponse(str(found["file"]), media_type=str(found["type"]))


def _serve(
    world: World, serve: Callable[[World, Request, bool], Awaitable[Response]]
) -> Callable[[Request], Awaitable[Response]]:
    async def check_link_and_serve(request: Request) -> Response:
        world.requests[request.url.path] += 1
        fresh = links.is_fresh(world, request.url.path, request.url.query)
        if fresh is False:
            return Response("Request has expired", 403)
        return await serve(world, request, bool(fresh))

    return check_link_and_serve


async def _spoiled(world: World, medium: Medium, faults: Faults) -> Response | None:
    """Return the file as a fault wants it, None when it is fine."""
    if "redirect-private" in faults:
        return RedirectResponse(links.PRIVATE_URL, 302)
    if "wrong-type" in faults:
        return Response("<!DOCTYPE html><html>Not a picture</html>", media_type=medium.content_type)
    if "huge" in faults:
        headers = {"Content-Length": str(HUGE_BYTES)}
        return StreamingResponse(_endless(), media_type=medium.content_type, headers=headers)
    if "truncated" in faults:
        return Truncated(await _content(world, medium), medium.content_type)
    if "slow-file" in faults:
        content = await _content(world, medium)
        headers = {"Content-Length": str(len(content))}
        return StreamingResponse(_drip(content), media_type=medium.content_type, headers=headers)
    return None


async def _whole(world: World, medium: Medium) -> Response:
    """Serve the file with its type and length; FileResponse also answers Range requests."""
    path = await world.studio.file(medium)
    return FileResponse(path, media_type=medium.content_type)


async def _content(world: World, medium: Medium) -> bytes:
    return Path(await world.studio.file(medium)).read_bytes()


async def _endless() -> AsyncIterator[bytes]:
    for _ in range(HUGE_BYTES // len(CHUNK)):
        yield CHUNK


async def _drip(content: bytes) -> AsyncIterator[bytes]:
    for start in range(0, len(content), DRIP_BYTES):
        yield content[start : start + DRIP_BYTES]
        await asyncio.sleep(DRIP_SECONDS)


def _missing() -> Response:
    return HTMLResponse("<h1>404 Not Found</h1>", 404)


async def _http_error(_request: Request, error: Exception) -> Response:
    status = error.status_code if isinstance(error, HTTPException) else 500
    message = {405: "Method not allowed"}.get(status, "Not found")
    return reply({"success": False, "code": status, "msg": message}, status)
