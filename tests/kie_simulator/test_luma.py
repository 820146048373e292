from collections.abc import Iterator

import httpx
import pytest

from tests.kie_simulator.conftest import FOX, Kie, Receiver
from tests.simulating import until
from tests.simulator import Simulator

PATH = "/api/v1/modify"
CLIP = {**FOX, "videoUrl": "https://example.com/a.mp4"}


@pytest.fixture
def open_again(kie: Kie) -> Kie:
    """KIE as it was while it still sold Luma and Midjourney."""
    kie.simulator.serve_retired()
    return kie


def generate(kie: Kie, **body: object) -> str:
    answer = kie.post(f"{PATH}/generate", {**CLIP, **body})
    assert answer["code"] == 200, answer
    return answer["data"]["taskId"]


def record(kie: Kie, task: str) -> dict:
    return kie.get(f"{PATH}/record-info", taskId=task)["data"]


def test_a_retired_model_is_refused_until_it_is_served_again(kie: Kie) -> None:
    refused = kie.post(f"{PATH}/generate", CLIP)
    assert (refused["code"], refused["data"]) == (422, None) and "not supported" in refused["msg"]
    kie.simulator.serve_retired()
    assert kie.post(f"{PATH}/generate", CLIP)["code"] == 200
    kie.simulator.reset()
    assert kie.post(f"{PATH}/generate", CLIP)["code"] == 422


@pytest.fixture
def serving() -> Iterator[Kie]:
    simulator = Simulator.start(speed=100, create_limit=0, serve_retired=True)
    client = Kie(simulator)
    yield client
    client.http.close()
    simulator.stop()


def test_the_option_serves_retired_models_after_every_reset(serving: Kie) -> None:
    serving.simulator.reset()
    assert serving.post(f"{PATH}/generate", CLIP)["code"] == 200


def test_a_film_lies_at_two_addresses_and_has_times_in_milliseconds(open_again: Kie) -> None:
    task = generate(open_again, prompt="sim:slow=0.3")
    running = record(open_again, task)
    assert (running["successFlag"], running["response"], running["completeTime"]) == (0, None, None)
    open_again.finish_any(task)
    done = record(open_again, task)
    assert (done["successFlag"], done["errorCode"], done["response"]["taskId"]) == (1, None, task)
    assert done["completeTime"] >= done["createTime"] > 10**12
    for url in done["response"]["resultUrls"] + done["response"]["originUrls"]:
        assert httpx.get(url).headers["content-type"] == "video/mp4"
    assert len(done["response"]["resultUrls"]) == 1
    assert open_again.credit() == 10000 - 30


@pytest.mark.parametrize(("word", "flag", "code"), [("flag2", 2, 500), ("flag3", 3, 501), ("fail", 3, 500)])
def test_failures_have_flags_and_give_the_credits_back(open_again: Kie, word: str, flag: int, code: int) -> None:
    task = generate(open_again, prompt=f"sim:{word}")
    open_again.finish_any(task)
    found = record(open_again, task)
    assert (found["successFlag"], found["errorCode"], found["response"]) == (flag, code, None)
    assert open_again.credit() == 10000


def test_a_callback_that_is_refused_makes_flag_4_of_a_success(open_again: Kie, receiver: Receiver) -> None:
    """Trap 24"""
    receiver.statuses = [500] * 10
    task = generate(open_again, callBackUrl=receiver.url)
    receiver.wait(1)
    found = until(lambda: (now := record(open_again, task))["successFlag"] == 4 and now)
    assert found["response"]["resultUrls"] and found["errorCode"] is None


def test_flag_4_can_be_asked_for(open_again: Kie) -> None:
    task = generate(open_again, prompt="sim:callback-exception")
    open_again.finish_any(task)
    assert record(open_again, task)["successFlag"] == 4


def test_callbacks_have_the_films_in_the_data(open_again: Kie, receiver: Receiver) -> None:
    task = generate(open_again, callBackUrl=receiver.url)
    failing = generate(open_again, prompt="sim:fail sim:slow=0.5", callBackUrl=receiver.url)
    success, failure = receiver.wait(2)
    assert success["data"]["taskId"] == task and success["data"]["resultUrls"][0].endswith(".mp4")
    assert (failure["code"], failure["msg"]) == (500, "Modify record generation failed.")
    assert set(failure["data"]) == {"taskId", "promptJson"} and failure["data"]["taskId"] == failing
