"""What is for sale, what it costs, and the description of the API itself."""

from datetime import timedelta
from typing import Any

import pytest
import time_machine
from django.utils import timezone
from rest_framework.test import APIClient

from accounts.models import User
from billing.models import Entry
from generation import catalog
from generation.models import Generation, ModelSwitch
from tests.api.test_generations import FOX, post
from tests.conftest import api_for


def quote(api: APIClient, body: Any = FOX) -> Any:
    return api.post("/api/v1/quotes", body, format="json")


def test_every_model_of_the_catalogue_is_listed(api: APIClient) -> None:
    models = {model["id"]: model for model in api.get("/api/v1/models").json()}
    assert len(models) == len(catalog.all()) == 293
    assert models["google/nano-banana"]["status"] == "on"
    assert models["sora-2-text-to-video"]["status"] == "off"
    assert models["claude-sonnet-5"]["status"] == "on"
    images = api.get("/api/v1/models?kind=image&vendor=Google").json()
    assert {(model["kind"], model["vendor"]) for model in images} == {("image", "Google")}


def test_a_model_gives_the_schema_of_its_input(api: APIClient) -> None:
    ModelSwitch.objects.create(model="sora-2-text-to-video", enabled=True)
    model = api.get("/api/v1/models/sora-2-text-to-video").json()
    assert model["status"] == "on"
    assert model["input_schema"]["properties"]["n_frames"]["enum"] == ["10", "15"]
    assert api.get("/api/v1/models/no/such").json()["code"] == "unknown_model"


def test_a_quote_prices_the_normalised_input_and_holds_nothing(api: APIClient) -> None:
    body = quote(api).json()
    assert (body["price"], body["exact"]) == ("5", True)
    assert body["input"]["output_format"] == "png"
    assert not Entry.objects.filter(kind="hold").exists()


def test_a_quote_binds_when_prices_rise(api: APIClient, settings: Any) -> None:
    """R-PR4"""
    token = quote(api).json()["quote"]
    settings.PRICE_MARKUP *= 2
    assert post(api, FOX).json()["price"] == "10"
    assert post(api, {**FOX, "quote": token}).json()["price"] == "5"


def test_a_quote_is_for_one_request_of_one_account_and_for_a_time(api: APIClient, eve: User) -> None:
    token = quote(api).json()["quote"]
    other = {"model": FOX["model"], "input": {"prompt": "a hare"}, "quote": token}
    assert post(api, other).json()["code"] == "quote_mismatch"
    assert post(api_for(eve), {**FOX, "quote": token}).json()["code"] == "quote_mismatch"
    assert post(api, {**FOX, "quote": token + "x"}).json()["code"] == "quote_unknown"
    with time_machine.travel(timezone.now() + timedelta(minutes=16)):
        assert post(api, {**FOX, "quote": token}).json()["code"] == "quote_expired"
    assert not Generation.objects.exists()


def test_a_price_that_is_only_known_afterwards_is_a_bound(api: APIClient) -> None:
    body = {"model": "google/gemini-3-1-flash-tts", "input": catalog.get("google/gemini-3-1-flash-tts").example}
    assert quote(api, body).json()["exact"] is False


def test_the_api_describes_itself(db: None, client: Any) -> None:
    schema = client.get("/api/v1/schema/?format=json").json()
    assert schema["openapi"].startswith("3.1")
    paths = {"models", "models/{model}", "quotes", "generations", "generations/{id}", "balance", "entries"}
    assert {f"/api/v1/{path}" for path in paths} <= set(schema["paths"])
    assert client.get("/api/docs/").status_code == 200


@pytest.mark.parametrize("path", ["/healthz", "/kie/", "/kie/anything/"])
def test_operators_can_see_that_it_answers(db: None, client: Any, path: str) -> None:
    response = client.get(path)
    assert (response.status_code, response.json()["status"]) == (200, "ok")


def test_not_ready_until_the_queue_is_alive(db: None, client: Any) -> None:
    from generation.models import Heartbeat

    assert client.get("/readyz").json() == {"database": True, "migrations": True, "sweep": False, "queue": False}
    for name in (Heartbeat.SWEEP, Heartbeat.QUEUE):
        Heartbeat.objects.create(name=name, at=timezone.now())
    assert client.get("/readyz").status_code == 200
