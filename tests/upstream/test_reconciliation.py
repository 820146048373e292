"""KIE's balance as measured against what our books expect (R-INV13)."""

import re
from typing import Any

import pytest
from django.test import Client
from django.urls import reverse

from accounts.models import User
from billing.models import UpstreamBalance
from billing.upstream import account
from generation import tasks
from generation.models import Generation
from generation.oversight import reconciliation, verify
from tests import driving
from tests.operators.conftest import press
from tests.simulator import Simulator
from tests.upstream.conftest import order, raised

pytestmark = pytest.mark.simulator


def read() -> UpstreamBalance:
    tasks.read_balance()
    return UpstreamBalance.objects.order_by("-pk")[0]


def debit(kie: Simulator, credits: float) -> None:
    """Let KIE's balance change without our doing."""
    kie.balance(kie.state()["balance"] - credits)


def books_are_right() -> bool:
    return list(verify.booked_costs_add_up()) == list(verify.balance_is_as_expected()) == []


def test_the_first_reading_is_trusted_and_the_next_one_as_expected(kie: Simulator, alice: User) -> None:
    first = read()
    assert (first.trusted, first.drift) == (True, None)
    driving.finish(order(alice))
    driving.finish(order(alice, "a fox sim:policy"))
    driving.finish(order(alice, "a fox sim:failed-but-charged"))
    second = read()
    assert second.expected_low == second.expected_high == second.millicredits == first.millicredits - 8_000
    assert raised("balance-drift") == [] and books_are_right()


def test_running_tasks_make_a_band_and_no_false_alarm(kie: Simulator, alice: User) -> None:
    """KIE has taken the price, our books do not know it yet."""
    first = read()
    generation = order(alice, "a fox sim:slow=3")
    driving.until(lambda: Generation.objects.get(pk=generation.pk).kie_task_id is not None)
    for _ in range(2):
        reading = read()
        assert reading.millicredits == first.millicredits - 4_000
        assert (reading.expected_low, reading.expected_high) == (first.millicredits - 4_000, first.millicredits)
        assert reading.drift == 0
    driving.finish(generation)
    last = read()
    assert last.drift == 0 and last.expected_low == last.expected_high
    assert raised("balance-drift") == [] and books_are_right()


def test_an_anchor_at_which_tasks_ran_gives_way_to_a_quiet_one(kie: Simulator, alice: User) -> None:
    generation = order(alice, "a fox sim:slow=2")
    driving.until(lambda: Generation.objects.get(pk=generation.pk).kie_task_id is not None)
    assert read().trusted
    driving.finish(generation)
    quiet = read()
    assert quiet.drift == 0 and quiet.trusted
    assert not read().trusted


def test_a_drift_is_told_when_a_second_reading_confirms_it(kie: Simulator, alice: User) -> None:
    """R-AL1: once."""
    read()
    debit(kie, 5)
    assert read().drift == -5_000
    assert raised("balance-drift") == []
    assert books_are_right()
    for _ in range(2):
        assert read().drift == -5_000
    (alert,) = raised("balance-drift")
    assert "5 lower than expected" in alert.message and "none is known" in alert.message
    assert books_are_right(), "an alert is open"


def test_a_drift_within_the_tolerance_is_not_told(kie: Simulator, alice: User, settings: Any) -> None:
    read()
    debit(kie, 1)
    for _ in range(2):
        assert read().drift == -1_000
    assert raised("balance-drift") == []
    settings.BALANCE_TOLERANCE_CREDITS = "0.5"
    read()
    assert len(raised("balance-drift")) == 1


def test_a_drift_that_grows_slowly_is_found_all_the_same(kie: Simulator, alice: User) -> None:
    read()
    for _ in range(5):
        debit(kie, 0.4)
        read()
    assert len(raised("balance-drift")) == 1


CAUSES = [
    ("a fox sim:create-timeout", "failed", "the order got no answer"),
    ("a fox sim:no-cost sim:costs=9", "succeeded", "its cost is our estimate"),
]


@pytest.mark.parametrize(("words", "state", "why"), CAUSES)
def test_the_generation_that_may_be_the_cause_is_named(
    kie: Simulator, alice: User, settings: Any, words: str, state: str, why: str
) -> None:
    """R-UP3: what KIE charged for an order without an answer, or more than our estimate."""
    settings.DEADLINE_SECONDS = {"image": 2}
    first = read()
    driving.finish(order(alice, "a hen"))
    generation = driving.finish(order(alice, words))
    assert generation.state == state
    for _ in range(2):
        reading = read()
    assert reading.drift and reading.drift < -3_000
    assert reading.millicredits < first.millicredits - 4_000
    (alert,) = raised("balance-drift")
    assert f"{generation.pk} (google/nano-banana): {why}" in alert.message
    (candidate,) = reconciliation.candidates(reading)
    assert (candidate.generation, candidate.why) == (generation, why)


def test_a_failure_that_kie_charged_without_saying_so_is_named(kie: Simulator, alice: User) -> None:
    read()
    generation = driving.finish(order(alice, "a fox sim:failed-but-charged sim:no-cost"))
    assert (generation.state, generation.cost_source) == ("failed", "free")
    for _ in range(2):
        reading = read()
    assert reading.drift == -4_000
    assert [c.generation for c in reconciliation.candidates(reading)] == [generation]
    assert "failed after KIE had accepted it" in raised("balance-drift")[0].message


def test_the_likeliest_of_several_is_named_first(kie: Simulator, alice: User) -> None:
    read()
    driving.finish(order(alice, "a fox sim:no-cost sim:costs=4"))
    expensive = driving.finish(order(alice, "a fox sim:fail sim:no-cost"))
    Generation.objects.filter(pk=expensive.pk).update(cost_estimate_millicredits=30_000)
    debit(kie, 30)
    read()
    first, second = reconciliation.candidates(read())
    assert first.generation == expensive and first.millicredits == 30_000 and second.millicredits == 4_000


def test_a_late_success_is_booked_and_the_balance_as_expected(kie: Simulator, alice: User, settings: Any) -> None:
    """R-UP3: while it is watched it is under way, then its cost is booked."""
    settings.DEADLINE_SECONDS = {"image": 2}
    read()
    generation = driving.finish(order(alice, "a fox sim:slow=3"))
    assert generation.error_code == "deadline"
    assert read().drift == 0
    driving.until(lambda: Generation.objects.get(pk=generation.pk).cost_millicredits is not None)
    reading = read()
    assert reading.drift == 0 and reading.expected_low == reading.expected_high
    assert books_are_right()


def test_entering_the_cost_ends_the_drift(kie: Simulator, alice: User, office: Client, settings: Any) -> None:
    settings.DEADLINE_SECONDS = {"image": 2}
    read()
    generation = driving.finish(order(alice, "a fox sim:create-timeout"))
    for _ in range(2):
        assert read().drift == -4_000
    press(office, generation, "cost", amount="4", reason="kie.ai/logs says so")
    assert read().drift == 0
    assert account.drifting() is None and books_are_right()


def test_an_operator_takes_a_balance_for_right(kie: Simulator, alice: User, office: Client, olga: User) -> None:
    """R-INV13: it is red from the acknowledgement on, until the drift is explained or given up."""
    read()
    debit(kie, 5)
    for _ in range(2):
        reading = read()
    (alert,) = raised("balance-drift")
    assert books_are_right()
    press(office, alert, "acknowledge")
    (line,) = verify.balance_is_as_expected()
    assert "-5000 off what is expected" in line
    press(office, reading, "trust", reason="used on kie.ai by hand")
    assert books_are_right()
    assert read().drift == 0
    reading.refresh_from_db()
    assert (reading.trusted, reading.trusted_by, reading.note) == (True, olga, "used on kie.ai by hand")


def test_a_top_up_at_kie_is_no_drift(kie: Simulator, alice: User) -> None:
    read()
    driving.finish(order(alice))
    debit(kie, -2_000)
    for _ in range(2):
        assert read().drift == 0
    assert raised("balance-drift") == [] and len(raised("upstream-top-up")) == 1


def test_operators_see_measured_and_expected_over_time(kie: Simulator, alice: User, office: Client) -> None:
    page = reverse("admin:billing_upstreambalance_changelist")
    assert office.get(page).status_code == 200
    read()
    driving.finish(order(alice, "a fox sim:no-cost sim:costs=9"))
    for _ in range(2):
        reading = read()
    html = office.get(page).content.decode()
    assert len(re.search(r'<polyline points="([^"]+)"', html)[1].split()) == 3  # type: ignore[index]
    assert "The balance is not what it should be" in html and "<strong>-5</strong>" in html
    assert " style=" not in html
    detail = office.get(reverse("admin:billing_upstreambalance_change", args=[reading.pk])).content.decode()
    assert "its cost is our estimate" in detail


def test_costs_that_do_not_add_up_are_found(kie: Simulator, alice: User) -> None:
    """R-INV13"""
    generation = driving.finish(order(alice))
    Generation.objects.filter(pk=generation.pk).update(cost_millicredits=5_000)
    assert list(verify.booked_costs_add_up()) == [
        "4000 are booked as charged by KIE, the costs of the generations add up to 5000"
    ]


@pytest.mark.parametrize(
    ("change", "known"),
    [
        ({"cost_millicredits": None, "cost_source": ""}, "unknown"),
        ({"cost_source": ""}, "4000 (without a source)"),
        ({"cost_source": "estimated"}, "4000 (estimated)"),
        ({"cost_millicredits": 0}, "0 (reported)"),
    ],
)
def test_a_success_without_a_cost_or_an_alert_is_found(
    kie: Simulator, alice: User, change: dict[str, Any], known: str
) -> None:
    """R-PR1, R-INV12"""
    generation = driving.finish(order(alice))
    assert list(verify.costs_are_known_or_told()) == []
    Generation.objects.filter(pk=generation.pk).update(**change)
    (line,) = verify.costs_are_known_or_told()
    assert line == (
        f"{generation.about} of google/nano-banana succeeded, its cost is {known}, and no alert has told of it"
    )


def test_costs_of_which_an_alert_has_told_are_no_violation(kie: Simulator, alice: User) -> None:
    """R-PR1, R-INV12"""
    for words in ("a fox sim:no-cost", "a fox sim:costs=0"):
        driving.finish(order(alice, words))
    assert list(verify.costs_are_known_or_told()) == []
