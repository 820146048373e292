"""Signing up: the address is verified before anything is given away (R-SEC4)."""

from typing import Any

import pytest
from django.core import mail
from django.test import Client

from accounts.models import User
from billing import welcome
from billing.models import Entry, Wallet
from tests.accounts.pages import PASSWORD, code, sign_in, sign_up, signed_in, verify

pytestmark = pytest.mark.django_db
EMAIL = "new@example.com"


def granted() -> list[int]:
    return [entry.available for entry in Entry.objects.filter(wallet__user__email=EMAIL)]


@pytest.fixture(autouse=True)
def fifty_credits(settings: Any) -> None:
    settings.WELCOME_CREDITS = "50"


def test_a_verified_address_opens_the_wallet_with_welcome_credits(client: Client) -> None:
    """R-SEC4"""
    assert sign_up(client, EMAIL).status_code == 302
    assert mail.outbox[-1].to == [EMAIL]
    assert verify(client, code()).status_code == 302
    assert signed_in(client)
    assert Wallet.objects.get(user__email=EMAIL).available == 50_000
    assert User.objects.get().emailaddress_set.get().verified


def test_before_that_there_are_neither_credits_nor_a_session(client: Client) -> None:
    """R-SEC4"""
    sign_up(client, EMAIL)
    assert not signed_in(client)
    assert granted() == []
    sign_in(client, EMAIL)
    assert not signed_in(client)
    assert granted() == []


def test_a_wrong_code_verifies_nothing_and_cannot_be_guessed_for_long(client: Client) -> None:
    """R-SEC4"""
    sign_up(client, EMAIL)
    right = code()
    for number in range(5):
        verify(client, f"AAAA-AAA{number}")
    verify(client, right)
    assert not signed_in(client)
    assert granted() == []


def test_a_code_of_another_browser_verifies_nothing(client: Client) -> None:
    """R-SEC4: the code belongs to the session that signed up."""
    sign_up(client, EMAIL)
    other = Client()
    verify(other, code())
    assert not signed_in(other)
    assert granted() == []


def test_welcome_credits_are_given_once(client: Client) -> None:
    """R-SEC4: also when another address is verified later."""
    sign_up(client, EMAIL)
    verify(client, code())
    user = User.objects.get()
    welcome.welcome(user)
    assert granted() == [50_000]


def test_no_welcome_credits_are_a_setting(client: Client, settings: Any) -> None:
    settings.WELCOME_CREDITS = "0"
    sign_up(client, EMAIL)
    verify(client, code())
    assert Wallet.objects.get(user__email=EMAIL).available == 0


def test_an_address_in_use_is_not_revealed(client: Client, alice: User) -> None:
    """R-SEC4: the page is the same, the owner is told by mail, and neither password changes anything."""
    new = sign_up(Client(), EMAIL)
    taken = sign_up(client, "Alice@Example.com", "another long password")
    assert (taken.status_code, taken["Location"]) == (new.status_code, new["Location"])
    assert client.get(taken["Location"]).status_code == 200
    assert mail.outbox[-1].to[0].lower() == alice.email
    assert "already exists" in mail.outbox[-1].body
    alice.refresh_from_db()
    assert alice.check_password(PASSWORD)
    assert User.objects.count() == 2


@pytest.mark.parametrize("password", ["short", "password123", "48151623421234", EMAIL])
def test_a_weak_password_is_refused(client: Client, password: str) -> None:
    assert sign_up(client, EMAIL, password).status_code == 200
    assert not User.objects.exists()


def test_signing_up_is_throttled(client: Client) -> None:
    """R-SEC4"""
    statuses = [sign_up(Client(), f"new{number}@example.com").status_code for number in range(21)]
    assert statuses == [302] * 20 + [429]
