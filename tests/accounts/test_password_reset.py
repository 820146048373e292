"""A forgotten password (R-SEC4)."""

import re
from typing import Any

import pytest
from django.core import mail
from django.test import Client

from accounts.models import User
from tests.accounts.pages import sign_in, signed_in

NEW_PASSWORD = "another long password"


def ask(client: Client, email: str) -> Any:
    return client.post("/accounts/password/reset/", {"email": email})


def link() -> str:
    found = re.search(r"https?://[^/]+(/accounts/password/reset/key/\S+)", mail.outbox[-1].body)
    assert found, mail.outbox[-1].body
    return found[1]


def choose(client: Client, path: str) -> Any:
    """Follow the link of a mail, which redirects to a form without the secret in its address, and fill it in."""
    form = client.get(path, follow=True)
    target = form.redirect_chain[-1][0] if form.redirect_chain else path
    return client.post(target, {"password1": NEW_PASSWORD, "password2": NEW_PASSWORD})


def test_the_link_in_the_mail_sets_a_new_password_once(client: Client, alice: User) -> None:
    ask(client, "Alice@Example.com")
    assert mail.outbox[-1].to == [alice.email]
    path = link()
    choose(client, path)
    alice.refresh_from_db()
    assert alice.check_password(NEW_PASSWORD)
    client.logout()
    sign_in(client, alice.email, NEW_PASSWORD)
    assert signed_in(client)
    assert "password1" not in Client().get(path, follow=True).content.decode()


def test_a_changed_link_sets_nothing(client: Client, alice: User, eve: User) -> None:
    ask(client, eve.email)
    uid, _, rest = link().removeprefix("/accounts/password/reset/key/").partition("-")
    ask(client, alice.email)
    other = link().removeprefix("/accounts/password/reset/key/").partition("-")[0]
    assert uid != other
    choose(client, f"/accounts/password/reset/key/{other}-{rest}")
    alice.refresh_from_db()
    assert not alice.check_password(NEW_PASSWORD)


def test_an_unknown_address_is_not_revealed(client: Client, alice: User) -> None:
    """R-SEC4: the answers are the same, and nobody can use the mail to an unknown address."""
    known, unknown = ask(client, alice.email), ask(client, "nobody@example.com")
    assert (known.status_code, known["Location"]) == (unknown.status_code, unknown["Location"])
    assert "/password/reset/key/" not in mail.outbox[-1].body


@pytest.mark.django_db
def test_asking_is_throttled(client: Client) -> None:
    """R-SEC4"""
    statuses = [ask(client, "alice@example.com").status_code for _ in range(6)]
    assert statuses == [302] * 5 + [429]
