"""Results as programs get them: what each is, its content, what can start from it, and nothing of KIE's."""

import json
from typing import Any

import pytest
from django.test import Client
from rest_framework.test import APIClient

from accounts.models import User
from generation.api import results
from generation.models import Generation, ModelSwitch
from tests import driving
from tests.conftest import api_for
from tests.pages.conftest import made
from tests.pages.test_results import MUSIC, NOTES, SAID, TRACK, WORDS
from tests.simulator import Simulator

SEPARATE = "ai-music-api/separate-vocals"


def shown(api: APIClient, generation: Generation) -> dict[str, Any]:
    return api.get(f"/api/v1/generations/{generation.pk}").json()


@pytest.mark.parametrize(
    "result,kind,text,data",
    [
        (TRACK, "track", None, None),
        ({"view": "lyrics", "data": "La la"}, "lyrics", "La la", None),
        ({"data": "plain"}, "text", "plain", None),
        ({"data": {"a": [1]}}, "object", None, {"a": [1]}),
        ({"view": "word_timings", "data": WORDS}, "word_timings", None, WORDS),
        ({"view": "notes", "data": NOTES}, "notes", None, NOTES),
        ({"view": "transcript", "data": SAID}, "transcript", None, SAID),
        ({"view": "persona", "data": {"name": "R"}}, "persona", None, {"name": "R"}),
        ({"kind": "image", "content_type": "image/png"}, "image", None, None),
    ],
)
def test_a_result_says_what_it_is_and_carries_its_content(
    api: APIClient, alice: User, result: Any, kind: str, text: Any, data: Any
) -> None:
    (found,) = shown(api, made(alice, MUSIC, result))["results"]
    assert (found["type"], found["text"], found["data"]) == (kind, text, data)
    assert found["id"] == str(Generation.objects.get().assets.get().pk)


def test_a_result_can_be_had_in_other_formats(api: APIClient, alice: User, client: Client) -> None:
    (found,) = shown(api, made(alice, "suno/midi", {"view": "notes", "data": NOTES}))["results"]
    file = client.get(found["downloads"]["mid"].removeprefix("http://127.0.0.1:8000"))
    assert file.content.startswith(b"MThd")


def test_details_are_ours_alone(api: APIClient, alice: User) -> None:
    """R-API1: also those that were stored when KIE's ids were still among them."""
    details = {"title": "Rain", "duration_seconds": 12.5, "audio_id": "kie-track-1"}
    (found,) = shown(api, made(alice, MUSIC, TRACK | {"details": details}))["results"]
    assert found["details"] == {"title": "Rain", "duration_seconds": 12.5}


def test_long_content_is_left_out_of_lists_only(api: APIClient, alice: User) -> None:
    long = "la " * results.LISTED_BYTES
    generation = made(alice, "ai-music-api/generate-lyrics", {"view": "lyrics", "data": long}, {"data": "short"})
    (listed,) = api.get("/api/v1/generations").json()["results"]
    assert [result["text"] for result in listed["results"]] == [None, "short"]
    assert shown(api, generation)["results"][0]["text"] == long


def test_early_results_are_there_while_the_rest_is_made(api: APIClient, alice: User) -> None:
    body = shown(api, made(alice, MUSIC, TRACK, state="running"))
    assert (body["state"], len(body["results"]), body["follow_ups"]) == ("running", 1, [])


# Follow-ups


def test_a_generation_lists_the_models_that_can_start_from_it(api: APIClient, alice: User) -> None:
    song = made(alice, MUSIC, TRACK, TRACK | {"kie_id": ""})
    found = {follow["model"]: follow for follow in shown(api, song)["follow_ups"]}
    assert found[SEPARATE] == {
        "model": SEPARATE,
        "title": "Separate Vocals and Stems",
        "generation_field": "task_id",
        "result_field": "audio_id",
        "index_field": None,
        "results": [str(song.assets.get(index=0).pk)],
    }
    assert (found["ai-music-api/cover-generate"]["result_field"], found["ai-music-api/cover-generate"]["results"]) == (
        None,
        [],
    )
    ModelSwitch.objects.create(model=SEPARATE, enabled=False)
    assert SEPARATE not in {follow["model"] for follow in shown(api, song)["follow_ups"]}


def test_a_field_that_takes_the_place_of_a_result_is_named(api: APIClient, alice: User) -> None:
    video = made(alice, "veo-3-1", {"kind": "video", "content_type": "video/mp4"})
    found = {follow["model"]: follow for follow in shown(api, video)["follow_ups"]}
    upscale = found["veo/get-4k-video"]
    assert (upscale["generation_field"], upscale["index_field"]) == ("task_id", "index")
    assert found["veo/extend"]["index_field"] is None


def test_a_follow_up_is_requested_with_our_ids(api: APIClient, alice: User) -> None:
    song = made(alice, MUSIC, TRACK)
    (follow,) = [one for one in shown(api, song)["follow_ups"] if one["model"] == SEPARATE]
    values = {follow["generation_field"]: str(song.pk), follow["result_field"]: follow["results"][0]}
    body = {"model": SEPARATE, "input": values}
    assert api.post("/api/v1/generations", body, format="json").status_code == 202


def test_what_does_not_exist_for_the_caller_cannot_be_started_from(api: APIClient, alice: User, eve: User) -> None:
    """R-API3: another's, an unfinished and an unknown result look the same."""
    hers, waiting = made(eve, MUSIC, TRACK), made(alice, MUSIC, TRACK, state="running")
    song, nothing = made(alice, MUSIC, TRACK), "00000000-0000-4000-8000-000000000000"
    answers = []
    for result in (str(hers.assets.get().pk), str(waiting.assets.get().pk), nothing):
        body = {"model": SEPARATE, "input": {"task_id": str(song.pk), "audio_id": result}}
        answers.append(api.post("/api/v1/generations", body, format="json"))
    assert [answer.status_code for answer in answers] == [404, 404, 404]
    assert {(answer.json()["code"], answer.json()["detail"]) for answer in answers} == {
        ("unknown_source", "Must be the id of a result of a fitting, finished generation of yours.")
    }
    assert answers[0].json()["errors"][0]["field"] == "audio_id"
    assert not Generation.objects.filter(model=SEPARATE).exists()
    assert api_for(eve).get(f"/api/v1/generations/{waiting.pk}").status_code == 404


# The whole way


def ordered(api: APIClient, model: str, values: dict[str, Any]) -> dict[str, Any]:
    created = api.post("/api/v1/generations", {"model": model, "input": values}, format="json")
    assert created.status_code == 202, created.json()
    return shown(api, driving.finish(Generation.objects.get(pk=created.json()["id"])))


@pytest.mark.simulator
def test_a_song_is_taken_apart_and_written_down_and_no_answer_names_anything_of_kie(
    kie: Simulator, api: APIClient
) -> None:
    """R-API1"""
    song = ordered(api, MUSIC, {"prompt": "Rain", "custom_mode": False, "instrumental": False, "model": "V5"})
    track = song["results"][1]["id"]
    named = {"task_id": song["id"], "audio_id": track}
    stems = ordered(api, SEPARATE, {**named, "type": "split_stem"})
    notes = ordered(api, "ai-music-api/generate-midi-from-audio", {"task_id": stems["id"]})
    words = ordered(api, "ai-music-api/timeStamped-lyrics", named)
    persona = ordered(api, "ai-music-api/generate-persona", {**named, "name": "R", "description": "soft"})
    answers = [song, stems, notes, words, persona]
    assert [one["state"] for one in answers] == ["succeeded"] * 5
    kinds = [{result["type"] for result in one["results"]} for one in answers]
    assert kinds == [{"track"}, {"stem"}, {"notes"}, {"word_timings"}, {"persona"}]
    said = json.dumps([answers, api.get("/api/v1/generations").json()])
    for generation in Generation.objects.prefetch_related("assets"):
        strange = [generation.kie_task_id, *(asset.kie_id for asset in generation.assets.all())]
        assert not [name for name in strange if name and name in said]
