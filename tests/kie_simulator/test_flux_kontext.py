import re

import httpx
import pytest

from tests.kie_simulator.conftest import FOX, Kie, Receiver

PATH = "/api/v1/flux/kontext"


def generate(kie: Kie, **body: object) -> str:
    answer = kie.post(f"{PATH}/generate", {**FOX, **body})
    assert answer["code"] == 200, answer
    return answer["data"]["taskId"]


def record(kie: Kie, task: str) -> dict:
    return kie.get(f"{PATH}/record-info", taskId=task)["data"]


def test_a_picture_lies_at_two_addresses_and_has_times_with_a_zone(kie: Kie) -> None:
    task = generate(kie, prompt="sim:slow=0.3", model="flux-kontext-max")
    running = record(kie, task)
    assert (running["successFlag"], running["response"], running["completeTime"]) == (0, None, None)
    kie.finish_any(task)
    done = record(kie, task)
    assert (done["successFlag"], done["errorCode"], done["errorMessage"]) == (1, None, "")
    assert re.fullmatch(r"\d{4}-\d\d-\d\dT\d\d:\d\d:\d\dZ", done["completeTime"])
    assert set(done["response"]) == {"originImageUrl", "resultImageUrl"}
    for url in done["response"].values():
        assert httpx.get(url).headers["content-type"] == "image/jpeg"
    assert not [name for name in done if "credit" in name.lower()]
    assert kie.credit() == 10000 - 10


def test_without_a_variant_it_is_pro(kie: Kie) -> None:
    generate(kie)
    assert kie.credit() == 10000 - 5


@pytest.mark.parametrize(
    ("word", "flag", "code"),
    [("flag2", 2, 500), ("flag3", 3, 501), ("fail", 3, 500), ("policy", 3, 400), ("fail-501", 3, 501)],
)
def test_failures_have_flags_and_give_the_credits_back(kie: Kie, word: str, flag: int, code: int) -> None:
    task = generate(kie, prompt=f"sim:{word}")
    kie.finish_any(task)
    found = record(kie, task)
    assert (found["successFlag"], found["errorCode"], found["response"]) == (flag, code, None)
    assert found["errorMessage"]
    assert kie.credit() == 10000


def test_an_unknown_flag_and_an_unknown_task(kie: Kie) -> None:
    assert record(kie, generate(kie, prompt="sim:unknown-state-forever"))["successFlag"] == 7
    answer = kie.get(f"{PATH}/record-info", taskId="nope")
    assert (answer["code"], answer["data"]) == (422, None)


def test_a_success_may_name_nothing(kie: Kie) -> None:
    task = generate(kie, prompt="sim:empty-result")
    kie.finish_any(task)
    assert record(kie, task)["response"] == {"originImageUrl": "", "resultImageUrl": ""}


def test_callbacks_have_an_info_that_is_empty_after_a_failure(kie: Kie, receiver: Receiver) -> None:
    generate(kie, callBackUrl=receiver.url)
    generate(kie, prompt="sim:policy sim:slow=0.5", callBackUrl=receiver.url)
    success, failure = receiver.wait(2)
    assert success["code"] == 200 and success["data"]["info"]["resultImageUrl"].endswith(".jpg")
    assert failure["code"] == 400 and "flagged" in failure["msg"]
    assert failure["data"]["info"] == {"originImageUrl": "", "resultImageUrl": ""}


@pytest.mark.parametrize(
    ("body", "code"),
    [
        ({"model": "flux-kontext-ultra"}, 422),
        ({"aspectRatio": "2:1"}, 422),
        ({"inputImage": "https://example.com/a.png", "safetyTolerance": 3}, 500),
    ],
)
def test_wrong_input_is_refused(kie: Kie, body: dict, code: int) -> None:
    assert kie.post(f"{PATH}/generate", {**FOX, **body})["code"] == code
    assert kie.credit() == 10000
