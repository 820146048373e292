from typing import Any

import pytest

from generation.kie import callbacks
from tests.generation.families.cases import FILE, OTHER, FamilyCases, envelope

ORIGIN = "https://tempfile.aiquickdraw.com/images/ten-minutes.jpg"


def flag(value: int, **fields: Any) -> dict[str, Any]:
    return {"taskId": "task", "successFlag": value, "errorCode": None, "errorMessage": "", "response": None, **fields}


class TestFluxKontext(FamilyCases):
    name = "flux-kontext"
    endpoint = "/api/v1/flux/kontext/generate"
    running = [flag(0, createTime="2024-03-20T10:25:00Z", completeTime=None), flag(0, response={})]
    success = flag(1, response={"originImageUrl": ORIGIN, "resultImageUrl": FILE})
    successes = flag(1, response={"originImageUrl": ORIGIN, "resultImageUrl": [FILE, OTHER]})
    failures = [
        (flag(2, errorCode=500, errorMessage="Internal Error, Please try again later."), "upstream_failed"),
        (flag(3, errorCode=501, errorMessage="Image generation task failed"), "upstream_failed"),
        (flag(3, errorCode=400, errorMessage="Your prompt was flagged by Website as violating"), "content_policy"),
        (flag(2, errorCode=None, errorMessage=""), "upstream_failed"),
    ]
    empty = [flag(1), flag(1, response={"originImageUrl": "", "resultImageUrl": ""})]
    unknown_word = flag(7)

    def test_the_address_that_lives_ten_minutes_is_no_result(self) -> None:
        data = flag(1, response={"originImageUrl": ORIGIN, "resultImageUrl": ""})
        assert self.status(envelope(data)).results == ()


@pytest.mark.parametrize("info", [{"originImageUrl": ORIGIN, "resultImageUrl": FILE}, {"resultImageUrl": ""}])
def test_the_task_id_is_found_in_its_callbacks(info: dict[str, str]) -> None:
    assert callbacks.task_id(envelope({"taskId": "task12345", "info": info})) == "task12345"
