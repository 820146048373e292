"""The models' own dialects: Anthropic's messages through its client, OpenAI's responses through its, and Gemini."""

import json
from typing import Any

import anthropic
import openai
import pytest

from accounts.models import ApiKey, User
from billing.amounts import format_credits
from generation.models import Generation
from tests.chat import talking
from tests.chat.conftest import Server
from tests.chat.pictures import png
from tests.chat.talking import CLAUDE, GPT, NATIVE_GEMINI, said
from tests.simulator import Simulator

pytestmark = [pytest.mark.simulator, pytest.mark.processes, pytest.mark.django_db(transaction=True)]

WEATHER: Any = {
    "name": "weather",
    "description": "The weather of a city",
    "input_schema": {"type": "object", "properties": {"city": {"type": "string"}}},
}


def charged() -> str:
    return format_credits(talking.receipt().charged)


# Anthropic


@pytest.fixture
def claude(server: Server, key: str) -> anthropic.Anthropic:
    return anthropic.Anthropic(base_url=server.url, api_key=key, max_retries=0, timeout=60)


def ask(client: anthropic.Anthropic, prompt: str, **more: Any) -> Any:
    messages: Any = said(prompt)
    return client.messages.create(model=CLAUDE, max_tokens=500, messages=messages, **more)


def test_claude_answers_anthropics_client(claude: anthropic.Anthropic, alice: User) -> None:
    reply = ask(claude, "hello fox", system="Be kind.")
    assert "**hello fox**" in reply.content[0].text
    assert "Be kind." in reply.content[0].text
    assert (reply.stop_reason, reply.credits_charged) == ("end_turn", charged())
    assert reply.usage.output_tokens > 0


def test_claude_streams_its_own_events(server: Server, key: str, alice: User) -> None:
    body = {"model": CLAUDE, "max_tokens": 500, "messages": said("hello fox"), "stream": True}
    text = server.http(key).post("/v1/messages", json=body).text
    names = [line.removeprefix("event: ") for line in text.splitlines() if line.startswith("event: ")]
    assert names[0] == "message_start"
    assert names[-2:] == ["message_delta", "message_stop"]
    assert set(names) > {"content_block_start", "content_block_delta", "content_block_stop"}
    assert "credits_consumed" not in text
    last = json.loads(text.strip().splitlines()[-1].removeprefix("data: "))
    assert last == {"type": "message_stop", "credits_charged": charged()}


def test_anthropics_client_puts_a_stream_together(claude: anthropic.Anthropic, alice: User) -> None:
    messages: Any = said("hello fox")
    with claude.messages.stream(model=CLAUDE, max_tokens=500, messages=messages) as stream:
        text = "".join(stream.text_stream)
        final = stream.get_final_message()
    assert "**hello fox**" in text
    assert final.usage.output_tokens == 0 + final.usage.output_tokens > 0


def test_claude_calls_a_tool(claude: anthropic.Anthropic, alice: User) -> None:
    reply = ask(claude, "the weather in Rome sim:tool", tools=[WEATHER])
    assert reply.stop_reason == "tool_use"
    assert "Rome" in reply.content[-1].input["city"]


def test_claude_sees_a_picture(claude: anthropic.Anthropic, alice: User) -> None:
    source = {"type": "base64", "media_type": "image/png", "data": png(64, 48).partition(",")[2]}
    content: Any = [{"type": "image", "source": source}, {"type": "text", "text": "What is this?"}]
    reply: Any = claude.messages.create(model=CLAUDE, max_tokens=500, messages=[{"role": "user", "content": content}])
    assert "64 × 48 pixels" in reply.content[0].text


def test_anthropics_client_understands_our_refusals(server: Server, claude: anthropic.Anthropic, bob: User) -> None:
    poor = anthropic.Anthropic(base_url=server.url, api_key=ApiKey.issue(bob, "t")[1], max_retries=0)
    with pytest.raises(anthropic.APIStatusError) as refused:
        ask(poor, "hello")
    assert refused.value.status_code == 402
    stranger = anthropic.Anthropic(base_url=server.url, api_key="kp_no_key", max_retries=0)
    with pytest.raises(anthropic.AuthenticationError):
        ask(stranger, "hello")
    messages: Any = said("hello")
    with pytest.raises(anthropic.NotFoundError):
        claude.messages.create(model="claude-99", max_tokens=5, messages=messages)
    with pytest.raises(anthropic.BadRequestError, match="use /v1/chat/completions"):
        claude.messages.create(model=GPT, max_tokens=5, messages=messages)
    assert not Generation.objects.exists()


@pytest.mark.parametrize(("fault", "status"), [("422", 400), ("claude-500", 503), ("error-429", 503)])
def test_a_failure_of_claude_is_a_status(claude: anthropic.Anthropic, alice: User, fault: str, status: int) -> None:
    with pytest.raises(anthropic.APIStatusError) as refused:
        ask(claude, f"hello sim:{fault}")
    assert refused.value.status_code == status
    assert "simulat" not in str(refused.value).lower()
    assert talking.wallet(alice) == (1_000_000, 0)


def test_a_claude_that_breaks_off_is_an_error_in_the_stream(claude: anthropic.Anthropic, alice: User) -> None:
    heard = []
    messages: Any = said("hello sim:tokens=400 sim:cut=200")
    with (
        pytest.raises(anthropic.APIError, match="broke off"),
        claude.messages.stream(model=CLAUDE, max_tokens=500, messages=messages) as stream,
    ):
        heard += list(stream.text_stream)
    assert talking.receipt().charged > 0


# OpenAI's responses


@pytest.fixture
def gpt(server: Server, key: str) -> openai.OpenAI:
    return openai.OpenAI(base_url=f"{server.url}/v1", api_key=key, max_retries=0, timeout=60)


def test_responses_answer_openais_client(gpt: openai.OpenAI, alice: User, kie: Simulator) -> None:
    reply: Any = gpt.responses.create(model=GPT, input="hello fox", instructions="Be kind.")
    assert "**hello fox**" in reply.output_text
    assert reply.credits_charged == charged()
    assert kie.control("GET", "chats")[0]["body"]["instructions"] == "Be kind."


def test_responses_stream_their_own_events(gpt: openai.OpenAI, alice: User) -> None:
    events = list(gpt.responses.create(model=GPT, input="hello fox", stream=True))
    assert "**hello fox**" in "".join(e.delta for e in events if e.type == "response.output_text.delta")
    last: Any = events[-1]
    assert (last.type, last.credits_charged) == ("response.completed", charged())
    assert "credits_consumed" not in last.model_dump_json()


def test_responses_refuse_what_has_no_price(gpt: openai.OpenAI, alice: User) -> None:
    tools: Any = [{"type": "web_search"}]
    with pytest.raises(openai.BadRequestError) as refused:
        gpt.responses.create(model=GPT, input="hello", tools=tools)
    assert refused.value.param == "tools"


# Gemini


def test_gemini_answers_whole_and_in_pieces(server: Server, key: str, alice: User) -> None:
    body = {"contents": [{"role": "user", "parts": [{"text": "hello fox"}]}]}
    http = server.http("", **{"x-goog-api-key": key})
    del http.headers["Authorization"]
    path = f"/v1beta/models/{NATIVE_GEMINI}"
    whole = http.post(f"{path}:generateContent", json=body).json()
    assert "**hello fox**" in whole["candidates"][0]["content"]["parts"][-1]["text"]
    assert whole["credits_charged"] == charged()
    stream = http.post(f"{path}:streamGenerateContent?alt=sse", json=body)
    assert stream.headers["content-type"].startswith("text/event-stream")
    chunks = [json.loads(line.removeprefix("data: ")) for line in stream.text.splitlines() if line]
    assert "hello" in "".join(p.get("text", "") for c in chunks for p in c["candidates"][0]["content"]["parts"])
    for text in (json.dumps(whole), stream.text):
        assert "credits_consumed" not in text
    refused = http.post(f"{path}:countTokens", json=body)
    assert (refused.status_code, refused.json()["error"]["status"]) == (404, "NOT_FOUND")
