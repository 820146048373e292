"""An operator's browser, a receiver of webhooks, and orders at KIE."""

from collections.abc import Iterator
from typing import Any

import pytest
from django.test import Client

from accounts.models import User
from billing.models import Alert
from generation import lifecycle
from generation.models import Generation
from tests.upstream.receiver import Receiver, running

IMAGE = "google/nano-banana"
# A model whose records have no cost.
SILENT = "gpt4o-image/generate"


@pytest.fixture
def office(olga: User) -> Client:
    """A browser in which olga is signed in."""
    client = Client()
    client.force_login(olga)
    return client


@pytest.fixture
def receiver(settings: Any) -> Iterator[Receiver]:
    """Where alerts are posted to, with the secret that it knows."""
    with running() as receiver:
        settings.ALERT_WEBHOOK_URL = receiver.url
        settings.ALERT_WEBHOOK_SECRET = "whsec_c2VjcmV0LW9mLXRoZS1yZWNlaXZlcg=="
        yield receiver


def order(user: User, words: str = "a fox", model: str = IMAGE) -> Generation:
    """A request that KIE charges 4 credits for, unless `words` ask the simulator for something else."""
    return lifecycle.request(user, model, {"prompt": words})


def raised(subject: str) -> list[Alert]:
    """The alerts whose subject begins so, oldest first."""
    return list(Alert.objects.filter(subject__startswith=subject).order_by("pk"))
