"""A quote binds until it expires, whatever happens to the prices; every charge is at most its quote."""

from datetime import timedelta
from decimal import Decimal
from typing import Any

import pytest
import time_machine
from django.test import Client
from django.utils import timezone
from hypothesis import given
from hypothesis import settings as hypothesis_settings
from hypothesis import strategies as st
from rest_framework.test import APIClient

from accounts.models import User
from billing import prices
from billing.prices import Line, Tariff
from generation import catalog, lifecycle, pricing
from generation.models import Generation
from tests.conftest import api_for
from tests.prices.conftest import BANANA, FOX, done, draft, price_list, reseller

BODY = {"model": BANANA, "input": FOX}


def quoted(api: APIClient) -> Any:
    return api.post("/api/v1/quotes", BODY, format="json").json()


def post(api: APIClient, **more: str) -> Any:
    return api.post("/api/v1/generations", {**BODY, **more}, format="json")


@pytest.mark.parametrize("markup", ["3", "0.5"])
def test_a_quote_binds_when_a_new_list_takes_effect(api: APIClient, markup: str) -> None:
    """R-PR4: the price and the version of the quote, whether the new list is dearer or cheaper."""
    first = price_list("2")
    quote = quoted(api)
    price_list(markup)
    generation = Generation.objects.get(pk=post(api, quote=quote["quote"]).json()["id"])
    assert (quote["price"], generation.price_millicredits) == ("8", 8_000)
    assert generation.price_version.endswith(f"/p{first.pk}")
    again = Generation.objects.get(pk=post(api).json()["id"])
    assert again.price_millicredits == 4_000 * Decimal(markup)


def test_a_quote_binds_over_the_instant_of_a_list_and_a_new_discount(api: APIClient, alice: User) -> None:
    at = timezone.now() + timedelta(minutes=5)
    price_list("3", at=at)
    quote = quoted(api)
    reseller(alice, "50")
    with time_machine.travel(at + timedelta(minutes=5)):
        assert post(api, quote=quote["quote"]).json()["price"] == "5"
    with time_machine.travel(at + timedelta(minutes=11)):
        assert post(api, quote=quote["quote"]).json()["code"] == "quote_expired"


def test_max_price_bounds_what_a_new_list_may_charge(api: APIClient) -> None:
    quote = quoted(api)
    price_list("2")
    refused = post(api, max_price=quote["price"])
    assert (refused.status_code, refused.json()["code"]) == (409, "price_above_max")
    assert post(api, max_price="8").json()["price"] == "8"
    assert post(api, max_price=quote["price"], quote=quote["quote"]).json()["price"] == "5"


def test_the_browser_is_shown_and_charged_the_same_price_as_the_api(alice: User, client: Client) -> None:
    """R-PR4, R-PR5"""
    price_list("2", Line("google/*", "resellers", markup=Decimal("1.7")), step=10)
    reseller(alice)
    client.force_login(alice)
    page = client.post(f"/models/{BANANA}/price/", FOX).content.decode()
    assert 'value="6.8"' in page
    assert quoted(api_for(alice))["price"] == "6.8"
    price_list("3")
    answer = client.post(f"/models/{BANANA}/", {**FOX, "agreed_price": "6.8"})
    assert answer.status_code == 409
    assert b"This costs 10.8 credits now" in answer.content
    assert not Generation.objects.exists()


def test_resellers_see_their_own_prices_everywhere(alice: User, eve: User, client: Client) -> None:
    price_list("2")
    reseller(eve, "25")
    for user, words in ((alice, "8 credits per image"), (eve, "6 credits per image")):
        client.force_login(user)
        assert words in client.get(f"/models/{BANANA}/").content.decode()
        assert words in client.get("/", {"q": "nano banana"}).content.decode()
        assert api_for(user).get(f"/api/v1/models/{BANANA}").json()["price"] == words


def test_a_receipt_names_the_list_but_never_the_operators_markup(api: APIClient, alice: User) -> None:
    before = post(api).json()["id"]
    made = price_list("2")
    after = post(api, max_price="8").json()["id"]
    versions = [api.get(f"/api/v1/generations/{pk}/receipt").json()["price_version"] for pk in (before, after)]
    assert "x1.25" not in versions[0]
    assert versions[1] == f"{versions[0]}/p{made.pk}"


@pytest.mark.django_db
def test_a_bounded_price_is_charged_by_the_actual_cost_under_any_list(alice: User) -> None:
    """R-PR4"""
    model = "google/gemini-3-1-flash-tts"
    price_list("2", step=1_000)
    generation = done(alice, model, catalog.get(model).example, cost=7)
    receipt = lifecycle.ledger.receipts([generation.about])[generation.about]
    expected = -(-generation.price_millicredits * 7 // generation.cost_estimate_millicredits)
    assert receipt.charged == expected < generation.price_millicredits


# Under any list

MARKUPS = st.decimals("0.0001", "1000", places=4)
STEPS = st.integers(1, 1_000_000)
FIXED = st.none() | st.integers(1, 10**9)
PRICED = [entry for entry in catalog.all() if entry.priced and not entry.chat]


@st.composite
def tariffs(draw: Any) -> Tariff:
    fixed = draw(FIXED)
    off = draw(st.decimals("0", "99.99", places=2))
    lines = [] if fixed is None else [Line("a", price_millicredits=fixed)]
    return prices.Tariffs.under(draft(str(draw(MARKUPS)), *lines, step=draw(STEPS)), "g", off).of("a")


@hypothesis_settings(max_examples=400, deadline=None)
@given(st.sampled_from(PRICED), tariffs(), st.floats(0, 2))
def test_charge_is_at_most_the_quote_whole_and_a_multiple_of_the_step(entry: Any, tariff: Tariff, used: float) -> None:
    """R-PR4, R-PR6, R-PR7: over lists and models, integers only; what is priced is what is sent."""
    values = catalog.validate(entry, entry.example)
    quote = pricing.quote(entry, values, tariff)
    assert quote == pricing.quote(entry, catalog.validate(entry, values), tariff)
    price, estimate = quote.price_millicredits, quote.cost.millicredits
    assert type(price) is int and price > 0 and price % tariff.step_millicredits == 0
    per_unit = tariff.fixed_millicredits is not None and quote.cost.quantity is not None
    true = tariff.fixed_millicredits * quote.cost.quantity if per_unit else estimate * tariff.markup
    assert true <= price < max(true, 1) + tariff.step_millicredits
    charge = pricing.charge(price, estimate, quote.cost.exact, int(estimate * used))
    assert type(charge) is int and 0 <= charge <= price
    assert pricing.charge(price, estimate, quote.cost.exact, None) == price


@given(st.integers(0, 10**12), st.integers(0, 10**12), MARKUPS, STEPS)
def test_more_cost_is_never_cheaper_under_any_step(cost: int, more: int, markup: Decimal, step: int) -> None:
    tariff = Tariff(markup, step)
    assert pricing.price_millicredits(cost, tariff) <= pricing.price_millicredits(cost + more, tariff)


@pytest.mark.parametrize("wrong", [0, -1, 1.0, True])
def test_a_step_must_be_a_whole_number(wrong: Any) -> None:
    with pytest.raises(ValueError, match="step"):
        Tariff(Decimal(1), wrong)


@pytest.mark.parametrize("wrong", [Decimal(0), Decimal(-1), Decimal("NaN"), Decimal("Infinity"), 5, 1.5])
def test_a_fixed_price_must_be_a_positive_decimal(wrong: Any) -> None:
    with pytest.raises(ValueError, match="fixed"):
        Tariff(Decimal(1), 1, wrong)
