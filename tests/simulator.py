"""The KIE simulator as a process, for tests of anything that talks to it."""

from typing import Any

from tests.simulating import Simulating


class Simulator(Simulating):
    """KIE: the API at `api`, its files at `files`."""

    module = "generation.kie.simulator"
    ports = {"api_port": "api", "files_port": "files"}
    key = "sim-key"
    files: str

    def __init__(self, **config: Any) -> None:
        self.key = config.get("key", self.key)
        super().__init__(**config)

    def state(self) -> dict[str, Any]:
        """Balance, money moved, counters, tasks by state."""
        return self.control("GET", "state")

    def fault(self, name: str, count: int = 1, path: str = "", model: str = "") -> None:
        """Arm a fault for the next matching creates (or calls, with a path)."""
        self.control("POST", "faults", {"name": name, "count": count, "path": path, "model": model})

    def clear_faults(self) -> None:
        """Disarm all faults."""
        self.control("DELETE", "faults")

    def tasks(self, limit: int = 100) -> list[dict[str, Any]]:
        """The newest tasks, newest first."""
        return self.control("GET", f"tasks?limit={limit}")

    def task(self, task_id: str) -> dict[str, Any]:
        """One task with its request, state, cost and callbacks."""
        return self.control("GET", f"tasks/{task_id}")

    def chats(self, limit: int = 100) -> list[dict[str, Any]]:
        """The newest chat calls, newest first: the body received, the state, what was said, used and debited."""
        return self.control("GET", f"chats?limit={limit}")

    def callbacks(self) -> list[dict[str, Any]]:
        """Every delivery attempt, oldest first."""
        return self.control("GET", "callbacks")

    def requests(self, path: str = "") -> int:
        """How many requests to paths containing `path` were received."""
        return self.control("GET", f"requests?path={path}")["count"]

    def balance(self, credits: float) -> None:
        """Set the balance."""
        self.control("POST", "balance", {"credits": credits})

    def down(self, seconds: float, answer: str = "455") -> None:
        """Make every API call fail for a while."""
        self.control("POST", "down", {"seconds": seconds, "answer": answer})

    def serve_retired(self) -> None:
        """Accept models that KIE has retired, until the next reset."""
        self.control("POST", "retired", {"serve": True})
