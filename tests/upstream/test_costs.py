"""What a generation cost at KIE, and how that is known."""

import csv
from typing import Any

import pytest
from django.db import connection
from django.test import Client
from django.urls import reverse

from accounts.errors import Refused
from accounts.models import User
from billing.models import UpstreamCost
from billing.upstream import account
from generation import lifecycle
from generation.models import Generation
from tests import driving
from tests.operators.conftest import press
from tests.simulator import Simulator
from tests.upstream.conftest import IMAGE, SILENT, order, raised

Source = Generation.CostSource


def booked() -> int:
    return sum(UpstreamCost.objects.values_list("millicredits", flat=True))


@pytest.mark.simulator
def test_the_cost_is_what_kie_reports(kie: Simulator, alice: User) -> None:
    generation = driving.finish(order(alice))
    assert (generation.cost_millicredits, generation.cost_source) == (4_000, Source.REPORTED)
    assert booked() == round(kie.state()["debited"] * 1000) == 4_000


@pytest.mark.simulator
def test_a_cost_that_kie_does_not_tell_is_a_marked_estimate(kie: Simulator, alice: User, office: Client) -> None:
    """R-PR1: and an alert tells of it."""
    generation = driving.finish(order(alice, "a fox sim:no-cost"))
    assert (generation.cost_millicredits, generation.cost_source) == (4_000, Source.ESTIMATED)
    assert booked() == 4_000
    (alert,) = raised(f"cost-unknown:{IMAGE}")
    assert "our estimate of 4 KIE credits is booked" in alert.message
    page = office.get(reverse("admin:generation_generation_change", args=[generation.pk])).content.decode()
    assert "our estimate, because KIE gives none" in page
    assert "≈ 4" in office.get(reverse("admin:generation_generation_changelist")).content.decode()


@pytest.mark.simulator
def test_models_that_never_tell_their_cost_are_told_of_once_a_month(kie: Simulator, alice: User) -> None:
    """R-PR1, R-AL1"""
    for words in ("a fox", "a hen"):
        values = {"prompt": words, "size": "1:1"}
        generation = driving.finish(lifecycle.request(alice, SILENT, values))
        assert generation.cost_source == Source.ESTIMATED
    assert [alert.period for alert in raised("cost-unknown:")] == [f"{generation.finished_at:%Y-%m}"]


@pytest.mark.simulator
def test_a_failure_is_free_unless_kie_says_otherwise(kie: Simulator, alice: User) -> None:
    """R-UP3"""
    told = driving.finish(order(alice, "a fox sim:failed-but-charged"))
    assert (told.state, told.cost_millicredits, told.cost_source) == ("failed", 4_000, Source.REPORTED)
    assumed = driving.finish(order(alice, "a fox sim:fail sim:no-cost"))
    assert (assumed.state, assumed.cost_millicredits, assumed.cost_source) == ("failed", 0, Source.FREE)
    refused = driving.finish(order(alice, "a fox sim:422"))
    assert (refused.state, refused.cost_millicredits, refused.cost_source) == ("failed", 0, Source.FREE)
    assert booked() == 4_000


def test_an_operator_enters_a_cost_from_kies_own_log(office: Client, alice: User) -> None:
    """R-AD1"""
    generation = order(alice)
    with pytest.raises(Refused):
        lifecycle.enter_cost(generation, 1, by="olga")
    lifecycle.fail(generation, by="olga")
    page = press(office, generation, "cost", amount="3.5", reason="kie.ai/logs").content.decode()
    assert "Its cost is 3.5 KIE credits; 0 were booked before" in page
    generation.refresh_from_db()
    assert (generation.cost_millicredits, generation.cost_source) == (3_500, Source.ENTERED)
    assert booked() == 3_500
    assert generation.events.last().by == "olga@example.com"


def test_a_cost_that_becomes_better_known_replaces_what_was_booked(alice: User) -> None:
    generation = order(alice)
    for cost in (4_000, 4_500, 4_500, 0):
        lifecycle.book_cost(generation, cost)
        assert booked() == cost


def test_summing_up_changes_no_sum(alice: User) -> None:
    account.sum_up()
    assert UpstreamCost.objects.count() == 0
    for change in (4_000, -1_500, 700):
        account.book(change)
    for _ in range(2):
        account.sum_up()
        assert (booked(), UpstreamCost.objects.count()) == (3_200, 1)


@pytest.mark.postgres
@pytest.mark.django_db(transaction=True)
def test_summing_up_loses_nothing_that_is_booked_meanwhile(db: None) -> None:
    """Four threads book while one sums up."""
    import threading

    def work() -> None:
        try:
            for _ in range(50):
                account.book(10)
        finally:
            connection.close()

    threads = [threading.Thread(target=work) for _ in range(4)]
    for thread in threads:
        thread.start()
    while any(thread.is_alive() for thread in threads):
        account.sum_up()
    account.sum_up()
    assert (booked(), UpstreamCost.objects.count()) == (2_000, 1)


@pytest.mark.simulator
def test_costs_are_exported_with_how_they_are_known(kie: Simulator, alice: User, office: Client) -> None:
    for words in ("a fox", "a fox sim:no-cost", "a fox sim:policy"):
        driving.finish(order(alice, words))
    order(alice)
    answer: Any = office.get(reverse("admin:generation_costs"))
    lines = list(csv.DictReader(answer.getvalue().decode().splitlines()))
    assert [(line["state"], line["cost"], line["cost_is"], line["charged"]) for line in lines] == [
        ("succeeded", "4", "reported", "5"),
        ("succeeded", "4", "estimated", "5"),
        ("failed", "0", "reported", "0"),
        ("queued", "", "unknown", "0"),
    ]
