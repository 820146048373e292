"""Results that are not files: texts and descriptions, in both generations of endpoints (protocol 2.2, 4.9)."""

import re
from typing import Any

from generation.kie.simulator.catalogue import Entry
from generation.kie.simulator.results import caption
from generation.kie.simulator.tasks import Task

LYRICS = "[Verse]\n{0}\nthe morning comes in slowly\n\n[Chorus]\n{0}\nand everything is new"
SAMPLE_WORDS = ("every", "morning", "comes", "in", "slowly")
PITCHES = {"Piano": (60, 62, 64, 67, 69), "Drums": (36, 38, 42)}
PHRASES = (
    "The quick brown fox sings at dawn.",
    "Seven silver boats sail home tonight.",
    "Warm rain falls on the old tin roof.",
)
# The parts that have an address of their own in the answer of the older endpoint.
STEMS: tuple[str, ...] = ("Vocal", "Instrumental", "Backing Vocals", "Drums", "Bass", "Guitar", "Keyboard")
STEMS += ("Percussion", "Strings", "Synth", "FX", "Brass", "Woodwinds")


def result_object(entry: Entry, task: Task) -> dict[str, Any] | None:
    """Return the object of a model that answers with one, None for models that make files."""
    # A flat table: each task has its own shape and nothing in common with the next.
    objects: dict[str, dict[str, Any]] = {
        "lyrics": {"lyricsData": lyrics(task)},
        "timestamped-lyrics": timings(task),
        "style-text": {"result": style(task)},
        "midi": midi(task),
        "persona": persona(task),
        "voice-phrase": {"validateInfo": phrase(task), "status": "wait_validating"},
        "voice-clone": {"voiceId": "", "status": "success"},
        "voice-check": {"isAvailable": True},
        "speech-to-text": _transcript(),
        "segmentation": {"segments": [{"id": 1, "label": "subject", "box": [128, 128, 896, 896]}]},
        "human-identification": {"subject_status": 1},
        "character-creation": {"characterId": task.token},
    }
    if "empty-result" in task.faults and entry.task in objects:
        return {}
    return objects.get(entry.task)


def given(task: Task) -> dict[str, Any]:
    """Return the input of a task of either generation."""
    return task.body.get("input", task.body)


def lyrics(task: Task) -> list[dict[str, Any]]:
    """Return two texts; each has a status of its own, so one may have failed (trap 22)."""
    if "empty-result" in task.faults:
        return []
    text = caption(given(task))
    found = [
        {"text": LYRICS.format(text), "title": f"{text[:40]} {number}", "status": "complete", "errorMessage": ""}
        for number in (1, 2)
    ]
    if "lyrics-part" in task.faults:
        found[0] |= {"text": "", "status": "failed", "errorMessage": "This text could not be written"}
    return found


def timings(task: Task) -> dict[str, Any]:
    """Return when each word is sung."""
    words = [
        {"word": word, "success": True, "startS": number * 0.5, "endS": number * 0.5 + 0.4, "palign": 0}
        for number, word in enumerate(SAMPLE_WORDS)
    ]
    return {"alignedWords": words, "waveformData": [0, 0.4, 0.2], "hootCer": 0.1, "isStreamed": False}


def style(task: Task) -> str:
    """Return a better description of a style."""
    return f"{caption(given(task))}, warm analogue synths, steady drums, 96 BPM"


def persona(task: Task) -> dict[str, Any]:
    """Return a persona."""
    return {"personaId": task.token, **{name: given(task).get(name, "") for name in ("name", "description")}}


def phrase(task: Task) -> str:
    """Return the words to be sung, other ones each time."""
    return PHRASES[int(task.token[:8], 16) % len(PHRASES)]


def midi(task: Task) -> dict[str, Any]:
    """Return the notes of each instrument; times are numbers and strings, as they come."""
    if "empty-result" in task.faults:
        return {"state": "complete", "instruments": []}
    instruments = [{"name": name, "notes": _notes(pitches)} for name, pitches in PITCHES.items()]
    return {"state": "complete", "instruments": instruments}


def _notes(pitches: tuple[int, ...]) -> list[dict[str, Any]]:
    return [
        {
            "pitch": pitch,
            "start": f"{number * 0.5:.4f}",
            "end": number * 0.5 + 0.4,
            "velocity": 1 if number % 2 else "0.8",
        }
        for number, pitch in enumerate(pitches)
    ]


def _transcript() -> dict[str, Any]:
    words = [
        {"text": word, "start": number * 0.5, "end": number * 0.5 + 0.4, "type": "word", "speaker_id": "speaker_0"}
        for number, word in enumerate(SAMPLE_WORDS)
    ]
    gap = {"text": " ", "start": 0.4, "end": 0.5, "type": "spacing", "speaker_id": "speaker_0"}
    return {"text": " ".join(SAMPLE_WORDS), "language_code": "eng", "words": [words[0], gap, *words[1:]]}


# Stems


def stem_names(values: dict[str, Any]) -> tuple[str, ...]:
    """Return the parts that an order asks for: two, all of them, or one that it names."""
    kind = values.get("type") or "separate_vocal"
    if kind == "split_stem_advanced":
        return (str(values.get("stem_name") or values.get("stemName")),)
    return STEMS[:2] if kind == "separate_vocal" else (STEMS[0], *STEMS[2:])


def snake(name: str) -> str:
    """Return backing_vocals for Backing Vocals."""
    return name.lower().replace(" ", "_")


def camel(name: str) -> str:
    """Return backingVocalsUrl for Backing Vocals."""
    return re.sub(r"_(.)", lambda match: match[1].upper(), f"{snake(name)}_url")
