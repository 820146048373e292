"""Suno's endpoints that answer at once, without a task (protocol 4.9, 4.10)."""

from typing import Any

from generation.kie.families import music, suno
from generation.kie.families.at_once import AtOnce
from generation.kie.families.base import Answer, Request, Result, Status, failed, millicredits, succeeded

TIMED_LYRICS = "/api/v1/generate/get-timestamped-lyrics"
PERSONA = "/api/v1/generate/generate-persona"
STYLE = "/api/v1/style/generate"
CHECK = "/api/v1/voice/check-voice"


class SunoAtOnce(AtOnce):
    name = "suno-at-once"

    def created(self, request: Request, answer: Answer, nonce: str) -> str:
        """There is one persona per track: a second order gets the first where KIE names it (protocol 1.5, 409)."""
        if answer.code == 409 and answer.field("personaId"):
            return ""
        suno.refuse_second(answer)
        return super().created(request, answer, nonce)

    def at_once(self, request: Request, answer: Answer) -> Status:
        data = answer.data if isinstance(answer.data, dict) else {}
        cost = millicredits(data.get("creditsConsumed"))
        results = _READERS[request.path](data, request.json or {})
        fault = data.get("errorCode") or data.get("errorMessage") or data.get("errorMsg")
        if not results and (fault or data.get("successFlag") in (2, 3, "2", "3")):
            return failed(data.get("errorCode"), data.get("errorMessage") or data.get("errorMsg"), cost)
        return succeeded(results, cost)


def persona(data: dict[str, Any], asked: dict[str, Any]) -> list[Result]:
    """A persona under the name that it was given."""
    said = {name: str(data.get(name) or asked.get(name) or "") for name in ("name", "description")}
    key = music.identity(data.get("personaId"))
    return [Result(data=said, view="persona", kie_id=key, details=music.titled(said["name"]))] if key else []


def style(data: dict[str, Any], asked: dict[str, Any]) -> list[Result]:
    """A better description. `successFlag` is a word in Chinese live, so the text itself decides (trap 17)."""
    text = data.get("result")
    return [Result(text=text)] if text and isinstance(text, str) else []


def availability(data: dict[str, Any], asked: dict[str, Any]) -> list[Result]:
    """Whether a voice can be used."""
    found = data.get("isAvailable")
    return [Result(data={"available": found})] if isinstance(found, bool) else []


_READERS = {
    TIMED_LYRICS: lambda data, asked: music.word_timings(data),
    PERSONA: persona,
    STYLE: style,
    CHECK: availability,
}
