"""The catalogue as KIE tells it (protocol 3), and how to make it tell something else."""

from collections.abc import Iterator
from typing import Any

import httpx
import pytest

from generation import catalog
from tests.kie_simulator.conftest import FOX, Kie
from tests.simulating import until
from tests.simulator import Simulator

MODELS = "/api/v1/models"
FEED = "/client/v1/model-pricing/page"
PAINT = {"model": "acme/paint", "like": "google/nano-banana", "title": "Paint", "vendor": "Acme"}


@pytest.fixture(scope="module")
def shop_process() -> Iterator[Simulator]:
    simulator = Simulator.start(speed=100, create_limit=0, catalogue_interval=0)
    yield simulator
    simulator.stop()


@pytest.fixture
def shop(shop_process: Simulator) -> Kie:
    """A simulator that may be asked as often as one likes."""
    shop_process.reset()
    return Kie(shop_process)


def models(shop: Kie, **filters: str) -> dict[str, dict[str, Any]]:
    data = shop.get(MODELS, **filters)["data"]
    assert data["total"] == len(data["models"])
    return {row["model"]: row for row in data["models"]}


def change(shop: Kie, **changes: Any) -> dict[str, Any]:
    response = shop.http.post("/_sim/catalogue", json=changes)
    assert response.status_code == 200, response.text
    return response.json()


def document(shop: Kie, model: str) -> dict[str, Any]:
    return shop.get(f"{MODELS}/{model}/schema")["data"]["openapi"]


def numbers(shop: Kie) -> dict[str, str]:
    rows, page = [], 1
    while records := shop.post(FEED, {"pageNum": page, "pageSize": 100})["data"]["records"]:
        rows, page = rows + records, page + 1
    return {f"{row['anchor']} {row['modelDescription']}": row["creditPrice"] for row in rows}


def test_the_list_is_every_live_model_with_an_id_of_kies_own(shop: Kie) -> None:
    sold = {e.id for e in catalog.all() if e.status == "live" and e.api in ("market", "chat")}
    listed = models(shop)
    assert set(listed) == sold
    assert listed["google/nano-banana"] == {
        "model": "google/nano-banana",
        "slug": "google/nano-banana",
        "title": "Affordable Nano Banana API",
        "provider": "Google",
        "taskType": ["Text to Image"],
        "description": None,
        "pricingDesc": catalog.get("google/nano-banana").price_text,
    }


def test_filters_can_be_combined_and_may_match_nothing(shop: Kie) -> None:
    rows = models(shop, provider="Kling", taskType="Text to Video,Image to Video").values()
    assert {row["provider"] for row in rows} == {"Kling"}
    assert {task for row in rows for task in row["taskType"]} == {"Text to Video", "Image to Video"}
    assert models(shop, q="nano banana pro") != {}
    assert models(shop, q="nothing is called this") == {}


def test_a_schema_is_an_openapi_document_with_references_and_odd_keys(shop: Kie) -> None:
    found = document(shop, "google/nano-banana")
    assert found["openapi"] == "3.1.0"
    assert list(found["paths"]) == ["/api/v1/jobs/createTask"]
    components = found["components"]["schemas"]
    assert {"response%20not%20with%20recordId", "Error "} < set(components)
    operation = found["paths"]["/api/v1/jobs/createTask"]["post"]
    assert {"401", "402", "404", "422", "429", "433", "455"} < set(operation["responses"])
    assert "callbacks" in operation
    body = operation["requestBody"]["content"]["application/json"]["schema"]
    key = body["properties"]["input"]["$ref"].removeprefix("#/components/schemas/")
    assert components[key]["properties"]["prompt"]["type"] == "string"
    assert not [name for name in str(components).split("'") if name.startswith("x-")]


def test_alternatives_are_told_as_whole_branches(shop: Kie) -> None:
    model = next(e for e in catalog.all() if e.api == "market" and e.status == "live" and "anyOf" in e.schema)
    text = str(document(shop, model.id))
    assert "oneOf" in text and "anyOf" not in text


def test_a_chat_models_only_path_is_its_own(shop: Kie) -> None:
    assert list(document(shop, "gpt-5-2")["paths"]) == ["/gpt-5-2/v1/chat/completions"]


def test_some_models_have_no_document(shop: Kie) -> None:
    nothing = [model for model in list(models(shop))[:120] if document(shop, model) is None]
    assert 0 < len(nothing) < 20
    change(shop, model="google/nano-banana", documented=False)
    assert document(shop, "google/nano-banana") is None


def test_the_price_is_the_prose_of_the_list(shop: Kie) -> None:
    row = models(shop)["kling-2.6/image-to-video"]
    answer = shop.get(f"{MODELS}/kling-2.6/image-to-video/price")["data"]
    assert answer == {"model": row["model"], "pricingDesc": row["pricingDesc"]}


def test_success_rates_come_in_buckets_of_ten_minutes_for_one_day(shop: Kie) -> None:
    points = shop.get(f"{MODELS}/google/nano-banana/success-rate")["data"]["points"]
    assert len(points) == 144
    rates = [point["successRate"] for point in points]
    assert None in rates
    assert all(90 < rate <= 100 for rate in rates if rate is not None)
    assert {point["errorRate"] for point in points if point["successRate"] is None} == {None}
    unwatched = [m for m in list(models(shop))[:60] if not shop.get(f"{MODELS}/{m}/success-rate")["data"]["points"]]
    assert unwatched


def test_the_feed_gives_numbers_in_pages_without_a_key(shop: Kie) -> None:
    answer = httpx.post(shop.simulator.api + FEED, json={"pageNum": 1, "pageSize": 500}).json()
    assert answer["code"] == 200
    assert len(answer["data"]["records"]) == 100
    assert answer["data"]["pages"] == -(-answer["data"]["total"] // 100)
    assert len(numbers(shop)) == answer["data"]["total"]
    found = [c for name, c in numbers(shop).items() if "model=google%2Fnano-banana " in name]
    assert found == ["4"]


def test_what_is_unknown_or_retired_is_not_found(shop: Kie) -> None:
    retired = next(entry.id for entry in catalog.all() if entry.retired and entry.api == "market")
    for model in ("acme/none", retired):
        for part in ("schema", "price", "success-rate"):
            assert shop.get(f"{MODELS}/{model}/{part}")["code"] == 404


def test_one_request_a_second_is_shared_by_the_four_and_not_by_the_feed() -> None:
    simulator = Simulator.start(catalogue_interval=0.5)
    try:
        kie = Kie(simulator)
        parts = ["", *(f"/google/nano-banana/{part}" for part in ("schema", "price", "success-rate"))]
        assert [kie.get(MODELS + part)["code"] for part in parts] == [200, 429, 429, 429]
        assert kie.post(FEED, {})["code"] == 200
        until(lambda: kie.get(f"{MODELS}/google/nano-banana/price")["code"] == 200)
    finally:
        simulator.stop()


def test_a_model_that_is_added_is_listed_described_and_sold(shop: Kie) -> None:
    change(shop, **PAINT, price={"unit": "image", "credits": 7})
    assert models(shop, provider="Acme")["acme/paint"]["pricingDesc"] == "7 credits (0.035 USD) per image"
    assert document(shop, "acme/paint")["info"]["title"] == "Paint"
    task = shop.finish(shop.create(FOX, model="acme/paint"))
    assert (task["state"], task["creditsConsumed"]) == ("success", 7.0)


def test_a_model_that_is_retired_is_gone_and_refused(shop: Kie) -> None:
    change(shop, model="google/nano-banana", status="retired")
    assert "google/nano-banana" not in models(shop)
    assert shop.post("/api/v1/jobs/createTask", {"model": "google/nano-banana", "input": FOX})["code"] == 422


def test_a_changed_schema_is_told_and_kept_to(shop: Kie) -> None:
    quality = {"type": "string", "enum": ["plain", "ultra"], "default": "plain"}
    assert "nsfw_checker" in str(document(shop, "google/nano-banana"))
    change(shop, model="google/nano-banana", input={"properties": {"quality": quality, "nsfw_checker": None}})
    assert "'ultra'" in str(document(shop, "google/nano-banana"))
    assert "nsfw_checker" not in str(document(shop, "google/nano-banana"))
    shop.create({**FOX, "quality": "ultra"})


def test_a_changed_price_is_told_in_prose_and_numbers_and_charged(shop: Kie) -> None:
    before = numbers(shop)
    change(shop, model="google/nano-banana", price={"unit": "image", "credits": 6})
    assert models(shop)["google/nano-banana"]["pricingDesc"] == "6 credits (0.03 USD) per image"
    changed = {name: value for name, value in numbers(shop).items() if before.get(name) != value}
    assert list(changed.values()) == ["6"]
    shop.finish(shop.create())
    assert shop.credit() == 9994.0


def test_changes_are_shown_and_forgotten(shop: Kie) -> None:
    change(shop, **PAINT)
    assert [raw["id"] for raw in shop.http.get("/_sim/catalogue").json()] == ["acme/paint"]
    shop.http.delete("/_sim/catalogue")
    assert shop.http.get("/_sim/catalogue").json() == []
    assert "acme/paint" not in models(shop)
    assert shop.http.post("/_sim/catalogue", json={"model": "acme/paint"}).status_code == 400
    change(shop, **PAINT)
    shop.simulator.reset()
    assert "acme/paint" not in models(shop)


def test_changes_survive_a_kill(tmp_path: Any) -> None:
    simulator = Simulator.start(speed=100, catalogue_interval=0, state_path=tmp_path / "kie.sqlite3")
    try:
        shop = Kie(simulator)
        change(shop, **PAINT)
        task = shop.create(FOX, model="acme/paint")
        simulator.kill()
        simulator.restart()
        assert "acme/paint" in models(shop)
        assert shop.finish(task)["state"] == "success"
    finally:
        simulator.stop()
