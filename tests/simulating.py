"""A simulator as a process, for tests of anything that talks to it; and one who takes what it sends."""

import json
import os
import signal
import subprocess
import sys
import threading
import time
from collections.abc import Callable
from http.server import BaseHTTPRequestHandler, ThreadingHTTPServer
from pathlib import Path
from typing import Any, ClassVar, Self
from urllib.parse import urlsplit

import httpx

ROOT = Path(__file__).resolve().parents[1]
START_SECONDS = 30
STOP_SECONDS = 10


def until(condition: Callable[[], Any], seconds: float = 10.0) -> Any:
    """Poll until the condition is true and return what it returned; AssertionError after the deadline."""
    deadline = time.monotonic() + seconds
    while True:
        found = condition()
        if found:
            return found
        assert time.monotonic() < deadline, "the condition did not come true in time"
        time.sleep(0.02)


class Simulating:
    """One running simulator. Settings are the fields of its Config: start(speed=50).

    `ports` names the address that each of its ports leads to.
    """

    module: ClassVar[str]
    ports: ClassVar[dict[str, str]]
    api: str

    def __init__(self, **config: Any) -> None:
        self._config = {**dict.fromkeys(self.ports, 0), **config}
        self.http = httpx.Client(timeout=20, trust_env=False)
        self._start()

    @classmethod
    def start(cls, **config: Any) -> Self:
        """Start a process on free ports and wait until it is ready."""
        return cls(**config)

    def reset(self) -> None:
        """Forget everything but how it is set up."""
        self.control("POST", "reset")

    def stop(self) -> int:
        """End the process with SIGTERM and return its exit status."""
        return self._end(signal.SIGTERM)

    def kill(self) -> int:
        """End the process with SIGKILL."""
        return self._end(signal.SIGKILL)

    def restart(self) -> None:
        """Start again on the same ports; with state_path it knows what it knew."""
        if self.process.poll() is None:
            self.stop()
        self._config |= {port: urlsplit(getattr(self, name)).port for port, name in self.ports.items()}
        self._start()

    def control(self, method: str, path: str, body: object = None) -> Any:
        """Call the control API under /_sim."""
        response = self.http.request(method, f"{self.api}/_sim/{path}", json=body)
        assert response.is_success, response.text
        return response.json()

    def _start(self) -> None:
        command = [sys.executable, "-m", self.module, *(_option(*setting) for setting in self._config.items())]
        environment = {**os.environ, "PYTHONPATH": str(ROOT)}
        self.process = subprocess.Popen(
            command, cwd=ROOT, env=environment, stdout=subprocess.PIPE, text=True, start_new_session=True
        )
        assert self.process.stdout is not None
        line = self.process.stdout.readline()
        assert line, f"the simulator ended with status {self.process.wait(START_SECONDS)}"
        for name, address in json.loads(line).items():
            setattr(self, name, address)

    def _end(self, number: signal.Signals) -> int:
        if self.process.poll() is None:
            self.process.send_signal(number)
        status = self.process.wait(STOP_SECONDS)
        if self.process.stdout:
            self.process.stdout.close()
        return status


def _option(name: str, value: Any) -> str:
    option = name.replace("_", "-")
    if isinstance(value, bool):
        return f"--{option}" if value else f"--no-{option}"
    return f"--{option}={value}"


class Receiver:
    """Takes what is posted to `url`; answers with the statuses put into `statuses`, then 200."""

    def __init__(self) -> None:
        self.received: list[tuple[bytes, dict[str, str]]] = []
        self.statuses: list[int] = []
        receiver = self

        class Handler(BaseHTTPRequestHandler):
            def do_POST(self) -> None:
                body = self.rfile.read(int(self.headers["Content-Length"]))
                receiver.received.append((body, dict(self.headers)))
                self.send_response(receiver.statuses.pop(0) if receiver.statuses else 200)
                self.send_header("Content-Length", "0")
                self.end_headers()

            def log_message(self, *_: Any) -> None:
                pass

        self._server = ThreadingHTTPServer(("127.0.0.1", 0), Handler)
        self.url = f"http://127.0.0.1:{self._server.server_port}/receiver/token"
        self._thread = threading.Thread(target=self._server.serve_forever, args=(0.05,), daemon=True)
        self._thread.start()

    def bodies(self) -> list[dict[str, Any]]:
        """What has come so far."""
        return [json.loads(body) for body, _ in list(self.received)]

    def close(self) -> None:
        self._server.shutdown()
        self._server.server_close()
