"""Results that are not files: texts and descriptions (protocol 2.2, `resultObject`)."""

from typing import Any

from generation.kie.simulator.catalogue import Entry
from generation.kie.simulator.results import caption
from generation.kie.simulator.tasks import Task

LYRICS = "[Verse]\n{0}\nthe morning comes in slowly\n\n[Chorus]\n{0}\nand everything is new"
SAMPLE_WORDS = ("every", "morning", "comes", "in", "slowly")


def result_object(entry: Entry, task: Task) -> dict[str, Any] | None:
    """Return the object of a model that answers with one, None for models that make files."""
    text = caption(task.body["input"])
    # A flat table: each task has its own shape and nothing in common with the next.
    objects: dict[str, dict[str, Any]] = {
        "lyrics": {"lyricsData": [_lyrics(text, number) for number in (1, 2)]},
        "timestamped-lyrics": {"alignedWords": _aligned(), "waveformData": [0.1, 0.4, 0.2], "hootCer": 0.1},
        "style-text": {"result": f"{text}, warm analogue synths, steady drums, 96 BPM"},
        "midi": {"state": "complete", "instruments": [{"name": "Piano", "notes": _notes()}]},
        "persona": {"personaId": task.token, "name": task.body["input"].get("name", "")},
        "voice-phrase": {"validateInfo": "The quick brown fox sings at dawn.", "status": "wait_validating"},
        "voice-clone": {"voiceId": task.token, "status": "success"},
        "voice-check": {"isAvailable": True},
        "speech-to-text": {"text": "Hello from the simulator.", "language_code": "eng"},
        "segmentation": {"segments": [{"id": 1, "label": "subject", "box": [128, 128, 896, 896]}]},
        "subject-detection": {"status": 1, "subjects": [{"box": [128, 128, 896, 896]}]},
        "human-identification": {"status": 1},
        "character-creation": {"characterId": task.token},
    }
    if "empty-result" in task.faults and entry.task in objects:
        return {}
    return objects.get(entry.task)


def _lyrics(text: str, number: int) -> dict[str, Any]:
    return {
        "text": LYRICS.format(text),
        "title": f"{text[:40]} {number}",
        "status": "complete",
        "errorMessage": "",
    }


def _aligned() -> list[dict[str, Any]]:
    return [
        {"word": word, "success": True, "startS": number * 0.5, "endS": number * 0.5 + 0.4, "palign": 0}
        for number, word in enumerate(SAMPLE_WORDS)
    ]


def _notes() -> list[dict[str, Any]]:
    return [
        {"pitch": pitch, "start": number * 0.5, "end": number * 0.5 + 0.4, "velocity": 0.8}
        for number, pitch in enumerate((60, 62, 64, 67, 69))
    ]
