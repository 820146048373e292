from decimal import ROUND_HALF_UP, Decimal

import pytest

from tests.kie_simulator.chatting import CLAUDE, COMPLETIONS, GEMINI, RESPONSES, STYLES, Style, events, post, whole
from tests.kie_simulator.conftest import Kie
from tests.simulating import until
from tests.simulator import Simulator

each_style = pytest.mark.parametrize("style", STYLES, ids=lambda style: style.name)
LONG = "A red fox sim:tokens=2000"


def priced(style: Style, tokens_in: int, tokens_out: int) -> float:
    """Usage times the model's prices per million, to two decimals, at least 0.01."""
    total = Decimal(str(style.prices[0])) * tokens_in + Decimal(str(style.prices[1])) * tokens_out
    return float(max((total / 1_000_000).quantize(Decimal("0.01"), ROUND_HALF_UP), Decimal("0.01")))


@each_style
@pytest.mark.parametrize("prompt", [LONG, "A red fox"])
def test_a_streamed_reply_debits_exactly_what_it_reports(kie: Kie, style: Style, prompt: str) -> None:
    found = events(post(style, kie, prompt))
    reported = [style.bill(event) for event in found if "credits_consumed" in str(event)]
    call = kie.simulator.chats()[0]
    assert [bill["credits_consumed"] for bill in reported] == [call["debited"]]
    assert call["debited"] == priced(style, call["input_tokens"], call["output_tokens"])
    assert kie.credit() == pytest.approx(10_000 - call["debited"])


@each_style
def test_a_whole_reply_costs_the_same_as_a_streamed_one(kie: Kie, style: Style) -> None:
    post(style, kie, LONG)
    assert whole(style, kie, LONG)["credits_consumed"] == kie.simulator.chats()[1]["debited"] > 0.3


def test_usage_is_counted_from_the_texts(kie: Kie) -> None:
    usage = [whole(CLAUDE, kie, prompt)["usage"]["input_tokens"] for prompt in ("fox", "fox " * 100)]
    assert usage == [1, 101]


def test_the_smallest_debit_is_a_hundredth(kie: Kie) -> None:
    assert whole(COMPLETIONS, kie, "sim:tokens=1")["credits_consumed"] == 0.01


def test_a_model_without_a_price_debits_nothing(kie: Kie) -> None:
    kie.post("/grok/v1/responses", {"model": "grok-4-3", "input": "fox"} | {"stream": False})
    assert kie.simulator.chats()[0]["debited"] == 0.0 and kie.credit() == 10_000.0


@each_style
def test_an_empty_balance_is_402_and_nothing_is_said(kie: Kie, style: Style) -> None:
    kie.simulator.balance(0)
    answer = post(style, kie, "fox").json()
    assert answer == {"code": 402, "msg": "The current credits are insufficient. Please top up.", "data": None}
    assert kie.simulator.chats() == []


def test_a_small_balance_begins_and_ends_below_zero(kie: Kie) -> None:
    kie.simulator.balance(0.01)
    cost = whole(RESPONSES, kie, LONG)["credits_consumed"]
    assert kie.credit() == pytest.approx(0.01 - cost) and cost > 3


@each_style
def test_who_hangs_up_is_debited_what_was_generated_until_then(style: Style) -> None:
    simulator = Simulator.start(speed=2)
    kie = Kie(simulator)
    with kie.http.stream("POST", style.path, json=style.ask(LONG)) as response:
        chunks = response.iter_raw()
        for _ in range(20):
            next(chunks)
    call = until(lambda: (found := simulator.chats()[0])["debited"] is not None and found)
    assert call["state"] == "left" and 0 < call["output_tokens"] < 1000
    assert call["debited"] == priced(style, call["input_tokens"], call["output_tokens"])
    assert kie.credit() == pytest.approx(10_000 - call["debited"])
    kie.http.close()
    simulator.stop()


def test_codex_may_debit_a_prompt_of_its_own(kie: Kie) -> None:
    """Protocol 5.4: some 40 KB, with input_tokens 0."""
    body = whole(RESPONSES, kie, "fox sim:own-prompt")
    call = kie.simulator.chats()[0]
    assert body["usage"]["input_tokens"] == 0
    assert body["credits_consumed"] == priced(RESPONSES, 10_000 + call["input_tokens"], call["output_tokens"]) > 2.8


def test_pictures_cost_by_their_size(kie: Kie) -> None:
    parts = [{"text": "fox"}, {"file_data": {"mime_type": "image/png", "file_uri": "https://example.com/fox.png"}}]
    body = whole(GEMINI, kie, "", contents=[{"role": "user", "parts": parts}])
    assert body["usageMetadata"]["promptTokenCount"] == 259
