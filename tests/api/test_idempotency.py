"""`Idempotency-Key` (R-API2)."""

import threading
from typing import Any

import pytest
from django.db import connection, connections, transaction
from rest_framework.test import APIClient

from accounts.models import IdempotencyKey, User
from billing.models import Wallet
from generation.models import Generation
from tests.api.test_generations import FOX, post
from tests.conftest import api_for
from tests.pages.conftest import browser_of

KEY = {"Idempotency-Key": "order-7"}


def test_the_same_request_is_answered_with_the_first_answer(api: APIClient) -> None:
    first, second = post(api, FOX, **KEY), post(api, FOX, **KEY)
    assert (first.status_code, second.status_code) == (202, 202)
    assert first.json() == second.json()
    assert second["Idempotent-Replayed"] == "true"
    assert Generation.objects.count() == 1
    assert api.get("/api/v1/balance").json()["held"] == "5"


def test_another_body_under_the_same_key_is_refused(api: APIClient) -> None:
    post(api, FOX, **KEY)
    response = post(api, {**FOX, "input": {"prompt": "a hare"}}, **KEY)
    assert (response.status_code, response.json()["code"]) == (422, "idempotency_key_reused")
    assert Generation.objects.count() == 1


def test_a_key_belongs_to_its_account(api: APIClient, eve: User) -> None:
    assert post(api, FOX, **KEY).json()["id"] != post(api_for(eve), FOX, **KEY).json()["id"]


def test_a_refused_request_leaves_its_key_free(api: APIClient, alice: User) -> None:
    assert post(api, {**FOX, "input": {}}, **KEY).status_code == 422
    assert not IdempotencyKey.objects.exists()
    assert post(api, FOX, **KEY).status_code == 202


def test_a_key_that_is_too_long_is_refused(api: APIClient) -> None:
    assert post(api, FOX, **{"Idempotency-Key": "x" * 256}).json()["code"] == "idempotency_key_too_long"


def test_a_key_that_cannot_be_kept_is_refused(api: APIClient) -> None:
    for key in ("a\x00", "\x00", "\udcff"):
        response = post(api, FOX, **{"Idempotency-Key": key})
        assert (response.status_code, response.json()["code"]) == (400, "unusable_characters")
    assert not Generation.objects.exists()


def test_a_key_is_kept_apart_from_what_forms_are_sent_with(alice: User) -> None:
    """R-API2: whatever it is called."""
    made = post(api_for(alice), FOX, **{"Idempotency-Key": " form:abc"}).json()["id"]
    form = {"prompt": "A red hare", "request_id": "abc"}
    answers = [browser_of(alice).post("/models/google/nano-banana/", form) for _ in range(2)]
    (asked,) = Generation.objects.exclude(pk=made)
    assert [answer.headers["Location"] for answer in answers] == [f"/generations/{asked.pk}/"] * 2


@pytest.mark.django_db(transaction=True)
def test_the_same_key_twenty_times_in_parallel_makes_one_generation(alice: User) -> None:
    answers: list[Any] = []
    clients = [api_for(alice) for _ in range(10)]
    start = threading.Barrier(len(clients))

    def send(api: APIClient) -> None:
        start.wait()
        answers.extend(post(api, FOX, **KEY) for _ in range(2))
        connections.close_all()

    threads = [threading.Thread(target=send, args=[api]) for api in clients]
    for thread in threads:
        thread.start()
    for thread in threads:
        thread.join()
    assert {answer.json()["id"] for answer in answers} == {str(Generation.objects.get().pk)}
    assert Wallet.objects.get(pk=alice.pk).held == 5_000


@pytest.mark.skipif(connection.vendor != "postgresql", reason="SQLite has one writer: the second waits its turn")
@pytest.mark.django_db(transaction=True)
def test_a_request_in_progress_is_a_conflict(alice: User) -> None:
    api = api_for(alice)
    begun, release = threading.Event(), threading.Event()

    def hold_the_key() -> None:
        with transaction.atomic():
            IdempotencyKey.objects.create(user=alice, key="order-7", fingerprint="x", status=0, body={})
            begun.set()
            release.wait(20)
            transaction.set_rollback(True)
        connections.close_all()

    holder = threading.Thread(target=hold_the_key)
    holder.start()
    begun.wait(5)
    with connection.cursor() as cursor:
        cursor.execute("SET lock_timeout = '200ms'")
    response = post(api, FOX, **KEY)
    release.set()
    holder.join()
    assert (response.status_code, response.json()["code"]) == (409, "request_in_progress")
    assert response["Retry-After"] == "1"
