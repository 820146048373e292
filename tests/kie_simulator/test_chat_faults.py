import json
import time
from typing import Any

import httpx
import pytest

from tests.kie_simulator.chatting import CLAUDE, COMPLETIONS, RESPONSES, STYLES, Style, events, post, said, whole
from tests.kie_simulator.conftest import Kie
from tests.simulating import until

each_style = pytest.mark.parametrize("style", STYLES, ids=lambda style: style.name)
CODES = {
    "401": "You do not have access permissions",
    "402": "The current credits are insufficient. Please top up.",
    "422-model": "The model is not supported",
    "429": "Your call frequency is too high. Please try again later.",
    "433": "The current number of points used by apiKey has exceeded the daily limit",
    "455": "The service is currently undergoing maintenance. Please try again later.",
    "500": "Server exception, please try again later or contact customer service",
    "500-page": "The page does not exist",
    "524": "no user can use",
    "524-retry": "2 times retry fail",
}


def bills(style: Style, kie: Kie, prompt: str) -> list[dict[str, Any]]:
    """The events with usage or cost."""
    found = events(post(style, kie, prompt))
    words = ("usage", "usageMetadata", "credits_consumed")
    inner = [event.get("response", event) for event in found if event.get("type") != "message_start"]
    return [event for event in inner if any(event.get(word) for word in words)]


def broken(kie: Kie, style: Style, prompt: str) -> str:
    """The text of a stream that breaks off."""
    lines = []
    with (
        pytest.raises((httpx.RemoteProtocolError, httpx.ReadError)),
        kie.http.stream("POST", style.path, json=style.ask(prompt)) as response,
    ):
        for line in response.iter_lines():
            lines.append(line)
    return "\n".join(lines)


@each_style
@pytest.mark.parametrize("word", CODES)
def test_an_envelope_comes_instead_of_a_reply(kie: Kie, style: Style, word: str) -> None:
    """Trap 48: HTTP 200, streaming asked for or not."""
    response = post(style, kie, f"please sim:{word}")
    assert response.status_code == 200 and response.headers["content-type"] == "application/json"
    assert response.json() == {"code": int(word[:3]), "msg": CODES[word], "data": None}
    assert kie.simulator.chats() == [] and kie.credit() == 10_000.0


@pytest.mark.parametrize("status", [400, 401, 429])
def test_an_error_object_may_come_under_its_own_status(kie: Kie, status: int) -> None:
    response = post(COMPLETIONS, kie, f"sim:error-{status}")
    assert response.status_code == status and set(response.json()["error"]) == {"message", "type"}


def test_claude_may_answer_a_real_500(kie: Kie) -> None:
    response = post(CLAUDE, kie, "sim:claude-500")
    assert response.status_code == 500
    assert response.json()["type"] == "error" and response.json()["error"]["type"] == "api_error"


@pytest.mark.parametrize(("word", "status"), [("html", 200), ("http-500", 500), ("bad-json", 200)])
def test_the_answer_may_be_no_json(kie: Kie, word: str, status: int) -> None:
    response = post(RESPONSES, kie, f"sim:{word}")
    assert response.status_code == status
    with pytest.raises(json.JSONDecodeError):
        response.json()


def test_a_fault_is_armed_for_the_next_call_of_a_path_and_model(kie: Kie) -> None:
    kie.simulator.fault("524-retry", path="/responses", model="gpt-5-5")
    assert whole(CLAUDE, kie, "fox")["type"] == "message"
    assert whole(RESPONSES, kie, "fox")["code"] == 524
    assert whole(RESPONSES, kie, "fox")["status"] == "completed"


def test_an_armed_word_changes_the_reply(kie: Kie) -> None:
    kie.simulator.fault("tokens=3", model="claude")
    whole(CLAUDE, kie, "fox")
    assert kie.simulator.chats()[0]["reply_tokens"] == 3


def test_words_of_earlier_messages_do_not_count(kie: Kie) -> None:
    messages = [{"role": role, "content": text} for role, text in (("user", "fox sim:500"), ("user", "again"))]
    assert "again" in CLAUDE.text(whole(CLAUDE, kie, "", messages=messages))


@each_style
def test_a_cut_stream_has_no_bill_and_debits_what_was_generated(kie: Kie, style: Style) -> None:
    text = broken(kie, style, "A red fox sim:tokens=3000 sim:cut=2000")
    assert text.count("data: ") >= 1990 and "credits_consumed" not in text
    call = kie.simulator.chats()[0]
    assert (call["state"], call["output_tokens"]) == ("cut", 2000)
    assert call["debited"] > 0 and kie.credit() == pytest.approx(10_000 - call["debited"])


@each_style
def test_a_stream_may_break_right_after_the_bill(kie: Kie, style: Style) -> None:
    text = broken(kie, style, "fox sim:cut-after-usage")
    assert text.count("credits_consumed") == 1
    assert "[DONE]" not in text and "message_stop" not in text


def test_a_whole_answer_may_break_off(kie: Kie) -> None:
    for word in ("cut", "cut-after-usage"):
        with pytest.raises(httpx.RemoteProtocolError):
            whole(COMPLETIONS, kie, f"fox sim:{word}")


@each_style
def test_an_error_may_come_in_the_middle_of_a_stream(kie: Kie, style: Style) -> None:
    found = events(post(style, kie, "fox sim:error-midway"))
    assert found[-1]["code"] == 500 and "credits_consumed" not in str(found)
    assert kie.simulator.chats()[0]["debited"] > 0


@each_style
@pytest.mark.parametrize("stream", [True, False])
def test_a_reply_may_hang(kie: Kie, style: Style, stream: bool) -> None:
    body = style.ask("fox sim:hang") | {"stream": stream}
    with pytest.raises(httpx.ReadTimeout):
        kie.http.post(style.path, json=body, timeout=0.3)
    call = until(lambda: (found := kie.simulator.chats()[0])["debited"] is not None and found)
    assert call["state"] == "left" and call["output_tokens"] > 0


def test_tokens_may_trickle(kie: Kie) -> None:
    started = time.monotonic()
    post(CLAUDE, kie, "fox sim:tokens=4 sim:trickle=0.1")
    assert time.monotonic() - started >= 0.3


@each_style
def test_one_line_may_be_broken_and_the_text_is_still_whole(kie: Kie, style: Style) -> None:
    lines = post(style, kie, "fox sim:bad-chunk").text.split("\n")
    data = [line.removeprefix("data: ") for line in lines if line.startswith("data: ") and "[DONE]" not in line]
    good = [line for line in data if line.endswith("}")]
    assert len(good) == len(data) - 1
    assert "".join(style.delta(json.loads(line)) for line in good) == kie.simulator.chats()[0]["said"]


@each_style
def test_the_cost_or_the_usage_or_both_may_be_missing(kie: Kie, style: Style) -> None:
    """R-CH1 needs to tell these apart."""
    (only_usage,) = bills(style, kie, "fox sim:no-cost")
    assert "credits_consumed" not in only_usage
    (only_cost,) = bills(style, kie, "fox sim:no-usage")
    assert only_cost["credits_consumed"] > 0 and not only_cost.get("usage") and "usageMetadata" not in only_cost
    assert bills(style, kie, "fox sim:no-usage sim:no-cost") == []
    assert all(call["debited"] > 0 for call in kie.simulator.chats())


@each_style
def test_nothing_may_be_said_and_nothing_debited(kie: Kie, style: Style) -> None:
    """R-CH1."""
    assert bills(style, kie, "fox sim:no-content") == []
    assert said(style, kie, "fox sim:no-content") == ""
    assert kie.credit() == 10_000.0


@each_style
def test_nothing_may_be_said_although_tokens_were_used(kie: Kie, style: Style) -> None:
    (bill,) = bills(style, kie, "fox sim:usage-only sim:tokens=3000")
    call = kie.simulator.chats()[0]
    assert call["said"] == "" and bill["credits_consumed"] == call["debited"] > 0.4
