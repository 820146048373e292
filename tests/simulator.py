"""The KIE simulator as a process, for tests of anything that talks to it."""

import json
import os
import signal
import subprocess
import sys
import time
from collections.abc import Callable
from pathlib import Path
from typing import Any
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


class Simulator:
    """One running simulator. Settings are the fields of its Config: start(speed=50, balance=10)."""

    key = "sim-key"

    def __init__(self, **config: Any) -> None:
        self._config = {"api_port": 0, "files_port": 0, **config}
        self.key = self._config.get("key", self.key)
        self.control = httpx.Client(timeout=20, trust_env=False)
        self._start()

    @classmethod
    def start(cls, **config: Any) -> "Simulator":
        """Start a process on free ports and wait until it is ready."""
        return cls(**config)

    def state(self) -> dict[str, Any]:
        """Balance, money moved, counters, tasks by state."""
        return self._control("GET", "state")

    def fault(self, name: str, count: int = 1, path: str = "", model: str = "") -> None:
        """Arm a fault for the next matching creates (or calls, with a path)."""
        self._control("POST", "faults", {"name": name, "count": count, "path": path, "model": model})

    def clear_faults(self) -> None:
        """Disarm all faults."""
        self._control("DELETE", "faults")

    def tasks(self, limit: int = 100) -> list[dict[str, Any]]:
        """The newest tasks, newest first."""
        return self._control("GET", f"tasks?limit={limit}")

    def task(self, task_id: str) -> dict[str, Any]:
        """One task with its request, state, cost and callbacks."""
        return self._control("GET", f"tasks/{task_id}")

    def chats(self, limit: int = 100) -> list[dict[str, Any]]:
        """The newest chat calls, newest first: the body received, the state, what was said, used and debited."""
        return self._control("GET", f"chats?limit={limit}")

    def callbacks(self) -> list[dict[str, Any]]:
        """Every delivery attempt, oldest first."""
        return self._control("GET", "callbacks")

    def requests(self, path: str = "") -> int:
        """How many requests to paths containing `path` were received."""
        return self._control("GET", f"requests?path={path}")["count"]

    def balance(self, credits: float) -> None:
        """Set the balance."""
        self._control("POST", "balance", {"credits": credits})

    def down(self, seconds: float, answer: str = "455") -> None:
        """Make every API call fail for a while."""
        self._control("POST", "down", {"seconds": seconds, "answer": answer})

    def serve_retired(self) -> None:
        """Accept models that KIE has retired, until the next reset."""
        self._control("POST", "retired", {"serve": True})

    def reset(self) -> None:
        """Forget everything."""
        self._control("POST", "reset")

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
        self._config |= {"api_port": urlsplit(self.api).port, "files_port": urlsplit(self.files).port}
        self._start()

    def _start(self) -> None:
        command = [sys.executable, "-m", "generation.kie.simulator"]
        for name, value in self._config.items():
            option = name.replace("_", "-")
            if isinstance(value, bool):
                command.append(f"--{option}" if value else f"--no-{option}")
            else:
                command.append(f"--{option}={value}")
        environment = {**os.environ, "PYTHONPATH": str(ROOT)}
        self.process = subprocess.Popen(
            command, cwd=ROOT, env=environment, stdout=subprocess.PIPE, text=True, start_new_session=True
        )
        assert self.process.stdout is not None
        line = self.process.stdout.readline()
        assert line, f"the simulator ended with status {self.process.wait(START_SECONDS)}"
        ready = json.loads(line)
        self.api: str = ready["api"]
        self.files: str = ready["files"]

    def _end(self, number: signal.Signals) -> int:
        if self.process.poll() is None:
            self.process.send_signal(number)
        status = self.process.wait(STOP_SECONDS)
        if self.process.stdout:
            self.process.stdout.close()
        return status

    def _control(self, method: str, path: str, body: object = None) -> Any:
        response = self.control.request(method, f"{self.api}/_sim/{path}", json=body)
        response.raise_for_status()
        return response.json()
