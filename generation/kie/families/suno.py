"""Suno's music tasks, direct endpoints (protocol 4.8), and what its other endpoints share with them.

A word says how a task stands. `CALLBACK_EXCEPTION` says only that we could not be called, so it is an end when the
results are there and none while they are not (R-ST1, trap 24).
"""

from typing import Any, ClassVar

from generation.kie.errors import Rejected
from generation.kie.families import failures, music
from generation.kie.families.base import Answer, Family, Request, Result, Status, failed, succeeded

SENSITIVE = "SENSITIVE_WORD_ERROR"
UNHEARD = "CALLBACK_EXCEPTION"
# A record that was made before, under a name of its own: two generations cannot have the same task.
_AGAIN = "again:"


class SunoTask(Family):
    """Any of Suno's tasks: the words of its status, by the field that has them, and its results."""

    flag: ClassVar[str] = "successFlag"
    running: ClassVar[frozenset[Any]] = frozenset({"PENDING"})
    success: ClassVar[Any] = "SUCCESS"
    lost: ClassVar[frozenset[Any]]

    def read(self, data: dict[str, Any]) -> Status:
        word = data.get(self.flag)
        if word in self.lost:
            return failure(word, data)
        found = self.results(data)
        if word == self.success:
            return succeeded(found)
        if word == UNHEARD:
            return succeeded(found) if found and self.whole(data) else Status("running", tuple(found))
        return Status("running", tuple(found), word="" if word in self.running else str(word))

    def results(self, data: dict[str, Any]) -> list[Result]:
        """What the record already has."""
        raise NotImplementedError

    def whole(self, data: dict[str, Any]) -> bool:
        """Whether the results are all that there will be."""
        return True


class Suno(SunoTask):
    name = "suno"
    query_path = "/api/v1/generate/record-info"
    flag = "status"
    running = frozenset({"PENDING", "TEXT_SUCCESS", "FIRST_SUCCESS"})
    lost = frozenset({"CREATE_TASK_FAILED", "GENERATE_AUDIO_FAILED", SENSITIVE})

    def results(self, data: dict[str, Any]) -> list[Result]:
        return music.tracks(takes(data))

    def whole(self, data: dict[str, Any]) -> bool:
        """A take that can only be streamed yet is still being made."""
        return len(self.results(data)) == len(takes(data))


def takes(data: dict[str, Any]) -> list[dict[str, Any]]:
    return music.items(music.either(data.get("response") or {}, "suno_data"))


def failure(word: Any, data: dict[str, Any]) -> Status:
    """A failure; the word is clear where KIE's text is empty."""
    status = failed(data.get("errorCode"), data.get("errorMessage") or word)
    policy = word == SENSITIVE
    return Status("failed", failure=failures.POLICY, detail=status.detail) if policy else status


# Records that are made once


def made_before(answer: Answer, nonce: str) -> str:
    """The old task that a refusal names because there can be no second one; "" for any other answer.

    Cover pictures answer so with code 400, other things with 409 (protocol 1.5). Raises Rejected where 409 names none.
    """
    task = answer.field("taskId") or answer.field("task_id")
    if answer.code in (400, 409) and task and isinstance(task, str):
        return again(task, nonce)
    refuse_second(answer)
    return ""


def refuse_second(answer: Answer) -> None:
    if answer.code == 409:
        raise Rejected(failures.INVALID, f"409: {answer.message}")


def again(task: str, nonce: str) -> str:
    return f"{_AGAIN}{task}:{nonce}"


def original(task: str) -> str:
    """KIE's own name for a task."""
    return task.removeprefix(_AGAIN).rpartition(":")[0] if task.startswith(_AGAIN) else task


def query(path: str, task: str) -> Request:
    return Request("GET", path, params={"taskId": original(task)})
