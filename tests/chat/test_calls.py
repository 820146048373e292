"""Money of chat calls: held before, settled by what KIE reports, once."""

import asyncio
from collections import Counter
from contextlib import aclosing
from typing import Any

import pytest

import billing.verify
from accounts.errors import Refused
from accounts.models import User
from billing import ledger
from billing.models import Alert
from billing.upstream import breaker
from chat import calls
from chat.calls import Ended
from generation import catalog, pricing, tokens
from generation.kie.families.base import millicredits
from generation.models import Exchange, Generation
from generation.oversight import verify
from tests.budgets.use import used
from tests.chat import talking
from tests.chat.talking import CLAUDE, DIALECTS, GEMINI, GPT
from tests.simulator import Simulator

pytestmark = [pytest.mark.simulator, pytest.mark.django_db(transaction=True)]


def chats(kie: Simulator) -> list[dict[str, Any]]:
    return kie.control("GET", "chats")


@pytest.mark.parametrize("model", DIALECTS)
def test_an_answer_costs_what_kie_reports(kie: Simulator, alice: User, model: str) -> None:
    text, ended = talking.talk(alice, model, "hello fox")
    assert "**hello fox**" in text
    (chat,) = chats(kie)
    cost = millicredits(chat["debited"])
    row, receipt = talking.the_call(), talking.receipt()
    assert (row.state, row.cost_millicredits, row.kind) == ("succeeded", cost, "chat")
    assert receipt.charged == -(-row.price_millicredits * cost // row.cost_estimate_millicredits)
    assert receipt.charged == ended.charged_millicredits > 0
    assert talking.wallet(alice) == (1_000_000 - receipt.charged, 0)
    assert (ended.finish_reason, ended.error_code) == ("stop", "")
    assert (ended.input_tokens, ended.output_tokens) == (chat["input_tokens"], chat["output_tokens"])
    assert used() == cost


@pytest.mark.parametrize("model", DIALECTS)
def test_a_whole_answer_costs_the_same_as_a_streamed_one(kie: Simulator, alice: User, model: str) -> None:
    *pieces, ended = talking.run(talking.whole(alice, model, "hello fox"))
    said = [said for piece in pieces for said in piece.said]
    assert "**hello fox**" in talking.text_of(said)
    (chat,) = chats(kie)
    assert chat["streams"] is False
    assert chat["body"]["stream"] is False
    assert talking.the_call().cost_millicredits == millicredits(chat["debited"])
    assert ended.charged_millicredits == talking.receipt().charged > 0


def test_what_was_said_is_not_kept(kie: Simulator, alice: User) -> None:
    talking.talk(alice, GEMINI, "a secret of mine")
    row = talking.the_call()
    assert row.input["stream"] is True
    assert row.input["messages"] == 1
    assert "secret" not in str(row.input)
    assert not Exchange.objects.exists()


def test_the_hold_is_the_most_that_the_call_can_cost(kie: Simulator, alice: User) -> None:
    """R-PR4"""
    _, ended = talking.talk(alice, CLAUDE, "hello", max_tokens=500)
    row = talking.the_call()
    # The reply: 500 tokens at 2,000 credits for a million of them; the rest is the request.
    assert 1_000 < row.cost_estimate_millicredits < 1_000 + 400
    assert ended.charged_millicredits <= row.price_millicredits
    assert row.input["max_tokens"] == 500


def test_a_charge_is_never_above_the_hold(kie: Simulator, alice: User) -> None:
    """R-PR4: KIE may take more than its own limit allows, and then it is our loss and an alert (R-PR2)."""
    _, ended = talking.talk(alice, CLAUDE, "hello sim:own-prompt", max_tokens=10)
    row = talking.the_call()
    assert row.cost_millicredits > row.cost_estimate_millicredits
    assert ended.charged_millicredits == row.price_millicredits
    assert Alert.objects.filter(key__startswith="cost-deviates:").exists()


# What KIE leaves out


def test_without_a_cost_the_tokens_are_priced(kie: Simulator, alice: User) -> None:
    talking.talk(alice, GEMINI, "hello fox sim:no-cost")
    (chat,) = chats(kie)
    row, entry = talking.the_call(), catalog.get(GEMINI)
    used = tokens.Usage(chat["input_tokens"], chat["output_tokens"])
    assert row.cost_millicredits == pricing.used(entry, used) > 0
    assert Alert.objects.filter(key__startswith="cost-unknown:").count() == 1


def test_without_cost_and_tokens_the_length_of_the_reply_is_priced_and_said_so(kie: Simulator, alice: User) -> None:
    """R-PR1"""
    text, _ = talking.talk(alice, GEMINI, "hello fox sim:no-cost sim:no-usage")
    row = talking.the_call()
    assert row.state == "succeeded"
    assert talking.receipt().charged > 0
    assert "estimated" in row.events.last().why
    # 180 credits for a million tokens of four letters, and a little for the request.
    assert len(text) // 4 * 180 // 1000 <= row.cost_millicredits < len(text) * 180 // 1000
    assert Alert.objects.filter(key__startswith="cost-unknown:").count() == 1


@pytest.mark.parametrize("model", DIALECTS)
def test_no_content_and_no_usage_costs_nothing(kie: Simulator, alice: User, model: str) -> None:
    """R-CH1"""
    text, ended = talking.talk(alice, model, "hello sim:no-content")
    assert (text, ended.charged_millicredits, ended.error_code) == ("", 0, "empty_result")
    assert talking.the_call().state == "failed"
    assert talking.wallet(alice) == (1_000_000, 0)


@pytest.mark.parametrize("model", DIALECTS)
def test_thinking_without_a_word_costs_what_kie_reports(kie: Simulator, alice: User, model: str) -> None:
    _, ended = talking.talk(alice, model, "hello sim:usage-only")
    assert talking.the_call().state == "succeeded"
    assert talking.the_call().cost_millicredits == millicredits(chats(kie)[0]["debited"])
    assert ended.charged_millicredits > 0


def test_kie_adds_no_prompt_of_its_own_because_there_always_is_one(kie: Simulator, alice: User) -> None:
    """protocol 5.4"""
    talking.talk(alice, GPT, "hello")
    assert chats(kie)[0]["body"]["instructions"]


# What goes wrong

REFUSALS = {
    "422": "invalid_input",
    "422-model": "model_unavailable",
    "524": "temporarily_unavailable",
    "500-page": "temporarily_unavailable",
    "error-400": "invalid_input",
    "error-429": "temporarily_unavailable",
    "claude-500": "temporarily_unavailable",
    "http-500": "upstream_failed",
    "html": "upstream_failed",
    "bad-json": "upstream_failed",
    "drop": "upstream_failed",
    "error-midway=0": "temporarily_unavailable",
}


@pytest.mark.parametrize("fault", REFUSALS)
def test_a_failure_before_the_first_word_returns_the_hold(kie: Simulator, alice: User, fault: str) -> None:
    text, ended = talking.talk(alice, CLAUDE, f"hello sim:{fault}")
    assert (text, ended.error_code, ended.charged_millicredits) == ("", REFUSALS[fault], 0)
    assert talking.the_call().state == "failed"
    assert talking.wallet(alice) == (1_000_000, 0)
    assert not breaker.paused()
    # What KIE said is for operators, what customers read is ours (R-API1).
    assert Exchange.objects.get().response
    assert ended.error_message.endswith("Nothing was charged.")


@pytest.mark.parametrize("fault", ["401", "402", "error-401", "http-403", "433", "455"])
def test_trouble_with_our_account_pauses_the_platform(kie: Simulator, alice: User, fault: str) -> None:
    """R-BRK2"""
    _, ended = talking.talk(alice, GEMINI, f"hello sim:{fault}")
    assert ended.error_code == "temporarily_unavailable"
    assert breaker.paused()
    assert talking.wallet(alice) == (1_000_000, 0)
    with pytest.raises(Refused) as refused:
        talking.talk(alice, GEMINI, "hello again")
    assert (refused.value.status, refused.value.code) == (503, "temporarily_unavailable")
    assert Generation.objects.count() == 1


def test_customers_mistakes_pause_nothing(kie: Simulator, alice: User, bob: User) -> None:
    """R-BRK1"""
    talking.talk(alice, GEMINI, "hello sim:422")
    with pytest.raises(Refused) as refused:
        talking.talk(bob, GEMINI, "hello")
    assert (refused.value.status, refused.value.code) == (402, "insufficient_credits")
    assert not breaker.paused()


def test_kie_that_cannot_be_reached_costs_nothing(kie: Simulator, alice: User, settings: Any) -> None:
    settings.KIE_BASE_URL = "http://127.0.0.1:9"
    _, ended = talking.talk(alice, GEMINI, "hello")
    assert ended.error_code == "temporarily_unavailable"
    assert talking.the_call().cost_millicredits == 0


def test_without_a_hold_kie_hears_nothing(kie: Simulator, bob: User) -> None:
    """R-BUD3"""
    with pytest.raises(Refused):
        talking.talk(bob, GEMINI, "hello")
    assert chats(kie) == []
    assert not Generation.objects.exists()


# Breaking off


@pytest.mark.parametrize("model", DIALECTS)
def test_a_reply_that_breaks_off_costs_what_was_delivered(kie: Simulator, alice: User, model: str) -> None:
    text, ended = talking.talk(alice, model, "hello fox sim:tokens=400 sim:cut=200")
    assert text
    assert ended.error_code == "interrupted"
    row = talking.the_call()
    assert row.state == "succeeded"
    assert 0 < talking.receipt().charged < row.price_millicredits
    assert "broke off" in row.events.last().why


def test_a_reply_that_breaks_off_after_its_bill_costs_the_bill(kie: Simulator, alice: User) -> None:
    talking.talk(alice, GEMINI, "hello fox sim:cut-after-usage")
    assert talking.the_call().cost_millicredits == millicredits(chats(kie)[0]["debited"])


def test_an_error_in_the_middle_of_a_reply_costs_what_was_delivered(kie: Simulator, alice: User) -> None:
    text, ended = talking.talk(alice, GEMINI, "hello fox sim:tokens=400 sim:error-midway=200")
    assert text
    assert ended.error_code == "interrupted"
    assert talking.receipt().charged > 0


def test_a_line_of_nonsense_does_not_end_a_reply(kie: Simulator, alice: User) -> None:
    text, ended = talking.talk(alice, GEMINI, "hello fox sim:bad-chunk")
    assert "**hello fox**" in text
    assert ended.error_code == ""


def test_a_kie_that_falls_silent_is_given_up(kie: Simulator, alice: User, settings: Any) -> None:
    settings.CHAT_IDLE_SECONDS = 0.3
    text, ended = talking.talk(alice, GEMINI, "hello fox sim:tokens=400 sim:hang=200")
    assert text
    assert ended.error_code == "interrupted"


def test_a_call_has_one_time_limit_in_all(kie: Simulator, alice: User, settings: Any) -> None:
    """R-UP5"""
    settings.CHAT_MAX_SECONDS = 0.5
    _, ended = talking.talk(alice, GEMINI, "hello fox sim:tokens=10000 sim:trickle=0.05")
    assert ended.error_code in ("interrupted", "upstream_timeout")


# Leaving


def test_a_client_that_leaves_is_charged_what_kie_reports(kie: Simulator, alice: User) -> None:
    """R-CH1"""

    async def leave() -> None:
        async with aclosing(calls.answer(alice, GEMINI, talking.said("hello sim:tokens=300"))) as events:
            await talking.first_words(events)
        await talking.eventually(lambda: Generation.objects.filter(state="succeeded").exists())

    talking.run(leave())
    (chat,) = chats(kie)
    assert chat["state"] == "done"
    assert talking.the_call().cost_millicredits == millicredits(chat["debited"])
    assert talking.wallet(alice) == (1_000_000 - talking.receipt().charged, 0)


def test_a_call_ends_by_itself_wherever_its_caller_is_cancelled(kie: Simulator, alice: User) -> None:
    """At each of the first hundred steps of the event loop, and then not at all."""

    async def canceled_after(steps: int) -> None:
        task = asyncio.create_task(talking.heard(alice, GEMINI, "hello"))
        for _ in range(steps):
            await asyncio.sleep(0)
        task.cancel()
        await asyncio.wait([task])
        await asyncio.gather(*calls._running)

    async def all() -> None:
        for steps in range(0, 100, 5):
            await canceled_after(steps)
        await talking.eventually(lambda: not Generation.objects.filter(finished_at=None).exists())

    talking.run(all())
    states = Counter(Generation.objects.values_list("state", flat=True))
    assert set(states) <= {"succeeded", "canceled"}
    charged = sum(ledger.receipts([g.about])[g.about].charged for g in Generation.objects.all())
    assert talking.wallet(alice) == (1_000_000 - charged, 0)
    assert len(chats(kie)) == states["succeeded"]


def test_a_caller_that_is_gone_before_kie_was_asked_buys_nothing(kie: Simulator, alice: User) -> None:
    async def leave() -> None:
        task = asyncio.create_task(talking.heard(alice, GEMINI, "hello"))
        while not calls._running:
            await asyncio.sleep(0)
        task.cancel()
        await asyncio.wait([task])
        await asyncio.gather(*calls._running)

    talking.run(leave())
    assert chats(kie) == []
    assert talking.the_call().state == "canceled"
    assert talking.wallet(alice) == (1_000_000, 0)


def test_an_event_loop_that_ends_settles_its_calls(kie: Simulator, alice: User) -> None:
    async def begin() -> None:
        events = calls.answer(alice, GEMINI, talking.said("hello sim:tokens=100000"))
        await talking.first_words(events)

    talking.run(begin())
    row = talking.the_call()
    assert row.state == "succeeded"
    assert 0 < talking.receipt().charged < row.price_millicredits
    assert talking.wallet(alice)[1] == 0


# Many


def test_fifty_calls_at_once_against_credits_for_ten(kie: Simulator, bob: User) -> None:
    """R-LED1: reservations cannot leak, and what ten calls left over is there for the next."""

    async def price() -> int:
        return (await calls.quote(bob, GEMINI, talking.said("hello sim:slow-start"))).price_millicredits

    held = talking.run(price())
    ledger.top_up(bob, 10 * held, payment="ten")

    async def one() -> Any:
        try:
            return (await talking.heard(bob, GEMINI, "hello sim:slow-start"))[-1]
        except Refused as refused:
            return refused.code

    async def fifty() -> list[Any]:
        return await asyncio.gather(*[one() for _ in range(50)])

    results = talking.run(fifty())
    ended = [result for result in results if isinstance(result, Ended)]
    assert set(result for result in results if not isinstance(result, Ended)) <= {"insufficient_credits"}
    assert len(ended) >= 10
    assert all(one.charged_millicredits < held // 100 for one in ended)
    assert talking.wallet(bob) == (10 * held - sum(one.charged_millicredits for one in ended), 0)
    assert Generation.objects.count() == len(ended)


def test_the_books_are_right_whatever_happened(kie: Simulator, alice: User) -> None:
    """All invariants of section 9, after calls that ended in every way."""
    for fault in (
        "",
        "sim:no-content",
        "sim:no-cost",
        "sim:422",
        "sim:drop",
        "sim:tokens=400 sim:cut=200",
        "sim:usage-only",
    ):
        for model in DIALECTS:
            talking.talk(alice, model, f"hello {fault}")
    states = Counter(Generation.objects.values_list("state", flat=True))
    assert set(states) == {"succeeded", "failed"}
    checks = [*billing.verify.CHECKS, *verify.CHECKS]
    assert [found for _, check in checks for found in check()] == []
