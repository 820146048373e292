"""Suno's tools, voices and what answers at once (protocol 4.9, 4.10, 4.12)."""

from typing import Any

import httpx
import pytest

from tests.kie_simulator.conftest import Kie, Receiver
from tests.kie_simulator.test_suno import NOWHERE, song
from tests.simulating import until

TOOLS = {
    "wav": "/api/v1/wav",
    "stems": "/api/v1/vocal-removal",
    "video": "/api/v1/mp4",
    "midi": "/api/v1/midi",
    "cover": "/api/v1/suno/cover",
}


def order(kie: Kie, path: str, body: dict[str, Any]) -> str:
    answer = kie.post(path, {"callBackUrl": NOWHERE, **body})
    assert answer["code"] == 200, answer
    return answer["data"]["taskId"]


def finished(kie: Kie, path: str, body: dict[str, Any]) -> dict[str, Any]:
    """The record of a tool's task at its end."""
    task = order(kie, f"{path}/generate", body)
    kie.finish_any(task)
    return kie.get(f"{path}/record-info", taskId=task)["data"]


@pytest.fixture
def track(kie: Kie) -> dict[str, str]:
    found = song(kie)
    return {"taskId": found["taskId"], "audioId": found["response"]["sunoData"][1]["id"]}


def test_a_wav_comes_once_per_track(kie: Kie, track: dict[str, str]) -> None:
    found = finished(kie, TOOLS["wav"], track)
    assert (found["successFlag"], found["musicId"]) == ("SUCCESS", track["audioId"])
    assert httpx.get(found["response"]["audioWavUrl"]).headers["content-type"] == "audio/wav"
    assert kie.post("/api/v1/wav/generate", {**track, "callBackUrl": NOWHERE})["code"] == 409


def test_two_parts_have_names_and_ids(kie: Kie, track: dict[str, str]) -> None:
    response = finished(kie, TOOLS["stems"], track)["response"]
    listed = response["originData"]
    assert [each["audio_url"] for each in listed] == [response["vocalUrl"], response["instrumentalUrl"]]
    assert [each["stem_type_group_name"] for each in listed] == ["Vocal", "Instrumental"]
    assert httpx.get(response["vocalUrl"]).headers["content-type"] == "audio/mpeg"


def test_separation_is_charged_every_time(kie: Kie, track: dict[str, str]) -> None:
    before = kie.credit()
    for kind in ("separate_vocal", "separate_vocal", "split_stem"):
        finished(kie, TOOLS["stems"], {**track, "type": kind})
    assert kie.credit() == before - 10 - 10 - 50


def test_all_parts_are_twelve_and_a_chosen_one_is_one(kie: Kie, track: dict[str, str]) -> None:
    response = finished(kie, TOOLS["stems"], {**track, "type": "split_stem"})["response"]
    assert len([name for name in response if name.endswith("Url") and response[name]]) == 12
    response = finished(kie, TOOLS["stems"], {**track, "type": "split_stem_advanced", "stemName": "Kick"})["response"]
    assert [each["stem_type_group_name"] for each in response["originData"]] == ["Kick"]


def test_notes_are_of_a_separation_and_mix_strings_and_numbers(kie: Kie, track: dict[str, str]) -> None:
    assert kie.post("/api/v1/midi/generate", {**track, "callBackUrl": NOWHERE})["msg"] == "Record does not exist"
    stems = finished(kie, TOOLS["stems"], track)
    asked = {"taskId": stems["taskId"], "audioId": stems["response"]["originData"][0]["id"]}
    found = finished(kie, TOOLS["midi"], asked)
    assert found["successFlag"] == 1
    notes = [note for each in found["midiData"]["instruments"] for note in each["notes"]]
    assert {type(note["start"]) for note in notes} == {str} and {type(note["end"]) for note in notes} == {float}
    assert {type(note["velocity"]) for note in notes} == {str, int}


def test_covers_are_made_once_and_two_means_that_they_are_being_made(kie: Kie, track: dict[str, str]) -> None:
    """Trap 17; protocol 1.5, 400"""
    kie.simulator.fault("slow=1")
    task = order(kie, "/api/v1/suno/cover/generate", {"taskId": track["taskId"]})
    seen = []

    def look() -> bool:
        seen.append(kie.get("/api/v1/suno/cover/record-info", taskId=task)["data"])
        return seen[-1]["successFlag"] == 1

    until(look)
    assert list(dict.fromkeys(found["successFlag"] for found in seen)) == [0, 2, 1]
    assert (seen[-1]["errorCode"], len(seen[-1]["response"]["images"])) == (200, 2)
    again = kie.post("/api/v1/suno/cover/generate", {"taskId": track["taskId"]})
    assert (again["code"], again["data"]) == (400, {"taskId": task})


def test_a_music_video_is_a_film(kie: Kie, track: dict[str, str]) -> None:
    found = finished(kie, TOOLS["video"], track)
    assert httpx.get(found["response"]["videoUrl"]).headers["content-type"] == "video/mp4"


@pytest.mark.parametrize(
    ("tool", "marker", "flag"),
    [
        ("wav", "flag2", "CREATE_TASK_FAILED"),
        ("wav", "fail", "GENERATE_WAV_FAILED"),
        ("stems", "fail", "GENERATE_AUDIO_FAILED"),
        ("video", "fail", "GENERATE_MP4_FAILED"),
        ("cover", "fail", 3),
        ("stems", "callback-exception", "CALLBACK_EXCEPTION"),
    ],
)
def test_each_tool_has_its_own_word_for_a_failure(
    kie: Kie, track: dict[str, str], tool: str, marker: str, flag: object
) -> None:
    kie.simulator.fault(marker)
    body = {"taskId": track["taskId"]} if tool == "cover" else track
    assert finished(kie, TOOLS[tool], body)["successFlag"] == flag


@pytest.mark.parametrize(("marker", "flag"), [("flag2", 2), ("flag3", 3)])
def test_midi_fails_by_number(kie: Kie, track: dict[str, str], marker: str, flag: int) -> None:
    stems = finished(kie, TOOLS["stems"], track)
    kie.simulator.fault(marker)
    assert finished(kie, TOOLS["midi"], {"taskId": stems["taskId"]})["successFlag"] == flag


@pytest.mark.parametrize("tool", ["wav", "stems", "video", "cover"])
def test_a_follow_up_on_what_does_not_exist_is_refused(kie: Kie, track: dict[str, str], tool: str) -> None:
    """Trap 11"""
    other = song(kie)["response"]["sunoData"][0]["id"]
    bodies = [{"taskId": "0" * 32, "audioId": track["audioId"]}]
    bodies += [] if tool == "cover" else [{**track, "audioId": other}, {**track, "audioId": "bogus"}]
    for body in bodies:
        asked = {"taskId": body["taskId"]} if tool == "cover" else body
        answer = kie.post(f"{TOOLS[tool]}/generate", {"callBackUrl": NOWHERE, **asked})
        assert (answer["code"], answer["msg"], answer["data"]) == (422, "Record does not exist", None)


def test_lyrics_are_two_texts_of_which_one_may_fail(kie: Kie) -> None:
    """Trap 22"""
    for prompt, wanted in (("Rain", ["complete", "complete"]), ("Rain sim:lyrics-part", ["failed", "complete"])):
        task = order(kie, "/api/v1/lyrics", {"prompt": prompt})
        kie.finish_any(task)
        found = kie.get("/api/v1/lyrics/record-info", taskId=task)["data"]
        assert found["status"] == "SUCCESS"
        assert [text["status"] for text in found["response"]["data"]] == wanted


def test_lyrics_have_codes_of_their_own(kie: Kie) -> None:
    """Trap 41: 429 is an empty account."""
    kie.simulator.balance(0.1)
    assert kie.post("/api/v1/lyrics", {"prompt": "Rain", "callBackUrl": NOWHERE})["code"] == 429


def test_the_callbacks_of_the_tools_have_shapes_of_their_own(
    kie: Kie, track: dict[str, str], receiver: Receiver
) -> None:
    def called(path: str, body: dict[str, Any]) -> dict[str, Any]:
        order(kie, path, {**body, "callBackUrl": receiver.url})
        return receiver.wait(len(receiver.received) + 1)[-1]

    assert called("/api/v1/wav/generate", track)["data"]["audioWavUrl"].endswith(".wav")
    assert called("/api/v1/mp4/generate", track)["data"]["video_url"].endswith(".mp4")
    assert len(called("/api/v1/suno/cover/generate", {"taskId": track["taskId"]})["data"]["images"]) == 2
    stems = called("/api/v1/vocal-removal/generate", {**track, "type": "split_stem"})["data"]
    assert {"vocal_url", "backing_vocals_url", "fx_url", "origin_url"} < set(stems["vocal_separation_info"])
    notes = called("/api/v1/midi/generate", {"taskId": stems["task_id"]})["data"]
    assert notes["state"] == "complete" and notes["taskId"]
    texts = called("/api/v1/lyrics", {"prompt": "Rain"})["data"]
    assert texts["callbackType"] == "complete" and texts["data"][0]["error_message"] == ""
    failed = called("/api/v1/lyrics", {"prompt": "sim:policy"})
    assert (failed["code"], failed["data"]["callbackType"], failed["data"]["data"]) == (400, "complete", None)
    kie.simulator.fault("fail")
    failed = called("/api/v1/vocal-removal/generate", track)
    assert failed["code"] == 500 and failed["data"]["vocal_separation_info"] is None


# Voices


SAMPLE = {"voiceUrl": "https://example.com/a.mp3", "vocalStartS": 0, "vocalEndS": 10}


def phrase(kie: Kie, path: str = "validate", **body: Any) -> dict[str, Any]:
    task = order(kie, f"/api/v1/voice/{path}", body or SAMPLE)
    kie.finish_any(task)
    return kie.get("/api/v1/voice/validate-info", taskId=task)["data"]


def test_a_phrase_waits_to_be_sung_and_becomes_a_voice_without_an_id(kie: Kie) -> None:
    """Protocol 4.10: the id of the task is all that ever came."""
    first = phrase(kie)
    assert first["status"] == "wait_validating" and first["validateInfo"]
    task = order(kie, "/api/v1/voice/generate", {"taskId": first["taskId"], "verifyUrl": SAMPLE["voiceUrl"]})
    kie.finish_any(task)
    voice = kie.get("/api/v1/voice/record-info", taskId=task)["data"]
    assert (voice["status"], voice["voiceId"]) == ("success", None)
    assert kie.post("/api/v1/voice/check-voice", {"task_id": task})["data"] == {"isAvailable": True}
    assert kie.post("/api/v1/voice/check-voice", {"task_id": "0"})["msg"] == "Record does not exist"


def test_another_phrase_calls_back_at_the_address_with_one_l(kie: Kie, receiver: Receiver) -> None:
    """Trap 13"""
    first = phrase(kie)["taskId"]
    path = "/api/v1/voice/regenerate"
    assert kie.post(path, {"taskId": first, "callBackUrl": receiver.url})["msg"] == "Please enter callBackUrl."
    task = kie.post(path, {"taskId": first, "calBackUrl": receiver.url})["data"]["taskId"]
    (body,) = receiver.wait()
    assert body["data"]["taskId"] == task and body["data"]["validateInfo"]


@pytest.mark.parametrize(("marker", "word"), [("flag2", "processing_validate_fail"), ("fail", "fail")])
def test_a_phrase_fails_by_word(kie: Kie, marker: str, word: str) -> None:
    kie.simulator.fault(marker)
    assert phrase(kie)["status"] == word


# At once


def test_a_style_is_answered_as_it_was_seen_live(kie: Kie) -> None:
    """Trap 17"""
    answer = kie.post("/api/v1/style/generate", {"content": "Pop"})
    data = answer["data"]
    assert (answer["code"], data["successFlag"], data["creditsConsumed"]) == (200, "成功", 0.4)
    assert data["creditsRemaining"] == kie.credit() == 10000 - 0.4
    assert "Pop" in data["result"] and data["errorMsg"] is None and isinstance(data["createTime"], int)
    failed = kie.post("/api/v1/style/generate", {"content": "Pop sim:policy"})["data"]
    assert (failed["result"], failed["successFlag"], failed["errorCode"]) == (None, 2, 400)
    assert kie.credit() == 10000 - 0.4


def test_words_have_their_times_at_once(kie: Kie, track: dict[str, str]) -> None:
    data = kie.post("/api/v1/generate/get-timestamped-lyrics", track)["data"]
    assert set(data["alignedWords"][0]) == {"word", "success", "startS", "endS", "palign"}
    refused = kie.post("/api/v1/generate/get-timestamped-lyrics", {**track, "audioId": "bogus"})
    assert refused["msg"] == "Record does not exist"


def test_there_is_one_persona_per_track(kie: Kie, track: dict[str, str]) -> None:
    """Protocol 1.5, 409"""
    body = {**track, "name": "Ann", "description": "calm"}
    made = kie.post("/api/v1/generate/generate-persona", body)["data"]
    assert made["personaId"] and (made["name"], made["description"]) == ("Ann", "calm")
    assert kie.post("/api/v1/generate/generate-persona", body)["code"] == 409


def test_gemini_omni_succeeds_with_code_0(kie: Kie) -> None:
    """Trap 3"""
    voice = kie.post("/api/v1/omni/audio/create", {"audio_id": "achernar", "name": "Narrator"})
    assert voice["code"] == 0 and voice["data"]["audioId"]
    body = {"descriptions": "A fox", "image_urls": ["https://example.com/a.png"]}
    assert kie.post("/api/v1/omni/character/create", body)["data"]["characterId"]
    assert kie.post("/api/v1/omni/character/create", {**body, "descriptions": "sim:policy"})["code"] == 422
    assert kie.post("/api/v1/omni/audio/create", {"audio_id": "nobody", "name": "x"})["code"] == 422


# The unified API


def unified(kie: Kie, model: str, **values: Any) -> dict[str, Any]:
    return kie.finish(kie.create(values, f"ai-music-api/{model}"))["response"]


def test_unified_follow_ups_name_tracks_that_exist(kie: Kie) -> None:
    """Trap 11"""
    source = kie.create({"prompt": "Rain", "model": "V6"}, "ai-music-api/sounds")
    track = kie.finish(source)["response"]["data"][0]["id"]
    timings = unified(kie, "timeStamped-lyrics", task_id=source, audio_id=track)
    assert timings["resultObject"]["alignedWords"]
    bad = {"model": "ai-music-api/timeStamped-lyrics", "input": {"task_id": source, "audio_id": "bogus"}}
    assert kie.post("/api/v1/jobs/createTask", bad)["msg"] == "Record does not exist"
    bogus = kie.create({"audio_id": "bogus", "model": "V6"}, "ai-music-api/extend")
    assert kie.finish(bogus)["state"] == "fail"


def test_unified_parts_are_addresses_without_names(kie: Kie) -> None:
    parts = unified(kie, "separate-vocals", audio_url="https://example.com/a.mp3", type="split_stem")
    assert list(parts) == ["resultUrls"] and len(parts["resultUrls"]) == 12


def test_detections_answer_with_masks_and_a_status(kie: Kie) -> None:
    picture = {"image_url": "https://example.com/a.png"}
    masks = kie.finish(kie.create(picture, "omnihuman-1-5/subject-detection"))["response"]["resultObject"]["mask_urls"]
    assert [httpx.get(mask).headers["content-type"] for mask in masks] == ["image/png", "image/png"]
    found = kie.finish(kie.create(picture, "omnihuman-1-5/human-identification"))["response"]
    assert found == {"resultObject": {"subject_status": 1}}


def test_a_transcript_has_words_and_gaps(kie: Kie) -> None:
    kie.simulator.serve_retired()
    task = kie.create({"audio_url": "https://example.com/a.mp3"}, "elevenlabs/speech-to-text")
    said = kie.finish(task)["response"]["resultObject"]
    assert said["text"] and {word["type"] for word in said["words"]} == {"word", "spacing"}
