"""Signing in and out (R-SEC4)."""

from datetime import UTC, datetime, timedelta

import pytest
import time_machine
from django.test import Client

from accounts.models import User
from tests.accounts.pages import PASSWORD, sign_in, signed_in

START = datetime(2026, 3, 1, 12, tzinfo=UTC)


@pytest.mark.parametrize("email", ["alice@example.com", "Alice@Example.COM", " alice@example.com "])
def test_an_address_is_the_same_in_any_case(client: Client, alice: User, email: str) -> None:
    sign_in(client, email)
    assert signed_in(client)


def test_signing_out_ends_the_session(client: Client, alice: User) -> None:
    sign_in(client, alice.email)
    client.post("/accounts/logout/")
    assert not signed_in(client)


def test_a_wrong_password_and_an_unknown_address_look_the_same(client: Client, alice: User) -> None:
    """R-SEC4"""
    answers = [sign_in(client, email, "wrong password") for email in (alice.email, "nobody@example.com")]
    assert [answer.status_code for answer in answers] == [200, 200]
    first, second = (list(answer.context["form"].non_field_errors()) for answer in answers)
    assert first == second != []
    assert not signed_in(client)


def test_someone_locked_out_cannot_sign_in(client: Client, alice: User) -> None:
    User.objects.filter(pk=alice.pk).update(is_active=False)
    sign_in(client, alice.email)
    assert not signed_in(client)


def test_after_too_many_wrong_passwords_even_the_right_one_is_refused_for_a_while(client: Client, alice: User) -> None:
    """R-SEC4: however the address is written."""
    with time_machine.travel(START, tick=False) as clock:
        for email in ("alice@example.com", "ALICE@example.com", "Alice@Example.com") * 2:
            sign_in(client, email, "wrong password")
        refused = sign_in(client, alice.email, PASSWORD)
        assert b"Too many failed login attempts" in refused.content
        assert not signed_in(client)
        clock.shift(timedelta(minutes=6))
        sign_in(client, alice.email, PASSWORD)
        assert signed_in(client)


def test_one_address_that_is_locked_does_not_lock_another(client: Client, alice: User, bob: User) -> None:
    """R-SEC4"""
    for _ in range(6):
        sign_in(client, alice.email, "wrong password")
    sign_in(client, bob.email)
    assert signed_in(client)
