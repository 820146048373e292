"""A task. Its state is a function of the clock; nothing runs while it "generates"."""

from dataclasses import dataclass, field, fields
from typing import Any

from generation.kie.simulator.failures import Failure, failure_of
from generation.kie.simulator.faults import Faults

SECONDS_BY_KIND = {"image": 4.0, "video": 10.0, "music": 6.0, "speech": 6.0, "audio": 6.0, "text": 3.0}
UPGRADE_SECONDS = 6.0
WAITING_SHARE = 0.15
# When Suno has the words, and when the first of its takes.
TEXT_SHARE = 0.3
FIRST_TAKE_SHARE = 0.6
QUEUING_SHARE = 0.3

WAITING, QUEUING, GENERATING = "waiting", "queuing", "generating"
UNKNOWN, SUCCESS, FAIL = "unknown", "success", "fail"


@dataclass(slots=True)
class Task:
    """One accepted create.

    body is the create request as received. seconds is None when the task never ends. token names its
    files. parent is the task a follow-up works on. deliveries are its callbacks so far.
    """

    id: str
    token: str
    family: str
    model: str
    kind: str
    body: dict[str, Any]
    callback_url: str
    created: float
    seconds: float | None
    price: float
    faults: Faults
    parent: str = ""
    index: int = 0
    returned: bool = False
    deliveries: list[dict[str, Any]] = field(default_factory=list)
    polls: int = 0

    @property
    def ends(self) -> float | None:
        """The Unix time of the final state."""
        return None if self.seconds is None else self.created + self.seconds

    @property
    def failure(self) -> Failure | None:
        """How it ends when it does not succeed."""
        return failure_of(self.family, self.faults)

    @property
    def consumed(self) -> float:
        """What KIE reports as the cost of the finished task."""
        return 0.0 if self.failure and "failed-but-charged" not in self.faults else self.price


FIELDS = [each.name for each in fields(Task)]


def as_json(task: Task) -> dict[str, Any]:
    """All stored fields."""
    return {name: getattr(task, name) for name in FIELDS}


def share(task: Task, now: float) -> float:
    """Return how much of its time a running task has used, 0 to 1."""
    usual = task.seconds if task.seconds is not None else SECONDS_BY_KIND["video"]
    return min(1.0, (now - task.created) / usual) if usual else 1.0


def state(task: Task, now: float) -> str:
    """Return waiting, queuing, generating, unknown, success or fail."""
    ends = task.ends
    if ends is not None and now >= ends:
        return FAIL if task.failure else SUCCESS
    used = share(task, now)
    if "unknown-state-forever" in task.faults or ("unknown-state" in task.faults and used < 0.5):
        return UNKNOWN
    if used < WAITING_SHARE:
        return WAITING
    return QUEUING if used < QUEUING_SHARE else GENERATING


def has_text(task: Task, now: float) -> bool:
    """Return whether a Suno task is past its first stage."""
    return task.family == "suno" and task.ends is not None and share(task, now) >= TEXT_SHARE


def has_first_take(task: Task, now: float) -> bool:
    """Return whether Suno shows the first take while it works on the second (trap 22)."""
    early = task.failure is None or "fail-after-first" in task.faults
    return has_text(task, now) and early and share(task, now) >= FIRST_TAKE_SHARE


def stages(task: Task) -> list[tuple[str, float]]:
    """Return the stages on the way that are called back, with their Unix times; they may be skipped (trap 23)."""
    if task.family != "suno" or not task.seconds or "skip-stages" in task.faults:
        return []
    found = [
        ("text", task.created + TEXT_SHARE * task.seconds),
        ("first", task.created + FIRST_TAKE_SHARE * task.seconds),
    ]
    return [(form, at) for form, at in found if form == "text" or has_first_take(task, at + 0.001)]


def is_final(task: Task, now: float) -> bool:
    """Return whether the task has succeeded or failed."""
    return task.ends is not None and now >= task.ends


def duration(usual_seconds: float, token: str, faults: Faults, speed: float) -> float | None:
    """Return seconds a task takes: its usual time, 20 % more or less by its token, divided by speed.

    Seconds given with a fault are not divided.
    """
    if "never" in faults or "unknown-state-forever" in faults:
        return None
    if "callback-early" in faults:
        return 0.0
    for name, default in (("slow", 30.0), ("late-success", 60.0)):
        if name in faults:
            asked = faults[name]
            return default / speed if asked is None else asked
    jitter = 0.8 + 0.4 * int(token[:8], 16) / 0xFFFFFFFF
    return usual_seconds * jitter / speed
