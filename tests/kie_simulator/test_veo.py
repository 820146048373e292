import pytest

from tests.kie_simulator.conftest import FOX, Kie, Receiver
from tests.simulating import until


def generate(kie: Kie, **body: object) -> str:
    answer = kie.post("/api/v1/veo/generate", {**FOX, "model": "veo3_lite", **body})
    assert answer["code"] == 200, answer
    return answer["data"]["taskId"]


def finished(kie: Kie, **body: object) -> str:
    task = generate(kie, **body)
    kie.finish_any(task)
    return task


def record(kie: Kie, task: str) -> dict:
    return kie.get("/api/v1/veo/record-info", taskId=task)["data"]


def test_a_video_succeeds_with_times_without_zone_and_without_a_cost(kie: Kie) -> None:
    task = generate(kie, prompt="sim:slow=0.3", aspectRatio="9:16")
    running = record(kie, task)
    assert (running["successFlag"], running["response"], running["completeTime"]) == (0, None, None)
    kie.finish_any(task)
    found = record(kie, task)
    assert task.startswith("veo_task_") and found["successFlag"] == 1 and found["fallbackFlag"] is False
    assert len(found["completeTime"]) == len("2025-06-06 10:30:00")
    assert found["response"]["resultUrls"][0].endswith(".mp4") and found["response"]["originUrls"]
    assert '"aspectRatio":"9:16"' in found["paramJson"]
    assert not [name for name in found if "credit" in name.lower()]
    assert kie.credit() == 10000 - 30


def test_the_tier_and_the_resolution_move_the_price(kie: Kie) -> None:
    generate(kie, model="veo3", resolution="1080p")
    assert kie.credit() == 10000 - 255


@pytest.mark.parametrize(("word", "flag"), [("flag2", 2), ("flag3", 3), ("fail", 3), ("policy", 3)])
def test_failures_have_flags_2_and_3_under_code_200_and_give_the_credits_back(kie: Kie, word: str, flag: int) -> None:
    found = record(kie, finished(kie, prompt=f"sim:{word}"))
    assert (found["successFlag"], found["response"]) == (flag, None)
    assert found["errorCode"] in (400, 500, 501) and found["errorMessage"]
    assert kie.credit() == 10000


def test_the_flat_query_of_the_old_document_answers_too(kie: Kie) -> None:
    answer = kie.get(f"/api/v1/veo/query/{finished(kie)}")["data"]
    assert answer["successFlag"] == 1 and answer["videoUrl"].endswith(".mp4")
    assert answer["completedAt"].endswith("Z")


def test_1080p_is_code_400_until_it_is_ready(kie: Kie) -> None:
    task = finished(kie)
    path = "/api/v1/veo/get-1080p-video"
    first = kie.get(path, taskId=task, index=0)
    assert first["code"] == 400 and "1080p is processing" in first["msg"]
    ready = until(lambda: (answer := kie.get(path, taskId=task, index=0))["code"] == 200 and answer)
    assert ready["data"]["resultUrl"].endswith(".mp4")
    assert kie.credit() == 10000 - 30 - 5


def test_4k_answers_nulls_then_422_processing_then_422_with_the_urls(kie: Kie) -> None:
    kie.simulator.fault("slow=0.5", path="get-4k-video")
    base = finished(kie)
    body = {"taskId": base}
    first = kie.post("/api/v1/veo/get-4k-video", body)
    task = first["data"]["taskId"]
    assert first["code"] == 200 and first["data"] == {"taskId": task, "resultUrls": None, "imageUrls": None}
    again = kie.post("/api/v1/veo/get-4k-video", body)
    assert again["code"] == 422 and again["data"] == first["data"] and "processing" in again["msg"]
    kie.finish_any(task)
    done = kie.post("/api/v1/veo/get-4k-video", body)
    assert done["code"] == 422 and done["data"]["resultUrls"][0].endswith(".mp4")
    assert done["data"]["imageUrls"][0].endswith(".jpg")
    found = record(kie, task)
    assert found["response"]["resultUrls"] == done["data"]["resultUrls"] and "fallbackFlag" not in found
    assert kie.credit() == 10000 - 30 - 120


def test_follow_ups_need_a_base_that_has_succeeded(kie: Kie) -> None:
    running = generate(kie, prompt="sim:never")
    extend = {"taskId": running, "prompt": "and then"}
    assert kie.post("/api/v1/veo/extend", extend)["msg"] == "record status is not success"
    assert kie.get("/api/v1/veo/get-1080p-video", taskId=running)["code"] == 422
    assert "within 14 days" in kie.post("/api/v1/veo/extend", {**extend, "taskId": "nope"})["msg"]


def test_an_extension_is_a_task_of_its_own_with_the_full_video(kie: Kie) -> None:
    answer = kie.post("/api/v1/veo/extend", {"taskId": finished(kie), "prompt": "and then"})
    kie.finish_any(answer["data"]["taskId"])
    assert record(kie, answer["data"]["taskId"])["response"]["fullResultUrls"]


def test_callbacks_have_info_on_success_and_none_on_failure(kie: Kie, receiver: Receiver) -> None:
    generate(kie, callBackUrl=receiver.url)
    generate(kie, prompt="sim:policy sim:slow=0.5", callBackUrl=receiver.url)
    success, failure = receiver.wait(2)
    assert success["code"] == 200 and success["data"]["info"]["resultUrls"]
    assert failure["code"] == 400 and "info" not in failure["data"] and failure["data"]["taskId"]


@pytest.mark.parametrize(
    "body",
    [{"model": "veo9"}, {"aspect_ratio": "1:1"}, {"generationType": "REFERENCE_2_VIDEO"}, {"prompt": 5}],
)
def test_wrong_input_is_code_422(kie: Kie, body: dict) -> None:
    assert kie.post("/api/v1/veo/generate", {**FOX, **body})["code"] == 422
