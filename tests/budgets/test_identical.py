"""Identical requests of one customer within a few seconds are answered with the first generation."""

from datetime import timedelta
from functools import partial
from typing import Any

import pytest
from django.utils import timezone
from rest_framework.test import APIClient

from accounts.models import User
from billing import ledger
from billing.models import Entry
from generation import lifecycle
from generation.models import Generation
from tests.api.test_generations import FOX
from tests.billing.test_concurrency import all_at_once
from tests.conftest import api_for
from tests.pages.conftest import browser_of

URL, MODEL = "/api/v1/generations", "google/nano-banana"


@pytest.fixture(autouse=True)
def window(settings: Any) -> None:
    settings.DUPLICATE_WINDOW_SECONDS = 5


def ask(user: User, prompt: str = "a fox", **more: Any) -> Generation:
    return lifecycle.request(user, MODEL, {"prompt": prompt}, allow_duplicate=False, **more)


def made() -> int:
    assert Generation.objects.count() == Entry.objects.filter(kind="hold").count()
    return Generation.objects.count()


def test_the_api_answers_with_the_first_and_says_so(api: APIClient) -> None:
    first, second = (api.post(URL, FOX, format="json") for _ in range(2))
    assert (first.status_code, second.status_code) == (202, 202)
    assert second.json() == first.json()
    assert second["Location"] == first["Location"]
    assert ("Duplicate-Request" in first, second["Duplicate-Request"]) == (False, "true")
    assert made() == 1


def test_a_program_says_that_it_means_it(api: APIClient) -> None:
    for _ in range(2):
        assert "Duplicate-Request" not in api.post(URL, {**FOX, "allow_duplicate": True}, format="json")
    assert made() == 2


def test_an_idempotency_key_has_precedence(api: APIClient) -> None:
    """R-API2: another key is another purchase, the same key the same one."""
    for key in ("a", "b", "a"):
        api.post(URL, FOX, format="json", headers={"Idempotency-Key": key})
    assert made() == 2


def test_what_differs_is_not_identical(alice: User, eve: User) -> None:
    """R-API3"""
    ask(alice)
    for user, more in (
        (alice, {"prompt": "a hen"}),
        (alice, {"metadata": {"order": 7}}),
        (eve, {}),
    ):
        assert not ask(user, **more).duplicate
    assert not lifecycle.request(alice, "nano-banana-2", {"prompt": "a fox"}, allow_duplicate=False).duplicate
    assert made() == 5


def test_what_is_written_differently_but_means_the_same_is_identical(alice: User) -> None:
    """R-PR6: compared is what would be sent."""
    first = ask(alice)
    second = lifecycle.request(alice, MODEL, dict(reversed(first.input.items())), allow_duplicate=False)
    assert (second.pk, second.duplicate) == (first.pk, True)


def test_after_the_window_it_is_another_purchase(alice: User) -> None:
    first = ask(alice)
    Generation.objects.filter(pk=first.pk).update(created_at=timezone.now() - timedelta(seconds=6))
    assert not ask(alice).duplicate


def test_one_that_came_to_nothing_is_tried_again(alice: User) -> None:
    lifecycle.cancel(ask(alice))
    assert not ask(alice).duplicate


def test_a_window_of_zero_turns_it_off(alice: User, settings: Any) -> None:
    settings.DUPLICATE_WINDOW_SECONDS = 0
    ask(alice)
    assert not ask(alice).duplicate


def test_credits_for_one_are_enough_for_both(bob: User, settings: Any) -> None:
    ledger.top_up(bob, 5_000, payment="pay")
    settings.MAX_RUNNING_PER_USER = 1
    assert ask(bob).pk == ask(bob).pk


def test_an_operator_repeats_on_purpose(alice: User) -> None:
    lifecycle.repeat(ask(alice), by="olga")
    assert made() == 2


def test_two_forms_lead_to_one_generation_and_running_it_again_to_another(alice: User) -> None:
    browser, url = browser_of(alice), f"/models/{MODEL}/"
    first, second = (browser.post(url, {"prompt": "a fox", "request_id": str(n)}, follow=True) for n in range(2))
    assert first.redirect_chain == second.redirect_chain
    assert b"a moment ago" not in first.content
    assert b"You asked for exactly this a moment ago" in second.content
    form = browser.get(url, {"from": Generation.objects.get().pk})
    assert b'name="again" value="1"' in form.content
    assert b'name="again"' not in browser.get(url).content
    browser.post(url, {"prompt": "a fox", "request_id": "2", "again": "1"})
    assert made() == 2


@pytest.mark.django_db(transaction=True)
def test_of_twenty_at_once_one_is_bought_and_all_get_it(alice: User) -> None:
    results = all_at_once([partial(ask, alice) for _ in range(20)])
    assert {result.pk for result in results} == {Generation.objects.get().pk}
    assert sorted(result.duplicate for result in results) == [False] + [True] * 19
    assert made() == 1


@pytest.mark.django_db(transaction=True)
def test_of_many_at_once_with_credits_for_one_nobody_is_refused(bob: User) -> None:
    ledger.top_up(bob, 5_000, payment="pay")
    results = all_at_once([lambda: api_for(bob).post(URL, FOX, format="json") for _ in range(8)])
    assert {result.status_code for result in results} == {202}
    assert made() == 1
