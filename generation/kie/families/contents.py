"""Results of unified tasks that are no files: texts, and objects of many shapes (protocol 2.2, `resultObject`)."""

from collections.abc import Callable
from typing import Any

from generation.kie import wire
from generation.kie.families import music, suno_at_once
from generation.kie.families.base import Result, urls

Found = dict[str, Any]


def read(found: Found, record: Found) -> list[Result]:
    """What `resultObject` says; where there is none, shapes that we know may stand in its place.

    A voice has no content: its name is that of its task (protocol 4.10).
    """
    if str(record.get("model")).endswith("/create-voice"):
        return [Result(data={"ready": True}, view="voice", kie_id=str(record["taskId"]))]
    said = found.get("resultObject")
    said = (wire.parse(said) or said) if isinstance(said, str) else said
    if isinstance(said, str):
        return [Result(text=said)] if said else []
    known = _known(said if isinstance(said, dict) and said else found)
    return known if known or not said else _unknown(said)


def _known(said: Found) -> list[Result]:
    """By the field that only this shape has."""
    for field, reader in _READERS.items():
        if said.get(field) is not None:
            return reader(said)
    return []


def _text(field: str, view: str = "") -> Callable[[Found], list[Result]]:
    def reader(said: Found) -> list[Result]:
        return [Result(text=said[field], view=view)] if said[field] and isinstance(said[field], str) else []

    return reader


def transcript(said: Found) -> list[Result]:
    """What was said; with the time of each word, and who said it, where KIE tells."""
    if not isinstance(said["text"], str):
        return []
    data = {"text": said["text"], "language": said.get("language_code") or ""}
    words = [word for item in music.items(said.get("words")) if (word := _word(item))]
    return [Result(data=data | ({"words": words} if words else {}), view="transcript")]


def _word(item: Found) -> Found | None:
    start, end = music.number(item.get("start")), music.number(item.get("end"))
    if item.get("type") == "spacing" or start is None or end is None:
        return None
    speaker = {"speaker": item["speaker_id"]} if isinstance(item.get("speaker_id"), str) else {}
    return {"word": str(item.get("text") or item.get("word") or ""), "start": start, "end": end, **speaker}


_READERS: dict[str, Callable[[Found], list[Result]]] = {
    "lyricsData": lambda said: music.lyrics(said["lyricsData"]),
    "instruments": music.notes,
    "midiData": lambda said: music.notes(said["midiData"]),
    "alignedWords": music.word_timings,
    "personaId": lambda said: suno_at_once.persona(said, {}),
    "validateInfo": _text("validateInfo", "phrase"),
    "isAvailable": lambda said: suno_at_once.availability(said, {}),
    "result": _text("result"),
    "text": transcript,
}


def _unknown(said: Any) -> list[Result]:
    """An object as it is; addresses in it, as of the masks of a detection, become files of their own."""
    if not isinstance(said, dict):
        return [Result(data=wire.plain(said))]
    files = [
        Result(url, details={"title": key.removesuffix("s").removesuffix("_url").replace("_", " ").capitalize()})
        for key, value in said.items()
        for url in urls(value)
    ]
    rest = {key: value for key, value in said.items() if not urls(value)}
    return files + ([Result(data=wire.plain(rest))] if rest else [])
