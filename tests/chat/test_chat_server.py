"""The server of streams as a process: killed, stopped, crowded, and beside the pages."""

import asyncio
import json
import time
from collections.abc import Callable
from typing import Any

import httpx
import pytest
from django.utils import timezone

from accounts.models import User
from generation import polling
from generation.models import Generation
from tests.chat import talking
from tests.chat.conftest import Server
from tests.chat.talking import GEMINI, said
from tests.processes import until

pytestmark = [pytest.mark.simulator, pytest.mark.processes, pytest.mark.django_db(transaction=True)]

LONG = {"model": GEMINI, "messages": said("hello sim:tokens=100000"), "stream": True}


def test_the_credits_of_a_killed_web_process_come_back_at_the_deadline(
    start: Callable[..., Server], key: str, alice: User
) -> None:
    """R-REF2, R-CH1: reservations cannot leak."""
    server = start()
    with server.http(key).stream("POST", "/v1/chat/completions", json=LONG) as response:
        next(response.iter_lines())
        server.process.kill()
    row = talking.the_call()
    assert row.state == "running"
    assert row.check_at == row.deadline
    assert talking.wallet(alice)[1] == row.price_millicredits
    assert polling.sweep() == 0
    Generation.objects.update(deadline=timezone.now(), check_at=timezone.now())
    assert polling.sweep() == 1
    row.refresh_from_db()
    # Nothing can be heard of it any more, so nothing is waited for.
    assert (row.state, row.error_code, row.check_at) == ("failed", "deadline", None)
    assert talking.wallet(alice) == (1_000_000, 0)


def test_a_stopped_server_settles_what_was_delivered(start: Callable[..., Server], key: str, alice: User) -> None:
    server = start()
    with server.http(key).stream("POST", "/v1/chat/completions", json=LONG) as response:
        next(response.iter_lines())
        began = time.monotonic()
        server.process.stop()
        assert time.monotonic() - began < 4
    row = talking.the_call()
    assert row.state == "succeeded"
    assert 0 < talking.receipt().charged < row.price_millicredits
    assert talking.wallet(alice)[1] == 0


def test_a_hundred_streams_run_beside_each_other(server: Server, key: str, alice: User) -> None:
    """All of them, and pages are served meanwhile."""
    body = {"model": "claude-haiku-5-5", "messages": said("hello sim:tokens=100"), "stream": True, "max_tokens": 200}

    async def one(http: httpx.AsyncClient) -> str:
        response = await http.post("/v1/chat/completions", json=body)
        lines = [line.removeprefix("data: ") for line in response.text.splitlines() if line.startswith("data: {")]
        chunks = [json.loads(line)["choices"][0]["delta"].get("content", "") for line in lines]
        return "".join(chunks)

    async def page(http: httpx.AsyncClient) -> int:
        return (await http.get("/healthz")).status_code

    async def crowd() -> list[Any]:
        headers, limits = {"Authorization": f"Bearer {key}"}, httpx.Limits(max_connections=200)
        async with httpx.AsyncClient(
            base_url=server.url, headers=headers, limits=limits, timeout=60, trust_env=False
        ) as http:
            return await asyncio.gather(*[one(http) for _ in range(100)], *[page(http) for _ in range(20)])

    began = time.monotonic()
    results = asyncio.run(crowd())
    assert time.monotonic() - began < 20
    assert results[100:] == [200] * 20
    assert all("hello" in text for text in results[:100])
    until(lambda: not Generation.objects.filter(finished_at=None).exists(), "the end of all calls")
    assert Generation.objects.filter(state="succeeded").count() == 100
    assert talking.wallet(alice)[1] == 0


def test_one_server_serves_pages_files_and_streams(server: Server, key: str, alice: User) -> None:
    http = server.http(key)
    page = http.get("/accounts/login/")
    assert page.status_code == 200
    assert "Content-Security-Policy" in page.headers
    assert http.get("/static/img/logo.svg").status_code == 200
    assert http.get("/api/v1/balance").json()["available"] == "1000"
    assert http.get("/v1/models").json()["object"] == "list"
    assert http.get("/chat/").status_code in (200, 302)


def test_a_server_without_streams_says_what_is_wrong(alice: User, key: str, client: Any) -> None:
    """Under WSGI a stream would be held back to its end, and its call cut off."""
    response = client.post("/v1/chat/completions", "{}", content_type="application/json")
    assert response.status_code == 501
