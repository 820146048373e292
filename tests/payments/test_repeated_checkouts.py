"""`Idempotency-Key` of a checkout (R-API2)."""

from typing import Any

import pytest

from accounts.models import User
from billing.models import Payment
from tests.conftest import api_for

pytestmark = pytest.mark.django_db(transaction=True)
FOX = {"model": "google/nano-banana", "input": {"prompt": "a fox"}}


def begin(user: User, key: str) -> Any:
    return api_for(user).post("/api/v1/checkouts", {"credits": "1000"}, format="json", headers={"Idempotency-Key": key})


def test_a_checkout_and_a_generation_may_share_a_key(stripe: Any, alice: User) -> None:
    """R-API2: also where it is called as one of the platform's own."""
    for key in ("checkout:abc", "abc", " checkout:abc"):
        api_for(alice).post("/api/v1/generations", FOX, format="json", headers={"Idempotency-Key": key})
    first, second = begin(alice, "abc"), begin(alice, "abc")
    assert (first.status_code, second.status_code) == (201, 201)
    assert first.json()["id"] == second.json()["id"] == str(Payment.objects.get().pk)


@pytest.mark.parametrize(
    ("key", "code"),
    [("a\x00", "unusable_characters"), ("\udcff", "unusable_characters"), ("x" * 201, "idempotency_key_too_long")],
)
def test_a_key_that_cannot_be_kept_is_refused_before_anything_begins(alice: User, key: str, code: str) -> None:
    response = begin(alice, key)
    assert (response.status_code, response.json()["code"]) == (400, code)
    assert not Payment.objects.exists()
