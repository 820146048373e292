"""A budget that is new, or gets another zone, in the middle of a day knows what was used before (R-BUD2)."""

from datetime import UTC, datetime, timedelta

import pytest
import time_machine
from django.utils import timezone

from accounts.errors import Refused
from accounts.models import ApiKey, User
from billing.models import Budget, BudgetUse
from billing.upstream import budgets
from generation import lifecycle, limits
from generation.models import Generation
from generation.oversight import verify
from tests.budgets.use import used

MODEL, COST = "google/nano-banana", 4_000


def order(user: User, at: str = "", **more: object) -> Generation:
    generation = lifecycle.request(user, MODEL, {"prompt": "a fox"}, **more)
    if at:
        Generation.objects.filter(pk=generation.pk).update(created_at=datetime.fromisoformat(at).replace(tzinfo=UTC))
    return generation


def budget(scope: str, zone: str = "UTC", **caps: int) -> Budget:
    made = Budget.objects.create(scope=scope, time_zone=zone, **caps)
    limits.recount(made)
    return made


def books_are_right() -> bool:
    return list(verify.budgets_equal_their_generations()) == []


def test_a_new_budget_counts_what_it_is_of(alice: User, eve: User) -> None:
    """R-BUD2: of a user, a key, a model."""
    key, _ = ApiKey.issue(alice, "shop")
    first = order(alice)
    lifecycle.book_cost(first, 1_500)
    order(alice, api_key=key)
    order(eve)
    assert {scope: used(budget(scope).scope) for scope in (f"user:{alice.pk}", f"key:{key.pk}", f"model:{MODEL}")} == {
        f"user:{alice.pk}": 5_500,
        f"key:{key.pk}": 4_000,
        f"model:{MODEL}": 9_500,
    }
    assert used() == 9_500
    assert books_are_right()


def test_what_was_used_before_a_cap_was_set_counts_against_it(alice: User) -> None:
    """R-BUD2"""
    order(alice)
    budget(f"user:{alice.pk}", daily_cap_millicredits=2 * COST)
    order(alice)
    with pytest.raises(Refused) as refused:
        order(alice)
    assert (refused.value.code, refused.value.data["limit"]) == ("daily_cap_reached", "user")
    assert Generation.objects.count() == 2


def test_a_budget_is_counted_from_the_beginning_of_its_local_month(alice: User) -> None:
    """R-TZ1"""
    with time_machine.travel(datetime(2026, 11, 20, 12, tzinfo=UTC)):
        for at in ("2026-10-31T14:59:59", "2026-10-31T15:00:00", "2026-11-20T01:00:00"):
            order(alice, at)
        tokyo = budget(f"user:{alice.pk}", "Asia/Tokyo")
    uses = dict(BudgetUse.objects.filter(budget=tokyo).values_list("period", "used_millicredits"))
    assert uses == {"2026-11-01": COST, "2026-11-20": COST, "2026-11": 2 * COST}


def test_another_zone_moves_what_was_used_to_other_days(alice: User) -> None:
    """R-BUD2, R-TZ1"""
    with time_machine.travel(datetime(2026, 11, 20, 20, tzinfo=UTC)):
        order(alice)
        platform = Budget.objects.get(scope="platform")
        assert used() == COST
        Budget.objects.filter(pk="platform").update(time_zone="Asia/Tokyo")
        limits.recount(Budget.objects.get(pk="platform"))
        order(alice)
        assert BudgetUse.objects.get(budget=platform, period="2026-11-21").used_millicredits == 2 * COST
        assert not BudgetUse.objects.filter(budget=platform, period="2026-11-20").exists()
        assert books_are_right()


def test_a_late_cost_of_what_came_before_the_count_changes_nothing(alice: User) -> None:
    now = timezone.now()
    old = order(alice, at=f"{now - timedelta(days=40):%Y-%m-%dT%H:%M}")
    scope = budget(f"user:{alice.pk}").scope
    old.refresh_from_db()
    lifecycle.book_cost(old, 1)
    assert used(scope) == 0
    assert not any(scope in fault for fault in verify.budgets_equal_their_generations())


def test_a_reservation_that_read_the_budgets_before_a_change_sees_the_change(alice: User) -> None:
    """R-BUD2: between what a reservation reads and its statement an operator adds a budget and changes a zone."""
    key = f"user:{alice.pk}"
    scopes, at = [key, "platform"], datetime(2026, 11, 20, 20, tzinfo=UTC)
    stale = budgets._budgets(scopes)
    wanted = [(one, period) for one in stale for period in budgets.periods(one.time_zone, at)]
    with time_machine.travel(at):
        Budget.objects.filter(pk="platform").update(time_zone="Asia/Tokyo")
        limits.recount(Budget.objects.get(pk="platform"))
        assert budgets._add(scopes, budgets._versions(stale), wanted, 7) == set()
        budget(key)
        assert budgets._add(["platform", key], 2, wanted, 7) == set()
        budgets.reserve(scopes, at, 7)
    uses = BudgetUse.objects.filter(used_millicredits=7).values_list("budget", "period")
    assert set(uses) == {(key, "2026-11-20"), (key, "2026-11"), ("platform", "2026-11-21"), ("platform", "2026-11")}
