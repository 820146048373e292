import re

import httpx
import pytest

from tests.kie_simulator.conftest import FOX, Kie, Receiver
from tests.simulating import until

PATH = "/api/v1/runway"
FILM = {**FOX, "duration": 5, "quality": "720p", "aspectRatio": "16:9"}


def generate(kie: Kie, **body: object) -> str:
    answer = kie.post(f"{PATH}/generate", {**FILM, **body})
    assert answer["code"] == 200, answer
    return answer["data"]["taskId"]


def extend(kie: Kie, task: str, **body: object) -> dict:
    return kie.post(f"{PATH}/extend", {"taskId": task, "prompt": "and then", "quality": "1080p", **body})


def record(kie: Kie, task: str) -> dict:
    return kie.get(f"{PATH}/record-detail", taskId=task)["data"]


def test_a_film_comes_with_a_picture_and_a_time_without_a_zone(kie: Kie) -> None:
    task = generate(kie)
    kie.finish_any(task)
    done = record(kie, task)
    assert (done["state"], done["failCode"], done["failMsg"], done["expireFlag"]) == ("success", None, "", 0)
    assert (done["parentTaskId"], done["videoInfo"]["taskId"]) == ("", task)
    assert re.fullmatch(r"\d{4}-\d\d-\d\d \d\d:\d\d:\d\d", done["generateTime"])
    assert httpx.get(done["videoInfo"]["videoUrl"]).headers["content-type"] == "video/mp4"
    assert httpx.get(done["videoInfo"]["imageUrl"]).headers["content-type"] == "image/png"
    assert kie.credit() == 10000 - 12


def test_its_state_words_are_its_own(kie: Kie) -> None:
    """Trap 16"""
    task = generate(kie, prompt="sim:slow=1.5")
    seen = [record(kie, task)["state"]]

    def ended() -> bool:
        word = record(kie, task)["state"]
        if word != seen[-1]:
            seen.append(word)
        return word == "success"

    until(ended)
    assert seen == ["wait", "queueing", "generating", "success"]
    assert record(kie, generate(kie, prompt="sim:unknown-state-forever"))["state"] == "throttled"


@pytest.mark.parametrize(
    ("word", "code", "text"),
    [("policy", 400, "Inappropriate content"), ("fail", 500, "Internal"), ("fail-later", 400, "concurrent")],
)
def test_failures_have_a_code_and_a_text_and_give_the_credits_back(kie: Kie, word: str, code: int, text: str) -> None:
    task = generate(kie, prompt=f"sim:{word}")
    kie.finish_any(task)
    found = record(kie, task)
    assert (found["state"], found["failCode"], found["videoInfo"]) == ("fail", code, None)
    assert text in found["failMsg"]
    assert kie.credit() == 10000


def test_an_extension_is_a_task_of_its_own_that_names_its_parent(kie: Kie) -> None:
    base = generate(kie)
    assert extend(kie, base)["msg"] == "record status is not success"
    kie.finish_any(base)
    task = extend(kie, base)["data"]["taskId"]
    kie.finish_any(task)
    assert record(kie, task)["parentTaskId"] == base
    assert extend(kie, "nope")["code"] == 422
    assert kie.credit() == 10000 - 12 - 30


def test_callbacks_spell_the_id_task_id(kie: Kie, receiver: Receiver) -> None:
    task = generate(kie, callBackUrl=receiver.url)
    failing = generate(kie, prompt="sim:policy sim:slow=0.5", callBackUrl=receiver.url)
    success, failure = receiver.wait(2)
    assert success["data"]["task_id"] == task and success["data"]["video_url"].endswith(".mp4")
    assert failure["code"] == 400
    assert failure["data"] == {"task_id": failing, "video_id": "", "video_url": "", "image_url": ""}
    extended = extend(kie, task, prompt="sim:fail", callBackUrl=receiver.url)["data"]["taskId"]
    assert receiver.wait(3)[2]["data"] == {"task_id": extended}


def test_a_duration_may_be_a_string(kie: Kie) -> None:
    generate(kie, duration="10")
    assert kie.credit() == 10000 - 30


@pytest.mark.parametrize(
    "body", [{"aspectRatio": None}, {"duration": 10, "quality": "1080p"}, {"duration": 7}, {"quality": "4k"}]
)
def test_wrong_input_is_code_422(kie: Kie, body: dict) -> None:
    wanted = {name: value for name, value in {**FILM, **body}.items() if value is not None}
    assert kie.post(f"{PATH}/generate", wanted)["code"] == 422


def test_a_picture_needs_no_ratio(kie: Kie) -> None:
    body = {**FOX, "duration": 5, "quality": "1080p", "imageUrl": "https://example.com/a.png"}
    assert kie.post(f"{PATH}/generate", body)["code"] == 200
