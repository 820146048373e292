from typing import Any

import pytest

from generation.kie.errors import Rejected
from generation.kie.families import FAMILIES
from generation.kie.families.base import Request
from tests.generation.families.cases import FILE, OTHER, FamilyCases, answer, envelope


def flag(value: int, **fields: Any) -> dict[str, Any]:
    return {"taskId": "task", "successFlag": value, "errorCode": None, "errorMessage": "", "response": None, **fields}


class TestVeo(FamilyCases):
    name = "veo"
    endpoint = "/api/v1/veo/generate"
    running = [flag(0)]
    success = flag(1, response={"resultUrls": [FILE], "originUrls": None})
    successes = flag(1, response={"resultUrls": [FILE, OTHER]})
    failures = [
        (flag(2, errorCode=500, errorMessage="Internal"), "upstream_failed"),
        (flag(3, errorCode=501, errorMessage="Failed"), "upstream_failed"),
        (flag(3, errorCode=400, errorMessage="Your prompt was flagged by Website"), "content_policy"),
        (flag(3, errorCode=422, errorMessage="Your request was rejected by Flow(x)."), "content_policy"),
    ]
    empty = [flag(1, response={"resultUrls": None}), flag(1)]
    unknown_word = flag(7)

    def test_an_extension_gives_the_whole_film(self) -> None:
        data = flag(1, response={"resultUrls": [OTHER], "fullResultUrls": [FILE]})
        assert [result.url for result in self.status(envelope(data)).results] == [FILE]

    def test_an_address_may_be_a_string(self) -> None:
        """Trap 20"""
        assert self.status(envelope(flag(1, response={"resultUrls": FILE}))).results[0].url == FILE

    def test_the_flat_answer_of_the_early_path_is_read(self) -> None:
        data = {"taskId": "task", "successFlag": 1, "videoUrl": FILE, "createdAt": "2025-01-15T10:30:00Z"}
        assert self.status(envelope(data)).results[0].url == FILE
        assert FAMILIES["veo"].fallback_query("abc") == Request("GET", "/api/v1/veo/query/abc")


HD = Request("GET", "/api/v1/veo/get-1080p-video", params={"taskId": "base", "index": "1"})
UHD = Request("POST", "/api/v1/veo/get-4k-video", json={"taskId": "base", "callBackUrl": "https://us"})
PROCESSING = envelope({"taskId": "base", "resultUrls": None, "imageUrls": None}, 422, "4k is processing.")
DONE = envelope({"taskId": "base", "resultUrls": [FILE]}, 422, "The video has been generated successfully")


class TestUpgrades:
    family = FAMILIES["veo"]

    def test_1080p_is_the_same_call_again(self) -> None:
        request = self.family.create(
            "GET", HD.path, "veo3-api/get-1080p-video", {"taskId": "base", "index": 1}, "https://us"
        )
        assert request == HD
        task = self.family.created(request, answer(envelope(None, 400, "1080p is processing")), "n1")
        assert task == "1080p:base:1:n1"
        assert self.family.query(task) == HD

    def test_4k_is_asked_for_by_repeating_the_order(self) -> None:
        task = self.family.created(UHD, answer(envelope({"taskId": "base", "resultUrls": None})), "n2")
        assert self.family.query(task) == Request("POST", UHD.path, json={"taskId": "base", "index": 0})
        assert self.family.fallback_query(task) is None

    @pytest.mark.parametrize(
        ("task", "body", "state"),
        [
            ("1080p:base:0:n", envelope(None, 400, "still processing"), "running"),
            ("1080p:base:0:n", envelope(None, 400, "flagged as violating content policies"), "failed"),
            ("1080p:base:0:n", envelope({"resultUrl": FILE}), "succeeded"),
            ("1080p:base:0:n", envelope(None, 500, "Internal"), "failed"),
            ("1080p:base:0:n", envelope(None, 429), "unreadable"),
            ("4k:base:0:n", envelope({"taskId": "base", "resultUrls": None}), "running"),
            ("4k:base:0:n", PROCESSING, "running"),
            ("4k:base:0:n", DONE, "succeeded"),
            ("4k:base:0:n", envelope(None, 422, "record status is not success"), "failed"),
            (
                "4k:base:0:n",
                envelope({"taskId": "base"}, 500, "The 4K version of this video is unavailable."),
                "failed",
            ),
        ],
    )
    def test_its_odd_answers_are_understood(self, task: str, body: Any, state: str) -> None:
        """Traps 7 and 8"""
        assert self.family.status(task, answer(body)).state == state

    def test_an_order_that_cannot_be_is_rejected(self) -> None:
        with pytest.raises(Rejected):
            self.family.created(UHD, answer(envelope(None, 422, "record is null")), "n")
