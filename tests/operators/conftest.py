"""An operator's browser, a generation to look at, and a press of a button as a person does it."""

import re
from typing import Any

import pytest
from django.db.models import Model
from django.http import HttpResponse
from django.test import Client

from accounts.admin_buttons import admin_url
from accounts.models import User
from generation import lifecycle
from generation.models import Asset, Generation


@pytest.fixture
def office(olga: User) -> Client:
    """A browser in which olga is signed in."""
    client = Client()
    client.force_login(olga)
    return client


@pytest.fixture
def queued(alice: User) -> Generation:
    return lifecycle.request(alice, "google/nano-banana", {"prompt": "a fox"})


@pytest.fixture
def succeeded(alice: User) -> Generation:
    return succeed(lifecycle.request(alice, "google/nano-banana", {"prompt": "a fox"}))


def succeed(generation: Generation) -> Generation:
    """End a generation well, with one stored result."""
    results = [{"url": "https://files.example.com/fox.png", "text": "", "details": {}}]
    Generation.objects.filter(pk=generation.pk).update(kie_results=results)
    Asset.objects.create(
        generation=generation, index=0, kind="image", file="fox.png", content_type="image/png", size_bytes=3
    )
    assert lifecycle.finish(generation, Generation.State.SUCCEEDED, "results stored", cost=4_000)
    return generation


def button_url(obj: Model, name: str) -> str:
    return f"{admin_url(obj).removesuffix('change/')}do/{name}/"


def token_of(response: HttpResponse) -> str:
    found = re.search(r'name="token" value="([^"]+)"', response.content.decode())
    assert found, "the page has no token"
    return found[1]


def press(client: Client, obj: Model, name: str, **fields: Any) -> HttpResponse:
    """Open a button's page, fill it in and send it; the answer, after the redirect if there is one."""
    url = button_url(obj, name)
    page = client.get(url)
    assert page.status_code == 200
    return client.post(url, {"token": token_of(page), **fields}, follow=True)
