"""Suno's music tasks (protocol 4.8)."""

import time
from typing import Any

import httpx
import pytest

from tests.kie_simulator.conftest import Kie, Receiver
from tests.simulating import until

SONG: dict[str, Any] = {"prompt": "Rain", "customMode": False, "instrumental": False, "model": "V5"}
NOWHERE = "http://127.0.0.1:1/callback"


def generate(kie: Kie, kind: str = "", **body: Any) -> str:
    answer = kie.post(f"/api/v1/generate{kind}", {"callBackUrl": NOWHERE, **body})
    assert answer["code"] == 200, answer
    return answer["data"]["taskId"]


def song(kie: Kie, **more: Any) -> dict[str, Any]:
    """A finished song's record."""
    task = generate(kie, **{**SONG, **more})
    kie.finish_any(task)
    return record(kie, task)


def record(kie: Kie, task: str) -> dict[str, Any]:
    return kie.get("/api/v1/generate/record-info", taskId=task)["data"]


def test_a_song_goes_through_its_stages_and_shows_the_first_take_early(kie: Kie) -> None:
    """Trap 22"""
    task = generate(kie, **{**SONG, "prompt": "sim:slow=2"})
    seen: dict[str, list[bool]] = {}

    def look() -> bool:
        found = record(kie, task)
        takes = (found["response"] or {}).get("sunoData", [])
        seen[found["status"]] = [bool(take["audioUrl"]) for take in takes]
        return found["status"] == "SUCCESS"

    started = time.monotonic()
    until(lambda: "FIRST_SUCCESS" in seen or look())
    assert time.monotonic() - started > 1
    first, second = record(kie, task)["response"]["sunoData"]
    assert httpx.get(first["audioUrl"]).headers["content-type"] == "audio/mpeg"
    assert second["audioUrl"] == "" and httpx.get(second["streamAudioUrl"]).status_code == 404
    until(look)
    assert list(seen) == ["PENDING", "TEXT_SUCCESS", "FIRST_SUCCESS", "SUCCESS"]
    assert list(seen.values()) == [[], [False, False], [True, False], [True, True]]
    assert record(kie, task)["response"]["sunoData"][0]["id"] == first["id"]


def test_a_finished_song_has_two_takes_with_covers_and_no_cost(kie: Kie) -> None:
    found = song(kie)
    assert not [name for name in found if "credit" in name.lower()]
    takes = found["response"]["sunoData"]
    assert len({take["id"] for take in takes}) == 2 and found["taskId"] not in [take["id"] for take in takes]
    for take in takes:
        assert httpx.get(take["imageUrl"]).headers["content-type"] == "image/jpeg"
        assert take["createTime"][10] == " " and isinstance(take["duration"], float)
    assert kie.credit() == 10000 - 12


def test_an_address_to_call_back_is_demanded_of_most(kie: Kie) -> None:
    """Trap 12"""
    assert kie.post("/api/v1/generate", SONG)["msg"] == "Please enter callBackUrl."
    assert kie.post("/api/v1/lyrics", {"prompt": "x"})["code"] == 422
    assert kie.post("/api/v1/generate/sounds", {"prompt": "Rain", "model": "V5"})["code"] == 200


def test_an_unknown_task_is_a_success_without_data(kie: Kie) -> None:
    """Trap 10"""
    assert kie.get("/api/v1/generate/record-info", taskId="0" * 32) == {"code": 200, "msg": "success", "data": None}


@pytest.mark.parametrize(
    ("word", "status", "code"),
    [
        ("flag2", "CREATE_TASK_FAILED", 500),
        ("fail", "GENERATE_AUDIO_FAILED", 501),
        ("fail-408", "GENERATE_AUDIO_FAILED", 408),
        ("fail-413", "GENERATE_AUDIO_FAILED", 413),
        ("fail-531", "GENERATE_AUDIO_FAILED", 531),
        ("policy", "SENSITIVE_WORD_ERROR", 400),
    ],
)
def test_failures_have_their_words_and_give_the_credits_back(kie: Kie, word: str, status: str, code: int) -> None:
    found = song(kie, prompt=f"sim:{word}")
    assert (found["status"], found["errorCode"], bool(found["errorMessage"])) == (status, code, True)
    assert kie.credit() == 10000


def test_a_song_may_fail_when_its_first_take_is_ready(kie: Kie) -> None:
    task = generate(kie, **{**SONG, "prompt": "sim:fail-after-first sim:slow=1"})
    until(lambda: record(kie, task)["status"] == "FIRST_SUCCESS")
    until(lambda: record(kie, task)["status"] == "GENERATE_AUDIO_FAILED")


def test_a_failed_callback_may_leave_takes_or_nothing(kie: Kie) -> None:
    """Trap 24"""
    found = song(kie, prompt="sim:callback-exception")
    assert (found["status"], len(found["response"]["sunoData"])) == ("CALLBACK_EXCEPTION", 2)
    found = song(kie, prompt="sim:callback-exception-empty")
    assert (found["status"], found["response"]) == ("CALLBACK_EXCEPTION", None)


def test_a_callback_has_failed_when_nobody_answers_after_three_retries(signing: Kie) -> None:
    """Trap 24"""
    task = song(signing)["taskId"]
    until(lambda: record(signing, task)["status"] == "CALLBACK_EXCEPTION")
    assert [each["attempt"] for each in signing.simulator.task(task)["deliveries"] if each["form"] == "final"][-1] == 3


def test_three_callbacks_come_in_order(kie: Kie, receiver: Receiver) -> None:
    """Trap 23"""
    task = generate(kie, **{**SONG, "prompt": "Rain sim:slow=1", "callBackUrl": receiver.url})
    bodies = receiver.wait(3)
    assert [body["data"]["callbackType"] for body in bodies] == ["text", "first", "complete"]
    assert [len(body["data"]["data"]) for body in bodies] == [0, 1, 2]
    assert {body["data"]["task_id"] for body in bodies} == {task}
    assert {"audio_url", "stream_audio_url", "image_url", "tags"} <= set(bodies[2]["data"]["data"][0])


def test_stages_may_be_skipped(kie: Kie, receiver: Receiver) -> None:
    task = generate(kie, **{**SONG, "prompt": "sim:skip-stages", "callBackUrl": receiver.url})
    kie.finish_any(task)
    assert receiver.wait()[0]["data"]["callbackType"] == "complete"
    assert [each["form"] for each in kie.simulator.task(task)["deliveries"]] == ["final"]


def test_failed_callbacks_differ_by_endpoint(kie: Kie, receiver: Receiver) -> None:
    source = song(kie)
    track = {"taskId": source["taskId"], "audioId": source["response"]["sunoData"][0]["id"]}
    section = {"prompt": "sim:fail sim:skip-stages", "tags": "lo-fi", "title": "Rain", "fullLyrics": "Rain"}
    section |= {"infillStartS": 1, "infillEndS": 8, **track}
    extension = {"defaultParamFlag": False, "audioId": track["audioId"], "model": "V5"}
    for kind, body in (("", {**SONG, "prompt": "sim:fail sim:skip-stages"}), ("/replace-section", section)):
        generate(kie, kind, callBackUrl=receiver.url, **body)
    generate(kie, "/extend", callBackUrl=receiver.url, prompt="sim:fail sim:skip-stages", **extension)
    bodies = receiver.wait(3)
    assert {body["code"] for body in bodies} == {501}
    shapes = [body["data"].get("data", body["data"].get("error")) for body in bodies]
    assert sorted(map(str, shapes)) == ["Generation failed due to technical issues", "None", "[]"]


def test_an_upload_keeps_its_own_addresses_beside_the_new_ones(kie: Kie, receiver: Receiver) -> None:
    body = {**SONG, "uploadUrl": "https://example.com/a.mp3", "prompt": "sim:skip-stages"}
    generate(kie, "/upload-cover", **{**body, "callBackUrl": receiver.url})
    assert "source_audio_url" in receiver.wait()[0]["data"]["data"][0]


def test_what_does_not_exist_is_accepted_and_fails_later(kie: Kie) -> None:
    """Trap 11"""
    extension = {"defaultParamFlag": False, "audioId": "bogus", "model": "V5"}
    missing = f"{kie.simulator.files}/kieai/1/inputs/missing.mp3"
    for kind, body in (("/extend", extension), ("/upload-cover", {**SONG, "uploadUrl": missing})):
        task = generate(kie, kind, **body)
        kie.finish_any(task)
        assert record(kie, task)["status"] == "GENERATE_AUDIO_FAILED"


def test_a_section_is_replaced_only_in_a_song_that_exists(kie: Kie) -> None:
    body = {"prompt": "x", "tags": "x", "title": "x", "fullLyrics": "x", "infillStartS": 1, "infillEndS": 8}
    answer = kie.post("/api/v1/generate/replace-section", {**body, "taskId": "bogus", "audioId": "bogus"})
    assert (answer["code"], answer["msg"]) == (422, "Record does not exist")
