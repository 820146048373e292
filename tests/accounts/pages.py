"""What a visitor does on the pages of accounts."""

import re
from typing import Any

from django.core import mail
from django.test import Client

PASSWORD = "correct horse battery"


def sign_up(client: Client, email: str, password: str = PASSWORD) -> Any:
    return client.post("/accounts/signup/", {"email": email, "password1": password})


def sign_in(client: Client, email: str, password: str = PASSWORD) -> Any:
    return client.post("/accounts/login/", {"login": email, "password": password})


def signed_in(client: Client) -> bool:
    return client.get("/generations/").status_code == 200


def code() -> str:
    """The code in the newest mail."""
    found = re.search(r"^([A-Z0-9]{4}-[A-Z0-9]{4})$", mail.outbox[-1].body, re.MULTILINE)
    assert found, mail.outbox[-1].body
    return found[1]


def verify(client: Client, text: str) -> Any:
    return client.post("/accounts/confirm-email/", {"code": text, "action": "verify"})
