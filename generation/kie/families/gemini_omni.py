"""Gemini Omni's voices and characters, which films name later (protocol 4.12)."""

from typing import Any

from generation.kie.families import music
from generation.kie.families.at_once import AtOnce
from generation.kie.families.base import SUCCESS, Answer, Request, Result, Status, succeeded

VIEWS = {"characterId": "character", "kieAudioId": "voice", "audioId": "voice"}


class GeminiOmni(AtOnce):
    """Here 0 is success as well (trap 3)."""

    name = "gemini-omni"
    accepted = frozenset({SUCCESS, 0})

    def at_once(self, request: Request, answer: Answer) -> Status:
        data = answer.data if isinstance(answer.data, dict) else {}
        keys = [(music.identity(data.get(field)), view) for field, view in VIEWS.items()]
        asked = request.json or {}
        return succeeded([made(view, key, asked) for key, view in keys if key][:1])


def made(view: str, key: str, asked: dict[str, Any]) -> Result:
    """What was made, under the name and description that it was given."""
    name = asked.get("character_name") or asked.get("name") or ""
    said = {"name": name, "description": asked.get("descriptions") or asked.get("voice_description") or ""}
    return Result(data=said, view=view, kie_id=key, details=music.titled(name))
