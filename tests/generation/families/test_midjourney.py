import json
from typing import Any

import pytest

from generation.kie import callbacks
from tests.generation.families.cases import FILE, OTHER, FamilyCases, envelope


def flag(value: int, **fields: Any) -> dict[str, Any]:
    nothing = {"resultInfoJson": None, "errorCode": None, "errorMessage": None}
    return {"taskId": "task", "taskType": "mj_txt2img", "successFlag": value, **nothing, **fields}


def wrapped(*urls: str) -> dict[str, Any]:
    return {"resultUrls": [{"resultUrl": url} for url in urls]}


class TestMidjourney(FamilyCases):
    name = "midjourney"
    endpoint = "/api/v1/mj/generate"
    running = [flag(0), flag(0, resultInfoJson={"resultUrls": []})]
    success = flag(1, resultInfoJson=wrapped(FILE))
    successes = flag(1, resultInfoJson=wrapped(FILE, OTHER))
    failures = [
        (flag(2, errorCode=500, errorMessage="Image generation failed"), "upstream_failed"),
        (flag(3, errorCode=500, errorMessage="Image generation failed"), "upstream_failed"),
        (flag(3, errorCode=400, errorMessage="Prompt contains prohibited content"), "content_policy"),
        (flag(3), "upstream_failed"),
    ]
    empty = [
        flag(1),
        flag(1, resultInfoJson=wrapped()),
        flag(1, resultInfoJson=wrapped("")),
        flag(1, resultInfoJson=""),
    ]
    unknown_word = flag(7)

    def test_a_grid_is_four_pictures_in_their_order(self) -> None:
        """Trap 21"""
        grid = [f"https://tempfile.aiquickdraw.com/v/task_0_{number}.jpeg" for number in range(4)]
        status = self.status(envelope(flag(1, resultInfoJson=wrapped(*grid))))
        assert [result.url for result in status.results] == grid

    @pytest.mark.parametrize("info", [json.dumps(wrapped(FILE)), {"resultUrls": [FILE]}])
    def test_text_and_plain_addresses_are_read_too(self, info: Any) -> None:
        assert [result.url for result in self.status(envelope(flag(1, resultInfoJson=info))).results] == [FILE]


@pytest.mark.parametrize("urls", [[FILE, OTHER], []])
def test_the_task_id_is_found_in_its_callbacks(urls: list[str]) -> None:
    body = envelope({"taskId": "mj_task_12345", "promptJson": "{}", "resultUrls": urls})
    assert callbacks.task_id(body) == "mj_task_12345"
