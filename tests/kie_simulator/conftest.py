"""A running simulator, a client for it, and an address that takes callbacks."""

from collections.abc import Iterator
from typing import Any

import httpx
import pytest

from tests import simulating
from tests.simulating import until
from tests.simulator import Simulator

FOX = {"prompt": "A red fox in the snow"}
HMAC_KEY = "test_hmac_key"


class Kie:
    """Speaks to one simulator with its key."""

    def __init__(self, simulator: Simulator) -> None:
        self.simulator = simulator
        headers = {"Authorization": f"Bearer {simulator.key}"}
        self.http = httpx.Client(base_url=simulator.api, headers=headers, timeout=20, trust_env=False)

    def post(self, path: str, body: object) -> dict[str, Any]:
        return self.http.post(path, json=body).json()

    def get(self, path: str, **query: Any) -> dict[str, Any]:
        return self.http.get(path, params=query).json()

    def create(self, input: dict[str, Any] | None = None, model: str = "google/nano-banana", **more: Any) -> str:
        answer = self.post("/api/v1/jobs/createTask", {"model": model, "input": input or FOX, **more})
        assert answer["code"] == 200, answer
        return answer["data"]["taskId"]

    def record(self, task_id: str) -> dict[str, Any]:
        return self.get("/api/v1/jobs/recordInfo", taskId=task_id)["data"]

    def finish(self, task_id: str) -> dict[str, Any]:
        """Poll recordInfo until the task has ended."""
        return until(lambda: (found := self.record(task_id))["state"] in ("success", "fail") and found)

    def finish_any(self, task_id: str) -> None:
        """Wait for the end of a task of any family."""
        until(lambda: self.simulator.task(task_id)["state"] in ("success", "fail"))

    def credit(self) -> float:
        return self.get("/api/v1/chat/credit")["data"]


class Receiver(simulating.Receiver):
    """Takes callbacks."""

    def wait(self, count: int = 1) -> list[dict[str, Any]]:
        """Wait for a number of callbacks and return their bodies."""
        until(lambda: len(self.received) >= count)
        return self.bodies()


@pytest.fixture(scope="session")
def simulator_at_speed() -> Iterator[Simulator]:
    simulator = Simulator.start(speed=100, create_limit=0)
    yield simulator
    simulator.stop()


@pytest.fixture(scope="session")
def signing_simulator() -> Iterator[Simulator]:
    simulator = Simulator.start(speed=1000, create_limit=0, hmac_key=HMAC_KEY)
    yield simulator
    simulator.stop()


@pytest.fixture
def kie(simulator_at_speed: Simulator) -> Iterator[Kie]:
    simulator_at_speed.reset()
    client = Kie(simulator_at_speed)
    yield client
    client.http.close()


@pytest.fixture
def signing(signing_simulator: Simulator) -> Iterator[Kie]:
    """A simulator that signs callbacks, so fast that retries take a second in all."""
    signing_simulator.reset()
    client = Kie(signing_simulator)
    yield client
    client.http.close()


@pytest.fixture
def receiver() -> Iterator[Receiver]:
    receiver = Receiver()
    yield receiver
    receiver.close()
