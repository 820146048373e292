"""What Suno's results look like, in both generations of its endpoints (protocol 2.2, 4.8, 4.9).

The older endpoints spell in camel case, the unified ones in snake case; what is inside is the same.
"""

import math
import re
from decimal import Decimal
from typing import Any

from generation.kie import wire
from generation.kie.families.base import Result, urls

# Parts whose name is not simply what it is called in the answer.
PARTS = {"vocal": "Vocals", "fx": "Effects"}
# Addresses that are of no part: the song that was taken apart, and ours.
WHOLE = ("origin", "callback")


def number(value: Any) -> float | None:
    """A number, also one in a string, as KIE mixes them in notes; None for anything else."""
    if isinstance(value, bool) or not isinstance(value, int | float | Decimal | str):
        return None
    try:
        found = float(value)
    except (ValueError, OverflowError):
        return None
    return found if math.isfinite(found) else None


def either(item: dict[str, Any], name: str) -> Any:
    """A field by its snake or camel case name."""
    head, *tail = name.split("_")
    return item.get(name) or item.get(head + "".join(word.title() for word in tail))


def items(value: Any) -> list[dict[str, Any]]:
    """The objects in a list, which may be null or hold nulls."""
    return [item for item in value if isinstance(item, dict)] if isinstance(value, list) else []


def tracks(value: Any) -> list[Result]:
    """The takes that are ready: one that can only be streamed yet has no audio address."""
    return [track(item, url) for item in items(value) for url in urls(either(item, "audio_url"))]


def track(item: dict[str, Any], url: str) -> Result:
    """One of Suno's takes. Its own id names the track in follow-up requests; it is not a task id (protocol 7.5)."""
    named = {"title": "title", "tags": "tags", "lyrics": "prompt"}
    details: dict[str, Any] = {
        ours: item[theirs] for ours, theirs in named.items() if item.get(theirs) and isinstance(item[theirs], str)
    }
    if (duration := number(item.get("duration"))) is not None:
        details["duration_seconds"] = duration
    cover = next(iter(urls(either(item, "image_url"))), "")
    return Result(url, view="track", kie_id=identity(item.get("id")), cover_url=cover, details=details)


def identity(value: Any) -> str:
    """KIE's name for something; "" where it gives none."""
    return str(value) if isinstance(value, str | int) and not isinstance(value, bool) else ""


def lyrics(value: Any) -> list[Result]:
    """The texts that were written: each has a status of its own, so some may have failed (trap 22)."""
    return [
        Result(text=item["text"], view="lyrics", details=titled(item.get("title")))
        for item in items(value)
        if item.get("status") != "failed" and isinstance(item.get("text"), str) and item["text"].strip()
    ]


def titled(title: Any) -> dict[str, Any]:
    return {"title": title} if title and isinstance(title, str) else {}


def notes(value: Any) -> list[Result]:
    """The notes of each instrument: times in seconds, which KIE gives as numbers and as strings."""
    found = wire.parse(value) if isinstance(value, str) else value
    instruments = items(found.get("instruments")) if isinstance(found, dict) else []
    data = {"instruments": [{"name": str(each.get("name") or ""), "notes": _played(each)} for each in instruments]}
    return [Result(data=data, view="notes")] if instruments else []


def _played(instrument: dict[str, Any]) -> list[dict[str, Any]]:
    played = [
        {name: number(note.get(name)) for name in ("pitch", "start", "end", "velocity")}
        for note in items(instrument.get("notes"))
    ]
    return [note for note in played if None not in note.values()]


def word_timings(found: dict[str, Any]) -> list[Result]:
    """When each word is sung, in seconds, and the shape of the sound for drawing."""
    words = [
        {"word": item["word"], "start": number(item.get("startS")), "end": number(item.get("endS"))}
        for item in items(found.get("alignedWords"))
        if isinstance(item.get("word"), str)
    ]
    timed = [word for word in words if None not in word.values()]
    levels = found.get("waveformData")
    loudness = [level for level in map(number, levels if isinstance(levels, list) else []) if level is not None]
    waveform = {"waveform": loudness} if loudness else {}
    return [Result(data={"words": timed, **waveform}, view="word_timings")] if timed else []


def stems(found: dict[str, Any]) -> list[Result]:
    """The parts of a song: addresses by name, and a list that adds lengths and the ids that MIDI takes."""
    parts = {url: _part(key) for key, value in found.items() for url in urls(value) if _part(key) not in WHOLE}
    results = {url: Result(url, view="stem", details={"title": title}) for url, title in parts.items()}
    for item in items(either(found, "origin_data")):
        for url in urls(either(item, "audio_url")):
            name = str(item.get("stem_type_group_name") or "Stem")
            known = next((there for there, part in parts.items() if url == there or same(part, name)), url)
            length = number(item.get("duration"))
            details = {"title": parts.get(known, name)} | ({} if length is None else {"duration_seconds": length})
            results[known] = Result(known, view="stem", kie_id=identity(item.get("id")), details=details)
    return list(results.values())


def _part(key: str) -> str:
    """`backingVocalsUrl` is "Backing Vocals"; the whole song is one of `WHOLE`."""
    words = re.sub(r"([A-Z])", r" \1", key).replace("_", " ").lower().split()
    name = " ".join(words[:-1] if words[-1:] == ["url"] else words)
    return name if name in WHOLE else PARTS.get(name, name.title())


def same(one: str, other: str) -> bool:
    """Whether two names are of the same part: one list says "Vocal", the other "Vocals"."""
    return one.lower().rstrip("s") == other.lower().rstrip("s")
