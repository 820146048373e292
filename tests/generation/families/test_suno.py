from typing import Any

import pytest

from generation.kie.errors import Rejected
from generation.kie.families import FAMILIES
from generation.kie.families.base import Request
from tests.generation.families.cases import FILE, OTHER, FamilyCases, answer, envelope

STREAM = "https://audiostream.kie.ai/stream/one"
COVER = "https://cdn2.suno.ai/image_one.jpeg"


def take(number: int, url: str) -> dict[str, Any]:
    return {
        "id": f"e231-{number}",
        "audioUrl": url,
        "streamAudioUrl": STREAM,
        "imageUrl": COVER,
        "prompt": "[Verse] Rain",
        "modelName": "chirp-v4-5",
        "title": "Iron Man",
        "tags": "electrifying, rock",
        "createTime": "2025-01-01 00:00:00",
        "duration": 198.44,
    }


def record(status: str | None, *takes: dict[str, Any], **fields: Any) -> dict[str, Any]:
    response = {"taskId": "task", "sunoData": list(takes)} if takes else None
    nothing = {"errorCode": None, "errorMessage": None}
    return {"taskId": "task", "status": status, "type": "GENERATE", "response": response, **nothing, **fields}


def lost(status: str, code: int | None = None, message: str | None = None) -> dict[str, Any]:
    return record(status, errorCode=code, errorMessage=message)


class TestSuno(FamilyCases):
    name = "suno"
    endpoint = "/api/v1/generate"
    running = [record("PENDING"), record("TEXT_SUCCESS", take(1, "")), record("FIRST_SUCCESS", take(1, FILE))]
    success = record("SUCCESS", take(1, FILE))
    successes = record("SUCCESS", take(1, FILE), take(2, OTHER))
    failures = [
        (lost("CREATE_TASK_FAILED", 500, "Internal Error, Please try again later."), "upstream_failed"),
        (lost("CREATE_TASK_FAILED"), "upstream_failed"),
        (lost("GENERATE_AUDIO_FAILED", 501, "Audio generation failed"), "upstream_failed"),
        (lost("GENERATE_AUDIO_FAILED", 531, "Failed, credits refunded"), "upstream_failed"),
        (lost("GENERATE_AUDIO_FAILED", 408, "Timeout"), "upstream_timeout"),
        (lost("GENERATE_AUDIO_FAILED", 400, "Song lyrics contained copyrighted material"), "content_policy"),
        (lost("GENERATE_AUDIO_FAILED", 413, "Uploaded audio matches existing work of art"), "content_policy"),
        (lost("SENSITIVE_WORD_ERROR", 400, "Song Description flagged for moderation"), "content_policy"),
        (lost("SENSITIVE_WORD_ERROR"), "content_policy"),
    ]
    empty = [record("SUCCESS"), record("SUCCESS", take(1, ""))]
    unknown_word = record("REVIEWING")

    def test_the_first_take_is_shown_while_the_second_is_made(self) -> None:
        """Trap 22: a partial success is no end, and what can only be streamed yet is no result."""
        status = self.status(envelope(record("FIRST_SUCCESS", take(1, FILE), take(2, ""))))
        assert status.state == "running"
        assert [(result.url, result.kie_id) for result in status.results] == [(FILE, "e231-1")]

    def test_a_take_is_a_track_with_a_cover_and_what_it_is_about(self) -> None:
        (result,) = self.status(envelope(self.success)).results
        assert (result.view, result.kie_id, result.cover_url) == ("track", "e231-1", COVER)
        assert result.details == {
            "title": "Iron Man",
            "tags": "electrifying, rock",
            "lyrics": "[Verse] Rain",
            "duration_seconds": 198.44,
        }

    def test_a_callback_that_failed_is_a_success_when_the_takes_are_there(self) -> None:
        """R-ST1"""
        status = self.status(envelope(record("CALLBACK_EXCEPTION", take(1, FILE), take(2, OTHER))))
        assert (status.state, len(status.results)) == ("succeeded", 2)

    @pytest.mark.parametrize("takes", [[], [take(1, "")], [take(1, FILE), take(2, "")]])
    def test_a_callback_that_failed_is_no_end_while_takes_are_missing(self, takes: list[dict[str, Any]]) -> None:
        """R-ST1"""
        status = self.status(envelope(record("CALLBACK_EXCEPTION", *takes)))
        assert (status.state, status.word) == ("running", "")

    def test_a_follow_up_on_what_does_not_exist_is_rejected_or_fails_later(self) -> None:
        """Trap 11"""
        with pytest.raises(Rejected, match="Record does not exist"):
            self.created(envelope(None, 422, "Record does not exist"))


class ToolCases(FamilyCases):
    """The vocabularies that say SUCCESS, PENDING and CALLBACK_EXCEPTION."""

    def word(self, word: Any) -> dict[str, Any]:
        return {**self.success, FAMILIES[self.name].flag: word}  # type: ignore[attr-defined]

    def test_a_callback_that_failed_is_looked_into(self) -> None:
        """R-ST1"""
        assert self.status(envelope(self.word("CALLBACK_EXCEPTION"))).state == "succeeded"
        nothing = {**self.word("CALLBACK_EXCEPTION"), "response": None}
        assert self.status(envelope(nothing)).state == "running"


def flagged(flag: Any, response: Any = None, **fields: Any) -> dict[str, Any]:
    return {"taskId": "task", "successFlag": flag, "response": response, "errorCode": None, **fields}


class TestSunoWav(ToolCases):
    name = "suno-wav"
    endpoint = "/api/v1/wav/generate"
    running = [flagged("PENDING")]
    success = flagged("SUCCESS", {"audioWavUrl": FILE})
    successes = flagged("SUCCESS", {"audioWavUrl": [FILE, OTHER]})
    failures = [
        (flagged("CREATE_TASK_FAILED"), "upstream_failed"),
        (
            flagged("GENERATE_WAV_FAILED", errorCode=500, errorMessage="Internal Error - Please try again later"),
            "upstream_failed",
        ),
    ]
    empty = [flagged("SUCCESS"), flagged("SUCCESS", {"audioWavUrl": None})]
    unknown_word = flagged("REVIEWING")

    def test_a_second_order_gets_the_first_where_kie_names_it(self) -> None:
        """There is one WAV per track (protocol 1.5, 409)."""
        task = self.created(envelope({"taskId": "old"}, 409, "The WAV record already exists"))
        assert self.family.query(task).params == {"taskId": "old"}
        with pytest.raises(Rejected, match="already exists"):
            self.created(envelope(None, 409, "The WAV record already exists"))


class TestSunoMp4(ToolCases):
    name = "suno-mp4"
    endpoint = "/api/v1/mp4/generate"
    running = [flagged("PENDING")]
    success = flagged("SUCCESS", {"videoUrl": FILE})
    successes = flagged("SUCCESS", {"videoUrl": [FILE, OTHER]})
    failures = [(flagged(word), "upstream_failed") for word in ("CREATE_TASK_FAILED", "GENERATE_MP4_FAILED")]
    empty = [flagged("SUCCESS"), flagged("SUCCESS", {})]
    unknown_word = flagged("REVIEWING")


class TestSunoVocalRemoval(ToolCases):
    name = "suno-vocal-removal"
    endpoint = "/api/v1/vocal-removal/generate"
    running = [flagged("PENDING")]
    success = flagged("SUCCESS", {"vocalUrl": FILE, "originUrl": "https://file.com/song.mp3"})
    successes = flagged("SUCCESS", {"vocalUrl": FILE, "instrumentalUrl": OTHER, "originUrl": ""})
    failures = [(flagged(word), "upstream_failed") for word in ("CREATE_TASK_FAILED", "GENERATE_AUDIO_FAILED")]
    empty = [flagged("SUCCESS"), flagged("SUCCESS", {"vocalUrl": None, "originData": None})]
    unknown_word = flagged("REVIEWING")

    def test_each_part_is_a_stem_with_its_name_and_the_id_that_midi_takes(self) -> None:
        listed = [
            {"duration": 198.44, "audio_url": FILE, "stem_type_group_name": "Vocals", "id": "stem-1"},
            {"duration": None, "audio_url": "https://file.com/d.mp3", "stem_type_group_name": "Drums", "id": "stem-2"},
            {"duration": 1, "audio_url": "https://file.com/k.mp3", "stem_type_group_name": "Kick", "id": "stem-3"},
        ]
        data = flagged("SUCCESS", {"vocalUrl": FILE, "drumsUrl": OTHER, "backingVocalsUrl": None, "originData": listed})
        stems = self.status(envelope(data)).results
        assert {stem.view for stem in stems} == {"stem"}
        assert [(stem.url, stem.kie_id, stem.details["title"]) for stem in stems] == [
            (FILE, "stem-1", "Vocals"),
            (OTHER, "stem-2", "Drums"),
            ("https://file.com/k.mp3", "stem-3", "Kick"),
        ]
        assert stems[0].details["duration_seconds"] == 198.44

    def test_parts_are_named_without_the_list(self) -> None:
        names = ("vocalUrl", "backingVocalsUrl", "fxUrl", "woodwindsUrl")
        data = flagged("SUCCESS", {name: f"https://file.com/{name}.mp3" for name in names})
        titles = [stem.details["title"] for stem in self.status(envelope(data)).results]
        assert titles == ["Vocals", "Backing Vocals", "Effects", "Woodwinds"]


class TestSunoCover(FamilyCases):
    """Flag 2 means that the pictures are being made (trap 17)."""

    name = "suno-cover"
    endpoint = "/api/v1/suno/cover/generate"
    running = [flagged(0), flagged(2)]
    success = flagged(1, {"images": [FILE]}, errorCode=200)
    successes = flagged(1, {"images": [FILE, OTHER]}, errorCode=200)
    failures = [(flagged(3, errorCode=501, errorMessage="Cover generation failed"), "upstream_failed")]
    empty = [flagged(1), flagged(1, {"images": None})]
    unknown_word = flagged(7)

    def test_a_second_order_gets_the_first_under_a_name_of_its_own(self) -> None:
        """Two generations cannot have the same task (protocol 1.5, 400)."""
        request, refusal = self.create(), answer(envelope({"taskId": "old"}, 400, "already generated"))
        one, other = (self.family.created(request, refusal, nonce) for nonce in ("n1", "n2"))
        assert one != other
        assert (
            self.family.query(one)
            == self.family.query(other)
            == Request("GET", "/api/v1/suno/cover/record-info", params={"taskId": "old"})
        )
