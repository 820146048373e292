"""`/v1/chat/completions` and `/v1/models`, through OpenAI's own client and a real server of ours."""

import json
from typing import Any

import openai
import pytest

from accounts.models import ApiKey, User
from billing.amounts import format_credits
from generation import catalog
from generation.models import Generation, ModelSwitch
from tests.chat import talking
from tests.chat.conftest import Server
from tests.chat.pictures import png
from tests.chat.talking import DIALECTS, GEMINI, said
from tests.processes import until
from tests.simulator import Simulator

pytestmark = [pytest.mark.simulator, pytest.mark.processes, pytest.mark.django_db(transaction=True)]

LIVE = [entry.id for entry in catalog.all() if entry.chat and entry.on_by_default]
WEATHER: Any = {
    "type": "function",
    "function": {
        "name": "weather",
        "description": "The weather of a city",
        "parameters": {"type": "object", "properties": {"city": {"type": "string"}}},
    },
}


@pytest.fixture
def client(server: Server, key: str) -> openai.OpenAI:
    return openai.OpenAI(base_url=f"{server.url}/v1", api_key=key, max_retries=0, timeout=60)


def charged() -> str:
    return format_credits(talking.receipt().charged)


@pytest.mark.parametrize("model", LIVE)
def test_every_live_chat_model_answers_whole_and_in_pieces(client: openai.OpenAI, alice: User, model: str) -> None:
    reply: Any = client.chat.completions.create(model=model, messages=said("hello fox"))
    assert "**hello fox**" in reply.choices[0].message.content
    assert (reply.model, reply.choices[0].finish_reason) == (model, "stop")
    chunks = list(client.chat.completions.create(model=model, messages=said("hello fox"), stream=True))
    assert "**hello fox**" in "".join(chunk.choices[0].delta.content or "" for chunk in chunks)
    assert chunks[-1].choices[0].finish_reason == "stop"
    assert Generation.objects.filter(state="succeeded", model=model).count() == 2
    assert talking.wallet(alice)[1] == 0


def test_a_reply_says_what_it_used_and_what_it_cost(client: openai.OpenAI, alice: User) -> None:
    reply: Any = client.chat.completions.create(model=GEMINI, messages=said("hello fox"))
    assert reply.credits_charged == charged() > "0"
    assert reply.usage.total_tokens == reply.usage.prompt_tokens + reply.usage.completion_tokens > 0
    assert reply.id == f"chatcmpl-{talking.the_call().pk}"
    assert talking.the_call().api_key == ApiKey.objects.get()


def test_a_stream_says_so_at_its_end_when_it_is_asked_for(client: openai.OpenAI, alice: User) -> None:
    options: Any = {"include_usage": True}
    stream = client.chat.completions.create(
        model=GEMINI, messages=said("hello fox"), stream=True, stream_options=options
    )
    *chunks, last = list(stream)
    extra: Any = last
    assert (last.choices, extra.credits_charged) == ([], charged())
    assert last.usage is not None
    assert last.usage.completion_tokens > 0
    assert chunks[0].choices[0].delta.role == "assistant"
    assert len({chunk.id for chunk in chunks}) == 1


@pytest.mark.parametrize("model", DIALECTS)
def test_the_model_calls_a_tool_and_hears_its_answer(client: openai.OpenAI, alice: User, model: str) -> None:
    messages: list[Any] = said("the weather in Rome sim:tool")
    reply = client.chat.completions.create(model=model, messages=messages, tools=[WEATHER])
    assert reply.choices[0].finish_reason == "tool_calls"
    assert reply.choices[0].message.tool_calls is not None
    (call,) = reply.choices[0].message.tool_calls
    assert call.type == "function"
    assert call.function.name == "weather"
    assert "Rome" in json.loads(call.function.arguments)["city"]
    messages.append(reply.choices[0].message)
    messages.append({"role": "tool", "tool_call_id": call.id, "content": "sunny, 30 degrees"})
    answer = client.chat.completions.create(model=model, messages=messages, tools=[WEATHER])
    assert "sunny, 30 degrees" in str(answer.choices[0].message.content)


@pytest.mark.parametrize("model", DIALECTS)
def test_tool_calls_stream_in_pieces(client: openai.OpenAI, alice: User, model: str) -> None:
    stream = client.chat.completions.create(
        model=model, messages=said("the weather in Rome sim:tool=2"), tools=[WEATHER], stream=True
    )
    pieces = [call for chunk in stream for call in chunk.choices[0].delta.tool_calls or []]
    assert {piece.index for piece in pieces} == {0, 1}
    for index in (0, 1):
        mine = [piece.function for piece in pieces if piece.index == index and piece.function]
        assert [function.name for function in mine if function.name] == ["weather"]
        assert json.loads("".join(function.arguments or "" for function in mine))


@pytest.mark.parametrize("model", DIALECTS)
def test_the_model_sees_a_picture(client: openai.OpenAI, alice: User, model: str) -> None:
    content: Any = [
        {"type": "text", "text": "What is this?"},
        {"type": "image_url", "image_url": {"url": png(320, 200)}},
    ]
    reply = client.chat.completions.create(model=model, messages=[{"role": "user", "content": content}])
    assert "320 × 200 pixels" in str(reply.choices[0].message.content)
    assert talking.the_call().input["pictures"] == 1


@pytest.mark.parametrize("model", DIALECTS)
def test_the_instructions_reach_the_model(client: openai.OpenAI, alice: User, kie: Simulator, model: str) -> None:
    messages: Any = [{"role": "developer", "content": "Speak like a pirate."}, *said("hello fox")]
    client.chat.completions.create(model=model, messages=messages)
    (chat,) = kie.control("GET", "chats")
    assert "Speak like a pirate." in json.dumps(chat["body"])


def test_thoughts_come_apart_from_the_text(client: openai.OpenAI, alice: User) -> None:
    reply: Any = client.chat.completions.create(model=GEMINI, messages=said("hello fox"))
    assert "hello fox" in reply.choices[0].message.reasoning_content


# Models


def test_the_list_of_models_has_what_is_on(client: openai.OpenAI, alice: User) -> None:
    ModelSwitch.objects.create(model=GEMINI, enabled=False)
    found = {model.id: model for model in client.models.list()}
    assert set(found) == set(LIVE) - {GEMINI}
    assert client.models.retrieve("gpt-5-2").owned_by == "openai"
    with pytest.raises(openai.NotFoundError):
        client.models.retrieve(GEMINI)
    with pytest.raises(openai.APIStatusError) as refused:
        client.chat.completions.create(model=GEMINI, messages=said("hello"))
    assert refused.value.status_code == 409


# Errors


def test_a_wrong_key_is_an_authentication_error(server: Server) -> None:
    client = openai.OpenAI(base_url=f"{server.url}/v1", api_key="kp_no_key", max_retries=0)
    with pytest.raises(openai.AuthenticationError) as refused:
        client.chat.completions.create(model=GEMINI, messages=said("hello"))
    assert refused.value.code == "invalid_api_key"


def test_an_empty_wallet_is_402(server: Server, bob: User) -> None:
    client = openai.OpenAI(base_url=f"{server.url}/v1", api_key=ApiKey.issue(bob, "t")[1], max_retries=0)
    with pytest.raises(openai.APIStatusError) as refused:
        client.chat.completions.create(model=GEMINI, messages=said("hello"), stream=True)
    body: Any = refused.value.body
    assert (refused.value.status_code, body["type"], body["code"]) == (
        402,
        "insufficient_quota",
        "insufficient_credits",
    )
    assert body["available"] == "0"


def test_an_unknown_model_is_404(client: openai.OpenAI, alice: User) -> None:
    for model in ("gpt-99", "nano-banana"):
        with pytest.raises(openai.NotFoundError):
            client.chat.completions.create(model=model, messages=said("hello"))


def test_what_cannot_be_had_names_the_field(client: openai.OpenAI, alice: User) -> None:
    with pytest.raises(openai.BadRequestError) as refused:
        client.chat.completions.create(model=GEMINI, messages=said("hello"), n=2)
    assert refused.value.param == "n"
    assert not Generation.objects.exists()


@pytest.mark.parametrize("stream", [True, False])
@pytest.mark.parametrize(
    ("fault", "status"), [("422", 400), ("524", 503), ("http-500", 502), ("402", 503), ("no-content", 502)]
)
def test_a_failure_before_the_first_word_is_a_status(
    client: openai.OpenAI, alice: User, fault: str, status: int, stream: bool
) -> None:
    with pytest.raises(openai.APIStatusError) as refused:
        client.chat.completions.create(model=GEMINI, messages=said(f"hello sim:{fault}"), stream=stream)
    assert refused.value.status_code == status
    assert talking.wallet(alice) == (1_000_000, 0)


def test_a_failure_in_the_middle_is_an_error_in_the_stream(client: openai.OpenAI, alice: User) -> None:
    heard = []
    with pytest.raises(openai.APIError) as refused:
        for chunk in client.chat.completions.create(
            model=GEMINI, messages=said("hello sim:tokens=400 sim:cut=200"), stream=True
        ):
            heard.append(chunk.choices[0].delta.content)
    assert heard
    assert refused.value.code == "interrupted"
    assert talking.receipt().charged > 0


@pytest.mark.parametrize("fault", ["422", "524", "401", "402", "error-400", "claude-500"])
def test_kies_own_words_reach_nobody(server: Server, key: str, alice: User, kie: Simulator, fault: str) -> None:
    """R-API1"""
    body = {"model": GEMINI, "messages": said(f"hello sim:{fault}")}
    answer = server.http(key).post("/v1/chat/completions", json=body).text.lower()
    assert "error" in answer
    for word in ("kie", "top up", "no user can use", "credits_consumed", "simulat"):
        assert word not in answer


def test_what_kie_charged_reaches_nobody(server: Server, key: str, alice: User) -> None:
    """R-API1"""
    body = {"model": GEMINI, "messages": said("hello"), "stream": True, "stream_options": {"include_usage": True}}
    response = server.http(key).post("/v1/chat/completions", json=body)
    assert "credits_consumed" not in response.text
    assert "credits_charged" in response.text
    assert response.headers["X-Accel-Buffering"] == "no"
    assert response.headers["Cache-Control"] == "no-store"
    assert response.headers["X-Generation-Id"] == str(talking.the_call().pk)


def test_the_rate_of_the_api_counts_here_too(start: Any, alice: User, key: str) -> None:
    http = start(API_RATE_PER_MINUTE=2).http(key)
    statuses = [http.get("/v1/models").status_code for _ in range(3)]
    assert statuses == [200, 200, 429]
    refused = http.get("/v1/models")
    assert int(refused.headers["Retry-After"]) > 0
    assert refused.json()["error"]["type"] == "rate_limit_error"


BODIES = [
    (b"", 400),
    (b"[]", 400),
    (b"{", 400),
    (b'{"model": 5, "messages": []}', 400),
    (b'{"model": "gemini-3-flash"}', 400),
    (b'{"a":' * 5000 + b"1" + b"}" * 5000, 400),
    (b'{"model":"gemini-3-flash","messages":[{"role":"user","content":"\\ud800 \\u0000 hello"}]}', 200),
    (b'{"model":"gemini-3-flash","messages":[{"role":"user","content":"hi"}],"temperature":NaN}', 200),
]


@pytest.mark.parametrize(("body", "status"), BODIES)
def test_no_body_makes_the_server_fail(server: Server, key: str, alice: User, body: bytes, status: int) -> None:
    assert server.http(key).post("/v1/chat/completions", content=body).status_code == status


def test_other_methods_are_refused(server: Server, key: str, alice: User) -> None:
    assert server.http(key).get("/v1/chat/completions").status_code == 405
    assert server.http(key).post("/v1/models").status_code == 405


def test_a_request_may_not_be_too_large(start: Any, alice: User, key: str) -> None:
    """Not one that says how large it is, nor one that never ends."""
    http = start(CHAT_MAX_REQUEST_BYTES=100_000).http(key)
    body = json.dumps({"model": GEMINI, "messages": said("x" * 120_000)}).encode()
    assert http.post("/v1/chat/completions", content=body).status_code == 413
    assert http.post("/v1/chat/completions", content=iter([body])).status_code == 500
    assert http.post("/v1/chat/completions", content=body[:90_000] + b'"}]}').status_code == 200


def test_a_client_that_hangs_up_is_charged_what_kie_reports(server: Server, key: str, alice: User) -> None:
    """R-CH1"""
    body = {"model": GEMINI, "messages": said("hello sim:tokens=400"), "stream": True}
    with server.http(key).stream("POST", "/v1/chat/completions", json=body) as response:
        next(response.iter_lines())
    until(lambda: Generation.objects.filter(state="succeeded").exists(), "the end of the call")
    row = talking.the_call()
    assert "estimated" not in row.events.last().why
    assert 0 < talking.receipt().charged < row.price_millicredits


def test_pieces_arrive_while_the_model_still_speaks(server: Server, key: str, alice: User) -> None:
    body = {"model": GEMINI, "messages": said("hello sim:tokens=1000"), "stream": True}
    with server.http(key).stream("POST", "/v1/chat/completions", json=body) as response:
        lines = response.iter_lines()
        assert any("content" in line for line in lines)
        assert talking.the_call().state == "running"
        assert list(lines)[-2] == "data: [DONE]"
