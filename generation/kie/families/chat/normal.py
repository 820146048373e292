"""A body of OpenAI's chat completions, as our normal form.

What KIE does not document and what does not change what the reply is (temperature, seed, user, stop …) is accepted
and left out; what would change it, or its price, is refused by name.
"""

from typing import Any

from generation.kie.families.chat.base import EFFORTS, Ask, Unsupported

MAX_MESSAGES = 2000
_ROLES = {"system": "system", "developer": "system", "user": "user", "assistant": "assistant", "tool": "tool"}
_REFUSED = {
    "audio": "Spoken replies are not offered.",
    "functions": "Use `tools`, which replaces it.",
    "function_call": "Use `tool_choice`, which replaces it.",
    "web_search_options": "Web search is not offered.",
    "googleSearch": "Web search is not offered.",
    "prediction": "Predicted output is not offered.",
}


def ask(body: dict[str, Any]) -> Ask:
    """Read and check a body. Raises Unsupported, which names the field."""
    for field, message in _REFUSED.items():
        if body.get(field) is not None:
            raise Unsupported(field, message)
    if body.get("n") not in (None, 1):
        raise Unsupported("n", "Only one reply at a time is offered.")
    if body.get("modalities") not in (None, ["text"]):
        raise Unsupported("modalities", "Only text is offered.")
    messages = body.get("messages")
    if not isinstance(messages, list) or not messages:
        raise Unsupported("messages", "must be a list of at least one message")
    if len(messages) > MAX_MESSAGES:
        raise Unsupported("messages", f"must be at most {MAX_MESSAGES} messages")
    turns = [_message(turn, f"messages[{index}]") for index, turn in enumerate(messages)]
    if all(turn["role"] == "system" for turn in turns):
        raise Unsupported("messages", "needs a message of a user")
    return Ask(
        messages=turns,
        stream=_flag(body, "stream"),
        tools=_tools(body.get("tools")),
        tool_choice=_choice(body.get("tool_choice")),
        max_tokens=_limit(body, "max_completion_tokens") or _limit(body, "max_tokens"),
        effort=_effort(body.get("reasoning_effort")),
        shape=_shape(body.get("response_format")),
    )


def _flag(body: dict[str, Any], name: str) -> bool:
    if not isinstance(value := body.get(name) or False, bool):
        raise Unsupported(name, "must be true or false")
    return value


def _limit(body: dict[str, Any], name: str) -> int | None:
    value = body.get(name)
    if value is not None and (isinstance(value, bool) or not isinstance(value, int) or value < 1):
        raise Unsupported(name, "must be a whole number of at least 1")
    return value


def _effort(value: Any) -> str | None:
    if value is not None and value not in EFFORTS:
        raise Unsupported("reasoning_effort", f"must be one of {', '.join(EFFORTS)}")
    return value


def _message(turn: Any, where: str) -> dict[str, Any]:
    role = _ROLES.get(str(turn.get("role"))) if isinstance(turn, dict) else None
    if role is None:
        raise Unsupported(where, f"needs a role: {', '.join(_ROLES)}")
    message: dict[str, Any] = {"role": role, "content": _content(turn.get("content"), f"{where}.content", role)}
    if role == "tool":
        if not isinstance(turn.get("tool_call_id"), str):
            raise Unsupported(f"{where}.tool_call_id", "must name the tool call that this answers")
        message["tool_call_id"] = turn["tool_call_id"]
    if role == "assistant" and turn.get("tool_calls"):
        message["tool_calls"] = _calls(turn["tool_calls"], f"{where}.tool_calls")
    if message["content"] in (None, []) and not message.get("tool_calls"):
        raise Unsupported(f"{where}.content", "must not be empty")
    return message


def _content(content: Any, where: str, role: str) -> Any:
    if content is None or isinstance(content, str):
        return content
    if not isinstance(content, list):
        raise Unsupported(where, "must be a text or a list of parts")
    return [_part(part, f"{where}[{index}]", role) for index, part in enumerate(content)]


def _part(part: Any, where: str, role: str) -> dict[str, Any]:
    kind = part.get("type") if isinstance(part, dict) else None
    if kind in ("text", "refusal") and isinstance(part.get(kind), str):
        return {"type": "text", "text": part[kind]}
    if kind == "image_url" and role == "user":
        image = part.get("image_url")
        url = image.get("url") if isinstance(image, dict) else image
        if isinstance(url, str):
            return {"type": "image_url", "image_url": {"url": url}}
        raise Unsupported(where, "needs an image_url with a url")
    offered = "text and image_url" if role == "user" else "text"
    raise Unsupported(where, f"Parts of type {kind!r} are not offered here, only {offered}.")


def _calls(calls: Any, where: str) -> list[dict[str, Any]]:
    if not isinstance(calls, list):
        raise Unsupported(where, "must be a list of tool calls")
    found = []
    for index, call in enumerate(calls):
        function = call.get("function") if isinstance(call, dict) else None
        if not isinstance(function, dict) or not isinstance(call.get("id"), str):
            raise Unsupported(f"{where}[{index}]", "needs an id and a function")
        name, arguments = function.get("name"), function.get("arguments")
        if not isinstance(name, str) or not isinstance(arguments, str):
            raise Unsupported(f"{where}[{index}]", "needs a function with name and arguments, both texts")
        found.append({"id": call["id"], "type": "function", "function": {"name": name, "arguments": arguments}})
    return found


def _tools(tools: Any) -> list[dict[str, Any]]:
    if tools is None:
        return []
    if not isinstance(tools, list):
        raise Unsupported("tools", "must be a list of tools")
    found = []
    for index, tool in enumerate(tools):
        if not isinstance(tool, dict) or tool.get("type") != "function":
            kind = tool.get("type") if isinstance(tool, dict) else None
            raise Unsupported(f"tools[{index}]", f"Tools of type {kind!r} are not offered, only functions.")
        function = tool.get("function")
        if not isinstance(function, dict) or not isinstance(function.get("name"), str):
            raise Unsupported(f"tools[{index}].function", "needs a name")
        if not isinstance(function.get("parameters") or {}, dict):
            raise Unsupported(f"tools[{index}].function.parameters", "must be a JSON Schema")
        given = {name: function[name] for name in ("name", "description", "parameters") if function.get(name)}
        found.append({"type": "function", "function": given})
    return found


def _choice(choice: Any) -> str | dict[str, Any] | None:
    if choice is None or choice in ("auto", "none", "required"):
        return choice
    function = choice.get("function") if isinstance(choice, dict) else None
    if isinstance(function, dict) and isinstance(function.get("name"), str):
        return {"type": "function", "function": {"name": function["name"]}}
    raise Unsupported("tool_choice", "must be auto, none, required or a function")


def _shape(wanted: Any) -> dict[str, Any] | None:
    kind = wanted.get("type") if isinstance(wanted, dict) else None
    if wanted is None or kind == "text":
        return None
    shape = wanted.get("json_schema") if isinstance(wanted, dict) else None
    if kind != "json_schema" or not isinstance(shape, dict) or not isinstance(shape.get("schema"), dict):
        raise Unsupported("response_format", "Only text and json_schema with a schema are offered.")
    return {"name": str(shape.get("name") or "reply"), "strict": bool(shape.get("strict")), "schema": shape["schema"]}
