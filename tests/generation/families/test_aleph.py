from typing import Any

import pytest

from generation.kie import callbacks
from tests.generation.families.cases import FILE, OTHER, FamilyCases, envelope

COVER = "https://file.com/m/xxxxxxxx.png"
ENDED = "2023-08-15T14:30:45Z"


def flag(value: int, **fields: Any) -> dict[str, Any]:
    nothing = {"response": None, "completeTime": None, "errorCode": 0, "errorMessage": ""}
    return {"taskId": "task", "successFlag": value, **nothing, **fields}


def film(url: Any) -> dict[str, Any]:
    return {"taskId": "task", "resultVideoUrl": url, "resultImageUrl": COVER}


class TestAleph(FamilyCases):
    name = "runway-aleph"
    endpoint = "/api/v1/aleph/generate"
    running = [flag(0), flag(0, errorCode=None, errorMessage=None), flag(0, response={}), {"successFlag": 0}]
    success = flag(1, response=film(FILE), completeTime=ENDED)
    successes = flag(1, response=film([FILE, OTHER]), completeTime=ENDED)
    failures = [
        (flag(0, errorCode=500, errorMessage="Internal Error", completeTime=ENDED), "upstream_failed"),
        (flag(0, errorCode=501, errorMessage="Generation failed"), "upstream_failed"),
        (flag(0, errorCode=400, errorMessage="Your prompt was caught by our AI moderator."), "content_policy"),
        (flag(0, errorCode=0, errorMessage="The video is too long", completeTime=ENDED), "upstream_failed"),
        (flag(0, errorCode=422, errorMessage="Unsupported width or height", completeTime=ENDED), "invalid_input"),
    ]
    empty = [flag(1), flag(1, response=film(""))]
    unknown_word = flag(7)

    def test_an_end_without_an_error_or_a_film_runs_on_and_is_named(self) -> None:
        """Trap 17: flag 0 says neither; only an error ends the task."""
        status = self.status(envelope(flag(0, completeTime=ENDED)))
        assert (status.state, status.word) == ("running", "ended")

    def test_the_picture_that_comes_with_a_film_stands_for_it(self) -> None:
        assert self.status(envelope(self.success)).results[0].cover_url == COVER


@pytest.mark.parametrize(
    "body",
    [
        {"code": 200, "data": {"result_video_url": FILE, "result_image_url": COVER}, "taskId": "ee603959"},
        {"code": 400, "data": None, "taskId": "ee603959"},
        {"code": 200, "data": {"task_id": "ee603959", "video_id": "485da89c", "video_url": FILE}},
    ],
)
def test_the_task_id_is_found_beside_the_data_and_inside(body: dict[str, Any]) -> None:
    assert callbacks.task_id(body) == "ee603959"
