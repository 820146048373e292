"""Endpoints that answer at once (protocol 4.9, 4.10)."""

from typing import Any

import pytest

from generation.kie.errors import Rejected, Unavailable, Unknown
from generation.kie.families import FAMILIES
from generation.kie.families.base import Request, Status
from tests.generation.families.cases import answer, envelope

FAMILY = FAMILIES["suno-at-once"]
TIMED, PERSONA = "/api/v1/generate/get-timestamped-lyrics", "/api/v1/generate/generate-persona"
STYLE, CHECK = "/api/v1/style/generate", "/api/v1/voice/check-voice"
ALL = [TIMED, PERSONA, STYLE, CHECK]
WORD = {"word": "Rain", "success": True, "startS": 1.36, "endS": 1.79, "palign": 0}
BOOSTED = {
    "taskId": "98df",
    "param": "Pop, Mysterious",
    "result": "Mysterious pop built around a bass",
    "creditsConsumed": 0.4,
    "creditsRemaining": 29212.53,
    "successFlag": "成功",
    "errorCode": None,
    "errorMsg": None,
    "createTime": 1777379281542,
}


def order(path: str, body: dict[str, Any] | None = None) -> Request:
    return FAMILY.create(
        "POST", path, "m", body or {"name": "Narrator", "description": "A calm narrator"}, "https://us"
    )


def at_once(path: str, data: Any, code: int = 200) -> Status:
    request, said = order(path), answer(envelope(data, code))
    assert FAMILY.created(request, said, "nonce") == ""
    status = FAMILY.at_once(request, said)
    assert status is not None
    return status


@pytest.mark.parametrize("path", ALL)
def test_nobody_is_called_back(path: str) -> None:
    assert "callBackUrl" not in (order(path).json or {})


@pytest.mark.parametrize("path", ALL)
@pytest.mark.parametrize("data", [None, {}, [], "x", {"result": 7, "personaId": None, "alignedWords": 3}])
def test_a_success_without_a_result_is_empty(path: str, data: Any) -> None:
    assert at_once(path, data).state == "empty"


def test_words_have_their_times_and_the_sound_its_shape() -> None:
    words = [WORD, {"word": "falls", "success": False, "startS": None, "endS": None}]
    data = {"alignedWords": words, "waveformData": [0, 1.5, "x"], "hootCer": 0.38, "isStreamed": False}
    (result,) = at_once(TIMED, data).results
    assert result.view == "word_timings"
    assert result.data == {"words": [{"word": "Rain", "start": 1.36, "end": 1.79}], "waveform": [0.0, 1.5]}


def test_a_persona_has_its_name_and_kie_its_id() -> None:
    data = {"personaId": "a6f1", "name": "Narrator", "description": "A calm narrator"}
    (result,) = at_once(PERSONA, data).results
    assert (result.view, result.kie_id) == ("persona", "a6f1")
    assert result.data == {"name": "Narrator", "description": "A calm narrator"}
    assert at_once(PERSONA, {"personaId": "a6f1"}).results[0].data == result.data


def test_a_second_persona_of_a_track_is_the_first_where_kie_names_it() -> None:
    """Protocol 1.5, 409"""
    assert at_once(PERSONA, {"personaId": "a6f1"}, code=409).results[0].kie_id == "a6f1"
    with pytest.raises(Rejected) as error:
        FAMILY.created(order(PERSONA), answer(envelope(None, 409, "already exists")), "nonce")
    assert error.value.code == "invalid_input"


def test_a_style_is_a_text_that_tells_its_cost() -> None:
    """The flag is a word in Chinese, so the text decides (trap 17)."""
    status = at_once(STYLE, BOOSTED)
    assert (status.state, status.cost_millicredits) == ("succeeded", 400)
    assert status.results[0].text == "Mysterious pop built around a bass"


@pytest.mark.parametrize(
    ("fields", "ours"),
    [
        ({"successFlag": 2}, "upstream_failed"),
        ({"successFlag": "3"}, "upstream_failed"),
        ({"errorCode": 500, "errorMsg": "Internal"}, "upstream_failed"),
        ({"errorCode": "400", "errorMessage": "flagged for moderation"}, "content_policy"),
    ],
)
def test_a_style_that_was_not_written_has_failed(fields: dict[str, Any], ours: str) -> None:
    """R-REF1"""
    status = at_once(STYLE, {**BOOSTED, "result": None, "creditsConsumed": 0, **fields})
    assert (status.state, status.failure, status.cost_millicredits) == ("failed", ours, 0)


@pytest.mark.parametrize("available", [True, False])
def test_a_voice_can_be_used_or_not(available: bool) -> None:
    assert at_once(CHECK, {"isAvailable": available}).results[0].data == {"available": available}


@pytest.mark.parametrize(
    ("code", "message", "error"),
    [
        (401, "You do not have access permissions", Unavailable),
        (402, "The current credits are insufficient. Please top up.", Unavailable),
        (429, "Rate limited", Unavailable),
        (455, "Maintenance", Unavailable),
        (500, "Internal Error, Please try again later.", Unavailable),
        (400, "flagged for moderation", Rejected),
        (422, "Record does not exist", Rejected),
        (451, "Failed to fetch", Rejected),
        (501, "Generation failed", Rejected),
        (0, "success", Unavailable),
        (None, "", Unknown),
    ],
)
def test_a_refusal_says_what_to_do_next(code: int | None, message: str, error: type[Exception]) -> None:
    with pytest.raises(error):
        FAMILY.created(order(TIMED), answer({"code": code, "msg": message, "data": None}), "nonce")
