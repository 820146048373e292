import json

import httpx
import pytest

from tests.kie_simulator.conftest import FOX, Kie, Receiver

PATH = "/api/v1/mj"
GRID = {**FOX, "taskType": "mj_txt2img"}
FILM = {**FOX, "taskType": "mj_video", "fileUrls": ["https://example.com/a.png"], "motion": "high"}


@pytest.fixture
def kie(kie: Kie) -> Kie:
    """KIE as it was while it still sold Midjourney."""
    kie.simulator.serve_retired()
    return kie


def generate(kie: Kie, path: str = "generate", **body: object) -> str:
    answer = kie.post(f"{PATH}/{path}", body)
    assert answer["code"] == 200, answer
    return answer["data"]["taskId"]


def finished(kie: Kie, **body: object) -> str:
    task = generate(kie, **body)
    kie.finish_any(task)
    return task


def record(kie: Kie, task: str) -> dict:
    return kie.get(f"{PATH}/record-info", taskId=task)["data"]


def files(kie: Kie, task: str) -> list[str]:
    return [item["resultUrl"] for item in record(kie, task)["resultInfoJson"]["resultUrls"]]


def test_a_grid_is_four_pictures_each_in_an_object(kie: Kie) -> None:
    task = generate(kie, **GRID | {"prompt": "sim:slow=0.3", "speed": "turbo"})
    running = record(kie, task)
    assert (running["successFlag"], running["resultInfoJson"], running["completeTime"]) == (0, None, None)
    kie.finish_any(task)
    done = record(kie, task)
    assert (done["successFlag"], done["taskType"], done["errorCode"], done["errorMessage"]) == (
        1,
        "mj_txt2img",
        None,
        None,
    )
    assert json.loads(done["paramJson"])["speed"] == "turbo" and done["completeTime"].endswith("Z")
    pictures = [httpx.get(url) for url in files(kie, task)]
    assert {picture.headers["content-type"] for picture in pictures} == {"image/png"}
    assert len({picture.content for picture in pictures}) == 4
    assert kie.credit() == 10000 - 16


@pytest.mark.parametrize("count", [1, 2, 4])
def test_as_many_clips_are_made_as_are_asked_for(kie: Kie, count: int) -> None:
    task = finished(kie, **FILM | {"taskType": "mj_video_hd", "videoBatchSize": count})
    assert [url.rpartition(".")[2] for url in files(kie, task)] == ["mp4"] * count
    assert kie.credit() == 10000 - 45 * count


def test_follow_ups_work_on_one_picture_of_a_finished_grid(kie: Kie) -> None:
    running = generate(kie, **GRID | {"prompt": "sim:never"})
    answer = kie.post(f"{PATH}/generateUpscale", {"taskId": running, "imageIndex": 0})
    assert answer["msg"] == "record status is not success"
    base = finished(kie, **GRID)
    upscaled = finished(kie, path="generateUpscale", taskId=base, imageIndex=3)
    varied = finished(kie, path="generateVary", taskId=base, imageIndex=0)
    assert [len(files(kie, task)) for task in (upscaled, varied)] == [1, 4]
    assert kie.simulator.task(varied)["parent"] == base


def test_a_clip_is_extended_by_its_number(kie: Kie) -> None:
    base = finished(kie, **FILM)
    body = {"taskId": base, "index": 0, "taskType": "mj_video_extend_auto"}
    longer = finished(kie, path="generateVideoExtend", **body)
    assert len(files(kie, longer)) == 1 and record(kie, longer)["taskType"] == "mj_video_extend_auto"
    for wrong in ({"index": 1}, {"taskType": "mj_video_extend_manual"}, {"taskId": "nope"}):
        assert kie.post(f"{PATH}/generateVideoExtend", body | wrong)["code"] == 422
    assert kie.credit() == 10000 - 60 - 60


def test_a_film_is_no_grid_and_a_grid_is_no_film(kie: Kie) -> None:
    film, grid = finished(kie, **FILM), finished(kie, **GRID)
    assert kie.post(f"{PATH}/generateVary", {"taskId": film, "imageIndex": 0})["code"] == 422
    body = {"taskId": grid, "index": 0, "taskType": "mj_video_extend_auto"}
    assert kie.post(f"{PATH}/generateVideoExtend", body)["code"] == 422


@pytest.mark.parametrize(("word", "flag", "code"), [("flag2", 2, 500), ("flag3", 3, 501), ("policy", 3, 422)])
def test_failures_have_flags_and_give_the_credits_back(kie: Kie, word: str, flag: int, code: int) -> None:
    task = finished(kie, **GRID | {"prompt": f"sim:{word}"})
    found = record(kie, task)
    assert (found["successFlag"], found["errorCode"], found["resultInfoJson"]) == (flag, code, None)
    assert kie.credit() == 10000


def test_callbacks_have_plain_addresses_and_none_after_a_failure(kie: Kie, receiver: Receiver) -> None:
    task = generate(kie, **GRID, callBackUrl=receiver.url)
    generate(kie, **GRID | {"prompt": "sim:fail sim:slow=0.5"}, callBackUrl=receiver.url)
    success, failure = receiver.wait(2)
    assert success["data"]["taskId"] == task and len(success["data"]["resultUrls"]) == 4
    assert all(isinstance(url, str) for url in success["data"]["resultUrls"])
    assert (failure["code"], failure["msg"], failure["data"]["resultUrls"]) == (500, "Image generation failed", [])


@pytest.mark.parametrize("body", [{"taskType": None}, {"taskType": "mj_blend"}, {"speed": "warp"}, {"version": "8"}])
def test_wrong_input_is_code_422(kie: Kie, body: dict) -> None:
    assert kie.post(f"{PATH}/generate", GRID | body)["code"] == 422


def test_it_is_retired(kie: Kie) -> None:
    kie.simulator.reset()
    assert "not supported" in kie.post(f"{PATH}/generate", GRID)["msg"]
