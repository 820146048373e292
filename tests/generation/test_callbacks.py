"""A callback is a doorbell (R-CB1, R-CB2, R-CB3)."""

import json
import time
from typing import Any

import pytest
from django.test import Client

from accounts.models import User
from billing.models import Wallet
from generation import lifecycle
from generation.kie import callbacks, signature
from generation.models import Generation
from tests import driving
from tests.generation.test_faults import books_are_right, order
from tests.simulator import Simulator

IMAGE = "google/nano-banana"
TASK = "ee9c2715375b7837f8bb51d641ff5863"


def ring(client: Client, token: str, body: Any = None, **headers: str) -> int:
    text = body if isinstance(body, str) else json.dumps(body)
    return client.post(f"/kie/{token}/", text, content_type="application/json", headers=headers).status_code


def signed(task: str, key: str, at: float) -> dict[str, str]:
    stamp = str(int(at))
    return {"X-Webhook-Timestamp": stamp, "X-Webhook-Signature": signature.sign(task, stamp, key)}


@pytest.fixture
def running(alice: User) -> Generation:
    generation = order(alice, IMAGE, "a fox")
    lifecycle.move(generation, "running", "submitting", check_at=generation.deadline)
    return generation


def test_the_signature_is_that_of_the_protocol() -> None:
    expected = "1uHa3GW0YtgPJCuFX1XxqzQd/Y5F0oPuUVBk2BWjZcI="
    assert signature.sign(TASK, "1769670760", "test_hmac_key") == expected
    assert signature.valid(TASK, "1769670760", expected, "test_hmac_key", now=1769670760 + 1200)
    for stamp, now in (("1769670760", 1769670760 + 3600), ("later", 1769670760.0), ("", 0.0)):
        assert not signature.valid(TASK, stamp, expected, "test_hmac_key", now=now)


@pytest.mark.parametrize(
    ("body", "task"),
    [
        ({"data": {"taskId": "a"}}, "a"),
        ({"data": {"task_id": "a", "data": [{"id": "song"}]}}, "a"),
        ({"taskId": "a", "data": {"resultUrls": []}}, "a"),
        ({"taskId": "a", "data": {"task_id": "b"}}, "b"),
        ({"job_id": "a"}, "a"),
        ({"data": None}, ""),
        ({"data": {"data": [{"id": "song"}], "video_id": "v"}}, ""),
        ([], ""),
        ("text", ""),
    ],
)
def test_the_task_id_is_found_where_its_family_puts_it(body: Any, task: str) -> None:
    assert callbacks.task_id(body) == task


@pytest.mark.parametrize(
    "body",
    [
        {"code": 200, "data": {"state": "success"}},
        {"code": 501, "data": {"state": "fail"}},
        {"data": None},
        "garbage",
        "",
    ],
)
def test_whatever_it_says_it_only_makes_us_look(client: Client, running: Generation, body: Any) -> None:
    """R-CB1, R-CB2: a forged success or failure changes nothing, and a body with no data still rings."""
    assert ring(client, running.callback_token, body) == 200
    now = Generation.objects.get()
    assert (now.state, now.checks) == ("running", 0)
    assert now.check_at < running.check_at
    assert Wallet.objects.get(pk=running.user_id).held == 5_000


def test_an_unknown_token_is_not_found(client: Client, running: Generation) -> None:
    assert ring(client, "unknown", {"data": {"taskId": TASK}}) == 404


def test_it_brings_the_task_id_that_the_answer_did_not(client: Client, running: Generation) -> None:
    assert ring(client, running.callback_token, {"data": {"taskId": TASK}}) == 200
    assert Generation.objects.get().kie_task_id == TASK
    ring(client, running.callback_token, {"data": {"taskId": "another"}})
    assert Generation.objects.get().kie_task_id == TASK


def test_a_task_of_another_generation_stays_there(client: Client, alice: User, running: Generation) -> None:
    other = order(alice, IMAGE, "a hare")
    lifecycle.move(other, "running", "submitting", kie_task_id=TASK)
    assert ring(client, running.callback_token, {"data": {"taskId": TASK}}) == 200
    assert Generation.objects.get(pk=running.pk).kie_task_id is None


def test_after_the_end_it_changes_nothing(client: Client, running: Generation) -> None:
    lifecycle.finish(running, "failed", "test", error="upstream_failed", cost=0)
    assert ring(client, running.callback_token, {"data": {"taskId": TASK}}) == 200
    assert Generation.objects.get().check_at is None


def test_a_wrong_missing_or_stale_signature_is_refused(client: Client, running: Generation, settings: Any) -> None:
    settings.KIE_WEBHOOK_HMAC_KEY = "key"
    body, now = {"data": {"taskId": TASK}}, time.time()
    wrong: list[dict[str, str]] = [
        {},
        signed(TASK, "other", now),
        signed("x", "key", now),
        signed(TASK, "key", now - 4000),
    ]
    for headers in wrong:
        assert ring(client, running.callback_token, body, **headers) == 401
    assert Generation.objects.get().kie_task_id is None
    assert ring(client, running.callback_token, body, **signed(TASK, "key", now)) == 200


@pytest.fixture
def called_back(kie: Simulator, settings: Any, live_server: Any) -> Simulator:
    """Polling would take minutes, so that only the bell can end a generation in time."""
    settings.KIE_CALLBACKS = True
    settings.PUBLIC_URL = live_server.url
    settings.POLL_FIRST_SECONDS = settings.POLL_MAX_SECONDS = 600.0
    return kie


@pytest.mark.simulator
@pytest.mark.django_db(transaction=True)
@pytest.mark.parametrize(
    "fault",
    [
        "",
        "callback-double",
        "callback-early",
        "callback-late",
        "callback-null",
        "callback-garbage",
        "callback-forged",
        "callback-forged-fail",
        "create-timeout",
        "create-drop",
    ],
)
@pytest.mark.parametrize("model", [IMAGE, "gpt4o-image/generate", "veo/veo3_fast"])
def test_a_bell_ends_a_generation_whatever_its_condition(
    called_back: Simulator, alice: User, model: str, fault: str
) -> None:
    """R-CB3; the lost answer of a create is replaced by the bell (R-UP1)."""
    generation = driving.finish(order(alice, model, f"a fox sim:{fault}" if fault else "a fox"))
    assert generation.state == "succeeded"
    assert generation.attempts == 1
    assert called_back.requests("create") + called_back.requests("generate") == 1
    books_are_right()


def test_the_usual_bell_is_one_statement(
    client: Client, running: Generation, settings: Any, django_assert_num_queries: Any
) -> None:
    settings.KIE_WEBHOOK_HMAC_KEY = "key"
    lifecycle.save_task(running, TASK)
    headers = signed(TASK, "key", time.time())
    with django_assert_num_queries(1):
        assert ring(client, running.callback_token, {"data": {"taskId": TASK}}, **headers) == 200
    running.refresh_from_db()
    assert running.check_at and running.check_at < running.deadline


@pytest.mark.parametrize("token", ["%00", "%ED%A0%80", "x" * 5_000])
def test_a_token_that_can_be_none_is_not_found(client: Client, db: None, token: str) -> None:
    assert ring(client, token, {"data": {"taskId": TASK}}) == 404
