"""Price lists as tests make them, generations that ended, and an operator's browser on the page of a draft."""

import re
from datetime import datetime
from decimal import Decimal
from typing import Any

import pytest
from django.http import HttpResponse
from django.test import Client
from django.urls import reverse

from accounts.models import User
from billing import prices
from billing.models import PriceGroup, PriceList
from billing.prices import Line
from generation import lifecycle
from generation.models import Asset, Generation

BANANA = "google/nano-banana"
FOX = {"prompt": "a fox"}
ADD = "admin:billing_pricelist_add"


def price_list(markup: str = "2", *lines: Line, at: datetime | None = None, step: int = 1) -> PriceList:
    """A version that is in effect from now, or from a time to come."""
    return prices.issue(draft(markup, *lines, at=at, step=step), author=None)


def draft(markup: str = "2", *lines: Line, at: datetime | None = None, step: int = 1) -> PriceList:
    given = {"markup": Decimal(markup), "step_millicredits": step, "overrides": prices.stored(lines)}
    return PriceList(effective_from=at, reason="a test", **given)


def reseller(user: User, discount: str = "10", name: str = "resellers") -> PriceGroup:
    """Put a user into a group."""
    group, _ = PriceGroup.objects.get_or_create(name=name, defaults={"discount_percent": Decimal(discount)})
    prices.join(user, group)
    prices.forget()
    return group


def done(user: User, model: str = BANANA, values: Any = FOX, cost: int | None = None) -> Generation:
    """A generation that ended well and was charged; it cost what was expected, unless told otherwise."""
    generation = lifecycle.request(user, model, values)
    kind = {"kind": "image", "content_type": "image/png", "size_bytes": 3}
    Asset.objects.create(generation=generation, index=0, file="fox.png", **kind)
    cost = generation.cost_estimate_millicredits if cost is None else cost
    assert lifecycle.finish(generation, Generation.State.SUCCEEDED, "results stored", cost=cost)
    return generation


@pytest.fixture
def office(olga: User) -> Client:
    """A browser in which olga is signed in."""
    client = Client()
    client.force_login(olga)
    return client


def typed(markup: str = "2", lines: tuple[dict[str, str], ...] = (), **fields: str) -> dict[str, str]:
    """What an operator types into a draft."""
    data = {"effective_from": "", "markup": markup, "step": "0.001", "reason": "a test", **fields}
    data |= {"line-TOTAL_FORMS": str(len(lines)), "line-INITIAL_FORMS": "0"}
    for number, line in enumerate(lines):
        data |= {f"line-{number}-{name}": value for name, value in line.items()}
    return data


def rehearse(client: Client, query: str = "", **fields: Any) -> HttpResponse:
    return client.post(reverse(ADD) + query, {**typed(**fields), "rehearse": "Rehearse"})


def save(client: Client, query: str = "", **fields: Any) -> HttpResponse:
    """Rehearse a draft and save it as it was rehearsed."""
    page = rehearse(client, query, **fields).content.decode()
    found = re.search(r'name="rehearsed" value="([^"]+)"', page)
    signed = {"rehearsed": found[1] if found else ""}
    return client.post(reverse(ADD) + query, {**typed(**fields), **signed, "save": "Save"}, follow=True)
