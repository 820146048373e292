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

    def test_tracks_carry_title_and_audio_id_but_no_task_id(self) -> None:
        take = {"audio_url": FILE, "id": "52cc", "title": "Rain", "duration": 14.2, "tags": "calm", "prompt": ""}
        data = won(response={"code": 200, "data": [take, {**take, "audio_url": OTHER}], "task_id": "ac44"})
        status = self.status(envelope(data))
        assert [result.url for result in status.results] == [FILE, OTHER]
        details = {"title": "Rain", "tags": "calm", "duration_seconds": 14.2, "audio_id": "52cc"}
        assert status.results[0].details == details

    def test_frames_are_results_with_a_name(self) -> None:
        data = won(response={"resultUrls": [FILE], "firstFrameUrl": [OTHER]})
        frame = self.status(envelope(data)).results[1]
        assert (frame.url, frame.details) == (OTHER, {"title": "First frame"})

    def test_a_text_result_is_kept_as_text(self) -> None:
        data = won(response={"resultObject": {"lyricsData": [{"text": "la la"}]}})
        (result,) = self.status(envelope(data)).results
        assert json.loads(result.text) == {"lyricsData": [{"text": "la la"}]}

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
