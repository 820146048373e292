"""Processes killed at every step: after the deadline plus one sweep, every hold is resolved exactly once (R-REF2)."""

import random
from collections.abc import Callable, Iterator
from typing import Any

import pytest
from django.db import connection

from accounts.models import User
from billing.models import Entry, Wallet
from generation.models import Generation
from tests.generation.test_faults import IMAGE, books_are_right, order
from tests.processes import Process, environment, until
from tests.simulator import Simulator

pytestmark = [
    pytest.mark.simulator,
    pytest.mark.processes,
    pytest.mark.django_db(transaction=True),
    pytest.mark.skipif(connection.vendor != "postgresql", reason="runs with the PostgreSQL half of the tests"),
]


@pytest.fixture
def worker(kie: Simulator, settings: Any) -> Iterator[Process]:
    # Half of it is for submitting, and starting the processes is part of that.
    settings.DEADLINE_SECONDS = dict.fromkeys(["image", "video", "audio", "music"], 30)
    process = Process(environment(kie, WORKERS=3), "manage.py", "worker")
    yield process
    process.kill()


def at(**conditions: Any) -> Callable[[Generation], bool]:
    return lambda generation: Generation.objects.filter(pk=generation.pk, **conditions).exists()


STEPS = {
    "queued": ("a fox", at(state="queued")),
    "submitting": ("a fox sim:create-timeout", at(state="running", kie_task_id=None)),
    "running": ("a fox sim:slow=4", at(state="running", kie_task_id__isnull=False)),
    "storing": ("a fox sim:slow-file", at(state="storing")),
}


@pytest.mark.parametrize("step", STEPS)
def test_a_worker_killed_at_any_step_leaves_no_hold_behind(
    kie: Simulator, worker: Process, alice: User, step: str
) -> None:
    prompt, reached = STEPS[step]
    generation = order(alice, IMAGE, prompt)
    until(lambda: reached(generation), f"the step {step}")
    worker.kill()
    worker.start()
    until(lambda: Generation.objects.get(pk=generation.pk).terminal, "the end", seconds=60)
    assert Entry.objects.filter(key=f"settle:{generation.about}").count() == 1
    assert Wallet.objects.get(pk=alice.pk).held == 0
    assert kie.requests("createTask") <= 1
    books_are_right()


def test_workers_killed_again_and_again_settle_everything_once(kie: Simulator, worker: Process, alice: User) -> None:
    dice = random.Random(7)
    prompts = ["a fox", "a fox sim:policy", "a fox sim:slow=2", "a fox sim:dead-link", "a fox sim:fail"]
    orders = [order(alice, IMAGE, prompts[number % 5]) for number in range(40)]
    done = Generation.objects.filter(finished_at__isnull=False)
    for kills in range(1, 5):
        enough = min(len(orders), kills * 6 + dice.randrange(3))
        until(lambda enough=enough: done.count() >= enough, f"{enough} ends", seconds=60)
        worker.kill()
        worker.start()
    until(lambda: done.count() == len(orders), "the end of all", seconds=90)
    assert Entry.objects.filter(kind="settle").count() == len(orders)
    assert Wallet.objects.get(pk=alice.pk).held == 0
    assert kie.requests("createTask") <= len(orders)
    books_are_right()


def test_kie_gone_for_a_while_loses_nothing(kie: Simulator, settings: Any, alice: User, tmp_path: Any) -> None:
    settings.DEADLINE_SECONDS = {"image": 60}
    memory = Simulator.start(key=kie.key, speed=4, create_limit=0, state_path=str(tmp_path / "kie.sqlite3"))
    settings.KIE_BASE_URL, settings.KIE_UPLOAD_URL = memory.api, memory.files
    settings.DOWNLOAD_ALLOW_HOSTS = [memory.files.removeprefix("http://")]
    worker = Process(environment(memory, WORKERS=3), "manage.py", "worker")
    try:
        orders = [order(alice, IMAGE, "a fox sim:slow=4") for _ in range(6)]
        running = Generation.objects.filter(kie_task_id__isnull=False)
        until(lambda: running.count() == len(orders), "six tasks at KIE")
        memory.kill()
        orders += [order(alice, IMAGE, "a hare") for _ in range(3)]
        put_back = Generation.objects.filter(events__why__startswith="KIE is unavailable")
        until(put_back.exists, "an order that found nobody")
        memory.restart()
        done = Generation.objects.filter(state="succeeded")
        until(lambda: done.count() == len(orders), "the success of all", seconds=90)
        assert len(memory.tasks()) == len(orders)
        books_are_right()
    finally:
        worker.kill()
        memory.stop()
