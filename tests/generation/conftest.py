"""For tests of many models: a simulator in a hurry, with one small file per format."""

from collections.abc import Iterator

import pytest

from tests.conftest import KIE_KEY
from tests.simulator import Simulator


@pytest.fixture(scope="session")
def quick_simulator() -> Iterator[Simulator]:
    """A module that names it as its `simulator_process` has its `kie` at four hundred times its usual speed."""
    simulator = Simulator.start(key=KIE_KEY, speed=400, create_limit=0, balance=1_000_000, plain_media=True)
    yield simulator
    simulator.stop()
