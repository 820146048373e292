"""The sweeper, a late callback, a poll, a cancel and an operator's click at the same moment (R-REF5)."""

import random
import threading
from collections.abc import Callable
from functools import partial

import pytest
from django.db import connection, connections

from accounts import idempotency
from accounts.errors import Refused
from accounts.models import User
from billing import ledger
from billing.models import Entry, Wallet
from generation import lifecycle, polling
from generation.kie.families.base import Result, Status
from generation.models import Event, Generation
from tests.generation.test_faults import IMAGE, books_are_right, order

RACES = 1000 if connection.vendor == "postgresql" else 60
WON = Status("succeeded", (Result("https://x.example/a.png"),), 4_000)
LOST = Status("failed", cost_millicredits=0, failure="upstream_failed", detail="500")


def succeed(generation: Generation) -> None:
    lifecycle.begin_storing(generation, WON)


def store(generation: Generation) -> None:
    generation = Generation.objects.get(pk=generation.pk)
    if generation.state == "storing":
        lifecycle.finish(generation, "succeeded", "results stored")


def cancel(generation: Generation) -> None:
    try:
        lifecycle.cancel(generation)
    except Refused:
        return


ACTORS: list[Callable[[Generation], object]] = [
    lambda generation: polling.act(generation, LOST, None),
    lambda generation: lifecycle.finish(generation, "failed", "deadline passed", error="deadline"),
    lambda generation: lifecycle.fail(generation, by="olga"),
    lambda generation: lifecycle.ring(generation, ""),
    succeed,
    store,
    cancel,
]


@pytest.mark.django_db(transaction=True)
def test_every_race_settles_once(alice: User) -> None:
    ledger.top_up(alice, 10_000_000, payment="more")
    generations = [order(alice, IMAGE, "a fox") for _ in range(RACES)]
    for generation in generations:
        lifecycle.move(generation, "running", "submitting", kie_task_id=generation.pk.hex)
    errors: list[Exception] = []
    start = threading.Barrier(len(ACTORS))

    def race(actor: Callable[[Generation], object], dice: random.Random) -> None:
        for generation in generations:
            start.wait()
            for _ in range(dice.randrange(2) + 1):
                try:
                    actor(Generation.objects.get(pk=generation.pk))
                except Exception as error:
                    errors.append(error)
        connections.close_all()

    threads = [threading.Thread(target=race, args=[actor, random.Random(n)]) for n, actor in enumerate(ACTORS)]
    for thread in threads:
        thread.start()
    for thread in threads:
        thread.join()
    for generation in Generation.objects.filter(state__in=Generation.OPEN):
        lifecycle.finish(generation, "failed", "the end of the race", error="deadline")
    assert errors == []
    assert Entry.objects.filter(kind="settle").count() == RACES
    assert Event.objects.filter(state_to__in=Generation.TERMINAL).count() == RACES
    wallet = Wallet.objects.get(pk=alice.pk)
    succeeded = Generation.objects.filter(state="succeeded").count()
    assert (wallet.held, wallet.spent) == (0, succeeded * 5_000)
    Generation.objects.filter(state="succeeded").update(kie_results=[])
    books_are_right()


@pytest.mark.django_db(transaction=True)
def test_requests_and_cancels_of_one_customer_do_not_block_each_other(alice: User) -> None:
    """Locks are taken in one order: the generation, the wallet, the budget day."""
    waiting = [order(alice, IMAGE, "a fox") for _ in range(20)]
    errors: list[Exception] = []
    start = threading.Barrier(4)

    def run(jobs: list[Callable[[], object]]) -> None:
        start.wait()
        for job in jobs:
            try:
                job()
            except Exception as error:
                errors.append(error)
        connections.close_all()

    cancels = [partial(lifecycle.cancel, generation) for generation in waiting]
    requests = [
        partial(idempotency.once, alice, f"form:{number}", lambda: str(order(alice, IMAGE, "a hare").pk))
        for number in range(20)
    ]
    shares = [cancels[:10], cancels[10:], requests[:10], requests[10:]]
    threads = [threading.Thread(target=run, args=[share]) for share in shares]
    for thread in threads:
        thread.start()
    for thread in threads:
        thread.join()
    assert errors == []
    assert Wallet.objects.get(pk=alice.pk).held == 20 * 5_000
    books_are_right()
