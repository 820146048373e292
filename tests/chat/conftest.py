"""Chat against the simulator: in the test's own process, and through a real server with real clients."""

import socket
from collections.abc import Callable, Iterator
from typing import Any

import httpx
import pytest

from accounts.models import ApiKey, User
from chat import threads
from tests.processes import Process, environment, until
from tests.simulator import Simulator


class Server:
    """Our own ASGI server as a process, on the tests' database, speaking with the simulator."""

    def __init__(self, kie: Simulator, **more: Any) -> None:
        with socket.socket() as free:
            free.bind(("127.0.0.1", 0))
            port = free.getsockname()[1]
        self.url = f"http://127.0.0.1:{port}"
        command = ["-m", "uvicorn", "kieplatform.asgi:application", "--port", str(port), "--log-level", "warning"]
        self.process = Process(environment(kie, **more), *command, "--timeout-graceful-shutdown", "1")
        until(self._answers, "the web server")

    def _answers(self) -> bool:
        try:
            return httpx.get(f"{self.url}/healthz", trust_env=False).status_code == 200
        except httpx.HTTPError:
            return False

    def http(self, key: str, **headers: str) -> httpx.Client:
        authorised = {"Authorization": f"Bearer {key}", **headers}
        return httpx.Client(base_url=self.url, headers=authorised, timeout=60, trust_env=False)


_shared: dict[str, Server] = {}


@pytest.fixture(scope="session")
def shared_servers() -> Iterator[dict[str, Server]]:
    yield _shared
    for server in _shared.values():
        server.process.kill()
    _shared.clear()


@pytest.fixture
def server(kie: Simulator, transactional_db: Any, shared_servers: dict[str, Server]) -> Server:
    """One server for all tests that do not harm it: its database and its simulator are the same throughout."""
    if "server" not in shared_servers:
        shared_servers["server"] = Server(kie)
    return shared_servers["server"]


@pytest.fixture
def start(kie: Simulator, transactional_db: Any) -> Iterator[Callable[..., Server]]:
    """Start servers of a test's own, with settings of its own."""
    started: list[Server] = []

    def start(**settings: Any) -> Server:
        started.append(Server(kie, **settings))
        return started[-1]

    yield start
    for server in started:
        server.process.kill()


@pytest.fixture
def key(alice: User) -> str:
    return ApiKey.issue(alice, "test")[1]


@pytest.fixture(autouse=True)
def no_idle_connections() -> Iterator[None]:
    """A test database cannot be removed while a thread keeps a connection to it."""
    yield
    threads.close()
