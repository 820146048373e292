"""KIE's rate is kept, and shared fairly (R-UP6)."""

import threading
from collections import Counter
from datetime import timedelta
from typing import Any

import pytest
import time_machine
from django.db import connections
from django.utils import timezone

from accounts.models import User
from billing.models import Alert, Breaker
from billing.upstream import account, breaker
from generation import submission
from generation.models import Generation, SubmitSlot
from tests.generation.test_faults import IMAGE, order


@pytest.fixture
def five_in_ten_seconds(settings: Any) -> None:
    settings.KIE_CREATE_LIMIT = 5
    settings.KIE_CREATE_WINDOW_SECONDS = 10.0


def taken() -> list[Generation]:
    found = []
    while generation := submission.take_next():
        found.append(generation)
    return found


def test_no_window_sees_more_than_the_limit(five_in_ten_seconds: None, alice: User) -> None:
    start = timezone.now()
    for _ in range(12):
        order(alice, IMAGE, "a fox")
    moments = []
    for seconds in range(0, 30, 2):
        with time_machine.travel(start + timedelta(seconds=seconds + 1), tick=False):
            moments += [seconds] * len(taken())
    assert Counter(moments) == {0: 5, 10: 5, 20: 2}


def test_waiting_work_is_shared_between_users(five_in_ten_seconds: None, alice: User, eve: User) -> None:
    for _ in range(10):
        order(alice, IMAGE, "a fox")
    order(eve, IMAGE, "a hare")
    order(eve, IMAGE, "a hare")
    assert Counter(g.user_id for g in taken()) == {alice.pk: 3, eve.pk: 2}


def test_a_refused_slot_leaves_the_generation_queued(five_in_ten_seconds: None, alice: User) -> None:
    for _ in range(6):
        order(alice, IMAGE, "a fox")
    assert len(taken()) == 5
    assert Generation.objects.filter(state="queued").count() == 1
    assert SubmitSlot.objects.count() == 5


@pytest.mark.django_db(transaction=True)
def test_the_limit_holds_over_many_workers_at_once(five_in_ten_seconds: None, alice: User) -> None:
    for _ in range(30):
        order(alice, IMAGE, "a fox")
    found: list[Generation] = []

    def work() -> None:
        for _ in range(5):
            if generation := submission.take_next():
                found.append(generation)
        connections.close_all()

    threads = [threading.Thread(target=work) for _ in range(8)]
    for thread in threads:
        thread.start()
    for thread in threads:
        thread.join()
    assert len(found) == len({g.pk for g in found}) <= 5
    assert len(found) + len(taken()) == 5


def test_while_paused_nothing_is_taken(alice: User) -> None:
    order(alice, IMAGE, "a fox")
    breaker.pause("KIE has no credits left")
    assert submission.submit_waiting() == 0
    assert not submission.due()
    breaker.resume()
    assert submission.due()


def test_a_short_pause_ends_by_itself_and_never_shortens_a_longer(db: None) -> None:
    breaker.pause("maintenance", seconds=60)
    assert breaker.paused()
    with time_machine.travel(timezone.now() + timedelta(seconds=61)):
        assert not breaker.paused()
        breaker.pause("maintenance again", seconds=60)
        breaker.pause("busy", seconds=1)
    with time_machine.travel(timezone.now() + timedelta(seconds=110)):
        assert breaker.paused()
        breaker.pause("no credits")
        breaker.pause("busy", seconds=1)
    with time_machine.travel(timezone.now() + timedelta(hours=9)):
        assert breaker.paused()
    assert Breaker.objects.get().reason == "no credits"


def test_a_low_balance_is_told_once_and_a_sufficient_one_resumes(db: None) -> None:
    """R-BRK2, R-AL1"""
    account.record_balance(900_000)
    for _ in range(3):
        account.record_balance(49_999)
    assert Alert.objects.filter(key__startswith="balance-low").count() == 1
    breaker.pause("402")
    account.record_balance(49_999)
    assert breaker.paused()
    account.record_balance(50_000)
    assert not breaker.paused()


def test_an_unreadable_balance_has_its_own_alert(db: None) -> None:
    """R-AL1"""
    for _ in range(2):
        account.balance_unreadable("no connection")
    assert Alert.objects.filter(key__startswith="balance-unreadable").count() == 1
