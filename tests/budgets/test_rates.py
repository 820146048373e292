"""Requests per minute: of a user with all keys together, and of one key."""

from typing import Any

import pytest
from django.test import Client

from accounts.models import ApiKey, User


def statuses(client: Client, key: str, count: int) -> list[int]:
    return [ask(client, key).status_code for _ in range(count)]


def ask(client: Client, key: str) -> Any:
    return client.get("/api/v1/balance", headers={"Authorization": f"Bearer {key}"})


@pytest.fixture
def shop(alice: User) -> tuple[ApiKey, str]:
    return ApiKey.issue(alice, "shop")


def test_all_keys_of_a_user_share_a_limit(client: Client, alice: User, eve: User, shop: Any, settings: Any) -> None:
    settings.API_RATE_PER_MINUTE = 3
    blog = ApiKey.issue(alice, "blog")[1]
    assert statuses(client, shop[1], 2) + statuses(client, blog, 2) == [200, 200, 200, 429]
    assert statuses(client, ApiKey.issue(eve, "hers")[1], 1) == [200]


def test_a_key_has_a_limit_of_its_own(client: Client, alice: User, shop: Any, settings: Any) -> None:
    settings.API_RATE_PER_KEY_PER_MINUTE = 2
    assert statuses(client, shop[1], 3) == [200, 200, 429]
    assert statuses(client, ApiKey.issue(alice, "blog", requests_per_minute=3)[1], 4) == [200, 200, 200, 429]
    assert statuses(client, ApiKey.issue(alice, "free", requests_per_minute=0)[1], 4) == [200] * 4


def test_an_operator_gives_a_user_another_limit(client: Client, alice: User, shop: Any, settings: Any) -> None:
    settings.API_RATE_PER_MINUTE = 1
    for limit, expected in ((2, [200, 200, 429]), (0, [200] * 5)):
        User.objects.filter(pk=alice.pk).update(requests_per_minute=limit)
        assert statuses(client, shop[1], len(expected)) == expected


def test_what_a_key_may_not_send_does_not_use_up_what_the_account_may(
    client: Client, alice: User, shop: Any, settings: Any
) -> None:
    settings.API_RATE_PER_MINUTE = 3
    ApiKey.objects.filter(pk=shop[0].pk).update(requests_per_minute=1)
    assert statuses(client, shop[1], 5) == [200] + [429] * 4
    assert statuses(client, ApiKey.issue(alice, "blog")[1], 2) == [200, 200]


def test_the_refusal_says_which_limit_its_value_and_when_it_frees(client: Client, shop: Any, settings: Any) -> None:
    """R-UX2"""
    settings.API_RATE_PER_MINUTE = 1
    ask(client, shop[1])
    answer = ask(client, shop[1])
    told = answer.json()
    assert (told["code"], told["limit"], told["requests_per_minute"]) == ("throttled", "user", 1)
    assert "1 requests in a minute" in told["detail"] and told["frees_at"]
    assert 0 < int(answer["Retry-After"]) <= 60


def test_the_headers_tell_of_the_limit_that_leaves_less(client: Client, shop: Any, settings: Any) -> None:
    settings.API_RATE_PER_MINUTE, settings.API_RATE_PER_KEY_PER_MINUTE = 100, 5
    assert [ask(client, shop[1])[f"RateLimit-{name}"] for name in ("Limit", "Remaining")] == ["5", "3"]
