"""The limit for chat: a bare ASGI app that passes a stream on, as the platform does, and does nothing else.

KIE is called like `generation.kie.streams` calls it: with a client of its own for each call, one connection each.
"""

import json
import os
import ssl
from typing import Any

import httpx

KIE = os.environ["BENCHMARK_KIE_URL"]
KEY = os.environ["BENCHMARK_KIE_KEY"]
PATH = os.environ["BENCHMARK_KIE_PATH"]
CONTEXT = ssl.create_default_context()
HEADERS = {"Authorization": f"Bearer {KEY}", "Accept-Encoding": "identity"}


async def application(scope: dict[str, Any], receive: Any, send: Any) -> None:
    """Pass one request on and its answer back, piece by piece."""
    if scope["type"] != "http":
        return
    if scope["method"] == "GET":
        await send({"type": "http.response.start", "status": 200, "headers": []})
        await send({"type": "http.response.body", "body": b""})
        return
    asked = json.loads(await _body(receive))
    transport = httpx.AsyncHTTPTransport(verify=CONTEXT, trust_env=False)
    async with httpx.AsyncClient(transport=transport, headers=HEADERS, timeout=60, trust_env=False) as http:
        call = {"messages": asked["messages"], "stream": True}
        async with http.stream("POST", KIE + PATH, json=call) as answer:
            headers = [(b"content-type", answer.headers["content-type"].encode())]
            await send({"type": "http.response.start", "status": answer.status_code, "headers": headers})
            async for piece in answer.aiter_bytes():
                await send({"type": "http.response.body", "body": piece, "more_body": True})
    await send({"type": "http.response.body", "body": b""})


async def _body(receive: Any) -> bytes:
    body = b""
    while True:
        message = await receive()
        body += message.get("body", b"")
        if not message.get("more_body"):
            return body
