"""Credits and the site's currency, side by side."""

from decimal import Decimal
from typing import Any

import pytest
from django.template import engines
from django.test import Client
from rest_framework.test import APIClient

from accounts.models import User
from billing import currency
from kieplatform import checks
from tests.prices.conftest import BANANA, FOX, done


def shown(millicredits: int | None) -> str:
    return engines["django"].from_string("{{ amount|money }}").render({"amount": millicredits})


@pytest.mark.parametrize(
    ("millicredits", "text"),
    [
        (6_000, "≈ $0.03"),
        (6_250, "≈ $0.031"),
        (1_000, "≈ $0.005"),
        (1, "≈ $0.000005"),
        (0, "≈ $0.00"),
        (200_000, "≈ $1.00"),
        (246_700, "≈ $1.23"),
        (-246_900, "≈ −$1.23"),
        (2_000_000_000, "≈ $10,000.00"),
        (None, ""),
    ],
)
def test_the_filter_shows_what_credits_are_worth(millicredits: int | None, text: str) -> None:
    assert shown(millicredits) == text


@pytest.mark.parametrize(("code", "text"), [("EUR", "≈ €1.20"), ("CHF", "≈ CHF 1.20")])
def test_a_site_has_its_own_currency(settings: Any, code: str, text: str) -> None:
    settings.CURRENCY, settings.CREDIT_PRICE = code, Decimal("0.006")
    assert shown(200_000) == text
    assert currency.field("price") == f"price_{code.lower()}"


def test_programs_get_the_exact_value_beside_credits(api: APIClient) -> None:
    body = api.post("/api/v1/quotes", {"model": BANANA, "input": FOX}, format="json").json()
    assert (body["price"], body["price_usd"]) == ("5", "0.025")
    model = api.get(f"/api/v1/models/{BANANA}").json()
    assert (model["price"], model["price_usd"]) == ("5 credits per image", "$0.025 per image")
    listed = {one["id"]: one for one in api.get("/api/v1/models").json()}
    assert listed["grok-4-3"]["price_usd"] == "not for sale"
    assert listed["claude-sonnet-5"]["price_usd"].startswith("$")


def test_the_name_in_the_api_follows_the_currency(api: APIClient, settings: Any) -> None:
    settings.CURRENCY, settings.CREDIT_PRICE = "EUR", Decimal("0.01")
    body = api.post("/api/v1/quotes", {"model": BANANA, "input": FOX}, format="json").json()
    assert body["price_eur"] == "0.05"
    assert "price_usd" not in body
    schema = api.get("/api/v1/schema/?format=json").json()
    assert "price_eur" in schema["components"]["schemas"]["QuoteOut"]["properties"]


@pytest.mark.parametrize(
    ("name", "value"),
    [("PRICE_MARKUP", "0"), ("CREDIT_USD", "-1"), ("CREDIT_PRICE", "NaN"), ("CREDIT_USD", "Infinity")],
)
def test_production_does_not_start_with_amounts_that_are_none(settings: Any, name: str, value: str) -> None:
    settings.DEBUG = False
    before = {message.id for message in checks.production(None)}
    setattr(settings, name, Decimal(value))
    assert {message.id for message in checks.production(None)} - before == {f"kieplatform.{name}"}


def test_production_does_not_start_in_a_currency_without_the_price_of_a_credit_in_it(settings: Any) -> None:
    settings.DEBUG, settings.CURRENCY = False, "EUR"
    assert "kieplatform.E005" in {message.id for message in checks.production(None)}


def test_people_see_both_on_list_form_price_panel_and_receipt(alice: User, client: Client) -> None:
    generation = done(alice)
    client.force_login(alice)
    panel = client.post(f"/models/{BANANA}/price/", FOX)
    pages = [client.get("/", {"q": "nano banana"}), client.get(f"/models/{BANANA}/"), panel]
    for page in [*pages, client.get(f"/generations/{generation.pk}/")]:
        assert "≈ $0.025" in page.content.decode()
