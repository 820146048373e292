"""What is in a stored result, read for people: structures, words with their times, plain text, other formats."""

import json
from collections.abc import Iterator
from dataclasses import dataclass
from typing import Any

from generation.media import midi
from generation.models import Asset

SHOWN_TEXT_BYTES = 100_000
MAX_STRUCTURE_BYTES = 8 * 1024**2
_TIMED = ("word_timings", "transcript")
TYPES = {"txt": "text/plain; charset=utf-8", "mid": "audio/midi"}


def kind_of(asset: Asset) -> str:
    """What a result is, in one word: its view, else its type of file; a structure without a view is an object."""
    if asset.view:
        return asset.view
    return "object" if asset.content_type == "application/json" else asset.kind


def structure(asset: Asset) -> Any:
    """The content of a JSON file or a text; None for other files and for what is too large to be read."""
    if asset.data is not None or asset.kind != "text" or asset.size_bytes > MAX_STRUCTURE_BYTES:
        return asset.data
    with asset.file.open("rb") as file:
        text = file.read().decode("utf-8", "replace")
    try:
        return json.loads(text) if asset.content_type == "application/json" else text
    except ValueError:
        return text


@dataclass(frozen=True)
class Word:
    """A piece of text and when it is heard, in seconds; None where that is not known."""

    text: str
    start: float | None
    end: float | None

    @property
    def bare(self) -> str:
        return self.text.rstrip()

    @property
    def gap(self) -> str:
        """What separates it from the next."""
        return self.text[len(self.bare) :] or " "


@dataclass(frozen=True)
class Segment:
    """What one speaker says in one go."""

    speaker: str
    words: tuple[Word, ...]

    @property
    def name(self) -> str:
        """ "speaker_0" is called Speaker 1."""
        number = self.speaker.rpartition("_")[2]
        return (
            f"Speaker {int(number) + 1}" if self.speaker == f"speaker_{number}" and number.isdecimal() else self.speaker
        )

    @property
    def at(self) -> str:
        """When it begins: "3:18"."""
        start = next((word.start for word in self.words if word.start is not None), None)
        return "" if start is None else clock(start)


def clock(seconds: float) -> str:
    """198.4 is "3:18"."""
    minutes, rest = divmod(int(seconds), 60)
    return f"{minutes // 60}:{minutes % 60:02}:{rest:02}" if minutes >= 60 else f"{minutes}:{rest:02}"


def words(data: Any) -> list[Word]:
    """The timed words of `{"words": [{"word", "start", "end"}]}`."""
    listed = data.get("words") if isinstance(data, dict) else None
    return [_word(item) for item in listed if isinstance(item, dict)] if isinstance(listed, list) else []


def _word(item: dict[str, Any]) -> Word:
    return Word(str(item.get("word") or ""), _seconds(item.get("start")), _seconds(item.get("end")))


def _seconds(value: Any) -> float | None:
    return float(value) if isinstance(value, int | float) and not isinstance(value, bool) else None


def segments(data: Any) -> list[Segment]:
    """The words of a transcript, grouped by who says them."""
    listed = data.get("words") if isinstance(data, dict) else None
    found: list[tuple[str, list[Word]]] = []
    for item in listed if isinstance(listed, list) else []:
        if not isinstance(item, dict):
            continue
        speaker = str(item.get("speaker") or "")
        if not found or found[-1][0] != speaker:
            found.append((speaker, []))
        found[-1][1].append(_word(item))
    return [Segment(speaker, tuple(said)) for speaker, said in found]


# As plain text


def text(asset: Asset) -> str:
    """What a result says, as text that can be read aloud; "" for what says nothing."""
    if asset.kind != "text":
        return str(asset.details.get("lyrics") or "")
    data = structure(asset)
    if isinstance(data, str):
        return data
    if data is None:
        return _beginning(asset)
    if isinstance(data, dict) and isinstance(data.get("text"), str) and asset.view in (*_TIMED, "phrase", "lyrics"):
        return data["text"]
    if asset.view == "word_timings":
        return "".join(word.bare + word.gap for word in words(data)).strip()
    return "\n".join(_lines(data))


def _beginning(asset: Asset) -> str:
    with asset.file.open("rb") as file:
        return file.read(SHOWN_TEXT_BYTES).decode("utf-8", "replace")


def _lines(value: Any, indent: str = "") -> Iterator[str]:
    pairs = value.items() if isinstance(value, dict) else enumerate(value, start=1) if isinstance(value, list) else []
    if not pairs and not isinstance(value, dict | list):
        yield f"{indent}{shown(value)}"
    for name, inner in pairs:
        if isinstance(inner, dict | list) and inner:
            yield f"{indent}{name}:"
            yield from _lines(inner, indent + "  ")
        else:
            yield f"{indent}{name}: {shown(inner)}"


def shown(value: Any) -> str:
    """A single value as people read it."""
    if isinstance(value, bool):
        return "Yes" if value else "No"
    return "" if value in (None, [], {}) else str(value)


# In other formats


def formats(asset: Asset) -> list[str]:
    """The other formats, by their extension, that a result can be had in."""
    if asset.view == "notes":
        return ["mid"]
    return ["txt"] if asset.content_type == "application/json" or asset.details.get("lyrics") else []


def converted(asset: Asset, extension: str) -> bytes:
    """The result in one of its `formats`."""
    if extension == "mid":
        return midi.to_file(midi.read(structure(asset)))
    return text(asset).encode()
