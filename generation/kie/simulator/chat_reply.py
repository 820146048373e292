"""What the simulated models say: about the last message, in Markdown, as long as was asked for."""

import base64
import binascii
import io
import json
from typing import Any

from PIL import Image, UnidentifiedImageError

from generation.kie.simulator.chat_call import TEXT, THOUGHT, TOOL, Asked, Part, pieces
from generation.kie.simulator.envelope import to_json
from generation.kie.simulator.faults import Faults, without_words

EXCERPT_CHARACTERS = 200
MOST_TOKENS = 200_000
PIXELS_PER_TOKEN = 750
TOKENS_OF_A_FILE = 258
FILLER = (
    "\n\nTo look at it more closely, take the words one by one: {words}. Each of them changes what the answer is, "
    "and none of them can be left out without losing something."
)


def parts(asked: Asked, faults: Faults, call_id: str) -> list[Part]:
    """Return the thoughts, and either a text or calls of tools."""
    thoughts = [Part(THOUGHT, f"The user wrote about “{_excerpt(asked, 60)}”. I answer that.")] if asked.thinks else []
    if "tool" in faults and asked.tools and not asked.messages[-1].result:
        return [*thoughts, *_tool_calls(asked, int(faults["tool"] or 1), call_id)]
    text = to_json(example(asked.shape, _excerpt(asked, 60))) if asked.shape else _answer(asked)
    if faults.get("tokens"):
        text = _of_length(text, asked, int(faults["tokens"] or 0))
    return [*thoughts, Part(TEXT, text)]


def example(schema: dict[str, Any], text: str) -> Any:
    """Return a value that a JSON Schema accepts, with `text` where it takes one."""
    if "enum" in schema or "const" in schema:
        return schema.get("const", schema.get("enum", [None])[0])
    kind = schema.get("type", "object" if "properties" in schema else "string")
    if kind == "object":
        return {name: example(inner, text) for name, inner in schema.get("properties", {}).items()}
    if kind == "array":
        return [example(schema.get("items", {}), text)]
    simple = {"integer": schema.get("minimum", 1), "number": schema.get("minimum", 1.5), "boolean": True, "null": None}
    return simple.get(kind, text)


def tokens_of(asked: Asked) -> int:
    """Count the prompt: texts by their pieces, pictures by their size, tools by their JSON."""
    texts = [asked.instructions, *(message.text for message in asked.messages)]
    if asked.tools:
        texts.append(json.dumps(asked.tools))
    files = [file for message in asked.messages for file in message.files]
    return sum(len(pieces(text)) for text in texts) + sum(_tokens_of_file(file) for file in files)


def size_of(file: str) -> tuple[int, int] | None:
    """Read width and height of a picture in a data URL; None for anything else."""
    head, _, data = file.partition(",")
    if not head.startswith("data:") or not head.endswith(";base64"):
        return None
    try:
        with Image.open(io.BytesIO(base64.b64decode(data, validate=True))) as image:
            return image.size
    except (binascii.Error, UnidentifiedImageError, Image.DecompressionBombError, ValueError):
        return None


def _tokens_of_file(file: str) -> int:
    size = size_of(file)
    return size[0] * size[1] // PIXELS_PER_TOKEN + 1 if size else TOKENS_OF_A_FILE


def _tool_calls(asked: Asked, count: int, call_id: str) -> list[Part]:
    names = list(asked.tools)
    chosen = [names[number % len(names)] for number in range(count)]
    return [
        Part(TOOL, to_json(example(asked.tools[name], _excerpt(asked, 60))), f"call_{call_id[:20]}{number}", name)
        for number, name in enumerate(chosen)
    ]


def _answer(asked: Asked) -> str:
    last = asked.last
    words = without_words(last.text).split()
    facts = [f"It is message {len(asked.messages)} of our conversation and has {len(words)} words."]
    facts += [_about(file) for message in asked.messages for file in message.files]
    if asked.instructions:
        facts.append(f"I keep to my instructions: *{_short(asked.instructions, 80)}*")
    if asked.messages[-1].result:
        facts.append(f"The tool answered: `{_short(asked.messages[-1].text, EXCERPT_CHARACTERS)}`")
    listed = "\n".join(f"- {fact}" for fact in facts)
    return (
        f"You wrote: **{_excerpt(asked, EXCERPT_CHARACTERS)}**\n\n{listed}\n\n"
        "I am a *simulated* model, so I cannot know more than that. Ask me anything else."
    )


def _about(file: str) -> str:
    size = size_of(file)
    if size:
        return f"I see an image of {size[0]} × {size[1]} pixels."
    return f"I was given a file that I do not open: `{_short(file, 60)}`"


def _excerpt(asked: Asked, characters: int) -> str:
    return _short(without_words(asked.last.text), characters) or "nothing"


def _short(text: str, characters: int) -> str:
    line = " ".join(text.split())
    return line if len(line) <= characters else line[: characters - 1] + "…"


def _of_length(text: str, asked: Asked, tokens: int) -> str:
    """Cut or extend a text to so many tokens."""
    more = FILLER.format(words=", ".join(f"*{word}*" for word in _excerpt(asked, EXCERPT_CHARACTERS).split()))
    wanted = min(tokens, MOST_TOKENS)
    found = pieces(text)
    while len(found) < wanted:
        found += pieces(more)
    return "".join(found[:wanted])
