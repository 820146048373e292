import base64
import time
from collections.abc import Iterator
from pathlib import Path

import httpx
import pytest

from tests.kie_simulator.conftest import Kie, Receiver
from tests.simulating import until
from tests.simulator import Simulator


@pytest.fixture
def lasting(tmp_path: Path) -> Iterator[Simulator]:
    simulator = Simulator.start(speed=100, create_limit=0, state_path=tmp_path / "state" / "kie.sqlite3")
    yield simulator
    simulator.stop()


def test_tasks_money_files_and_uploads_survive_a_kill(lasting: Simulator) -> None:
    kie = Kie(lasting)
    url = kie.finish(kie.create())["response"]["resultUrls"][0]
    picture = httpx.get(url).content
    failing = kie.create({"prompt": "sim:fail sim:slow=1"})
    body = {"base64Data": base64.b64encode(b"hello").decode(), "uploadPath": "x"}
    headers = {"Authorization": f"Bearer {lasting.key}"}
    answer = httpx.post(f"{lasting.files}/api/file-base64-upload", json=body, headers=headers).json()
    lasting.kill()
    lasting.restart()
    assert kie.finish(failing)["state"] == "fail"
    assert kie.credit() == 9996.0
    assert httpx.get(url).content == picture
    assert httpx.get(answer["data"]["downloadUrl"]).content == b"hello"


def test_a_callback_that_was_due_while_it_was_dead_is_delivered(lasting: Simulator, receiver: Receiver) -> None:
    kie = Kie(lasting)
    task = kie.create({"prompt": "sim:slow=0.5"}, callBackUrl=receiver.url)
    lasting.kill()
    lasting.restart()
    assert receiver.wait()[0]["data"]["taskId"] == task


def test_a_delivered_callback_is_not_repeated_after_a_restart(lasting: Simulator, receiver: Receiver) -> None:
    kie = Kie(lasting)
    first = kie.create(callBackUrl=receiver.url)
    until(lambda: lasting.task(first)["deliveries"])
    lasting.kill()
    lasting.restart()
    second = kie.create(callBackUrl=receiver.url)
    assert [body["data"]["taskId"] for body in receiver.wait(2)] == [first, second]


def test_a_follow_up_survives_a_kill(lasting: Simulator) -> None:
    kie = Kie(lasting)
    base = kie.post("/api/v1/veo/generate", {"prompt": "fox"})["data"]["taskId"]
    kie.finish_any(base)
    kie.get("/api/v1/veo/get-1080p-video", taskId=base)
    lasting.kill()
    lasting.restart()
    until(lambda: kie.get("/api/v1/veo/get-1080p-video", taskId=base)["code"] == 200)
    assert kie.credit() == 10000 - 60 - 5


def test_sigterm_ends_it_quickly_even_with_an_unanswered_request(lasting: Simulator) -> None:
    kie = Kie(lasting)
    with pytest.raises(httpx.ReadTimeout):
        body = {"model": "google/nano-banana", "input": {"prompt": "sim:create-timeout"}}
        kie.http.post("/api/v1/jobs/createTask", json=body, timeout=0.2)
    started = time.monotonic()
    assert lasting.stop() == 0
    assert time.monotonic() - started < 3
