import httpx
import pytest

from tests.kie_simulator.conftest import FOX, Kie, Receiver
from tests.simulating import until

PATH = "/api/v1/aleph"
CLIP = {**FOX, "videoUrl": "https://example.com/a.mp4"}


def generate(kie: Kie, **body: object) -> str:
    answer = kie.post(f"{PATH}/generate", {**CLIP, **body})
    assert answer["code"] == 200, answer
    return answer["data"]["taskId"]


def record(kie: Kie, task: str) -> dict:
    return kie.get(f"{PATH}/record-info", taskId=task)["data"]


def test_a_film_comes_with_a_picture(kie: Kie) -> None:
    task = generate(kie)
    kie.finish_any(task)
    done = record(kie, task)
    assert (done["successFlag"], done["errorCode"], done["errorMessage"]) == (1, 0, "")
    assert done["response"]["taskId"] == task and done["completeTime"].endswith("Z")
    assert httpx.get(done["response"]["resultVideoUrl"]).headers["content-type"] == "video/mp4"
    assert httpx.get(done["response"]["resultImageUrl"]).headers["content-type"] == "image/png"
    assert kie.credit() == 10000 - 90


def test_flag_0_is_running_and_without_an_error(kie: Kie) -> None:
    running = record(kie, generate(kie, prompt="sim:never"))
    assert (running["successFlag"], running["errorCode"], running["errorMessage"]) == (0, 0, "")
    assert (running["response"], running["completeTime"]) == (None, None)


@pytest.mark.parametrize(("word", "code"), [("flag2", 500), ("flag3", 501), ("fail", 500), ("policy", 400)])
def test_flag_0_with_an_error_is_a_failure_and_gives_the_credits_back(kie: Kie, word: str, code: int) -> None:
    """Trap 17"""
    task = generate(kie, prompt=f"sim:{word}")
    kie.finish_any(task)
    found = record(kie, task)
    assert (found["successFlag"], found["errorCode"], found["response"]) == (0, code, None)
    assert found["errorMessage"] and found["completeTime"]
    assert kie.credit() == 10000


def test_complete_time_may_come_before_the_end(kie: Kie) -> None:
    task = generate(kie, prompt="sim:complete-time-early sim:slow=2")
    early = until(lambda: (found := record(kie, task))["completeTime"] and found)
    assert (early["successFlag"], early["errorCode"]) == (0, 0)


def test_callbacks_have_the_task_id_beside_the_data(kie: Kie, receiver: Receiver) -> None:
    task = generate(kie, callBackUrl=receiver.url)
    failing = generate(kie, prompt="sim:policy sim:slow=0.5", callBackUrl=receiver.url)
    success, failure = receiver.wait(2)
    assert success["taskId"] == task and set(success["data"]) == {"result_video_url", "result_image_url"}
    assert (failure["taskId"], failure["code"], failure["data"]) == (failing, 400, None)


@pytest.mark.parametrize("body", [{"videoUrl": 5}, {"aspectRatio": "2:1"}, {"seed": "x"}])
def test_wrong_input_is_code_422(kie: Kie, body: dict) -> None:
    assert kie.post(f"{PATH}/generate", {**CLIP, **body})["code"] == 422
