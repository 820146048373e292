import json
from typing import Any

import pytest

from generation.kie.simulator.config import CATALOG_DIR
from tests.kie_simulator.conftest import FOX, Kie
from tests.simulating import until

MARKET = [
    entry
    for path in sorted(CATALOG_DIR.glob("*.json"))
    for entry in json.loads(path.read_text())["models"]
    if entry["api"] == "market" and entry["status"] != "retired"
]


def test_every_model_on_sale_runs_to_success_and_costs_what_it_says(kie: Kie) -> None:
    kie.simulator.balance(1_000_000)
    earlier = kie.create({"prompt": "Rain", "model": "V6"}, "ai-music-api/sounds")
    track = kie.finish(earlier)["response"]["data"][0]["id"]
    sources = {"task_id": earlier, "taskId": earlier, "audio_id": track}
    tasks = {}
    for entry in MARKET:
        example = {name: sources.get(name, value) for name, value in entry["example"].items()}
        tasks[entry["id"]] = kie.create(example, entry["id"])
    spent = 2.5
    for model, task in tasks.items():
        record = kie.finish(task)
        assert record["state"] == "success", model
        assert record["response"] == json.loads(record["resultJson"]), model
        assert any(record["response"].values()), model
        spent += record["creditsConsumed"]
    assert kie.credit() == pytest.approx(1_000_000 - spent)


def test_a_create_answers_with_task_and_record_id(kie: Kie) -> None:
    answer = kie.post("/api/v1/jobs/createTask", {"model": "google/nano-banana", "input": FOX})
    assert set(answer["data"]) == {"taskId", "recordId"}
    assert len(answer["data"]["taskId"]) == 32


def test_a_task_waits_queues_generates_and_succeeds(kie: Kie) -> None:
    task = kie.create({"prompt": "sim:slow=0.6"})
    seen = []

    def look() -> bool:
        seen.append(kie.record(task)["state"])
        return seen[-1] == "success"

    until(look)
    assert list(dict.fromkeys(seen)) == ["waiting", "queuing", "generating", "success"]


def test_a_running_record_has_empty_fields(kie: Kie) -> None:
    record = kie.record(kie.create({"prompt": "sim:never"}, callBackUrl="http://127.0.0.1:1/x"))
    assert record["resultJson"] == ""
    assert [record[name] for name in ("failCode", "failMsg", "costTime", "completeTime")] == [None] * 4
    assert "creditsConsumed" not in record and "response" not in record


def test_param_is_json_in_json(kie: Kie) -> None:
    record = kie.record(kie.create(callBackUrl="http://127.0.0.1:1/x"))
    param = json.loads(record["param"])
    assert param["model"] == "google/nano-banana" and param["callBackUrl"] == "http://127.0.0.1:1/x"
    assert json.loads(param["input"]) == FOX


def test_a_finished_record_has_cost_as_a_float_and_times_in_milliseconds(kie: Kie) -> None:
    record = kie.finish(kie.create({"prompt": "sim:slow=1"}))
    assert (record["successFlag"], record["creditsConsumed"], record["costTime"]) == (1, 4.0, 1)
    assert isinstance(record["creditsConsumed"], float)
    assert record["completeTime"] - record["createTime"] == pytest.approx(1000, abs=2)


@pytest.mark.parametrize(
    ("model", "values", "count"),
    [
        ("bytedance/seedream-v4-text-to-image", {"max_images": 3}, 3),
        ("wan/2-7-image", {"n": 2}, 2),
        ("qwen/image-edit", {"num_images": "4", "image_url": "https://example.com/a.png"}, 4),
    ],
)
def test_several_results_come_when_several_are_asked_for(
    kie: Kie, model: str, values: dict[str, Any], count: int
) -> None:
    record = kie.finish(kie.create({**FOX, **values}, model))
    assert len(set(record["response"]["resultUrls"])) == count


def test_seedance_returns_frames_when_asked(kie: Kie) -> None:
    record = kie.finish(kie.create({**FOX, "return_last_frame": True}, "bytedance/seedance-2"))
    assert {name: len(urls) for name, urls in record["response"].items()} == {
        "resultUrls": 1,
        "firstFrameUrl": 1,
        "lastFrameUrl": 1,
    }


def test_suno_answers_with_two_takes_and_its_own_extra_fields(kie: Kie) -> None:
    record = kie.finish(kie.create({"prompt": "Rain", "model": "V6"}, "ai-music-api/sounds"))
    result = record["response"]
    assert result["code"] == 200 and result["task_id"] == record["taskId"]
    assert [take["audio_url"].endswith(".mp3") for take in result["data"]] == [True, True]
    assert {"id", "title", "duration", "image_url", "stream_audio_url"} <= set(result["data"][0])
    assert record["status"] == "SUCCESS" and record["operationType"] == "ai-music-api/sounds"


def test_text_models_answer_with_an_object(kie: Kie) -> None:
    record = kie.finish(kie.create({"prompt": "Snow"}, "ai-music-api/generate-lyrics"))
    assert "Snow" in record["response"]["resultObject"]["lyricsData"][0]["text"]


def test_a_follow_up_on_an_unknown_task_is_refused(kie: Kie) -> None:
    body = {"model": "veo/get-4k-video", "input": {"task_id": "unknown"}}
    assert kie.post("/api/v1/jobs/createTask", body)["msg"] == "Record does not exist"
