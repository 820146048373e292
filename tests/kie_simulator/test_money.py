from typing import Any

import pytest

from generation.kie.simulator.pricing import cost
from tests.kie_simulator.conftest import FOX, Kie

BY_RESOLUTION = {
    "unit": "second",
    "quantity_field": "duration",
    "rules": [{"when": {"resolution": "480p"}, "credits": 19}, {"when": {"resolution": "4k"}, "credits": 208}],
    "default": 41,
    "rules_if_present": {
        "field": "clips",
        "rules": [{"when": {"resolution": "480p"}, "credits": 11.5}],
        "default": 25,
    },
}
IMAGES = {"unit": "image", "credits": 4.8, "quantity_field": "n", "quantity_default": 4}
CHARACTERS = {"unit": "1k_chars", "credits": 14, "quantity_field": "dialogue[].text"}
SURCHARGED = {
    "unit": "image",
    "credits": 6,
    "surcharges": [{"field": "image_urls", "per": "item", "free_items": 1, "credits": 0.5}],
}


@pytest.mark.parametrize(
    ("price", "values", "credits"),
    [
        (None, {}, 0.0),
        ({"unit": "image", "credits": 4}, {}, 4.0),
        (BY_RESOLUTION, {"resolution": "480p", "duration": 5}, 95.0),  # 19 x 5
        (BY_RESOLUTION, {"resolution": "4k", "duration": "10"}, 2080.0),  # 208 x 10
        (BY_RESOLUTION, {"resolution": "720p", "duration": 4}, 164.0),  # default 41 x 4
        (BY_RESOLUTION, {"resolution": "480p", "duration": 2, "clips": ["x"]}, 23.0),  # 11.5 x 2
        (BY_RESOLUTION, {"resolution": "720p", "duration": 2, "clips": ["x"]}, 50.0),  # 25 x 2
        (BY_RESOLUTION, {"resolution": "480p", "duration": -1}, 95.0),  # the service picks 5 s
        (IMAGES, {}, 19.2),  # 4.8 x 4
        (IMAGES, {"n": 2}, 9.6),
        (CHARACTERS, {"dialogue": [{"text": "a" * 500}, {"text": "b" * 1000}]}, 21.0),  # 14 x 1.5
        (SURCHARGED, {"image_urls": ["a", "b", "c"]}, 7.0),  # 6 + 2 x 0.5
        (SURCHARGED, {}, 6.0),
        ({"unit": "second", "credits": 8, "quantity_from": "input_video_duration"}, {}, 40.0),  # 8 x 5
        ({"unit": "minute", "credits": 60, "quantity_from": "input_audio_duration"}, {}, 5.0),  # 60 x 5/60
    ],
)
def test_a_price_is_what_its_data_says(price: Any, values: dict[str, Any], credits: float) -> None:
    assert cost(price, values) == pytest.approx(credits)


def test_tokens_cost_more_for_longer_texts() -> None:
    price = {"unit": "million_tokens", "credits": 140, "output_credits": 2800}
    assert 0 < cost(price, {"text": "short"}) < cost(price, {"text": "long " * 500})


def test_the_price_is_debited_on_acceptance(kie: Kie) -> None:
    kie.create({"prompt": "sim:never"})
    assert kie.credit() == 9996.0


def test_a_failed_task_costs_nothing(kie: Kie) -> None:
    record = kie.finish(kie.create({"prompt": "sim:fail"}))
    assert record["creditsConsumed"] == 0.0
    assert kie.credit() == 10000.0
    assert kie.simulator.state()["returned"] == 4.0


def test_a_balance_below_the_price_is_code_402_and_nothing_is_accepted(kie: Kie) -> None:
    kie.simulator.balance(3.9)
    answer = kie.post("/api/v1/jobs/createTask", {"model": "google/nano-banana", "input": FOX})
    message = "The current credits are insufficient. Please top up."
    assert answer == {"code": 402, "msg": message, "data": None}
    assert kie.simulator.state()["creates"] == 0 and kie.credit() == 3.9


def test_a_balance_equal_to_the_price_is_enough(kie: Kie) -> None:
    kie.simulator.balance(4)
    kie.create()
    assert kie.credit() == 0.0


def test_a_failure_may_be_charged(kie: Kie) -> None:
    record = kie.finish(kie.create({"prompt": "sim:failed-but-charged"}))
    assert (record["state"], record["creditsConsumed"]) == ("fail", 4.0)
    assert kie.credit() == 9996.0


def test_the_cost_may_be_missing(kie: Kie) -> None:
    assert "creditsConsumed" not in kie.finish(kie.create({"prompt": "sim:no-cost"}))


def test_a_price_can_be_another_than_the_listed_one(kie: Kie) -> None:
    task = kie.finish(kie.create({"prompt": "sim:costs=7.5"}))
    assert (task["creditsConsumed"], kie.credit()) == (7.5, 9992.5)
    assert kie.finish(kie.create({"prompt": "sim:costs"}))["creditsConsumed"] == 0.0
    kie.finish(kie.create({"prompt": "sim:costs=100 sim:fail"}))
    assert kie.credit() == 9992.5
