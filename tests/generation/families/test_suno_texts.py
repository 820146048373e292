"""Suno's tasks whose results are texts and structures."""

import json
from typing import Any

import pytest

from generation.kie.errors import Rejected, Unavailable
from tests.generation.families.cases import FamilyCases, answer, envelope
from tests.generation.families.test_suno import flagged


class ContentCases(FamilyCases):
    """Families whose results have no address."""

    def test_a_success_gives_its_result(self) -> None:
        status = self.status(envelope(self.success))
        assert (status.state, len(status.results)) == ("succeeded", 1)
        assert not status.results[0].url

    def test_a_success_may_have_several_results(self) -> None:
        assert self.status(envelope(self.successes)).state == "succeeded"


def text(number: int, status: str = "complete", message: str = "") -> dict[str, Any]:
    return {"text": f"[Verse] {number}", "title": f"Rain {number}", "status": status, "errorMessage": message}


def lyrics(status: str, *texts: dict[str, Any], **fields: Any) -> dict[str, Any]:
    return {"taskId": "task", "status": status, "response": {"taskId": "task", "data": list(texts)}, **fields}


class TestSunoLyrics(ContentCases):
    name = "suno-lyrics"
    endpoint = "/api/v1/lyrics"
    running = [lyrics("PENDING")]
    success = lyrics("SUCCESS", text(1))
    successes = lyrics("SUCCESS", text(1), text(2))
    failures = [
        (lyrics("CREATE_TASK_FAILED", errorCode=500), "upstream_failed"),
        (lyrics("GENERATE_LYRICS_FAILED"), "upstream_failed"),
        (lyrics("SENSITIVE_WORD_ERROR", errorCode=400, errorMessage="Song Description flagged"), "content_policy"),
        (lyrics("SUCCESS", text(1, "failed", "flagged for moderation")), "content_policy"),
        (lyrics("SUCCESS", text(1, "failed"), text(2, "failed")), "upstream_failed"),
    ]
    empty = [lyrics("SUCCESS"), {"status": "SUCCESS", "response": None}]
    unknown_word = lyrics("REVIEWING")

    def test_a_text_that_failed_is_left_out(self) -> None:
        """Trap 22"""
        (result,) = self.status(envelope(lyrics("SUCCESS", text(1, "failed"), text(2)))).results
        assert (result.text, result.view, result.details) == ("[Verse] 2", "lyrics", {"title": "Rain 2"})

    def test_a_callback_that_failed_is_looked_into(self) -> None:
        """R-ST1"""
        assert self.status(envelope(lyrics("CALLBACK_EXCEPTION", text(1)))).state == "succeeded"
        assert self.status(envelope(lyrics("CALLBACK_EXCEPTION"))).state == "running"

    @pytest.mark.parametrize(
        ("code", "message", "reaction"),
        [
            (402, "The current credits are insufficient. Please top up.", "account"),
            (429, "The current credits are insufficient. Please top up.", "account"),
            (405, "Rate limit exceeded", "pause"),
            (430, "Your call frequency is too high. Please try again later.", "pause"),
            (455, "Service unavailable", "pause"),
            (500, "Internal Error, Please try again later.", "later"),
        ],
    )
    def test_what_was_not_started_is_tried_again(self, code: int, message: str, reaction: str) -> None:
        """Trap 41: 429 is an empty account here, and 405 too many calls."""
        with pytest.raises(Unavailable) as error:
            self.created(envelope(None, code, message))
        assert error.value.account == (reaction == "account")
        assert bool(error.value.pause_seconds) == (reaction == "pause")

    def test_a_prompt_that_is_too_long_is_the_customers_fault(self) -> None:
        """Trap 41"""
        with pytest.raises(Rejected) as error:
            self.created(envelope(None, 413, "The prompt or theme is too long"))
        assert error.value.code == "invalid_input"


NOTES = [
    {"pitch": 73, "start": "0.0364", "end": "0.1822", "velocity": 1},
    {"pitch": 61, "start": 0.0468, "end": "0.192", "velocity": "0.5"},
]


def midi(flag: Any, *instruments: dict[str, Any], **fields: Any) -> dict[str, Any]:
    return flagged(flag, midiData={"state": "complete", "instruments": list(instruments)}, **fields)


class TestSunoMidi(ContentCases):
    name = "suno-midi"
    endpoint = "/api/v1/midi/generate"
    running = [flagged(0, midiData=None)]
    success = midi(1, {"name": "Drums", "notes": NOTES})
    successes = midi(1, {"name": "Drums", "notes": NOTES}, {"name": "Piano", "notes": []})
    failures = [
        (flagged(2, errorCode=500), "upstream_failed"),
        (flagged(3, errorCode=500, errorMessage="MIDI generation failed"), "upstream_failed"),
    ]
    empty = [flagged(1, midiData=None), midi(1)]
    unknown_word = flagged(7)

    def test_times_are_numbers_however_they_came(self) -> None:
        (result,) = self.status(envelope(self.success)).results
        assert result.view == "notes"
        notes = [
            {"pitch": 73.0, "start": 0.0364, "end": 0.1822, "velocity": 1.0},
            {"pitch": 61.0, "start": 0.0468, "end": 0.192, "velocity": 0.5},
        ]
        assert result.data == {"instruments": [{"name": "Drums", "notes": notes}]}

    @pytest.mark.parametrize("time", ["soon", None, "NaN", "Infinity", True, []])
    def test_a_note_without_a_time_is_left_out(self, time: Any) -> None:
        data = midi(1, {"name": "Drums", "notes": [NOTES[0], {**NOTES[1], "end": time}, None]})
        (result,) = self.status(envelope(data)).results
        assert len(result.data["instruments"][0]["notes"]) == 1
        assert json.loads(json.dumps(result.data, allow_nan=False)) == result.data


def said(status: str, **fields: Any) -> dict[str, Any]:
    return {"taskId": "task", "status": status, "errorCode": None, "errorMessage": None, **fields}


class TestSunoPhrase(ContentCases):
    name = "suno-phrase"
    endpoint = "/api/v1/voice/validate"
    running = [said("wait_processing"), said("processing_validate")]
    success = said("wait_validating", validateInfo="The quick brown fox")
    successes = said("success", validateInfo="The quick brown fox")
    failures = [
        (said("processing_validate_fail", errorCode=400, errorMessage="No voice was found"), "invalid_input"),
        (said("fail"), "upstream_failed"),
    ]
    empty = [said("wait_validating"), said("wait_validating", validateInfo="")]
    unknown_word = said("reviewing")

    def test_the_phrase_is_a_text(self) -> None:
        (result,) = self.status(envelope(self.success)).results
        assert (result.text, result.view) == ("The quick brown fox", "phrase")

    def test_another_phrase_spells_the_callback_address_with_one_l(self) -> None:
        """Trap 13"""
        request = self.family.create("POST", "/api/v1/voice/regenerate", "m", {"taskId": "old"}, "https://us")
        assert request.json == {"taskId": "old", "calBackUrl": "https://us"}

    def test_another_phrase_under_the_same_task_has_a_name_of_its_own(self) -> None:
        request = self.family.create("POST", "/api/v1/voice/regenerate", "m", {"taskId": "old"}, "https://us")
        task = self.family.created(request, answer(envelope({"taskId": "old"})), "n1")
        assert task != "old"
        assert self.family.query(task).params == {"taskId": "old"}
        voice = {"taskId": task, "verifyUrl": "https://file.com/a.mp3"}
        sent = TestSunoVoice().family.create("POST", "/api/v1/voice/generate", "m", voice, "")
        assert sent.json == {"taskId": "old", "verifyUrl": "https://file.com/a.mp3"}


class TestSunoVoice(ContentCases):
    name = "suno-voice"
    endpoint = "/api/v1/voice/generate"
    running = [said("wait_processing"), said("processing_validate"), said("wait_validating")]
    success = said("success", voiceId=None)
    successes = said("success", voiceId="filled after all")
    failures = [
        (said("processing_validate_fail", errorCode=400, errorMessage="Another phrase was sung"), "invalid_input"),
        (said("fail"), "upstream_failed"),
    ]
    empty: list[dict[str, Any]] = []
    unknown_word = said("reviewing")

    def test_the_task_is_the_name_of_the_voice(self) -> None:
        """Protocol 4.10: voiceId was never filled, and the task id works."""
        for data in (self.success, self.successes):
            (result,) = self.status(envelope(data)).results
            assert (result.view, result.kie_id) == ("voice", "task")
