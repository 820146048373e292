from typing import Any

import pytest

from generation.kie.errors import Rejected, Unavailable, Unknown
from generation.kie.families import FAMILIES
from generation.kie.families.base import Request, Status
from tests.generation.families.cases import answer, envelope

FAMILY = FAMILIES["gemini-omni"]
VOICE: dict[str, Any] = {"audio_id": "achernar", "name": "Narrator", "voice_description": "calm"}
CHARACTER: dict[str, Any] = {
    "descriptions": "A fox in a raincoat",
    "character_name": "Fox",
    "image_urls": ["https://a/b"],
}


def order(body: dict[str, Any]) -> Request:
    return FAMILY.create("POST", "/api/v1/omni/audio/create", "m", body, "https://us")


def at_once(body: dict[str, Any], data: Any, code: int = 200) -> Status:
    request, said = order(body), answer(envelope(data, code))
    assert FAMILY.created(request, said, "nonce") == ""
    status = FAMILY.at_once(request, said)
    assert status is not None
    return status


def test_nobody_is_called_back() -> None:
    assert order(VOICE).json == VOICE


@pytest.mark.parametrize("code", [0, 200])
def test_both_codes_of_success_succeed(code: int) -> None:
    """Trap 3"""
    status = at_once(CHARACTER, {"characterId": "ch-1"}, code)
    assert (status.state, status.results[0].kie_id) == ("succeeded", "ch-1")


@pytest.mark.parametrize("field", ["kieAudioId", "audioId"])
def test_a_voice_has_its_name_and_kie_its_id(field: str) -> None:
    """Protocol 4.12: the documentation and the live answer disagree on the field."""
    (result,) = at_once(VOICE, {field: "au-1"}).results
    assert (result.view, result.kie_id) == ("voice", "au-1")
    assert (result.data, result.details) == ({"name": "Narrator", "description": "calm"}, {"title": "Narrator"})


def test_a_character_has_its_name_and_kie_its_id() -> None:
    (result,) = at_once(CHARACTER, {"characterId": 4711, "audioId": "its voice"}).results
    assert (result.view, result.kie_id) == ("character", "4711")
    assert result.data == {"name": "Fox", "description": "A fox in a raincoat"}


@pytest.mark.parametrize("data", [None, {}, [], {"characterId": None}])
def test_a_success_without_an_id_is_empty(data: Any) -> None:
    assert at_once(CHARACTER, data, 0).state == "empty"


@pytest.mark.parametrize(
    ("code", "message", "error"),
    [
        (402, "The current credits are insufficient. Please top up.", Unavailable),
        (500, "Internal Error", Unavailable),
        (400, "Your picture was flagged", Rejected),
        (501, "Generation failed", Rejected),
        (None, "", Unknown),
    ],
)
def test_a_refusal_says_what_to_do_next(code: int | None, message: str, error: type[Exception]) -> None:
    """R-REF1"""
    with pytest.raises(error):
        FAMILY.created(order(VOICE), answer({"code": code, "msg": message, "data": None}), "nonce")
