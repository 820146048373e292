import json
from typing import Any

import pytest

from generation.kie.families.base import Answer
from tests.generation.families.cases import FILE, OTHER, FamilyCases, answer, envelope


def won(**fields: Any) -> dict[str, Any]:
    return {"taskId": "task", "state": "success", "successFlag": 1, "failCode": None, "failMsg": None, **fields}


def lost(code: str, message: str, **fields: Any) -> dict[str, Any]:
    return {"taskId": "task", "state": "fail", "successFlag": 3, "failCode": code, "failMsg": message, **fields}


class TestMarket(FamilyCases):
    name = "market"
    endpoint = "/api/v1/jobs/createTask"
    running = [{"state": word, "resultJson": "", "failCode": None} for word in ("waiting", "queuing", "generating")]
    success = won(resultJson=json.dumps({"resultUrls": [FILE]}))
    successes = won(resultJson=json.dumps({"resultUrls": [FILE, OTHER]}))
    failures = [
        (lost("422", "CONTENT_POLICY_BLOCKED: The input or output was flagged as sensitive"), "content_policy"),
        (lost("400", "image fetch failed. Check access settings or use our File Upload API."), "input_unreachable"),
        (lost("400", "Upstream trouble, try again later"), "upstream_failed"),
        (lost("400", "duration is out of range"), "invalid_input"),
        (lost("500", "Internal Error, Please try again later."), "upstream_failed"),
        (lost("501", "Generation failed"), "upstream_failed"),
        (lost("408", "timeout"), "upstream_timeout"),
        ({"successFlag": 2, "failCode": "500", "failMsg": "x"}, "upstream_failed"),
        ({"successFlag": 3, "failCode": "500", "failMsg": "x"}, "upstream_failed"),
    ]
    empty = [won(resultJson=text) for text in ('{"resultUrls": []}', "", "not json", None)]
    unknown_word = {"state": "reviewing"}

    def test_the_model_and_its_input_stand_apart(self) -> None:
        assert self.create().json == {
            "model": "some/model",
            "input": {"prompt": "a fox"},
            "callBackUrl": "https://us/kie/t/",
        }

    def test_the_parsed_response_is_preferred(self) -> None:
        data = won(resultJson='{"resultUrls": []}', response={"resultUrls": [FILE]})
        assert self.status(envelope(data)).results[0].url == FILE

    @pytest.mark.parametrize(
        ("reported", "millicredits"),
        [
            (3.0, 3000),
            (2.5, 2500),
            (0.0001, 1),
            (0, 0),
            (0.4, 400),
            (None, None),
            ("3", None),
            (-1, None),
            (1e30, None),
        ],
    )
    def test_the_cost_is_a_float_of_credits(self, reported: Any, millicredits: int | None) -> None:
        data = won(response={"resultUrls": [FILE]}, creditsConsumed=reported)
        assert self.status(envelope(data)).cost_millicredits == millicredits

    def test_older_answers_name_the_cost_otherwise(self) -> None:
        assert self.status(envelope(lost("500", "x", consumeCredits=7))).cost_millicredits == 7000

    def test_a_track_has_a_title_a_cover_and_an_id_that_is_no_task(self) -> None:
        take = {"audio_url": FILE, "id": "52cc", "title": "Rain", "duration": 14.2, "tags": "calm", "prompt": ""}
        take |= {"image_url": "https://cdn2.suno.ai/image_52cc.jpeg", "stream_audio_url": OTHER}
        data = won(response={"code": 200, "data": [take, {**take, "audio_url": OTHER}], "task_id": "ac44"})
        status = self.status(envelope(data))
        assert [result.url for result in status.results] == [FILE, OTHER]
        track = status.results[0]
        assert (track.view, track.kie_id, track.cover_url) == ("track", "52cc", take["image_url"])
        assert track.details == {"title": "Rain", "tags": "calm", "duration_seconds": 14.2}

    def test_frames_are_results_with_a_name(self) -> None:
        data = won(response={"resultUrls": [FILE], "firstFrameUrl": [OTHER]})
        frame = self.status(envelope(data)).results[1]
        assert (frame.url, frame.details) == (OTHER, {"title": "First frame"})

    @pytest.mark.parametrize("place", ["resultObject", "in a string", "response itself"])
    @pytest.mark.parametrize(
        ("said", "view", "content"),
        [
            ({"lyricsData": [{"text": "la la", "title": "Rain"}]}, "lyrics", "la la"),
            ({"result": "Warm synths"}, "", "Warm synths"),
            ({"validateInfo": "The fox", "status": "wait_validating"}, "phrase", "The fox"),
            ({"isAvailable": False}, "", {"available": False}),
            (
                {"personaId": "p1", "name": "Ann", "description": "calm"},
                "persona",
                {"name": "Ann", "description": "calm"},
            ),
            (
                {"state": "complete", "instruments": [{"name": "Drums", "notes": []}]},
                "notes",
                {"instruments": [{"name": "Drums", "notes": []}]},
            ),
            (
                {"alignedWords": [{"word": "Rain", "startS": 1, "endS": 1.5}]},
                "word_timings",
                {"words": [{"word": "Rain", "start": 1.0, "end": 1.5}]},
            ),
        ],
    )
    def test_what_is_no_file_is_known_by_its_fields(self, place: str, said: Any, view: str, content: Any) -> None:
        """Protocol 2.2, 4.11: the place of some of these is not documented."""
        places = {"resultObject": said, "in a string": json.dumps(said)}
        response = {"resultObject": places[place]} if place in places else said
        (result,) = self.status(envelope(won(response=response))).results
        assert (result.view, result.data if result.data is not None else result.text) == (view, content)

    def test_the_id_of_a_persona_is_not_in_what_customers_read(self) -> None:
        data = won(response={"resultObject": {"personaId": "p1", "name": "Ann", "description": "calm"}})
        (result,) = self.status(envelope(data)).results
        assert result.kie_id == "p1" and "p1" not in json.dumps([result.data, result.details])

    def test_the_task_is_the_name_of_a_voice(self) -> None:
        """Protocol 4.10"""
        for said in ({"voiceId": "", "status": "success"}, {}):
            data = won(model="ai-music-api/create-voice", response={"resultObject": said})
            (result,) = self.status(envelope(data)).results
            assert (result.view, result.kie_id) == ("voice", "task")

    def test_the_parts_of_a_song_are_named_or_numbered(self) -> None:
        parted = {"model": "ai-music-api/separate-vocals"}
        stems = self.status(envelope(won(response={"resultUrls": [FILE, OTHER]}, **parted))).results
        assert [(stem.view, stem.details["title"]) for stem in stems] == [("stem", "Stem 1"), ("stem", "Stem 2")]
        listed = [{"audio_url": FILE, "id": "s1", "stem_type_group_name": "Vocals", "duration": 3}]
        stems = self.status(envelope(won(response={"resultUrls": [FILE], "originData": listed}, **parted))).results
        assert [(stem.kie_id, stem.details["title"]) for stem in stems] == [("s1", "Vocals")]

    def test_a_transcript_has_the_words_with_their_times(self) -> None:
        words = [
            {"text": "Hello", "start": 0.1, "end": 0.5, "type": "word", "speaker_id": "speaker_0"},
            {"text": " ", "start": 0.5, "end": 0.6, "type": "spacing"},
        ]
        said = {"text": "Hello ", "language_code": "eng", "words": words}
        (result,) = self.status(envelope(won(response={"resultObject": said}))).results
        assert result.view == "transcript"
        word = {"word": "Hello", "start": 0.1, "end": 0.5, "speaker": "speaker_0"}
        assert result.data == {"text": "Hello ", "language": "eng", "words": [word]}
        (plain,) = self.status(envelope(won(response={"resultObject": {"text": "Hello"}}))).results
        assert plain.data == {"text": "Hello", "language": ""}

    def test_masks_of_a_detection_become_files(self) -> None:
        masks = self.status(envelope(won(response={"resultObject": {"mask_urls": [FILE, OTHER]}}))).results
        assert [(mask.url, mask.details) for mask in masks] == [(FILE, {"title": "Mask"}), (OTHER, {"title": "Mask"})]

    def test_an_object_that_nobody_has_described_is_kept_as_it_is(self) -> None:
        said = {"subject_status": 1, "score": 0.5, "mask_urls": []}
        (result,) = self.status(envelope(won(response={"resultObject": said}))).results
        assert result.data == said and isinstance(result.data["score"], float)

    def test_a_plain_text_is_kept_as_text(self) -> None:
        (result,) = self.status(envelope(won(response={"resultObject": "la la"}))).results
        assert (result.text, result.data) == ("la la", None)

    def test_a_body_whose_echo_broke_its_json_is_still_read(self) -> None:
        """Trap 6"""
        text = (
            '{"code":200,"msg":"success","data":{"taskId":"t","state":"success",'
            '"param":"{"input":"{\\\\"prompt\\\\":\\\\"x\\\\"}","model":"m"}","resultJson":"",'
            f'"response":{{"resultUrls":["{FILE}"]}},"creditsConsumed":2.5}}}}'
        )
        with pytest.raises(ValueError, match="delimiter"):
            json.loads(text)
        status = self.family.status("task", Answer(200, None, text))
        assert (status.state, status.cost_millicredits) == ("succeeded", 2500)

    def test_only_addresses_count_as_results(self) -> None:
        data = won(response={"resultUrls": [FILE, "", None, 7, "javascript:alert(1)"]})
        assert [result.url for result in self.status(envelope(data)).results] == [FILE]

    def test_an_error_may_call_its_text_message(self) -> None:
        assert answer({"code": 500, "message": "old shape"}).message == "old shape"
