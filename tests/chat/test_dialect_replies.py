"""How each dialect's replies are read: the documented bodies and events (protocol 5.2, 5.3)."""

import json
from decimal import Decimal
from types import ModuleType
from typing import Any

import pytest

from generation.kie.families.base import Answer
from generation.kie.families.chat import completions, gemini, messages, responses
from generation.kie.families.chat.base import Delta, Reader, Said, Thought, ToolCall, Usage
from generation.kie.families.chat.sse import Event, Events

RESPONSES = {
    "output": [
        {"type": "reasoning", "id": "rs_1", "summary": []},
        {
            "type": "message",
            "role": "assistant",
            "id": "msg_1",
            "content": [{"type": "output_text", "text": "Bonjour"}],
            "status": "completed",
        },
    ],
    "usage": {"total_tokens": 4490, "output_tokens": 47, "input_tokens": 4443},
    "credits_consumed": Decimal("0.48"),
    "status": "completed",
    "error": None,
}
CLAUDE = {
    "role": "assistant",
    "usage": {"output_tokens": 17, "input_tokens": 13},
    "stop_reason": "end_turn",
    "model": "claude-sonnet-4-6",
    "id": "msg_1",
    "credits_consumed": Decimal("0.02"),
    "type": "message",
    "content": [{"text": "Hello!", "type": "text"}],
}
GEMINI = {
    "candidates": [{"content": {"role": "model", "parts": [{"text": "Salut"}]}, "finishReason": "STOP"}],
    "modelVersion": "gemini-3-flash",
    "usageMetadata": {
        "candidatesTokenCount": 18,
        "thoughtsTokenCount": 55,
        "totalTokenCount": 325,
        "promptTokenCount": 252,
    },
    "credits_consumed": Decimal("0.01"),
    "responseId": "r",
}
COMPLETIONS = {
    "id": "c",
    "object": "chat.completion",
    "created": 1,
    "model": "gpt-5-2",
    "choices": [{"index": 0, "message": {"role": "assistant", "content": "Hi"}, "finish_reason": "stop"}],
    "usage": {"prompt_tokens": 9, "completion_tokens": 3, "total_tokens": 12},
    "credits_consumed": Decimal("5.15"),
}
WHOLE = [
    (responses, RESPONSES, "Bonjour", Usage(4443, 47), 480),
    (messages, CLAUDE, "Hello!", Usage(13, 17), 20),
    (gemini, GEMINI, "Salut", Usage(252, 73), 10),
    (completions, COMPLETIONS, "Hi", Usage(9, 3), 5150),
]


@pytest.mark.parametrize(("module", "body", "text", "usage", "cost"), WHOLE)
def test_a_whole_body_says_its_text_its_tokens_and_its_cost(
    module: ModuleType, body: dict[str, Any], text: str, usage: Usage, cost: int
) -> None:
    reader = module.Reader()
    assert reader.body(Answer(200, body)) == [Delta(text)]
    assert (reader.usage, reader.cost_millicredits) == (usage, cost)
    assert (reader.finish_reason, reader.complete) == ("stop", True)


def read(module: ModuleType, *events: dict[str, Any]) -> tuple[Reader, list[Said]]:
    reader = module.Reader()
    return reader, [said for event in events for said in reader.event(event)]


def chunk(delta: dict[str, Any], reason: str | None = None, **more: Any) -> dict[str, Any]:
    return {"choices": [{"index": 0, "delta": delta, "finish_reason": reason}], **more}


def test_completions_stream_thoughts_texts_and_at_the_end_the_cost() -> None:
    reader, said = read(
        completions,
        chunk({"role": "assistant", "content": ""}),
        chunk({"reasoning_content": "Hm."}),
        chunk({"content": "Hi"}),
        chunk({}, "stop"),
        {"choices": [], "usage": {"prompt_tokens": 9, "completion_tokens": 3}, "credits_consumed": Decimal("0.07")},
    )
    assert said == [Thought("Hm."), Delta("Hi")]
    assert (reader.usage, reader.cost_millicredits, reader.complete) == (Usage(9, 3), 70, True)


def test_completions_stream_the_calls_of_tools_in_pieces() -> None:
    def call(**function: str) -> dict[str, Any]:
        return {"tool_calls": [{"index": 0, "id": "c1" if "name" in function else None, "function": function}]}

    reader, said = read(
        completions,
        chunk(call(name="weather", arguments="")),
        chunk(call(arguments='{"city"')),
        chunk(call(arguments=': "Rome"}')),
        chunk({}, "tool_calls"),
    )
    assert said[0] == ToolCall(0, "c1", "weather", "")
    assert "".join(piece.arguments for piece in said if isinstance(piece, ToolCall)) == '{"city": "Rome"}'
    assert reader.finish_reason == "tool_calls"


def test_the_total_counts_thoughts_that_geminis_parts_leave_out() -> None:
    """protocol 5.4"""
    usage = {"prompt_tokens": 9, "completion_tokens": 3, "total_tokens": 40}
    reader, _ = read(completions, {"choices": [], "usage": usage})
    assert reader.usage == Usage(9, 31)


def test_responses_stream_texts_and_end_without_done() -> None:
    """protocol 5.3"""
    reader, said = read(
        responses,
        {"type": "response.created", "response": {"status": "in_progress", "output": [], "usage": None}},
        {"type": "response.reasoning_summary_text.delta", "delta": "Hm."},
        {"type": "response.output_text.delta", "delta": "Bon"},
        {"type": "response.output_text.delta", "delta": "jour"},
        {"type": "response.completed", "response": RESPONSES},
    )
    assert said == [Thought("Hm."), Delta("Bon"), Delta("jour")]
    assert (reader.usage, reader.cost_millicredits, reader.complete) == (Usage(4443, 47), 480, True)


def test_responses_that_only_send_their_end_are_read_from_it() -> None:
    _, said = read(responses, {"type": "response.completed", "response": RESPONSES})
    assert said == [Delta("Bonjour")]


def test_responses_number_the_calls_of_tools() -> None:
    def added(index: int) -> dict[str, Any]:
        item = {
            "type": "function_call",
            "id": f"fc_{index}",
            "call_id": f"c{index}",
            "name": "weather",
            "arguments": "",
        }
        return {"type": "response.output_item.added", "output_index": index, "item": item}

    def arguments(index: int, delta: str) -> dict[str, Any]:
        return {"type": "response.function_call_arguments.delta", "item_id": f"fc_{index}", "delta": delta}

    output = [{**added(index)["item"], "arguments": "{}"} for index in (1, 2)]
    ended = {"type": "response.completed", "response": {"status": "completed", "output": output}}
    reader, said = read(responses, added(1), arguments(1, "{}"), added(2), arguments(2, "{}"), ended)
    assert said == [
        ToolCall(0, "c1", "weather"),
        ToolCall(0, arguments="{}"),
        ToolCall(1, "c2", "weather"),
        ToolCall(1, arguments="{}"),
    ]
    assert reader.finish_reason == "tool_calls"


def test_responses_say_when_they_were_cut_short() -> None:
    body = {**RESPONSES, "status": "incomplete", "incomplete_details": {"reason": "max_output_tokens"}}
    reader, _ = read(responses, {"type": "response.incomplete", "response": body})
    assert (reader.finish_reason, reader.complete) == ("length", True)


def test_claude_streams_blocks_and_counts_from_start_to_end() -> None:
    start = {"input_tokens": 13, "cache_read_input_tokens": 100, "cache_creation_input_tokens": 7, "output_tokens": 1}
    reader, said = read(
        messages,
        {"type": "message_start", "message": {"id": "m", "usage": start}},
        {"type": "content_block_start", "index": 0, "content_block": {"type": "thinking", "thinking": ""}},
        {"type": "content_block_delta", "index": 0, "delta": {"type": "thinking_delta", "thinking": "Hm."}},
        {"type": "content_block_stop", "index": 0},
        {"type": "content_block_start", "index": 1, "content_block": {"type": "text", "text": ""}},
        {"type": "content_block_delta", "index": 1, "delta": {"type": "text_delta", "text": "Hello"}},
        {"type": "ping"},
        {
            "type": "content_block_start",
            "index": 2,
            "content_block": {"type": "tool_use", "id": "t1", "name": "weather", "input": {}},
        },
        {"type": "content_block_delta", "index": 2, "delta": {"type": "input_json_delta", "partial_json": "{}"}},
        {
            "type": "message_delta",
            "delta": {"stop_reason": "tool_use"},
            "usage": {"output_tokens": 17},
            "credits_consumed": Decimal("0.02"),
        },
        {"type": "message_stop"},
    )
    assert said == [Thought("Hm."), Delta("Hello"), ToolCall(0, "t1", "weather"), ToolCall(0, arguments="{}")]
    assert reader.usage == Usage(120, 17, cached=100, cache_written=7)
    assert (reader.cost_millicredits, reader.finish_reason, reader.complete) == (20, "tool_calls", True)


def test_a_whole_claude_body_may_call_tools() -> None:
    content = [{"type": "tool_use", "id": "t1", "name": "weather", "input": {"city": "Rome"}}]
    reader = messages.Reader()
    (call,) = reader.body(Answer(200, {**CLAUDE, "content": content, "stop_reason": "tool_use"}))
    assert isinstance(call, ToolCall)
    assert (call.id, call.name, json.loads(call.arguments)) == ("t1", "weather", {"city": "Rome"})


def test_gemini_streams_chunks_that_look_like_whole_bodies() -> None:
    def part(**values: Any) -> dict[str, Any]:
        return {"candidates": [{"content": {"role": "model", "parts": [values]}}]}

    reader, said = read(
        gemini,
        part(text="Hm.", thought=True),
        part(text="Sa"),
        part(functionCall={"name": "weather", "args": {"city": "Rome"}}),
        GEMINI,
    )
    assert said == [
        Thought("Hm."),
        Delta("Sa"),
        ToolCall(0, "call_0_weather", "weather", '{"city": "Rome"}'),
        Delta("Salut"),
    ]
    assert (reader.usage, reader.cost_millicredits) == (Usage(252, 73), 10)
    assert (reader.finish_reason, reader.complete) == ("tool_calls", True)


def test_gemini_may_answer_with_its_chunks_as_a_list() -> None:
    reader = gemini.Reader()
    first = {"candidates": [{"content": {"parts": [{"text": "Sa"}]}}]}
    assert reader.body(Answer(200, [first, GEMINI])) == [Delta("Sa"), Delta("Salut")]
    assert reader.cost_millicredits == 10


def test_a_prompt_that_gemini_blocks_is_filtered() -> None:
    reader, said = read(gemini, {"promptFeedback": {"blockReason": "SAFETY"}})
    assert (said, reader.finish_reason) == ([], "content_filter")


NONSENSE: list[Any] = [
    None,
    [],
    "text",
    {},
    {"choices": "x", "usage": [], "candidates": [None], "content": 5},
    {"choices": [{"delta": {"content": 5, "tool_calls": [{"index": "x", "function": 7}]}}]},
    {"type": "response.completed", "response": {"output": [{"content": [{"text": 7}], "summary": 4}], "usage": "x"}},
    {"type": "content_block_delta", "delta": []},
    {"candidates": [{"content": {"parts": [{"functionCall": 5}, {"text": None}]}}], "usageMetadata": 4},
    {"credits_consumed": -1, "usage": {"prompt_tokens": -5, "completion_tokens": 1e99}},
]


@pytest.mark.parametrize("data", NONSENSE)
@pytest.mark.parametrize("module", [completions, responses, messages, gemini])
def test_no_event_of_an_unknown_shape_breaks_a_reply(module: ModuleType, data: Any) -> None:
    reader = module.Reader()
    assert not any(isinstance(said, Delta) for said in reader.event(data))
    assert reader.cost_millicredits is None
    assert reader.usage is None or reader.usage.output == 0


# Server-sent events

STREAM = b'event: a\r\ndata: {"x": 1}\r\n\r\n: quiet\n\ndata: two\ndata: lines\n\nid: 5\ndata:\xc3\xa9\n\ndata: last'
FOUND = [Event("a", '{"x": 1}'), Event("", "two\nlines"), Event("", "é"), Event("", "last")]


@pytest.mark.parametrize("size", [1, 2, 3, 7, 1000])
def test_events_are_the_same_however_their_bytes_are_cut(size: int) -> None:
    events = Events()
    found = [event for at in range(0, len(STREAM), size) for event in events.feed(STREAM[at : at + size])]
    assert [*found, *events.end()] == FOUND
