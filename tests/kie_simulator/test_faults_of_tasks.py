import json

import pytest

from tests.kie_simulator.conftest import Kie
from tests.simulating import until

RECORD = "/api/v1/jobs/recordInfo"


@pytest.mark.parametrize(
    ("word", "code", "text"),
    [
        ("policy", "422", "CONTENT_POLICY_BLOCKED"),
        ("fail", "500", "Internal Error"),
        ("flag2", "500", "could not be created"),
        ("flag3", "501", "upstream"),
        ("fail-501", "501", "failed"),
        ("fail-fetch", "400", "image fetch failed"),
        ("fail-later", "400", "try again later"),
    ],
)
def test_a_failure_has_state_fail_flag_3_and_a_code_as_a_string(kie: Kie, word: str, code: str, text: str) -> None:
    record = kie.finish(kie.create({"prompt": f"sim:{word}"}))
    assert (record["state"], record["successFlag"], record["failCode"]) == ("fail", 3, code)
    assert text in record["failMsg"]
    assert record["resultJson"] == "" and record["creditsConsumed"] == 0.0


def test_an_unknown_state_word_is_reported_for_half_the_time(kie: Kie) -> None:
    task = kie.create({"prompt": "sim:unknown-state sim:slow=0.5"})
    record = kie.record(task)
    assert (record["state"], record["successFlag"]) == ("reviewing", 7)
    assert kie.finish(task)["state"] == "success"


@pytest.mark.parametrize(
    ("path", "status", "body", "word"),
    [
        ("veo", "successFlag", {}, 7),
        ("gpt4o-image", "status", {"size": "1:1"}, "MODERATING"),
    ],
)
def test_an_unknown_state_may_last_forever_in_other_families(
    kie: Kie, path: str, status: str, body: dict, word: object
) -> None:
    body = {"prompt": "sim:unknown-state-forever", **body}
    task = kie.post(f"/api/v1/{path}/generate", body)["data"]["taskId"]
    assert kie.get(f"/api/v1/{path}/record-info", taskId=task)["data"][status] == word


def test_a_late_success_takes_the_given_seconds_whatever_the_speed(kie: Kie) -> None:
    task = kie.create({"prompt": "sim:late-success=0.4"})
    found = kie.simulator.task(task)
    assert found["ends"] - found["created"] == pytest.approx(0.4)


def test_a_task_may_never_end(kie: Kie) -> None:
    task = kie.create({"prompt": "sim:never"})
    assert kie.simulator.task(task)["ends"] is None


def test_a_success_may_be_empty(kie: Kie) -> None:
    record = kie.finish(kie.create({"prompt": "sim:empty-result"}))
    assert record["state"] == "success" and record["response"] == {"resultUrls": []}


def test_the_record_may_be_null_at_first(kie: Kie) -> None:
    task = kie.create({"prompt": "sim:null-record"})
    assert kie.get(RECORD, taskId=task) == {"code": 422, "msg": "recordInfo is null", "data": None}
    until(lambda: kie.get(RECORD, taskId=task)["code"] == 200)


def test_the_first_two_records_may_be_broken_json(kie: Kie) -> None:
    task = kie.create({"prompt": "sim:bad-record-json"})
    for _ in range(2):
        with pytest.raises(json.JSONDecodeError):
            kie.get(RECORD, taskId=task)
    assert kie.get(RECORD, taskId=task)["code"] == 200


@pytest.mark.parametrize("code", [500, 429])
def test_the_first_two_polls_may_fail(kie: Kie, code: int) -> None:
    task = kie.create({"prompt": f"sim:poll-{code}"})
    assert [kie.get(RECORD, taskId=task)["code"] for _ in range(3)] == [code, code, 200]
