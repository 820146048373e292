"""What customers may send in the shape of OpenAI's chat completions."""

from typing import Any

import pytest

from generation.kie.families.chat import normal
from generation.kie.families.chat.base import Unsupported

HI = [{"role": "user", "content": "hi"}]


def test_what_kie_does_not_document_is_left_out() -> None:
    ask = normal.ask(
        {
            "messages": HI,
            "n": 1,
            "temperature": 0.2,
            "top_p": 1,
            "seed": 7,
            "stop": ["x"],
            "user": "u",
            "logprobs": True,
            "modalities": ["text"],
            "response_format": {"type": "text"},
        }
    )
    assert (ask.messages, ask.stream, ask.tools, ask.shape) == (HI, False, [], None)


def test_a_developer_is_a_system_and_the_newer_limit_counts() -> None:
    messages = [{"role": "developer", "content": "Be kind."}, *HI]
    ask = normal.ask({"messages": messages, "max_tokens": 5, "max_completion_tokens": 6, "reasoning_effort": "high"})
    assert ask.system == "Be kind."
    assert (ask.max_tokens, ask.effort) == (6, "high")


def part(kind: str, **values: Any) -> list[dict[str, Any]]:
    return [{"role": "user", "content": [{"type": kind, **values}]}]


REFUSED: list[tuple[dict[str, Any], str]] = [
    ({}, "messages"),
    ({"messages": []}, "messages"),
    ({"messages": HI * 2001}, "messages"),
    ({"messages": [{"role": "system", "content": "x"}]}, "messages"),
    ({"messages": ["hi"]}, "messages[0]"),
    ({"messages": [{"role": "wizard", "content": "x"}]}, "messages[0]"),
    ({"messages": [{"role": "user", "content": ""}, {"role": "user"}]}, "messages[1].content"),
    ({"messages": [{"role": "tool", "content": "x"}]}, "messages[0].tool_call_id"),
    ({"messages": [{"role": "assistant", "content": "x", "tool_calls": [{"id": "c"}]}]}, "messages[0].tool_calls[0]"),
    ({"messages": part("input_audio", input_audio={})}, "messages[0].content[0]"),
    ({"messages": part("video_url", video_url={})}, "messages[0].content[0]"),
    ({"messages": part("file", file={})}, "messages[0].content[0]"),
    ({"messages": part("image_url")}, "messages[0].content[0]"),
    ({"messages": HI, "n": 2}, "n"),
    ({"messages": HI, "audio": {"voice": "x"}}, "audio"),
    ({"messages": HI, "modalities": ["text", "audio"]}, "modalities"),
    ({"messages": HI, "web_search_options": {}}, "web_search_options"),
    ({"messages": HI, "functions": []}, "functions"),
    ({"messages": HI, "tools": [{"type": "web_search"}]}, "tools[0]"),
    ({"messages": HI, "tools": [{"type": "function", "function": {}}]}, "tools[0].function"),
    ({"messages": HI, "tools": {}}, "tools"),
    ({"messages": HI, "tool_choice": "sometimes"}, "tool_choice"),
    ({"messages": HI, "stream": "yes"}, "stream"),
    ({"messages": HI, "max_tokens": 0}, "max_tokens"),
    ({"messages": HI, "max_tokens": True}, "max_tokens"),
    ({"messages": HI, "reasoning_effort": "heroic"}, "reasoning_effort"),
    ({"messages": HI, "response_format": {"type": "json_object"}}, "response_format"),
    ({"messages": HI, "response_format": {"type": "json_schema"}}, "response_format"),
]


@pytest.mark.parametrize(("body", "field"), REFUSED)
def test_what_cannot_be_had_is_refused_by_name(body: dict[str, Any], field: str) -> None:
    with pytest.raises(Unsupported) as refused:
        normal.ask(body)
    assert refused.value.field == field
    assert refused.value.message
