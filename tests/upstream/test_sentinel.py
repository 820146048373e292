"""The price sentinel: a model whose cost is not what was expected is told of, and paused."""

from typing import Any

import pytest
from django.test import Client
from django.urls import reverse

from accounts.errors import Refused
from accounts.models import User
from billing.models import Wallet
from generation import offers
from generation.models import CostDeviation, Generation, ModelSwitch
from generation.oversight import sentinel
from tests import driving
from tests.conftest import api_for
from tests.operators.conftest import press
from tests.simulator import Simulator
from tests.upstream.conftest import IMAGE, order, raised

pytestmark = pytest.mark.simulator


def on_sale() -> bool:
    return offers.enabled()[IMAGE]


def run(user: User, words: str) -> Generation:
    generation = driving.finish(order(user, words))
    assert generation.state == "succeeded"
    return generation


def test_a_success_that_costs_nothing_is_told_at_once(kie: Simulator, alice: User) -> None:
    """R-PR1"""
    for _ in range(2):
        generation = run(alice, "a fox sim:costs=0")
    assert generation.cost_millicredits == 0
    (alert,) = raised(f"cost-zero:{IMAGE}")
    assert "4 KIE credits were expected" in alert.message


def test_what_costs_what_was_expected_is_not_told(kie: Simulator, alice: User) -> None:
    for words in ("a fox", "a fox sim:costs=4.01"):
        run(alice, words)
    assert raised("cost-") == [] and not CostDeviation.objects.exists()


def test_after_three_deviations_a_model_is_paused(kie: Simulator, alice: User, bob: User) -> None:
    """R-PR2: customers see that it is not available, and no reason (R-API1)."""
    for count in range(3):
        assert on_sale()
        assert CostDeviation.objects.count() == count
        run(alice, "a fox sim:costs=4.5")
    assert not on_sale()
    with pytest.raises(Refused) as refusal:
        order(alice)
    assert refusal.value.code == "model_off"
    assert "entinel" not in refusal.value.message and "cost" not in refusal.value.message
    answer = api_for(alice).get("/api/v1/models").content.decode()
    assert "entinel" not in answer
    (deviates,) = raised(f"cost-deviates:{IMAGE}")
    assert "cost 4.5 KIE credits where 4 were expected; 5 of ours were charged" in deviates.message
    (paused,) = raised(f"model-paused:{IMAGE}")
    assert (paused.severity, paused.url) == ("critical", reverse("admin:generation_modelswitch_change", args=[IMAGE]))


def test_a_model_that_costs_less_than_expected_is_paused_too(kie: Simulator, alice: User) -> None:
    """R-PR2: its price is not known any more."""
    for _ in range(3):
        run(alice, "a fox sim:costs=2")
    assert not on_sale()


def test_how_many_deviations_pause_is_a_setting(kie: Simulator, alice: User, settings: Any) -> None:
    """R-PR2"""
    settings.SENTINEL_DEVIATIONS = 1
    run(alice, "a fox sim:costs=4.5")
    assert not on_sale()


def test_a_margin_below_the_floor_pauses(kie: Simulator, alice: User, settings: Any) -> None:
    """R-PR2: the cost is as expected, but 20 % of the price are left and 25 are wanted."""
    settings.MARGIN_FLOOR_PERCENT = 25
    for _ in range(3):
        assert on_sale()
        run(alice, "a fox")
    assert not on_sale()
    assert "the margin of the last 3 is below 25 %" in ModelSwitch.objects.get().reason


def test_a_margin_at_the_floor_is_enough(kie: Simulator, alice: User, settings: Any) -> None:
    settings.MARGIN_FLOOR_PERCENT = 20
    for _ in range(4):
        run(alice, "a fox")
    assert on_sale() and not CostDeviation.objects.exists()


def test_one_loss_among_gains_does_not_pause(kie: Simulator, alice: User) -> None:
    for words in ("a fox", "a hen", "an owl", "a fox sim:costs=6", "an elk"):
        run(alice, words)
    assert on_sale()
    assert CostDeviation.objects.get().charged_millicredits == 5_000


def test_an_operator_resumes_a_model_and_it_counts_anew(kie: Simulator, alice: User, office: Client) -> None:
    """R-PR2"""
    for _ in range(3):
        run(alice, "a fox sim:costs=4.5")
    press(office, ModelSwitch.objects.get(), "on", reason="looked at it")
    for _ in range(2):
        assert on_sale()
        run(alice, "a fox sim:costs=4.5")
    assert on_sale()
    run(alice, "a fox sim:costs=4.5")
    assert not on_sale()
    assert len(raised(f"model-paused:{IMAGE}")) == 2


def test_every_pause_is_told_also_two_of_one_second(db: None) -> None:
    """R-PR2, R-AL1"""
    for _ in range(5):
        sentinel.pause(IMAGE, "test")
    assert len(raised(f"model-paused:{IMAGE}")) == 5


def test_what_was_sold_before_the_pause_runs_on(kie: Simulator, alice: User) -> None:
    waiting = order(alice, "an elk")
    Generation.objects.filter(pk=waiting.pk).update(check_at=None)
    sentinel.pause(IMAGE, "test")
    Generation.objects.filter(pk=waiting.pk).update(check_at=waiting.created_at)
    assert driving.finish(waiting).state == "succeeded"
    assert Wallet.objects.get(pk=alice.pk).held == 0


def test_operators_see_expected_and_actual_cost_by_model(kie: Simulator, alice: User, office: Client) -> None:
    """R-PR2"""
    for words in ("a fox", "a fox sim:costs=4.5", "a fox sim:no-cost"):
        run(alice, words)
    page = office.get(reverse("admin:generation_costdeviation_changelist"))
    (row,) = page.context["compared"]
    assert (row["successes"], row["estimated"], row["deviations"]) == (3, 1, 1)
    assert (row["expected"], row["actual"], row["difference"]) == (8_000, 8_500, 500)
    assert "+0.5" in page.content.decode()
    deviation = CostDeviation.objects.get()
    assert office.get(reverse("admin:generation_costdeviation_change", args=[deviation.pk])).status_code == 200
