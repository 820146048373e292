"""What each dialect sends for a conversation in our normal form (protocol 5.1)."""

from types import ModuleType
from typing import Any

import pytest

from generation import catalog
from generation.kie.families.chat import base, completions, dialect, gemini, messages, responses
from generation.kie.families.chat.base import Ask, Target, Unsupported

PICTURE = "data:image/png;base64,AAAA"
WEATHER = {
    "type": "function",
    "function": {
        "name": "weather",
        "description": "The weather",
        "parameters": {"type": "object", "properties": {"city": {"type": "string"}}},
    },
}
CALL = {"id": "call_1", "type": "function", "function": {"name": "weather", "arguments": '{"city": "Rome"}'}}
TALK = [
    {"role": "system", "content": "Be brief."},
    {
        "role": "user",
        "content": [{"type": "text", "text": "Look"}, {"type": "image_url", "image_url": {"url": PICTURE}}],
    },
    {"role": "assistant", "content": None, "tool_calls": [CALL]},
    {"role": "tool", "tool_call_id": "call_1", "content": "sunny"},
    {"role": "system", "content": "Be kind."},
]


def target(model: str) -> Target:
    entry = catalog.get(model)
    return Target(entry.id, entry.endpoint, entry.schema)


def sent(model: str, ask: Ask) -> dict[str, Any]:
    aim = target(model)
    request = dialect(aim.endpoint).request(ask, aim)
    assert (request.method, request.path) == ("POST", aim.endpoint)
    assert request.json is not None
    return request.json


def test_completions_take_the_conversation_as_it_is() -> None:
    body = sent("gemini-2.5-pro", Ask(TALK, tools=[WEATHER], tool_choice="required"))
    assert "model" not in body
    assert body["messages"][0] == {"role": "system", "content": [{"type": "text", "text": "Be brief."}]}
    assert body["messages"][1]["content"][1] == {"type": "image_url", "image_url": {"url": PICTURE}}
    assert body["messages"][2]["tool_calls"] == [CALL]
    assert body["messages"][3] == {"role": "tool", "tool_call_id": "call_1", "content": "sunny"}
    assert (body["tools"], body["tool_choice"]) == ([WEATHER], "required")


def test_responses_have_items_and_always_instructions() -> None:
    """Without instructions the gateway adds 40 KB of its own (protocol 5.4)."""
    body = sent("gpt-5-5", Ask(TALK, tools=[WEATHER], tool_choice=WEATHER))
    assert body["instructions"] == "Be brief.\n\nBe kind."
    assert body["input"] == [
        {
            "role": "user",
            "content": [{"type": "input_text", "text": "Look"}, {"type": "input_image", "image_url": PICTURE}],
        },
        {"type": "function_call", "call_id": "call_1", "name": "weather", "arguments": '{"city": "Rome"}'},
        {"type": "function_call_output", "call_id": "call_1", "output": "sunny"},
    ]
    assert body["tools"] == [{"type": "function", **WEATHER["function"]}]  # type: ignore[dict-item]
    assert body["tool_choice"] == {"type": "function", "name": "weather"}
    assert sent("gpt-5-5", Ask([{"role": "user", "content": "hi"}]))["instructions"] == responses.INSTRUCTIONS


def test_what_an_assistant_said_is_output_text() -> None:
    body = sent("grok-4-6", Ask([{"role": "assistant", "content": "hi"}, {"role": "user", "content": "ho"}]))
    assert body["input"][0]["content"] == [{"type": "output_text", "text": "hi"}]


def test_claude_has_blocks_and_turns_by_turns() -> None:
    body = sent(
        "claude-opus-5", Ask([*TALK, {"role": "user", "content": "So?"}], tools=[WEATHER], tool_choice="required")
    )
    assert body["system"] == "Be brief.\n\nBe kind."
    assert [turn["role"] for turn in body["messages"]] == ["user", "assistant", "user"]
    source = {"type": "base64", "media_type": "image/png", "data": "AAAA"}
    assert body["messages"][0]["content"] == [{"type": "text", "text": "Look"}, {"type": "image", "source": source}]
    use = {"type": "tool_use", "id": "call_1", "name": "weather", "input": {"city": "Rome"}}
    assert body["messages"][1]["content"] == [use]
    result = {"type": "tool_result", "tool_use_id": "call_1", "content": "sunny"}
    assert body["messages"][2]["content"] == [result, {"type": "text", "text": "So?"}]
    assert body["tools"][0]["input_schema"] == WEATHER["function"]["parameters"]  # type: ignore[index]
    assert body["tool_choice"] == {"type": "any"}


def test_gemini_has_parts_and_the_instructions_lead_the_first_turn() -> None:
    body = sent("gemini-3-5-flash", Ask(TALK, tools=[WEATHER]))
    assert [turn["role"] for turn in body["contents"]] == ["user", "model", "user"]
    assert body["contents"][0]["parts"] == [
        {"text": "Be brief.\n\nBe kind."},
        {"text": "Look"},
        {"inline_data": {"mime_type": "image/png", "data": "AAAA"}},
    ]
    assert body["contents"][1]["parts"] == [{"functionCall": {"name": "weather", "args": {"city": "Rome"}}}]
    answer = {"name": "weather", "response": {"result": "sunny"}}
    assert body["contents"][2]["parts"] == [{"functionResponse": answer}]
    assert body["tools"] == [{"functionDeclarations": [WEATHER["function"]]}]


CHATS = [entry.id for entry in catalog.all() if entry.chat]


@pytest.mark.parametrize("stream", [True, False])
@pytest.mark.parametrize("model", CHATS)
def test_whether_to_stream_is_always_said(model: str, stream: bool) -> None:
    """The defaults of KIE's pages contradict each other (protocol 5.3)."""
    assert sent(model, Ask([{"role": "user", "content": "hi"}], stream=stream))["stream"] is stream


@pytest.mark.parametrize("model", CHATS)
def test_what_is_documented_of_a_request_is_as_documented(model: str) -> None:
    """Everything but the conversation itself, which has shapes that KIE's pages leave out."""
    body = sent(model, Ask([{"role": "user", "content": "hi"}], effort="high"))
    schema = catalog.get(model).schema
    known = {name: value for name, value in body.items() if name in schema["properties"]}
    catalog.validate(catalog.get(model), known)
    assert set(body) - set(known) <= {"instructions", "stream", "system"}


def test_the_effort_is_the_nearest_that_a_model_knows_and_its_default_is_said() -> None:
    """R-UP2: it moves the price."""
    hi = [{"role": "user", "content": "hi"}]
    assert sent("gemini-2.5-pro", Ask(hi))["reasoning_effort"] == "high"
    assert sent("gemini-2.5-pro", Ask(hi, effort="minimal"))["reasoning_effort"] == "low"
    assert sent("gpt-5-5", Ask(hi))["reasoning"] == {"effort": "low"}
    assert sent("gpt-5-5", Ask(hi, effort="xhigh"))["reasoning"] == {"effort": "xhigh"}
    assert sent("gemini-2.5-pro", Ask(hi, effort="xhigh"))["reasoning_effort"] == "high"
    assert sent("claude-opus-5", Ask(hi))["thinkingFlag"] is False
    assert sent("claude-opus-5", Ask(hi, effort="low"))["thinkingFlag"] is True
    assert (
        sent("gemini-3-5-flash", Ask(hi, effort="low"))["generationConfig"]["thinkingConfig"]["thinkingLevel"] == "low"
    )


def test_the_longest_reply_of_claude_is_always_said() -> None:
    """R-UP2"""
    hi = [{"role": "user", "content": "hi"}]
    assert sent("claude-opus-5", Ask(hi))["max_tokens"] == 4096
    assert sent("claude-opus-5", Ask(hi, max_tokens=7))["max_tokens"] == 7
    assert sent("claude-opus-5", Ask(hi, max_tokens=10**9))["max_tokens"] == 128_000


def test_a_schema_for_the_reply_goes_where_the_model_takes_one() -> None:
    shape = {"name": "reply", "strict": True, "schema": {"type": "object"}}
    ask = Ask([{"role": "user", "content": "hi"}], shape=shape)
    assert sent("gemini-2.5-pro", ask)["response_format"] == {"type": "json_schema", "json_schema": shape}
    assert sent("kimi-k3", ask)["text"] == {"format": {"type": "json_schema", **shape}}
    wanted = {"format": {"type": "json_schema", "schema": {"type": "object"}}}
    assert sent("claude-sonnet-4-5", ask)["output_config"] == wanted
    for model in ("gpt-5-2", "gpt-5-5", "claude-opus-5", "gemini-3-5-flash"):
        with pytest.raises(Unsupported) as refused:
            sent(model, ask)
        assert refused.value.field == "response_format"


def test_a_model_without_tools_says_so() -> None:
    with pytest.raises(Unsupported) as refused:
        sent("claude-fable-5", Ask([{"role": "user", "content": "hi"}], tools=[WEATHER]))
    assert refused.value.field == "tools"


# Bodies of the dialects themselves


def native(module: ModuleType, model: str, body: dict[str, Any]) -> dict[str, Any]:
    request = module.native(body, target(model), True)
    assert request.json is not None
    return request.json


def test_a_claude_body_is_sent_as_it_is_with_what_moves_the_price() -> None:
    body = {
        "model": "claude-opus-5",
        "max_tokens": 100,
        "system": [{"type": "text", "text": "Be kind."}],
        "messages": [{"role": "user", "content": "hi"}],
        "tools": [{"name": "weather", "input_schema": {"type": "object"}}],
        "temperature": 0.5,
        "metadata": {"user_id": "u"},
        "thinking": {"type": "enabled", "budget_tokens": 50},
    }
    sent = native(messages, "claude-opus-5", body)
    assert {name: sent[name] for name in ("system", "messages", "tools", "max_tokens")} == {
        name: body[name] for name in ("system", "messages", "tools", "max_tokens")
    }
    assert (sent["stream"], sent["thinkingFlag"]) == (True, True)
    assert not {"temperature", "metadata", "thinking"} & set(sent)


def test_a_responses_body_is_sent_as_it_is_with_instructions() -> None:
    items = [
        {"role": "user", "content": "hi"},
        {"type": "function_call", "call_id": "c", "name": "weather", "arguments": "{}"},
        {"type": "function_call_output", "call_id": "c", "output": "sunny"},
    ]
    sent = native(responses, "gpt-5-5", {"input": items, "temperature": 1, "max_output_tokens": 5})
    assert sent["input"][0]["content"] == [{"type": "input_text", "text": "hi"}]
    assert sent["input"][1:] == items[1:]
    assert sent["instructions"] == responses.INSTRUCTIONS
    assert sent["reasoning"] == {"effort": "low"}
    assert not {"temperature", "max_output_tokens"} & set(sent)


def test_a_gemini_body_may_spell_as_google_does() -> None:
    body = {
        "systemInstruction": {"parts": [{"text": "Be kind."}]},
        "contents": [{"parts": [{"text": "hi"}, {"inlineData": {"mimeType": "image/png", "data": "AAAA"}}]}],
        "generationConfig": {"temperature": 1, "thinkingConfig": {"thinkingLevel": "LOW"}},
    }
    sent = native(gemini, "gemini-3-5-flash", body)
    assert sent["contents"][0]["role"] == "user"
    assert sent["contents"][0]["parts"][:2] == [{"text": "Be kind."}, {"text": "hi"}]
    assert sent["generationConfig"] == {"thinkingConfig": {"includeThoughts": False, "thinkingLevel": "low"}}


REFUSED = [
    (messages, "claude-opus-5", {"messages": [{"role": "user", "content": "hi"}]}, "max_tokens"),
    (messages, "claude-opus-5", {"max_tokens": 5, "messages": []}, "messages"),
    (messages, "claude-opus-5", {"max_tokens": 5, "messages": [{"role": "system", "content": "x"}]}, "messages"),
    (
        messages,
        "claude-opus-5",
        {"max_tokens": 5, "messages": [{"role": "user", "content": [{"type": "document"}]}]},
        "messages",
    ),
    (
        messages,
        "claude-opus-5",
        {
            "max_tokens": 5,
            "messages": [{"role": "user", "content": "x"}],
            "tools": [{"type": "web_search_20250305", "name": "web_search"}],
        },
        "tools",
    ),
    (responses, "gpt-5-5", {"input": "hi", "tools": [{"type": "web_search"}]}, "tools"),
    (responses, "gpt-5-5", {"input": [{"role": "user", "content": [{"type": "input_file"}]}]}, "input"),
    (responses, "gpt-5-5", {"input": [{"type": "item_reference", "id": "x"}]}, "input"),
    (responses, "gpt-5-5", {"input": "hi", "reasoning": {"effort": "heroic"}}, "reasoning.effort"),
    (gemini, "gemini-3-5-flash", {"contents": []}, "contents"),
    (gemini, "gemini-3-5-flash", {"contents": [{"parts": [{"text": "x"}]}], "tools": [{"googleSearch": {}}]}, "tools"),
    (gemini, "gemini-3-5-flash", {"contents": [{"parts": [{"videoMetadata": {}}]}]}, "contents"),
]


@pytest.mark.parametrize(("module", "model", "body", "field"), REFUSED)
def test_what_is_not_offered_is_refused_by_name(
    module: ModuleType, model: str, body: dict[str, Any], field: str
) -> None:
    with pytest.raises(Unsupported) as refused:
        native(module, model, body)
    assert refused.value.field == field


# Pictures


@pytest.mark.parametrize("model", ["gemini-2.5-pro", "gpt-5-5", "claude-opus-5", "gemini-3-5-flash"])
def test_every_picture_is_found_and_can_be_replaced_and_taken_out(model: str) -> None:
    module, body = dialect(catalog.get(model).endpoint), sent(model, Ask(TALK))
    seen: list[str] = []
    module.pictures(body, seen.append)
    assert seen == [PICTURE]
    other = "data:image/jpeg;base64,BBBB"
    replaced = module.pictures(body, lambda address: other)
    module.pictures(replaced, seen.append)
    assert seen == [PICTURE, other]
    assert "AAAA" not in str(module.pictures(body, lambda address: None))
    assert "AAAA" in str(body)


def test_pictures_in_the_answer_of_a_tool_are_found_too() -> None:
    image = {"type": "image", "source": {"type": "url", "url": "https://example.com/a.png"}}
    result = {"type": "tool_result", "tool_use_id": "c", "content": [image]}
    body = {"max_tokens": 5, "messages": [{"role": "user", "content": [result]}]}
    seen: list[str] = []
    messages.pictures(native(messages, "claude-opus-5", body), seen.append)
    assert seen == ["https://example.com/a.png"]


def test_an_address_can_be_sent_in_every_dialect_until_it_is_fetched() -> None:
    turn = {"role": "user", "content": [{"type": "image_url", "image_url": {"url": "https://example.com/a.png"}}]}
    for model in ("gemini-2.5-pro", "gpt-5-5", "claude-opus-5", "gemini-3-5-flash"):
        seen: list[str] = []
        dialect(catalog.get(model).endpoint).pictures(sent(model, Ask([turn])), seen.append)
        assert seen == ["https://example.com/a.png"]


def test_an_endpoint_that_nobody_knows_has_no_dialect() -> None:
    assert dialect("/gpt-5-2/v1/chat/completions") is completions
    with pytest.raises(LookupError):
        dialect("/api/v1/jobs/createTask")
    assert base.text_of(None) == ""
