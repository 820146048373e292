"""What fields and values of a model's input are called on pages."""

import json
import re
from decimal import Decimal
from typing import Any

from generation import catalog

_ACRONYMS = {"url", "id", "cfg", "fps", "hd", "nsfw", "bbox"}
_FORMATS = {"png", "jpg", "jpeg", "webp", "gif", "mp3", "mp4", "wav"}
_VERBS = {"is", "must", "needs", "takes", "contains", "says"}


def is_media(schema: dict[str, Any]) -> bool:
    """Whether a field takes a file or a list of files."""
    return "x-media" in schema or "x-media" in schema.get("items", {})


def is_result(schema: dict[str, Any]) -> bool:
    """Whether a field takes one result of an earlier generation, or a list of such."""
    return "x-result" in schema or "x-result" in schema.get("items", {})


def label(name: str, schema: dict[str, Any]) -> str:
    """A field's name as people say it: "image_urls" of pictures is "Images", "cfgScale" is "CFG scale"."""
    if "x-generation" in schema:
        return "Earlier generation"
    words = re.sub(r"([a-z0-9])([A-Z])", r"\1 \2", name).replace("_", " ").replace("-", " ").lower().split()
    chosen = is_media(schema) or is_result(schema)
    if chosen and len(words) > 1 and words[-1] in ("url", "urls", "id", "ids"):
        many = words.pop() in ("urls", "ids")
        if is_result(schema) and words == ["audio"]:
            words = [_sound(schema)]
        words[-1] += "s" if many and words[-1][-1] not in "so" else ""
    text = " ".join(
        word[:-1].upper() + "s" if word in ("urls", "ids") else word.upper() if word in _ACRONYMS else word
        for word in words
    )
    return text[:1].upper() + text[1:]


def _sound(schema: dict[str, Any]) -> str:
    """What a result that KIE calls audio is: a track of music, or a voice that was made to be spoken with."""
    makers = schema.get("x-result") or schema["items"]["x-result"]
    return "track" if catalog.get(makers[0]).modality == "music" else "voice"


def path_label(schema: dict[str, Any], path: str) -> str:
    """The label of a field anywhere in the input: "dialogue[1].text" is "Dialogue 2 text"."""
    labels: list[str] = []
    for token in re.findall(r"[^.\[\]]+", path):
        inside = schema.get("items", {})
        if token.isdigit() and schema.get("type") == "array":
            labels.append(str(int(token) + 1))
            schema = inside
        else:
            schema = (schema.get("properties") or inside.get("properties") or {}).get(token, {})
            text = label(token, schema)
            labels.append(text if not labels else text[:1].lower() + text[1:])
    return " ".join(labels)


def sentence(entry: catalog.Entry, error: dict[str, str]) -> str:
    """A refusal's error as a sentence that uses the labels of the form."""
    message = error["message"]
    for name, schema in entry.schema["properties"].items():
        if re.search(r"[_A-Z]", name):
            message = re.sub(rf"\b{re.escape(name)}\b", label(name, schema), message)
    if error["field"] and message.split(" ", 1)[0] in _VERBS:
        return f"{path_label(entry.schema, error['field'])} {message}."
    return f"{message[:1].upper()}{message[1:]}."


def as_text(value: Any) -> str:
    """A scalar as a control's value."""
    if value is None:
        return ""
    if isinstance(value, bool):
        return "true" if value else "false"
    if isinstance(value, float):
        return str(int(value)) if value.is_integer() else format(Decimal(str(value)), "f")
    return value if isinstance(value, str) else json.dumps(value, ensure_ascii=False)


def choice(value: Any) -> str:
    """One of a field's allowed values as people read it."""
    text = as_text(value)
    if text in _FORMATS:
        return text.upper()
    return text.replace("_", " ").capitalize() if re.fullmatch(r"[a-z]+([_ ][a-z]+)*", text) else text
