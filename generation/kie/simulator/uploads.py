"""Uploads to the files host, with real HTTP statuses (protocol 6.4)."""

import base64
import binascii
import mimetypes
import re
import time
from collections.abc import Awaitable, Callable
from datetime import UTC, datetime
from typing import Any
from urllib.parse import quote

import httpx
from starlette.concurrency import run_in_threadpool
from starlette.datastructures import UploadFile
from starlette.exceptions import HTTPException
from starlette.requests import Request
from starlette.responses import Response
from starlette.routing import Route

from generation.kie.simulator.api import is_authorised
from generation.kie.simulator.create import read_object
from generation.kie.simulator.envelope import Refusal, reply
from generation.kie.simulator.world import World

ACCOUNT_ID = "2079838932"
FETCH_TIMEOUT_SECONDS = 30.0
MAX_BYTES = 100 * 1024 * 1024
DATA_URL = re.compile(r"data:(?P<type>[\w/+.-]+)?(?:;[\w=-]+)*;base64,(?P<data>.*)", re.DOTALL)

Upload = tuple[bytes, str]
Receive = Callable[[Request], Awaitable[tuple[dict[str, Any], Upload]]]


def routes(world: World) -> list[Route]:
    """Return the three upload endpoints."""
    paths: dict[str, Receive] = {
        "/api/file-base64-upload": receive_base64,
        "/api/file-stream-upload": receive_stream,
        "/api/file-url-upload": receive_url,
    }
    return [Route(path, _endpoint(world, receive), methods=["POST"]) for path, receive in paths.items()]


async def receive_base64(request: Request) -> tuple[dict[str, Any], Upload]:
    """JSON with `base64Data`, raw or as a data URL."""
    fields = await read_object(request)
    text = _required(fields, "base64Data")
    match = DATA_URL.fullmatch(text)
    try:
        content = base64.b64decode(match["data"] if match else text, validate=True)
    except binascii.Error as error:
        raise Refusal(400, "Base64 decoding failed: Invalid Base64 format") from error
    return fields, (content, (match["type"] if match else None) or "image/png")


async def receive_stream(request: Request) -> tuple[dict[str, Any], Upload]:
    """Multipart with `file`."""
    async with request.form() as form:
        file = form.get("file")
        if not isinstance(file, UploadFile):
            raise Refusal(400, "Missing required parameter: file")
        guessed = mimetypes.guess_type(file.filename or "")[0]
        content_type = file.content_type or guessed or "application/octet-stream"
        fields = {name: value for name, value in form.items() if isinstance(value, str)}
        return fields, (await file.read(), content_type)


async def receive_url(request: Request) -> tuple[dict[str, Any], Upload]:
    """JSON with `fileUrl`, which is fetched."""
    fields = await read_object(request)
    url = _required(fields, "fileUrl")
    if not url.startswith(("http://", "https://")):
        raise Refusal(400, "Invalid URL format")
    try:
        async with httpx.AsyncClient(timeout=FETCH_TIMEOUT_SECONDS, trust_env=False) as client:
            response = (await client.get(url, follow_redirects=True)).raise_for_status()
    except (httpx.HTTPError, httpx.InvalidURL) as error:
        raise Refusal(500, f"Failed to download the file: {type(error).__name__}") from error
    content_type = response.headers.get("content-type", "application/octet-stream").split(";")[0]
    return fields, (response.content, content_type)


def _endpoint(world: World, receive: Receive) -> Callable[[Request], Awaitable[Response]]:
    async def serve(request: Request) -> Response:
        world.requests[request.url.path] += 1
        try:
            if not is_authorised(world, request):
                raise Refusal(401, "Authentication failed: Invalid API Key")
            fields, (content, content_type) = await receive(request)
            folder = _required(fields, "uploadPath")
            if len(content) > MAX_BYTES:
                raise Refusal(400, "The file is too large")
        except Refusal as refusal:
            body = {"success": False, "code": refusal.code, "msg": refusal.message}
            return reply(body, refusal.code)
        except HTTPException as error:
            return reply({"success": False, "code": 400, "msg": str(error.detail)}, 400)
        data = await _store(world, folder, content, content_type)
        return reply({"success": True, "code": 200, "msg": "File uploaded successfully", "data": data})

    return serve


def _required(fields: dict[str, Any], name: str) -> str:
    value = fields.get(name)
    if not isinstance(value, str) or not value:
        raise Refusal(400, f"Missing required parameter: {name}")
    return value


async def _store(world: World, folder: str, content: bytes, content_type: str) -> dict[str, Any]:
    """Keep the file under a name of our own: the live server renames and shows its account id."""
    token = world.new_token()
    extension = mimetypes.guess_extension(content_type) or ".bin"
    name = f"{int(time.time() * 1000)}-{token[:11]}{extension}"
    path = f"kieai/{ACCOUNT_ID}/{folder.strip('/')}/{name}"
    file = world.directory / "uploads" / f"{token}{extension}"
    await run_in_threadpool(_write, file, content)
    world.remember_upload(path, {"file": str(file), "type": content_type, "at": time.time()})
    return {
        "success": True,
        "fileName": name,
        "filePath": path,
        "downloadUrl": f"{world.files_url}/{quote(path)}",
        "fileSize": len(content),
        "mimeType": content_type,
        "uploadedAt": datetime.now(UTC).isoformat(timespec="milliseconds").replace("+00:00", "Z"),
    }


def _write(file: Any, content: bytes) -> None:
    file.parent.mkdir(parents=True, exist_ok=True)
    file.write_bytes(content)
