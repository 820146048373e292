"""Operators hear of a cap that fills up at 50, 80 and 100 percent, once per period (R-AL1)."""

from datetime import UTC, datetime, timedelta

import pytest
import time_machine

from accounts.errors import Refused
from accounts.models import User
from billing.models import Alert, Budget
from billing.upstream import budgets
from generation import lifecycle
from generation.oversight import watch

NOON = datetime(2026, 11, 20, 12, tzinfo=UTC)
SCOPE = ["model:a/b"]


def cap(**caps: int) -> None:
    Budget.objects.update_or_create(scope=SCOPE[0], defaults=caps)


def told() -> list[str]:
    watch.tell_of_budgets(NOON)
    return list(Alert.objects.order_by("pk").values_list("key", flat=True))


def key(percent: int, period: str = "2026-11-20") -> str:
    return f"budget:model:a/b:{percent}%:{period}"


@pytest.mark.django_db
def test_each_threshold_is_told_once() -> None:
    """R-AL1"""
    cap(daily_cap_millicredits=100)
    expected: list[str] = []
    for amount, percent in ((49, 0), (1, 50), (29, 0), (1, 80), (19, 0), (1, 100)):
        budgets.reserve(SCOPE, NOON, amount)
        expected += [key(percent)] if percent else []
        assert told() == expected
        assert told() == expected


@pytest.mark.django_db
def test_a_jump_tells_only_the_highest() -> None:
    cap(daily_cap_millicredits=100)
    budgets.reserve(SCOPE, NOON, 85)
    assert told() == [key(80)]


@pytest.mark.django_db
def test_day_and_month_are_told_apart_and_anew_in_the_next_period() -> None:
    cap(daily_cap_millicredits=100, monthly_cap_millicredits=150)
    budgets.reserve(SCOPE, NOON, 80)
    assert told() == [key(80), key(50, "2026-11")]
    budgets.reserve(SCOPE, NOON + timedelta(days=1), 50)
    watch.tell_of_budgets(NOON + timedelta(days=1))
    assert told()[2:] == [key(50, "2026-11-21"), key(80, "2026-11")]


@pytest.mark.django_db
def test_no_cap_and_a_cap_of_zero_are_no_news() -> None:
    cap(daily_cap_millicredits=0)
    assert told() == []


def test_a_cap_that_has_no_room_for_another_one_is_reached(alice: User) -> None:
    """What is left is not enough, so requests are refused although the cap was never hit exactly."""
    Budget.objects.filter(scope="platform").update(daily_cap_millicredits=11_000)
    with time_machine.travel(NOON):
        for _ in range(2):
            lifecycle.request(alice, "google/nano-banana", {"prompt": "a fox"})
        with pytest.raises(Refused):
            lifecycle.request(alice, "google/nano-banana", {"prompt": "a fox"})
        watch.tell_of_budgets(NOON)
    alert = Alert.objects.get()
    assert alert.key == "budget:platform:100%:2026-11-20"
    assert "8 of 11 KIE credits" in alert.message
