"""Lists cost the same number of queries however long they are."""

from typing import Any

import pytest
from django.db import connection
from django.test import Client
from django.test.utils import CaptureQueriesContext
from django.urls import reverse

from accounts.models import ApiKey, User
from billing import ledger
from billing.models import Budget
from generation import lifecycle
from generation.models import Generation
from tests.operators.conftest import succeed

LISTS = [
    "accounts_user",
    "accounts_apikey",
    "billing_wallet",
    "billing_entry",
    "billing_budget",
    "generation_generation",
    "generation_modelswitch",
]


def queries(client: Client, url: str) -> int:
    with CaptureQueriesContext(
        connection,
    ) as captured:
        assert client.get(url).status_code == 200
    return len(captured)


def more_of_everything(number: int) -> None:
    user = User.objects.create_user(f"customer{number}@example.com")
    ledger.grant(user, 100_000, reason=f"test:{number}")
    key, _ = ApiKey.issue(user, "shop")
    for scope in (f"user:{user.pk}", f"key:{key.pk}"):
        Budget.objects.create(scope=scope)
    for prompt in ("a fox", "a hen"):
        succeed(lifecycle.request(user, "google/nano-banana", {"prompt": prompt}))


@pytest.mark.parametrize("name", LISTS)
def test_a_longer_list_costs_no_more_queries(name: str, office: Client, queued: Generation, db: Any) -> None:
    url = reverse(f"admin:{name}_changelist")
    more_of_everything(0)
    queries(office, url)
    before = queries(office, url)
    for number in range(1, 5):
        more_of_everything(number)
    assert queries(office, url) == before


def test_a_longer_history_of_a_wallet_costs_no_more_queries(office: Client, alice: User) -> None:
    url = reverse("admin:billing_wallet_change", args=[alice.pk])
    lifecycle.request(alice, "google/nano-banana", {"prompt": "a fox"})
    queries(office, url)
    before = queries(office, url)
    for _ in range(5):
        lifecycle.request(alice, "google/nano-banana", {"prompt": "a fox"})
    assert queries(office, url) == before
