from collections.abc import Iterator

import pytest

from tests.kie_simulator.conftest import FOX, Kie
from tests.simulating import until
from tests.simulator import Simulator


@pytest.fixture
def limited() -> Iterator[Kie]:
    simulator = Simulator.start(speed=100, create_limit=3, create_window=1)
    yield Kie(simulator)
    simulator.stop()


def test_creates_over_the_limit_are_code_429_over_all_families_until_the_window_slides(limited: Kie) -> None:
    creates = [
        ("/api/v1/jobs/createTask", {"model": "google/nano-banana", "input": FOX}),
        ("/api/v1/veo/generate", FOX),
        ("/api/v1/gpt4o-image/generate", {**FOX, "size": "1:1"}),
        ("/api/v1/veo/generate", FOX),
    ]
    assert [limited.post(path, body)["code"] for path, body in creates] == [200, 200, 200, 429]
    assert limited.get("/api/v1/chat/credit")["code"] == 200
    until(lambda: limited.post(*creates[0])["code"] == 200)
    assert limited.simulator.state()["creates"] >= 4
