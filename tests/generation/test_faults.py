"""Every fault of KIE ends in the right state, with the books exact (R-REF1)."""

from io import StringIO
from typing import Any

import pytest
from django.core.management import call_command

from accounts.models import User
from billing import ledger
from billing.models import Alert, Wallet
from billing.upstream import account, breaker
from generation import lifecycle
from generation.models import Generation
from tests import driving
from tests.budgets.use import used
from tests.simulator import Simulator

IMAGE, DIRECT, VIDEO = "google/nano-banana", "gpt4o-image/generate", "veo/veo3_fast"
EVERYONE = (IMAGE, DIRECT, VIDEO)
PRICE = {IMAGE: 5_000, DIRECT: 7_500, VIDEO: 75_000}

# What becomes of a generation whose prompt names the fault: the error code, "" for success.
ENDS: list[tuple[str, tuple[str, ...], str]] = [
    ("policy", EVERYONE, "content_policy"),
    ("fail", EVERYONE, "upstream_failed"),
    ("flag2", EVERYONE, "upstream_failed"),
    ("flag3", EVERYONE, "upstream_failed"),
    ("fail-501", EVERYONE, "upstream_failed"),
    ("fail-later", (IMAGE,), "upstream_failed"),
    ("fail-fetch", (IMAGE,), "input_unreachable"),
    ("empty-result", EVERYONE, "deadline"),
    ("422", EVERYONE, "invalid_input"),
    ("505", EVERYONE, "model_unavailable"),
    ("never", EVERYONE, "deadline"),
    ("unknown-state-forever", EVERYONE, "deadline"),
    ("create-timeout", EVERYONE, "deadline"),
    ("create-drop", EVERYONE, "deadline"),
    ("html", EVERYONE, "deadline"),
    ("bad-json", EVERYONE, "deadline"),
    ("http-500", EVERYONE, "deadline"),
    ("gone", EVERYONE, "result_unavailable"),
    ("truncated", EVERYONE, "result_unavailable"),
    ("wrong-type", EVERYONE, "result_unavailable"),
    ("huge", EVERYONE, "result_unavailable"),
    ("redirect-private", EVERYONE, "result_unavailable"),
    ("private-url", EVERYONE, "result_unavailable"),
    ("unknown-state", EVERYONE, ""),
    ("dead-link", EVERYONE, ""),
    ("complete-time-early", (DIRECT,), ""),
    ("null-record", EVERYONE, ""),
    ("no-cost", (IMAGE,), ""),
    ("bad-record-json", (IMAGE,), ""),
    ("poll-500", EVERYONE, ""),
    ("poll-429", EVERYONE, ""),
    ("callback-lost", EVERYONE, ""),
]
CASES = [(fault, model, error) for fault, models, error in ENDS for model in models]


def books_are_right() -> None:
    call_command("verify_money", stdout=StringIO())


def order(user: User, model: str, prompt: str) -> Generation:
    values = {"prompt": prompt, "size": "1:1"} if model == DIRECT else {"prompt": prompt}
    return lifecycle.request(user, model, values)


@pytest.fixture
def hasty(settings: Any) -> None:
    """Deadlines are soon over; whatever else may end a generation comes before them, however slow the machine."""
    settings.DEADLINE_SECONDS = {"image": 1.6, "video": 1.6}
    settings.DOWNLOAD_MAX_SECONDS = 1.5


@pytest.fixture
def patient(settings: Any) -> None:
    settings.DEADLINE_SECONDS = {"image": 30, "video": 30}
    settings.DOWNLOAD_MAX_SECONDS = 1.5


@pytest.mark.simulator
@pytest.mark.parametrize(("fault", "model", "error"), CASES, ids=[f"{fault}-{model}" for fault, model, _ in CASES])
def test_a_fault_ends_as_it_should(
    kie: Simulator, request: pytest.FixtureRequest, alice: User, fault: str, model: str, error: str
) -> None:
    request.getfixturevalue("hasty" if error == "deadline" else "patient")
    generation = driving.finish(order(alice, model, f"a fox sim:{fault}"))
    wallet = Wallet.objects.get(pk=alice.pk)
    receipt = ledger.receipts([generation.about])[generation.about]
    assert generation.error_code == error
    assert (generation.state, wallet.held) == ("failed" if error else "succeeded", 0)
    assert receipt.held == PRICE[model]
    assert receipt.charged == (0 if error else PRICE[model])
    assert wallet.available == 1_000_000 - receipt.charged
    assert generation.assets.exists() == (not error)
    books_are_right()


@pytest.mark.simulator
@pytest.mark.parametrize("fault", ["create-timeout", "create-drop", "html", "bad-json", "http-500"])
def test_an_order_without_an_answer_is_never_sent_again(kie: Simulator, hasty: None, alice: User, fault: str) -> None:
    """R-UP1"""
    generation = driving.finish(order(alice, IMAGE, f"a fox sim:{fault}"))
    assert generation.attempts == 1
    assert kie.requests("createTask") == 1


@pytest.mark.simulator
@pytest.mark.parametrize("fault", ["429", "500", "455", "433", "550"])
def test_work_that_kie_refuses_for_now_is_done_later(kie: Simulator, alice: User, fault: str) -> None:
    """R-UP6: 429 and 433 back off without losing the job."""
    kie.fault(fault, count=1)
    generation = order(alice, IMAGE, "a fox")

    def let_time_pass() -> bool:
        breaker.resume()
        Generation.objects.filter(pk=generation.pk, state="queued").update(check_at=generation.created_at)
        return Generation.objects.get(pk=generation.pk).terminal

    driving.until(let_time_pass)
    assert Generation.objects.get(pk=generation.pk).state == "succeeded"
    books_are_right()


@pytest.mark.simulator
@pytest.mark.parametrize("fault", ["401", "402"])
def test_an_account_out_of_order_pauses_everything_and_tells_once(kie: Simulator, alice: User, fault: str) -> None:
    """R-BRK2"""
    kie.fault(fault, count=1)
    first, second = (order(alice, IMAGE, f"fox {number}") for number in range(2))
    for _ in range(3):
        driving.step()
    assert breaker.paused()
    assert set(Generation.objects.values_list("state", flat=True)) == {"queued"}
    assert Alert.objects.filter(key__startswith="breaker:").count() == 1
    assert kie.requests("createTask") == 1
    account.record_balance(60_000)
    Generation.objects.update(check_at=first.created_at)
    for generation in (first, second):
        assert driving.finish(generation).state == "succeeded"


@pytest.mark.simulator
def test_a_late_success_is_booked_and_given_away(kie: Simulator, hasty: None, alice: User) -> None:
    """R-UP3"""
    generation = driving.finish(order(alice, IMAGE, "a fox sim:slow=3"))
    assert generation.error_code == "deadline"
    driving.until(lambda: generation.assets.exists())
    generation.refresh_from_db()
    assert (generation.state, generation.cost_millicredits) == ("failed", 4_000)
    assert generation.check_at is None
    assert Wallet.objects.get(pk=alice.pk).available == 1_000_000
    assert used() == 4_000
    books_are_right()


@pytest.mark.simulator
def test_a_failure_that_kie_charges_for_is_booked_but_free_for_the_customer(kie: Simulator, alice: User) -> None:
    """R-UP3, R-BUD2"""
    generation = driving.finish(order(alice, IMAGE, "a fox sim:failed-but-charged"))
    assert (generation.state, generation.cost_millicredits) == ("failed", 4_000)
    assert Wallet.objects.get(pk=alice.pk).available == 1_000_000
    assert used() == 4_000
    books_are_right()


@pytest.mark.simulator
def test_an_unknown_state_is_told_to_the_operator(kie: Simulator, hasty: None, alice: User) -> None:
    """R-ST2"""
    driving.finish(order(alice, IMAGE, "a fox sim:unknown-state-forever"))
    assert Alert.objects.filter(key__startswith="unknown-state:google/nano-banana:reviewing").count() == 1


@pytest.mark.simulator
def test_customers_never_read_the_words_of_kie(kie: Simulator, alice: User) -> None:
    """R-API1"""
    generation = driving.finish(order(alice, IMAGE, "a fox sim:policy"))
    assert "CONTENT_POLICY_BLOCKED" not in generation.error_message
    assert "Nothing was charged" in generation.error_message
    assert "CONTENT_POLICY_BLOCKED" in generation.exchanges.last().response
