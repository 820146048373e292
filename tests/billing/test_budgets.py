"""Caps on upstream cost per local day."""

from datetime import UTC, date, datetime

import pytest
import time_machine

from accounts.errors import Refused
from billing import budgets
from billing.models import Budget, BudgetDay

DAY = date(2026, 11, 21)


@pytest.fixture
def budget(db: None) -> Budget:
    return Budget.objects.create(scope="test", daily_cap_millicredits=100, time_zone="Europe/Berlin")


def used() -> int:
    return BudgetDay.objects.get(budget="test", day=DAY).used_millicredits


def test_a_use_equal_to_the_cap_is_allowed_and_the_next_refused(budget: Budget) -> None:
    """R-BUD4"""
    budgets.reserve("test", DAY, 100)
    with pytest.raises(Refused) as refusal:
        budgets.reserve("test", DAY, 1)
    assert refusal.value.code == "daily_cap_reached"
    assert used() == 100


def test_a_first_use_above_the_cap_is_refused(budget: Budget) -> None:
    with pytest.raises(Refused):
        budgets.reserve("test", DAY, 101)
    assert not BudgetDay.objects.filter(budget="test").exists()


def test_a_cap_of_zero_allows_nothing(budget: Budget) -> None:
    Budget.objects.filter(scope="test").update(daily_cap_millicredits=0)
    with pytest.raises(Refused):
        budgets.reserve("test", DAY, 1)


def test_without_a_cap_usage_is_counted_all_the_same(budget: Budget) -> None:
    Budget.objects.filter(scope="test").update(daily_cap_millicredits=None)
    budgets.reserve("test", DAY, 10**12)
    assert used() == 10**12


def test_a_better_known_cost_replaces_the_estimate_and_frees_the_cap(budget: Budget) -> None:
    """R-BUD2"""
    budgets.reserve("test", DAY, 100)
    budgets.correct("test", DAY, -40)
    budgets.reserve("test", DAY, 40)
    assert used() == 100


def test_the_refusal_says_when_the_cap_frees(budget: Budget) -> None:
    """R-TZ1: midnight in the budget's own zone; one hour before it is an hour away."""
    with time_machine.travel(datetime(2026, 11, 21, 22, 0, tzinfo=UTC)), pytest.raises(Refused) as refusal:
        budgets.reserve("test", DAY, 101)
    assert refusal.value.data["frees_at"] == "2026-11-22T00:00:00+01:00"
    assert refusal.value.data["retry_after_seconds"] == pytest.approx(3600, abs=5)
    assert "100" not in refusal.value.message


@pytest.mark.parametrize(
    ("zone", "moment", "day", "frees"),
    [
        ("UTC", "2026-11-21T23:59:59+00:00", "2026-11-21", "2026-11-22T00:00:00+00:00"),
        ("Asia/Shanghai", "2026-11-21T16:00:00+00:00", "2026-11-22", "2026-11-22T16:00:00+00:00"),
        ("Europe/Berlin", "2026-03-29T00:30:00+00:00", "2026-03-29", "2026-03-29T22:00:00+00:00"),
        ("Europe/Berlin", "2026-10-24T22:00:00+00:00", "2026-10-25", "2026-10-25T23:00:00+00:00"),
        ("Europe/Berlin", "2026-10-24T21:59:59+00:00", "2026-10-24", "2026-10-24T22:00:00+00:00"),
    ],
)
def test_a_day_begins_at_midnight_in_its_zone(zone: str, moment: str, day: str, frees: str) -> None:
    """R-TZ1: also on both daylight-saving days, of 23 and 25 hours."""
    at = datetime.fromisoformat(moment)
    assert budgets.local_day(zone, at) == date.fromisoformat(day)
    assert budgets.frees_at(zone, at) == datetime.fromisoformat(frees)


def test_no_job_must_run_for_a_cap_to_free(budget: Budget) -> None:
    with time_machine.travel(datetime(2026, 11, 21, 12, tzinfo=UTC)):
        budgets.reserve("test", budgets.today("test"), 100)
    with time_machine.travel(datetime(2026, 11, 21, 23, tzinfo=UTC)):
        budgets.reserve("test", budgets.today("test"), 100)
    assert BudgetDay.objects.filter(budget="test").count() == 2
