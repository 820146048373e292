import base64
import io
import json
from pathlib import Path
from typing import Any

import pytest
from PIL import Image

from tests.kie_simulator.chatting import (
    CLAUDE,
    COMPLETIONS,
    GEMINI,
    RESPONSES,
    STYLES,
    Style,
    events,
    post,
    said,
    whole,
)
from tests.kie_simulator.conftest import Kie

CATALOG = Path(__file__).resolve().parents[2] / "generation" / "catalog" / "data"
ENTRIES = [
    entry
    for path in sorted(CATALOG.glob("*.json"))
    for entry in json.loads(path.read_text())["models"]
    if entry["api"] == "chat"
]
each_style = pytest.mark.parametrize("style", STYLES, ids=lambda style: style.name)


def picture() -> str:
    buffer = io.BytesIO()
    Image.new("RGB", (64, 48)).save(buffer, "PNG")
    return base64.b64encode(buffer.getvalue()).decode()


@pytest.mark.parametrize("entry", ENTRIES, ids=lambda entry: entry["id"])
def test_every_chat_entry_answers_its_example(kie: Kie, entry: dict[str, Any]) -> None:
    body = kie.post(entry["endpoint"], entry["example"] | {"stream": False})
    assert "hello in French" in json.dumps(body)
    assert kie.simulator.chats()[0]["model"] == entry["id"]


@each_style
def test_the_same_text_comes_streamed_and_whole(kie: Kie, style: Style) -> None:
    text = said(style, kie, "What is a fox?")
    assert "**What is a fox?**" in text
    assert text == style.text(whole(style, kie, "What is a fox?")) == kie.simulator.chats()[0]["said"]


@each_style
def test_streaming_is_what_happens_when_nothing_is_said_about_it(kie: Kie, style: Style) -> None:
    """Protocol 5.3: the pages conflict, live it streamed."""
    assert post(style, kie, "fox").headers["content-type"].startswith("text/event-stream")
    assert post(style, kie, "fox", stream=False).headers["content-type"] == "application/json"


def test_a_model_without_a_stream_field_answers_whole(kie: Kie) -> None:
    body = kie.post("/gpt-5-2/v1/chat/completions", COMPLETIONS.ask("fox"))
    assert "fox" in COMPLETIONS.text(body)


@each_style
def test_a_text_is_as_long_as_asked_for(kie: Kie, style: Style) -> None:
    whole(style, kie, "A red fox sim:tokens=700")
    call = kie.simulator.chats()[0]
    assert call["reply_tokens"] == 700 and len(call["said"]) > 1400


@each_style
def test_a_tool_is_called_with_arguments_that_fit_its_schema(kie: Kie, style: Style) -> None:
    name, values = style.call(whole(style, kie, "Paris sim:tool", tools=style.tools))
    assert name == "weather" and values == {"city": "Paris", "days": 1}


@each_style
def test_a_tool_is_called_in_a_stream_too(kie: Kie, style: Style) -> None:
    found = events(post(style, kie, "Paris sim:tool", tools=style.tools))
    if style is COMPLETIONS:
        deltas = [event["choices"][0]["delta"] for event in found if event["choices"]]
        texts = [delta["tool_calls"][0]["function"]["arguments"] for delta in deltas if "tool_calls" in delta]
    elif style is GEMINI:
        texts = [json.dumps(style.call(event)[1]) for event in found if "functionCall" in str(event)]
    else:
        deltas = [event.get("delta") for event in found if event["type"].endswith("delta")]
        texts = [delta if isinstance(delta, str) else delta.get("partial_json", "") for delta in deltas]
    assert json.loads("".join(texts)) == {"city": "Paris", "days": 1}


def test_without_tools_the_word_calls_none(kie: Kie) -> None:
    assert "Paris" in said(COMPLETIONS, kie, "Paris sim:tool")


RESULTS = {
    "completions": {
        "messages": [
            {"role": "user", "content": "Paris sim:tool"},
            {"role": "assistant", "content": None, "tool_calls": [{"id": "call_1", "type": "function"}]},
            {"role": "tool", "tool_call_id": "call_1", "content": "sunny"},
        ]
    },
    "responses": {
        "input": [
            {"role": "user", "content": [{"type": "input_text", "text": "Paris sim:tool"}]},
            {"type": "function_call", "call_id": "call_1", "name": "weather", "arguments": "{}"},
            {"type": "function_call_output", "call_id": "call_1", "output": "sunny"},
        ]
    },
    "claude": {
        "messages": [
            {"role": "user", "content": "Paris sim:tool"},
            {"role": "assistant", "content": [{"type": "tool_use", "id": "call_1", "name": "weather", "input": {}}]},
            {"role": "user", "content": [{"type": "tool_result", "tool_use_id": "call_1", "content": "sunny"}]},
        ]
    },
    "gemini": {
        "contents": [
            {"role": "user", "parts": [{"text": "Paris sim:tool"}]},
            {"role": "model", "parts": [{"functionCall": {"name": "weather", "args": {}}}]},
            {"role": "user", "parts": [{"functionResponse": {"name": "weather", "response": {"sky": "sunny"}}}]},
        ]
    },
}


@each_style
def test_the_answer_of_a_tool_is_talked_about(kie: Kie, style: Style) -> None:
    text = style.text(whole(style, kie, "", tools=style.tools, **RESULTS[style.name]))
    assert "**Paris**" in text
    assert "The tool answered" in text and "sunny" in text


def with_picture(style: Style) -> dict[str, Any]:
    url = f"data:image/png;base64,{picture()}"
    text = {"type": "text", "text": "What is this?"}
    if style is COMPLETIONS:
        return {"messages": [{"role": "user", "content": [text, {"type": "image_url", "image_url": {"url": url}}]}]}
    if style is RESPONSES:
        parts = [{"type": "input_text", "text": "What is this?"}, {"type": "input_image", "image_url": url}]
        return {"input": [{"role": "user", "content": parts}]}
    if style is CLAUDE:
        source = {"type": "base64", "media_type": "image/png", "data": picture()}
        return {"messages": [{"role": "user", "content": [text, {"type": "image", "source": source}]}]}
    inline = {"inline_data": {"mime_type": "image/png", "data": picture()}}
    return {"contents": [{"role": "user", "parts": [{"text": "What is this?"}, inline]}]}


@each_style
def test_pictures_are_seen_in_their_size(kie: Kie, style: Style) -> None:
    text = style.text(whole(style, kie, "", **with_picture(style)))
    assert "64 × 48 pixels" in text and "What is this?" in text


def test_chunks_of_completions_have_many_ids_thoughts_and_a_bill_before_the_end(kie: Kie) -> None:
    """Protocol 5.3."""
    response = post(COMPLETIONS, kie, "fox")
    found = events(response)
    assert len({event["id"] for event in found}) == len(found)
    assert "".join(event["choices"][0]["delta"].get("reasoning_content", "") for event in found[:-1])
    assert found[-1]["choices"] == [] and {"usage", "credits_consumed"} < set(found[-1])
    assert response.text.endswith("data: [DONE]\n\n")


def test_thoughts_can_be_left_out(kie: Kie) -> None:
    assert "reasoning_content" not in post(COMPLETIONS, kie, "fox", include_thoughts=False).text


def test_events_of_responses_end_with_the_whole_response_and_no_done(kie: Kie) -> None:
    """Protocol 5.3."""
    response = post(RESPONSES, kie, "fox")
    found = events(response)
    assert [event["sequence_number"] for event in found] == list(range(len(found)))
    assert (found[0]["type"], found[-1]["type"]) == ("response.created", "response.completed")
    completed = found[-1]["response"]
    assert RESPONSES.text(completed) and completed["usage"]["output_tokens"] and completed["credits_consumed"]
    assert "[DONE]" not in response.text


def test_events_of_claude_open_and_close_each_block(kie: Kie) -> None:
    found = events(post(CLAUDE, kie, "fox", thinkingFlag=True))
    kinds = [event["type"] for event in found if event["type"] != "content_block_delta"]
    block = ["content_block_start", "content_block_stop"]
    assert kinds == ["message_start", *block, *block, "message_delta", "message_stop"]
    assert "".join(event["delta"].get("thinking", "") for event in found if "index" in event and "delta" in event)


def test_claude_keeps_to_max_tokens(kie: Kie) -> None:
    body = whole(CLAUDE, kie, "fox", max_tokens=5)
    assert body["stop_reason"] == "max_tokens" and body["usage"]["output_tokens"] == 5


def test_only_the_last_chunk_of_gemini_has_a_reason_and_the_bill(kie: Kie) -> None:
    found = events(post(GEMINI, kie, "fox"))
    assert ["finishReason" in event["candidates"][0] for event in found] == [False] * (len(found) - 1) + [True]
    assert ["usageMetadata" in event for event in found] == [False] * (len(found) - 1) + [True]


@pytest.mark.parametrize("style", [COMPLETIONS, GEMINI], ids=lambda style: style.name)
def test_the_total_of_gemini_is_not_the_sum(kie: Kie, style: Style) -> None:
    """Protocol 5.4."""
    body = whole(style, kie, "fox")
    usage = list((body.get("usage") or body["usageMetadata"]).values())
    assert max(usage) > usage[0] + usage[1]


def test_a_reply_has_the_shape_that_was_asked_for(kie: Kie) -> None:
    schema = {"type": "object", "properties": {"name": {"type": "string"}, "legs": {"type": "integer", "minimum": 4}}}
    shape = {"type": "json_schema", "json_schema": {"name": "animal", "strict": True, "schema": schema}}
    path = "/gemini-2.5-pro/v1/chat/completions"
    body = kie.post(path, COMPLETIONS.ask("A fox") | {"stream": False, "response_format": shape})
    assert json.loads(COMPLETIONS.text(body)) == {"name": "A fox", "legs": 4}


@each_style
@pytest.mark.parametrize("headers", [{"Authorization": ""}, {"Authorization": "", "x-api-key": "sim-key"}])
def test_only_bearer_lets_anyone_in(kie: Kie, style: Style, headers: dict[str, str]) -> None:
    """Protocol 1.1: x-api-key alone is 401, under HTTP 200."""
    response = kie.http.post(style.path, json=style.ask("fox"), headers=headers)
    assert response.status_code == 200 and response.json()["code"] == 401
    assert kie.simulator.chats() == []


@pytest.mark.parametrize("model", ["gpt-9", "claude-sonnet-5", None])
def test_a_model_that_is_not_at_the_path_is_not_supported(kie: Kie, model: str | None) -> None:
    """Trap 48: the envelope instead of an error object."""
    answer = kie.post(RESPONSES.path, {"model": model, "input": "fox"})
    assert answer == {"code": 422, "msg": "The model is not supported", "data": None}


@pytest.mark.parametrize(
    ("style", "more"),
    [
        (COMPLETIONS, {"messages": []}),
        (COMPLETIONS, {"messages": [{"role": "narrator", "content": "fox"}]}),
        (COMPLETIONS, {"messages": [{"role": "user", "content": [{"type": "input_text", "text": "fox"}]}]}),
        (COMPLETIONS, {"reasoning_effort": "medium"}),
        (COMPLETIONS, {"stream": "yes"}),
        (RESPONSES, {"input": [{"role": "user", "content": [{"type": "text", "text": "fox"}]}]}),
        (RESPONSES, {"tools": [{"type": "web_search"}, {"type": "function", **RESPONSES.tools[0]}]}),
        (CLAUDE, {"messages": [{"role": "system", "content": "fox"}]}),
        (CLAUDE, {"messages": [{"role": "user", "content": [{"type": "image_url", "image_url": {"url": "x"}}]}]}),
        (GEMINI, {"contents": [{"role": "assistant", "parts": [{"text": "fox"}]}]}),
        (GEMINI, {"tools": [{"googleSearch": {}}, *GEMINI.tools]}),
    ],
)
def test_what_is_not_of_the_style_is_refused(kie: Kie, style: Style, more: dict[str, Any]) -> None:
    assert post(style, kie, "fox", **more).json()["code"] == 422


def test_a_call_shows_the_body_exactly_as_received(kie: Kie) -> None:
    body = CLAUDE.ask("fox") | {"max_tokens": 50, "something": {"else": 1}}
    kie.http.post(CLAUDE.path, json=body)
    assert kie.simulator.chats()[0]["body"] == body
