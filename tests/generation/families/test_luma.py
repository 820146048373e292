from typing import Any

import pytest

from generation.kie import callbacks
from tests.generation.families.cases import FILE, OTHER, FamilyCases, envelope

ORIGIN = "https://tempfile.aiquickdraw.com/images/origin.mp4"


def flag(value: int, **fields: Any) -> dict[str, Any]:
    return {"taskId": "task", "successFlag": value, "errorCode": None, "errorMessage": "", "response": None, **fields}


def films(*urls: str) -> dict[str, Any]:
    return {"taskId": "task", "originUrls": [ORIGIN], "resultUrls": list(urls)}


class TestLuma(FamilyCases):
    name = "luma"
    endpoint = "/api/v1/modify/generate"
    running = [flag(0, createTime=1672561200000, completeTime=None), flag(0, response={"resultUrls": []})]
    success = flag(1, response=films(FILE), completeTime=1672574400000)
    successes = flag(1, response=films(FILE, OTHER))
    failures = [
        (flag(2, errorCode=500, errorMessage="Modify record generation failed."), "upstream_failed"),
        (flag(3, errorCode=500, errorMessage="Modify record generation failed."), "upstream_failed"),
        (flag(3, errorCode=422, errorMessage="The input or output was flagged as sensitive"), "content_policy"),
    ]
    empty = [flag(1), flag(1, response=films())]
    unknown_word = flag(7)

    def test_a_callback_that_failed_is_no_failure_of_the_film(self) -> None:
        """R-ST1"""
        status = self.status(envelope(flag(4, response=films(FILE), errorMessage="callback failed")))
        assert status.state == "succeeded"
        assert [result.url for result in status.results] == [FILE]

    @pytest.mark.parametrize("response", [None, {}, films()])
    def test_a_callback_that_failed_before_the_film_is_named_is_looked_at_again(self, response: Any) -> None:
        """R-ST1: never refunded blindly; the deadline bounds the wait."""
        status = self.status(envelope(flag(4, response=response)))
        assert (status.state, status.word) == ("running", "")


@pytest.mark.parametrize("results", [{"resultUrls": [FILE]}, {}])
def test_the_task_id_is_found_in_its_callbacks(results: dict[str, Any]) -> None:
    assert callbacks.task_id(envelope({"taskId": "task12345", "promptJson": "{}", **results})) == "task12345"
