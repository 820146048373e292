"""Caps hold with many processes and connections at once, whatever is killed on the way (R-BUD1)."""

import os
import random
import threading
from functools import partial
from typing import Any

import pytest
from django.conf import settings
from django.db import connection, connections, transaction
from django.utils import timezone

from accounts.errors import Refused
from accounts.models import ApiKey, User
from billing import ledger
from billing.models import Budget, BudgetUse, Wallet
from generation import lifecycle, limits
from generation.models import Generation
from generation.oversight import verify
from tests.billing.test_concurrency import all_at_once
from tests.budgets.use import used
from tests.processes import Process, database_url, until

pytestmark = pytest.mark.django_db(transaction=True)
MODEL, COST = "google/nano-banana", 4_000


def order(user: User, key: ApiKey | None = None, number: int = 0) -> Generation:
    return lifecycle.request(user, MODEL, {"prompt": f"fox {number}"}, api_key=key)


def books_are_right() -> bool:
    return list(verify.budgets_equal_their_generations()) == []


@pytest.mark.parametrize(
    ("kind", "span"), [("key", "daily"), ("user", "monthly"), ("model", "monthly"), ("platform", "daily")]
)
def test_two_hundred_requests_against_a_cap_worth_twenty_let_twenty_through(alice: User, kind: str, span: str) -> None:
    """R-BUD1: for each scope and both spans, on twenty connections."""
    key, _ = ApiKey.issue(alice, "shop")
    scope = {"key": f"key:{key.pk}", "user": f"user:{alice.pk}", "model": f"model:{MODEL}"}.get(kind, kind)
    Budget.objects.update_or_create(scope=scope, defaults={f"{span}_cap_millicredits": 20 * COST})
    refusals: list[Refused] = []

    def ask_ten() -> None:
        for number in range(10):
            try:
                order(alice, key, number)
            except Refused as refusal:
                refusals.append(refusal)

    assert all_at_once([ask_ten] * 20) == [None] * 20
    assert {refusal.data["limit"] for refusal in refusals} == {kind}
    assert (len(refusals), Generation.objects.count(), used(scope)) == (180, 20, 20 * COST)
    assert Wallet.objects.get(pk=alice.pk).held == 20 * 5_000
    assert books_are_right()


CUSTOMER = """
import django
django.setup()
from accounts.errors import Refused
from accounts.models import User
from generation import lifecycle
alice = User.objects.get(email="alice@example.com")
while True:
    try:
        lifecycle.request(alice, "google/nano-banana", {"prompt": "a fox"})
    except Refused:
        pass
"""


@pytest.mark.processes
@pytest.mark.skipif(connection.vendor != "postgresql", reason="several writing processes need PostgreSQL")
def test_processes_that_are_killed_and_started_again_pass_the_cap_exactly(alice: User) -> None:
    """R-BUD1, R-BUD4: the cap is worth forty; halfway there every process is killed, then new ones go on."""
    Budget.objects.filter(scope="platform").update(daily_cap_millicredits=40 * COST)
    environment = _environment()
    processes = [Process(environment, "-c", CUSTOMER) for _ in range(3)]
    try:
        until(lambda: Generation.objects.count() >= 10, "the first requests")
        for process in processes:
            process.kill()
        assert used() == Generation.objects.count() * COST
        for process in processes:
            process.start()
        until(lambda: Generation.objects.count() == 40, "all that the cap allows")
        started = timezone.now()
        until(lambda: (timezone.now() - started).total_seconds() > 1, "a second of refusals", seconds=5)
    finally:
        for process in processes:
            process.kill()
    assert (Generation.objects.count(), used()) == (40, 40 * COST)
    assert books_are_right()


def _environment() -> dict[str, str]:
    names = ("SECRET_KEY", "MAX_RUNNING_PER_USER", "PRICE_MARKUP")
    chosen = {name: str(getattr(settings, name)) for name in names}
    more = {"DATABASE_URL": database_url(), "DJANGO_SETTINGS_MODULE": "kieplatform.settings"}
    return {**os.environ, **chosen, **more}


def test_requests_costs_and_changes_of_budgets_at_the_same_moment_leave_no_drift(alice: User, eve: User) -> None:
    """R-BUD2: zones change and budgets appear while others request and book costs, in every order of locks."""
    ledger.top_up(alice, 10_000_000, payment="more")
    ledger.top_up(eve, 10_000_000, payment="more for eve")
    keys = {user.pk: ApiKey.issue(user, "shop")[0] for user in (alice, eve)}
    rounds = 25 if connection.vendor == "postgresql" else 8
    done = threading.Event()

    def customer(user: User, dice: random.Random) -> None:
        for number in range(rounds):
            generation = order(user, dice.choice([None, keys[user.pk]]), number)
            lifecycle.book_cost(generation, dice.choice([0, 1_000, COST, 9_000]))
            lifecycle.finish(generation, "failed", "test", error="deadline", cost=dice.choice([None, 0, 5_000]))

    def operator(dice: random.Random) -> None:
        scopes = ["platform", f"user:{alice.pk}", f"user:{eve.pk}", f"key:{keys[alice.pk].pk}", f"model:{MODEL}"]
        while not done.is_set():
            zone = dice.choice(["UTC", "Asia/Tokyo", "Pacific/Kiritimati", "Pacific/Pago_Pago"])
            budget, _ = Budget.objects.get_or_create(
                scope=dice.choice(scopes), defaults={"counted_from": timezone.now()}
            )
            _change_zone(budget, zone)

    customers = [partial(customer, user, random.Random(n)) for n, user in enumerate([alice, eve] * 3)]
    errors: list[Any] = []
    operating = threading.Thread(target=_guarded, args=[partial(operator, random.Random(7)), errors])
    operating.start()
    try:
        assert all_at_once(customers) == [None] * len(customers)
    finally:
        done.set()
        operating.join()
    assert errors == []
    assert Generation.objects.count() == rounds * len(customers)
    assert list(verify.budgets_equal_their_generations()) == []
    assert BudgetUse.objects.values("budget").distinct().count() > 1


def _change_zone(budget: Budget, zone: str) -> None:
    with transaction.atomic():
        budget.time_zone = zone
        budget.save(update_fields=["time_zone"])
        limits.recount(budget)


def _guarded(job: Any, errors: list[Any]) -> None:
    try:
        job()
    except Exception as error:
        errors.append(error)
    finally:
        connections.close_all()
