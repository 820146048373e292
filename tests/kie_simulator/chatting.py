"""The four styles of chat, each as one way to ask and to read the answer."""

import json
from collections.abc import Callable
from dataclasses import dataclass
from typing import Any

from tests.kie_simulator.conftest import Kie

TOOL_SCHEMA = {"type": "object", "properties": {"city": {"type": "string"}, "days": {"type": "integer"}}}
FUNCTION = {"name": "weather", "description": "The weather of a city", "parameters": TOOL_SCHEMA}


@dataclass(frozen=True)
class Style:
    """path and prices are those of one model; the rest builds bodies and reads events and bodies."""

    name: str
    path: str
    model: str
    prices: tuple[float, float]
    ask: Callable[[str], dict[str, Any]]
    delta: Callable[[dict[str, Any]], str]
    text: Callable[[dict[str, Any]], str]
    bill: Callable[[dict[str, Any]], dict[str, Any]]
    tools: list[dict[str, Any]]
    call: Callable[[dict[str, Any]], tuple[str, Any]]


def events(response: Any) -> list[dict[str, Any]]:
    """All data lines of a stream that are JSON."""
    lines = [line.removeprefix("data: ") for line in response.text.split("\n") if line.startswith("data: ")]
    return [json.loads(line) for line in lines if line != "[DONE]"]


def said(style: Style, kie: Kie, prompt: str) -> str:
    """The text of a streamed reply."""
    return "".join(style.delta(event) for event in events(post(style, kie, prompt)))


def post(style: Style, kie: Kie, prompt: str, **more: Any) -> Any:
    return kie.http.post(style.path, json=style.ask(prompt) | more)


def whole(style: Style, kie: Kie, prompt: str, **more: Any) -> dict[str, Any]:
    """The body of a reply that is not streamed."""
    return post(style, kie, prompt, stream=False, **more).json()


def _message(body: dict[str, Any]) -> dict[str, Any]:
    return body["choices"][0]["message"]


def _content(event: dict[str, Any]) -> str:
    return event["choices"][0]["delta"].get("content", "") if event.get("choices") else ""


def _outputs(body: dict[str, Any], kind: str) -> list[dict[str, Any]]:
    return [item for item in body["output"] if item["type"] == kind]


def _blocks(body: dict[str, Any], kind: str) -> list[dict[str, Any]]:
    return [block for block in body["content"] if block["type"] == kind]


def _parts(body: dict[str, Any], kind: str) -> list[Any]:
    parts = body["candidates"][0]["content"]["parts"] if body.get("candidates") else []
    return [part[kind] for part in parts if kind in part]


def _function(body: dict[str, Any]) -> tuple[str, Any]:
    function = _message(body)["tool_calls"][0]["function"]
    return function["name"], json.loads(function["arguments"])


def _function_call(body: dict[str, Any]) -> tuple[str, Any]:
    call = _outputs(body, "function_call")[0]
    return call["name"], json.loads(call["arguments"])


def _tool_use(body: dict[str, Any]) -> tuple[str, Any]:
    block = _blocks(body, "tool_use")[0]
    return block["name"], block["input"]


def _gemini_call(body: dict[str, Any]) -> tuple[str, Any]:
    call = _parts(body, "functionCall")[0]
    return call["name"], call["args"]


COMPLETIONS = Style(
    "completions",
    "/gemini-3-flash/v1/chat/completions",
    "gemini-3-flash",
    (30, 180),
    lambda prompt: {"messages": [{"role": "user", "content": prompt}]},
    _content,
    lambda body: _message(body)["content"],
    lambda event: event,
    [{"type": "function", "function": FUNCTION}],
    _function,
)
RESPONSES = Style(
    "responses",
    "/codex/v1/responses",
    "gpt-5-5",
    (280, 1680),
    lambda prompt: {"model": "gpt-5-5", "input": prompt},
    lambda event: event["delta"] if event["type"] == "response.output_text.delta" else "",
    lambda body: _outputs(body, "message")[0]["content"][0]["text"],
    lambda event: event["response"],
    [{"type": "function", **FUNCTION}],
    _function_call,
)
CLAUDE = Style(
    "claude",
    "/claude/v1/messages",
    "claude-sonnet-5",
    (170, 855),
    lambda prompt: {"model": "claude-sonnet-5", "messages": [{"role": "user", "content": prompt}]},
    lambda event: event["delta"].get("text", "") if event["type"] == "content_block_delta" else "",
    lambda body: _blocks(body, "text")[0]["text"],
    lambda event: event,
    [{"name": "weather", "description": "The weather of a city", "input_schema": TOOL_SCHEMA}],
    _tool_use,
)
GEMINI = Style(
    "gemini",
    "/gemini/v1/models/gemini-3-5-flash:streamGenerateContent",
    "gemini-3-5-flash",
    (90, 540),
    lambda prompt: {"contents": [{"role": "user", "parts": [{"text": prompt}]}]},
    lambda event: "".join(_parts(event, "text")),
    lambda body: "".join(_parts(body, "text")),
    lambda event: event,
    [{"functionDeclarations": [FUNCTION]}],
    _gemini_call,
)
STYLES = [COMPLETIONS, RESPONSES, CLAUDE, GEMINI]
