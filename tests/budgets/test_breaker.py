"""The breaker opens on abnormal spending and failures, tries again after a while, and never for customers' mistakes."""

from collections.abc import Iterator
from datetime import UTC, datetime, timedelta
from typing import Any

import pytest
import time_machine
from django.test import Client
from django.utils import timezone

from accounts.admin_buttons import admin_url
from accounts.errors import Refused
from accounts.models import User
from billing.models import Alert, Breaker, SpendHour
from billing.upstream import breaker, spend
from billing.upstream.spend import Reading
from generation import lifecycle, messages, submission
from generation.kie.families import failures
from generation.models import Generation
from generation.oversight import watch
from tests.operators.conftest import press
from tests.pages.conftest import browser_of

MODEL = "google/nano-banana"
NOON = datetime(2026, 11, 20, 12, 30, tzinfo=UTC)
State = Generation.State


@pytest.fixture(autouse=True)
def clock(settings: Any) -> Iterator[time_machine.Traveller]:
    """Half past twelve; and limits that a test reaches."""
    settings.BREAKER_SPEND_FLOOR_CREDITS = "10"
    settings.BREAKER_FAILURE_MIN_COUNT = 4
    settings.BREAKER_TRIALS = 2
    with time_machine.travel(NOON, tick=False) as traveller:
        yield traveller


def order(user: User) -> Generation:
    return lifecycle.request(user, MODEL, {"prompt": "a fox"})


def end(user: User, error: str = "", count: int = 1) -> None:
    """Let some generations be submitted and end, well without an `error`."""
    for _ in range(count):
        generation = order(user)
        lifecycle.move(generation, State.RUNNING, "submitting", started_at=timezone.now(), attempts=1)
        state = State.FAILED if error else State.SUCCEEDED
        assert lifecycle.finish(generation, state, "test", error=error, cost=0 if error else 4_000)


def usual(cost: int, succeeded: int = 100, failed: int = 0) -> None:
    """A week of hours like this."""
    last = spend.hour_of(timezone.now()) - spend.HOUR
    for number in range(7 * 24):
        spend.remember(last - spend.HOUR * number, Reading(cost, succeeded, failed))


def cause() -> str:
    return breaker.read().cause if breaker.paused() else ""


def told() -> int:
    return Alert.objects.filter(key__startswith="breaker:").count()


# Spending


def test_spending_far_above_the_floor_pauses_and_is_told_once(alice: User) -> None:
    """R-BRK2, R-AL1"""
    order(alice), order(alice)
    watch.look()
    assert cause() == ""
    waiting = order(alice)
    for _ in range(3):
        watch.look()
    assert (cause(), told()) == ("spend", 1)
    assert "12 KIE credits were spent in this hour; 10 is the limit and 0 usual" in Alert.objects.get().message
    assert submission.submit_waiting() == 0
    waiting.refresh_from_db()
    assert waiting.state == "queued"


def test_what_is_usual_at_this_hour_is_no_reason(alice: User) -> None:
    usual(3_000)
    for _ in range(3):
        order(alice)
    watch.look()
    assert cause() == ""
    order(alice)
    watch.look()
    assert cause() == "spend"


def test_usual_is_the_median_so_that_one_wild_hour_changes_nothing(alice: User) -> None:
    usual(1_000)
    SpendHour.objects.filter(starts_at=datetime(2026, 11, 19, 12, tzinfo=UTC)).update(cost_millicredits=10**9)
    assert "1 usual" in spend.too_much(NOON, 10_001)


def test_a_new_hour_begins_at_nothing(alice: User, clock: time_machine.Traveller) -> None:
    for _ in range(3):
        order(alice)
    clock.shift(timedelta(minutes=31))
    watch.look()
    assert cause() == ""


def test_without_a_factor_spending_never_pauses(alice: User, settings: Any) -> None:
    settings.BREAKER_SPEND_FACTOR = 0
    for _ in range(3):
        order(alice)
    watch.look()
    assert cause() == ""


def test_hours_that_are_over_are_written_down_once(alice: User, clock: time_machine.Traveller) -> None:
    end(alice)
    end(alice, failures.FAILED)
    end(alice, failures.POLICY)
    clock.shift(timedelta(minutes=70))
    watch.look()
    hour = SpendHour.objects.get(starts_at=spend.hour_of(NOON))
    assert (hour.cost_millicredits, hour.succeeded, hour.failed) == (4_000, 1, 1)
    for _ in range(8):
        watch.look()
    assert SpendHour.objects.count() == 7 * 24
    clock.shift(timedelta(days=15))
    watch.look()
    assert not SpendHour.objects.filter(starts_at__lt=timezone.now() - timedelta(days=14)).exists()


# Failures


def test_failures_far_above_usual_pause(alice: User) -> None:
    end(alice, count=2)
    end(alice, failures.FAILED)
    watch.look()
    assert cause() == ""
    end(alice, failures.TIMEOUT)
    watch.look()
    assert (cause(), told()) == ("failures", 1)


def test_few_generations_say_nothing(alice: User) -> None:
    end(alice, failures.FAILED, count=3)
    watch.look()
    assert cause() == ""


@pytest.mark.parametrize("error", [failures.POLICY, failures.INVALID, failures.UNREACHABLE, messages.OPERATOR])
def test_customers_mistakes_never_pause(alice: User, error: str) -> None:
    """R-BRK1"""
    end(alice, error, count=10)
    watch.look()
    assert cause() == ""


def test_empty_wallets_and_cancellations_never_pause(alice: User, bob: User) -> None:
    """R-BRK1"""
    for _ in range(10):
        with pytest.raises(Refused):
            order(bob)
        lifecycle.cancel(order(alice))
    watch.look()
    assert cause() == ""


def test_work_that_waited_too_long_in_a_pause_does_not_prolong_it(alice: User) -> None:
    for _ in range(10):
        lifecycle.finish(order(alice), State.FAILED, "not submitted in time", error=messages.UNAVAILABLE, cost=0)
    watch.look()
    assert cause() == ""


def test_a_share_that_is_usual_is_no_reason(alice: User) -> None:
    usual(10**6, succeeded=75, failed=25)
    end(alice, count=3)
    end(alice, failures.FAILED, count=7)
    watch.look()
    assert cause() == ""
    end(alice, failures.FAILED, count=4)
    watch.look()
    assert cause() == "failures"


def test_old_failures_are_over(alice: User, clock: time_machine.Traveller) -> None:
    end(alice, failures.FAILED, count=4)
    clock.shift(timedelta(minutes=11))
    watch.look()
    assert cause() == ""


# Resuming


@pytest.fixture
def tripped(alice: User, clock: time_machine.Traveller) -> time_machine.Traveller:
    end(alice, failures.FAILED, count=4)
    watch.look()
    assert cause() == "failures"
    return clock


def submitted(user: User) -> Generation | None:
    """A generation that was handed over, if the breaker lets one through."""
    order(user)
    return submission.take_next()


def test_after_the_pause_a_few_are_tried_and_their_success_ends_it(tripped: Any, alice: User) -> None:
    tripped.shift(599)
    watch.look()
    assert submitted(alice) is None
    tripped.shift(2)
    watch.look()
    trials = [trial for _ in range(3) if (trial := submitted(alice))]
    assert len(trials) == 2
    watch.look()
    assert (cause(), breaker.enter()) == ("failures", False)
    for trial in trials:
        lifecycle.finish(trial, State.SUCCEEDED, "test", cost=0)
    watch.look()
    assert (cause(), told()) == ("", 1)
    assert submission.take_next() is not None


def test_a_trial_that_fails_pauses_again_without_another_alert(tripped: Any, alice: User) -> None:
    tripped.shift(601)
    watch.look()
    trial = submitted(alice)
    assert trial
    lifecycle.finish(trial, State.FAILED, "test", error=failures.FAILED, cost=0)
    watch.look()
    assert (cause(), submitted(alice), told()) == ("failures", None, 1)
    tripped.shift(601)
    watch.look()
    assert submitted(alice) is not None


def test_a_trial_that_a_customer_spoilt_is_given_out_again(tripped: Any, alice: User) -> None:
    """R-BRK1"""
    tripped.shift(601)
    watch.look()
    for _ in range(2):
        trial = submitted(alice)
        assert trial
        lifecycle.finish(trial, State.FAILED, "test", error=failures.POLICY, cost=0)
    assert submitted(alice) is None
    watch.look()
    assert submission.take_next() is not None


def test_the_operator_resumes_and_what_led_to_the_pause_is_forgiven(tripped: Any, client: Client, olga: User) -> None:
    client.force_login(olga)
    tripped.shift(1)
    press(client, Breaker(name="kie"), "resume")
    watch.look()
    assert (cause(), told()) == ("", 1)


def test_spending_that_was_forgiven_counts_from_there(alice: User, clock: time_machine.Traveller) -> None:
    for _ in range(3):
        order(alice)
    watch.look()
    clock.shift(60)
    breaker.resume()
    clock.shift(60)
    for _ in range(2):
        order(alice)
    watch.look()
    assert cause() == ""
    order(alice)
    watch.look()
    assert (cause(), told()) == ("spend", 2)


def test_trouble_with_the_account_outlasts_the_trials(tripped: Any) -> None:
    """R-BRK2"""
    tripped.shift(601)
    watch.look()
    breaker.pause("402: no credits")
    tripped.shift(10_000)
    watch.look()
    assert cause() == "account"
    assert breaker.resume(Breaker.Cause.ACCOUNT)
    assert cause() == ""


def test_a_comparison_does_not_end_what_an_operator_paused(alice: User) -> None:
    breaker.pause("maintenance", cause=Breaker.Cause.OPERATOR)
    end(alice, failures.FAILED, count=4)
    watch.look()
    assert (breaker.read().cause, breaker.read().retry_at) == ("operator", None)


def test_a_busy_kie_does_not_shorten_the_pause(tripped: Any) -> None:
    breaker.pause("busy", cause=Breaker.Cause.BUSY, seconds=10_000)
    assert cause() == "failures"


# What is seen


def test_customers_see_a_neutral_sentence_and_never_the_reason(alice: User) -> None:
    """R-API1"""
    breaker.pause("402: our secret balance is empty")
    page = browser_of(alice).get(f"/models/{MODEL}/").content.decode()
    assert "Paused for the moment" in page and "New work waits in line" in page
    assert "402" not in page and "balance is empty" not in page
    breaker.resume()
    assert "Paused for the moment" not in browser_of(alice).get(f"/models/{MODEL}/").content.decode()


def test_what_is_requested_meanwhile_is_accepted_and_waits(alice: User) -> None:
    breaker.pause("402")
    browser_of(alice).post(f"/models/{MODEL}/", {"prompt": "a fox"})
    assert Generation.objects.get().state == "queued"
    assert submission.submit_waiting() == 0


def test_operators_see_what_the_breaker_does_and_why(tripped: Any, client: Client, olga: User) -> None:
    client.force_login(olga)
    page = client.get(admin_url(Breaker(name="kie"))).content.decode()
    assert "4 of 4 generations failed in the last minutes, 100 %; 0 % is usual." in page
    assert "2026-11-20 12:40:00" in page
    tripped.shift(601)
    watch.look()
    assert "trying: 2 more submissions" in client.get(admin_url(Breaker(name="kie"))).content.decode()
