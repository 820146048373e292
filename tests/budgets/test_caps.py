"""Caps on upstream cost per local day and month, of the platform, a model, a user and a key."""

from collections.abc import Sequence
from datetime import UTC, date, datetime

import pytest
import time_machine
from django.db import transaction

from accounts.errors import Refused
from billing.models import Budget, BudgetUse
from billing.upstream import budgets

NOON = datetime(2026, 11, 21, 12, tzinfo=UTC)
LATE = datetime(2026, 11, 21, 23, tzinfo=UTC)
USER = ["user:7"]


def make(scope: str, daily: int | None = None, monthly: int | None = None, zone: str = "UTC") -> Budget:
    values = {"daily_cap_millicredits": daily, "monthly_cap_millicredits": monthly, "time_zone": zone}
    return Budget.objects.update_or_create(scope=scope, defaults=values)[0]


def uses(scope: str) -> dict[str, int]:
    return dict(BudgetUse.objects.filter(budget=scope).values_list("period", "used_millicredits"))


def refusal(scopes: Sequence[str], amount: int, at: datetime = NOON) -> Refused:
    with pytest.raises(Refused) as caught, transaction.atomic():
        budgets.reserve(scopes, at, amount)
    return caught.value


@pytest.fixture
def budget(db: None) -> Budget:
    return make("user:7", daily=100, zone="Europe/Berlin")


def test_a_use_equal_to_the_cap_is_allowed_and_the_next_refused(budget: Budget) -> None:
    """R-BUD4"""
    budgets.reserve(USER, NOON, 100)
    assert refusal(USER, 1).code == "daily_cap_reached"
    assert uses("user:7") == {"2026-11-21": 100, "2026-11": 100}


def test_a_first_use_above_the_cap_is_refused(budget: Budget) -> None:
    assert refusal(USER, 101).status == 429


def test_a_month_has_a_cap_of_its_own(db: None) -> None:
    """R-BUD4, R-TZ1"""
    make("user:7", daily=100, monthly=150)
    budgets.reserve(USER, NOON, 100)
    budgets.reserve(USER, datetime(2026, 11, 22, tzinfo=UTC), 50)
    assert refusal(USER, 1, datetime(2026, 11, 30, 23, 59, tzinfo=UTC)).code == "monthly_cap_reached"
    budgets.reserve(USER, datetime(2026, 12, 1, tzinfo=UTC), 100)


def test_a_cap_of_zero_allows_nothing(db: None) -> None:
    for caps in ({"daily": 0}, {"monthly": 0}):
        make("user:7", **caps)
        assert refusal(USER, 1).code in ("daily_cap_reached", "monthly_cap_reached")


def test_without_a_cap_use_is_counted_all_the_same(db: None) -> None:
    make("user:7")
    budgets.reserve(USER, NOON, 10**12)
    assert uses("user:7")["2026-11"] == 10**12


def test_every_budget_that_applies_has_to_allow_it(db: None) -> None:
    """R-BUD1"""
    scopes = ["key:1", "user:7", "model:a/b", "platform"]
    for scope in scopes:
        make(scope, daily=100)
    for scope in scopes:
        make(scope, daily=1)
        assert refusal(scopes, 2).data["limit"] == scope.partition(":")[0]
        make(scope, daily=100)


def test_scopes_without_a_budget_are_not_counted_except_for_the_platform(db: None) -> None:
    Budget.objects.all().delete()
    budgets.reserve(["key:1", "user:7", "model:a/b", "platform"], NOON, 5)
    assert set(BudgetUse.objects.values_list("budget", flat=True)) == {"platform"}


def test_a_better_known_cost_replaces_the_estimate_and_frees_the_cap(budget: Budget) -> None:
    """R-BUD2"""
    budgets.reserve(USER, NOON, 100)
    budgets.correct(USER, NOON, -40)
    budgets.reserve(USER, NOON, 40)
    assert uses("user:7") == {"2026-11-21": 100, "2026-11": 100}


def test_a_correction_goes_to_the_day_and_month_that_were_counted(db: None) -> None:
    """R-BUD2: the cost of yesterday is known today, which is another month."""
    make("user:7")
    make("platform", zone="Asia/Tokyo")
    asked = datetime(2026, 11, 30, 20, tzinfo=UTC)
    budgets.reserve([*USER, "platform"], asked, 100)
    with time_machine.travel(datetime(2026, 12, 2, tzinfo=UTC)):
        budgets.correct([*USER, "platform"], asked, 25)
    assert uses("user:7") == {"2026-11-30": 125, "2026-11": 125}
    assert uses("platform") == {"2026-12-01": 125, "2026-12": 125}


def test_what_was_never_counted_is_not_corrected(db: None) -> None:
    Budget.objects.create(scope="user:7", counted_from=datetime(2026, 11, 1, tzinfo=UTC))
    budgets.correct(USER, datetime(2026, 10, 31, tzinfo=UTC), 25)
    assert uses("user:7") == {}


# What is told


def test_the_refusal_says_when_the_cap_frees(budget: Budget) -> None:
    """R-TZ1, R-UX2: midnight in the budget's own zone; one hour before it is an hour away."""
    at = datetime(2026, 11, 21, 22, 0, tzinfo=UTC)
    with time_machine.travel(at):
        budgets.reserve(USER, at, 100)
        refused = refusal(USER, 1, at)
    assert refused.message.endswith("It frees at 2026-11-22 00:00 CET.")
    assert refused.data["frees_at"] == "2026-11-22T00:00:00+01:00"
    assert refused.data["retry_after_seconds"] == pytest.approx(3600, abs=5)


def test_of_two_caps_the_one_that_frees_last_is_told(db: None) -> None:
    """R-UX2: whoever waits for it is not refused again."""
    make("user:7", daily=100, monthly=100)
    with time_machine.travel(NOON, tick=False):
        budgets.reserve(USER, NOON, 100)
        refused = refusal(USER, 1)
    assert (refused.code, refused.data["frees_at"]) == ("monthly_cap_reached", "2026-12-01T00:00:00+00:00")


@pytest.mark.parametrize(("span", "caps"), [("day", {"daily": 0}), ("month", {"daily": 50, "monthly": 0})])
def test_a_cap_of_zero_is_not_said_to_free(db: None, span: str, caps: dict[str, int]) -> None:
    """R-UX2: no waiting helps, so no time is told."""
    make("user:7", **caps)
    refused = refusal(USER, 1)
    assert refused.message == (
        f"Your account has a limit of 0 upstream credits for a {span}, and this request alone is more."
    )
    assert refused.data == {"limit": "user", "period": span, "cap": "0"}


def test_a_request_above_a_whole_cap_is_told_of_that_one(db: None) -> None:
    """R-UX2: even where another cap is reached that does free."""
    make("user:7", daily=1000, monthly=1000)
    budgets.reserve(USER, NOON, 1000)
    make("platform", daily=100)
    refused = refusal([*USER, "platform"], 101)
    assert refused.data == {"limit": "platform", "period": "day"}
    assert refused.message == "The platform has a limit for a day, and this request alone is more."


@pytest.mark.parametrize(
    ("scope", "own"), [("key:1", True), ("user:7", True), ("model:a/b", False), ("platform", False)]
)
def test_customers_are_told_their_own_numbers_and_no_others(db: None, scope: str, own: bool) -> None:
    """R-API1, R-UX2"""
    make(scope, daily=98_765)
    refused = refusal([scope], 100_000)
    assert ("98.765" in refused.message) is own
    assert refused.data.get("cap") == ("98.765" if own else None)
    assert refused.data["limit"] == scope.partition(":")[0]


# Days and months


@pytest.mark.parametrize(
    ("zone", "moment", "day", "frees"),
    [
        ("UTC", "2026-11-21T23:59:59+00:00", "2026-11-21", "2026-11-22T00:00:00+00:00"),
        ("Asia/Shanghai", "2026-11-21T16:00:00+00:00", "2026-11-22", "2026-11-22T16:00:00+00:00"),
        ("Europe/Berlin", "2026-03-29T00:30:00+00:00", "2026-03-29", "2026-03-29T22:00:00+00:00"),
        ("Europe/Berlin", "2026-10-24T22:00:00+00:00", "2026-10-25", "2026-10-25T23:00:00+00:00"),
        ("Europe/Berlin", "2026-10-24T21:59:59+00:00", "2026-10-24", "2026-10-24T22:00:00+00:00"),
        # Clocks that go from 24:00 to 01:00: that day has no midnight, and begins an hour late.
        ("Africa/Cairo", "2026-04-23T20:00:00+00:00", "2026-04-23", "2026-04-23T22:00:00+00:00"),
    ],
)
def test_a_day_begins_at_midnight_in_its_zone(zone: str, moment: str, day: str, frees: str) -> None:
    """R-TZ1: also on both daylight-saving days, of 23 and 25 hours."""
    at = datetime.fromisoformat(moment)
    assert budgets.periods(zone, at) == (day, day[:7])
    freed = budgets.frees_at(zone, day)
    assert freed == datetime.fromisoformat(frees)
    assert budgets.local_day(zone, freed) > date.fromisoformat(day)


@pytest.mark.parametrize(
    ("zone", "month", "frees"),
    [
        ("UTC", "2026-12", "2027-01-01T00:00:00+00:00"),
        ("UTC", "2028-02", "2028-03-01T00:00:00+00:00"),
        ("Europe/Berlin", "2026-03", "2026-03-31T22:00:00+00:00"),
        ("Europe/Berlin", "2026-10", "2026-10-31T23:00:00+00:00"),
    ],
)
def test_a_month_begins_at_midnight_in_its_zone(zone: str, month: str, frees: str) -> None:
    """R-TZ1"""
    assert budgets.frees_at(zone, month) == datetime.fromisoformat(frees)
    assert budgets.month_began(zone, datetime.fromisoformat(frees)) == datetime.fromisoformat(frees)


@pytest.mark.parametrize(("changes", "hours"), [("2026-03-29", 23), ("2026-10-25", 25)])
def test_a_day_of_23_or_25_hours_is_one_day(db: None, changes: str, hours: int) -> None:
    """R-TZ1: what is spent in each of its hours counts on it, the hour before and the hour after do not."""
    make("user:7", zone="Europe/Berlin")
    end = budgets.frees_at("Europe/Berlin", changes).timestamp()
    for number in range(-1, hours + 1):
        budgets.reserve(USER, datetime.fromtimestamp(end - 1800 - 3600 * number, UTC), 1)
    assert uses("user:7")[changes] == hours


def test_no_job_must_run_for_a_cap_to_free(budget: Budget) -> None:
    """R-TZ1: 23:00 in London is the next day in Berlin."""
    budgets.reserve(USER, NOON, 100)
    budgets.reserve(USER, LATE, 100)
    assert uses("user:7") == {"2026-11-21": 100, "2026-11-22": 100, "2026-11": 200}


def test_the_screen_and_the_query_use_the_same_days(budget: Budget) -> None:
    """R-TZ1"""
    budgets.reserve(USER, NOON, 60)
    budgets.reserve(USER, LATE, 30)
    assert budgets.used(budget, NOON) == {"2026-11-21": 60, "2026-11": 90}
    assert budgets.used(budget, LATE) == {"2026-11-22": 30, "2026-11": 90}
