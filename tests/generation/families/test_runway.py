from typing import Any

import pytest

from generation.kie import callbacks
from tests.generation.families.cases import FILE, OTHER, FamilyCases, envelope

COVER = "https://file.com/m/xxxxxxxx.png"


def record(state: str, **fields: Any) -> dict[str, Any]:
    return {"taskId": "task", "state": state, "videoInfo": None, "failCode": None, "failMsg": "", **fields}


def film(url: Any, cover: str = COVER) -> dict[str, Any]:
    return {"videoId": "485da89c", "taskId": "task", "videoUrl": url, "imageUrl": cover}


class TestRunway(FamilyCases):
    name = "runway"
    endpoint = "/api/v1/runway/generate"
    running = [
        record("wait"),
        record("queueing", videoInfo={"videoUrl": "", "imageUrl": ""}),
        record("generating", generateTime="2023-08-15 14:30:45"),
    ]
    success = record("success", videoInfo=film(FILE), expireFlag=0)
    successes = record("success", videoInfo=film([FILE, OTHER]))
    failures = [
        (record("fail", failCode=500, failMsg="Internal Error, Please try again later."), "upstream_failed"),
        (record("fail", failCode=400, failMsg="Inappropriate content detected. Replace the image."), "content_policy"),
        (record("fail", failCode=400, failMsg="Your prompt was caught by our AI moderator."), "content_policy"),
        (record("fail", failCode=400, failMsg="Reached the limit for concurrent generations"), "upstream_failed"),
        (record("fail", failCode=400, failMsg="Subscribe now to continue"), "upstream_failed"),
        (record("fail", failCode=400, failMsg="Unsupported width or height"), "invalid_input"),
        (record("fail", failCode=None, failMsg=None), "upstream_failed"),
    ]
    empty = [record("success"), record("success", videoInfo=film(""))]
    unknown_word = record("throttled")

    def test_the_picture_that_comes_with_a_film_stands_for_it(self) -> None:
        assert self.status(envelope(self.success)).results[0].cover_url == COVER
        assert self.status(envelope(record("success", videoInfo=film(FILE, "")))).results[0].cover_url == ""

    def test_its_words_are_not_those_of_the_unified_api(self) -> None:
        """Trap 16, R-ST2: what is no word of Runway's is told to the operator."""
        for word in ("waiting", "queuing"):
            status = self.status(envelope(record(word)))
            assert (status.state, status.word) == ("running", word)


@pytest.mark.parametrize(
    "data",
    [
        {"task_id": "ee603959", "video_id": "485da89c", "video_url": FILE, "image_url": COVER},
        {"task_id": "ee603959", "video_id": "", "video_url": "", "image_url": ""},
        {"task_id": "ee603959"},
    ],
)
def test_the_task_id_is_found_in_its_callbacks(data: dict[str, str]) -> None:
    assert callbacks.task_id(envelope(data)) == "ee603959"


def test_the_id_of_a_film_is_no_task() -> None:
    assert callbacks.task_id(envelope({"video_id": "485da89c", "video_url": FILE})) == ""
