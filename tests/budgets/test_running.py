"""How many generations a customer, and a key, may have open at once."""

from collections.abc import Iterator
from functools import partial
from typing import Any

import pytest
from rest_framework.test import APIClient

from accounts.errors import Refused
from accounts.models import ApiKey, User
from billing.models import Wallet
from chat import threads
from generation import lifecycle
from generation.models import Generation
from tests.api.test_generations import FOX
from tests.billing.test_concurrency import all_at_once
from tests.chat import talking
from tests.pages.conftest import browser_of

MODEL, PROMPT = "google/nano-banana", {"prompt": "a fox"}


def order(user: User, key: ApiKey | None = None) -> Generation:
    return lifecycle.request(user, MODEL, PROMPT, api_key=key)


def refused(user: User, key: ApiKey | None = None) -> Refused:
    with pytest.raises(Refused) as caught:
        order(user, key)
    return caught.value


def test_one_more_than_the_limit_is_refused_and_holds_nothing(alice: User, settings: Any) -> None:
    settings.MAX_RUNNING_PER_USER = 2
    first, _ = order(alice), order(alice)
    refusal = refused(alice)
    assert (refusal.code, refusal.status) == ("too_many_running", 429)
    assert refusal.data == {"limit": "user", "max_running": 2, "running": 2, "retry_after_seconds": 5}
    assert (Generation.objects.count(), Wallet.objects.get(pk=alice.pk).held) == (2, 10_000)
    lifecycle.cancel(first)
    order(alice)


def test_the_limit_of_one_customer_is_none_of_another(alice: User, eve: User, settings: Any) -> None:
    """R-API3"""
    settings.MAX_RUNNING_PER_USER = 1
    order(alice)
    order(eve)
    assert refused(eve).data["running"] == 1


def test_an_operator_allows_a_customer_more_or_any_number(alice: User, settings: Any) -> None:
    settings.MAX_RUNNING_PER_USER = 1
    for limit in (2, 0):
        alice.max_running = limit
        order(alice)
        order(alice)
        Generation.objects.filter(user=alice).update(state="canceled", finished_at="2026-11-21T00:00:00Z")


def test_a_key_has_a_limit_of_its_own(alice: User, settings: Any) -> None:
    shop, blog = (ApiKey.issue(alice, name, max_running=limit)[0] for name, limit in (("shop", 1), ("blog", None)))
    order(alice, shop)
    assert refused(alice, shop).data["limit"] == "key"
    order(alice, blog)
    order(alice)
    settings.MAX_RUNNING_PER_KEY = 1
    assert refused(alice, blog).data["limit"] == "key"
    settings.MAX_RUNNING_PER_USER = 3
    assert refused(alice).data["limit"] == "user"


def test_the_api_says_which_limit_its_value_and_how_many_are_open(api: APIClient, settings: Any) -> None:
    """R-UX2"""
    settings.MAX_RUNNING_PER_USER = 1
    api.post("/api/v1/generations", FOX, format="json")
    answer = api.post("/api/v1/generations", FOX, format="json")
    assert (answer.status_code, answer["Retry-After"]) == (429, "5")
    told = answer.json()
    assert (told["code"], told["limit"], told["max_running"], told["running"]) == ("too_many_running", "user", 1, 1)


def test_the_form_says_so_and_keeps_what_was_filled_in(alice: User, settings: Any) -> None:
    """R-UX2"""
    settings.MAX_RUNNING_PER_USER = 1
    order(alice)
    answer = browser_of(alice).post(f"/models/{MODEL}/", {"prompt": "a red hen"})
    assert answer.status_code == 429
    assert "1 of your generations are open, and 1 may be at once" in " ".join(answer.content.decode().split())
    assert b"a red hen" in answer.content


@pytest.fixture
def no_idle_connections() -> Iterator[None]:
    """A test database cannot be removed while a thread keeps a connection to it."""
    yield
    threads.close()


@pytest.mark.django_db(transaction=True)
@pytest.mark.usefixtures("no_idle_connections")
def test_chat_counts_too(alice: User, settings: Any) -> None:
    settings.MAX_RUNNING_PER_USER = 1
    order(alice)
    with pytest.raises(Refused) as caught:
        talking.talk(alice, talking.GEMINI, "hello")
    assert caught.value.code == "too_many_running"


@pytest.mark.django_db(transaction=True)
def test_of_fifty_requests_at_once_exactly_the_limit_passes(alice: User, settings: Any) -> None:
    """R-LED2: decided by a lock, and not by what was read before."""
    settings.MAX_RUNNING_PER_USER = 5
    results = all_at_once([partial(order, alice) for _ in range(50)])
    refusals = [result for result in results if isinstance(result, Refused)]
    assert {refusal.code for refusal in refusals} == {"too_many_running"}
    assert (len(refusals), Generation.objects.count()) == (45, 5)
    assert Wallet.objects.get(pk=alice.pk).held == 5 * 5_000


@pytest.mark.django_db(transaction=True)
def test_of_fifty_requests_with_two_keys_each_key_passes_its_own(alice: User) -> None:
    keys = [ApiKey.issue(alice, name, max_running=limit)[0] for name, limit in (("shop", 2), ("blog", 3))]
    all_at_once([partial(order, alice, key) for key in keys for _ in range(25)])
    assert [Generation.objects.filter(api_key=key).count() for key in keys] == [2, 3]
