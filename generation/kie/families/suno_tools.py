"""Suno's tools, direct endpoints (protocol 4.9): each has a status vocabulary of its own (trap 17)."""

from typing import Any

from generation.kie.errors import Rejected, Unavailable
from generation.kie.families import failures, music, suno
from generation.kie.families.base import Answer, Request, Result, Status, failed, urls


class SunoLyrics(suno.SunoTask):
    name = "suno-lyrics"
    query_path = "/api/v1/lyrics/record-info"
    flag = "status"
    lost = frozenset({"CREATE_TASK_FAILED", "GENERATE_LYRICS_FAILED", suno.SENSITIVE})

    def created(self, request: Request, answer: Answer, nonce: str) -> str:
        """Lyrics have codes of their own: 405 and 430 are too many calls, 429 is an empty account (trap 41)."""
        text = f"{answer.code}: {answer.message}"
        if answer.code == 405:
            raise Unavailable(text, pause_seconds=failures.OVERLOAD_PAUSE_SECONDS)
        if answer.code == 413:
            raise Rejected(failures.INVALID, text)
        if answer.code == 429:
            raise Unavailable(text, account=True)
        return super().created(request, answer, nonce)

    def read(self, data: dict[str, Any]) -> Status:
        """A success of which no text succeeded is none."""
        status = super().read(data)
        texts = written(data)
        if status.state == "empty" and texts:
            return failed(data.get("errorCode"), texts[0].get("errorMessage") or texts[0].get("error_message"))
        return status

    def results(self, data: dict[str, Any]) -> list[Result]:
        return music.lyrics(written(data))


def written(data: dict[str, Any]) -> list[dict[str, Any]]:
    return music.items((data.get("response") or {}).get("data"))


class SunoWav(suno.SunoTask):
    name = "suno-wav"
    query_path = "/api/v1/wav/record-info"
    lost = frozenset({"CREATE_TASK_FAILED", "GENERATE_WAV_FAILED"})

    def created(self, request: Request, answer: Answer, nonce: str) -> str:
        """There is one per track: a second order gets the first where KIE names it."""
        return suno.made_before(answer, nonce) or super().created(request, answer, nonce)

    def query(self, task: str) -> Request:
        return suno.query(self.query_path, task)

    def results(self, data: dict[str, Any]) -> list[Result]:
        return [Result(url) for url in urls((data.get("response") or {}).get("audioWavUrl"))]


class SunoVocalRemoval(suno.SunoTask):
    name = "suno-vocal-removal"
    query_path = "/api/v1/vocal-removal/record-info"
    lost = frozenset({"CREATE_TASK_FAILED", "GENERATE_AUDIO_FAILED"})

    def results(self, data: dict[str, Any]) -> list[Result]:
        return music.stems(data.get("response") or {})


class SunoMp4(suno.SunoTask):
    name = "suno-mp4"
    query_path = "/api/v1/mp4/record-info"
    lost = frozenset({"CREATE_TASK_FAILED", "GENERATE_MP4_FAILED"})

    def results(self, data: dict[str, Any]) -> list[Result]:
        return [Result(url) for url in urls((data.get("response") or {}).get("videoUrl"))]


class SunoMidi(suno.SunoTask):
    name = "suno-midi"
    query_path = "/api/v1/midi/record-info"
    running = frozenset({0})
    success = 1
    lost = frozenset({2, 3})

    def results(self, data: dict[str, Any]) -> list[Result]:
        return music.notes(data.get("midiData"))


class SunoCover(suno.SunoTask):
    """Two pictures. Here flag 2 is not a failure but the work itself (trap 17)."""

    name = "suno-cover"
    query_path = "/api/v1/suno/cover/record-info"
    running = frozenset({0, 2})
    success = 1
    lost = frozenset({3})

    def created(self, request: Request, answer: Answer, nonce: str) -> str:
        """There is one per song: a second order gets the first (protocol 1.5, 400)."""
        return suno.made_before(answer, nonce) or super().created(request, answer, nonce)

    def query(self, task: str) -> Request:
        return suno.query(self.query_path, task)

    def results(self, data: dict[str, Any]) -> list[Result]:
        return [Result(url) for url in urls((data.get("response") or {}).get("images"))]
