from typing import Any

from tests.generation.families.cases import FILE, OTHER, FamilyCases, envelope


def record(status: str | None, flag: int, **fields: Any) -> dict[str, Any]:
    return {"taskId": "task", "status": status, "successFlag": flag, "errorCode": None, "errorMessage": "", **fields}


class TestGpt4oImage(FamilyCases):
    name = "gpt4o-image"
    endpoint = "/api/v1/gpt4o-image/generate"
    running = [record("GENERATING", 0, progress="0.35", response=None), {"successFlag": 0, "response": None}]
    success = record("SUCCESS", 1, response={"resultUrls": [FILE]})
    successes = record("SUCCESS", 1, response={"result_urls": [FILE, OTHER]})
    failures = [
        (record("CREATE_TASK_FAILED", 2, errorCode=500, errorMessage="Failed to get user token"), "upstream_failed"),
        (
            record("GENERATE_FAILED", 3, errorCode=400, errorMessage="flagged as violating content policies"),
            "content_policy",
        ),
        (record("GENERATE_FAILED", 2, errorCode=451, errorMessage="Image download failed"), "input_unreachable"),
        (
            {"successFlag": 2, "errorCode": 400, "errorMessage": "Generation failed", "response": {"result_urls": []}},
            "invalid_input",
        ),
    ]
    empty = [record("SUCCESS", 1, response={"resultUrls": []}), record("SUCCESS", 1, response=None)]
    unknown_word = record("MODERATING", 0)

    def test_a_completion_time_says_nothing_while_the_flag_is_zero(self) -> None:
        """Trap 50"""
        data = record("GENERATING", 0, completeTime=1672574400000, response={"resultUrls": None})
        assert self.status(envelope(data)).state == "running"
