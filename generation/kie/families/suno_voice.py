"""Suno's own voices, direct endpoints (protocol 4.10): a phrase to sing, then the voice that sang it."""

from dataclasses import replace
from typing import Any

from generation.kie.families import suno
from generation.kie.families.base import Answer, Family, Request, Result, Status, failed, succeeded

REGENERATE = "/api/v1/voice/regenerate"
FAILED = ("fail", "processing_validate_fail")
RUNNING = ("wait_processing", "processing_validate")
# The phrase is there and waits for somebody to sing it.
WAITING = "wait_validating"


class SunoPhrase(Family):
    name = "suno-phrase"
    query_path = "/api/v1/voice/validate-info"

    def create(self, method: str, endpoint: str, model: str, body: dict[str, Any], callback_url: str) -> Request:
        """The address is spelled `calBackUrl` where another phrase is asked for (trap 13)."""
        request = super().create(method, endpoint, model, named(body), callback_url)
        if endpoint != REGENERATE or not callback_url:
            return request
        return replace(request, json={**named(body), "calBackUrl": callback_url})

    def created(self, request: Request, answer: Answer, nonce: str) -> str:
        """Another phrase may come under the task that had the first."""
        task = super().created(request, answer, nonce)
        return suno.again(task, nonce) if task == (request.json or {}).get("taskId") else task

    def query(self, task: str) -> Request:
        return suno.query(self.query_path, task)

    def read(self, data: dict[str, Any]) -> Status:
        word, phrase = data.get("status"), data.get("validateInfo")
        if word in FAILED:
            return failed(data.get("errorCode"), data.get("errorMessage"))
        if word in (WAITING, "success"):
            return succeeded([Result(text=phrase, view="phrase")] if phrase and isinstance(phrase, str) else [])
        return Status("running", word="" if word in RUNNING else str(word))


class SunoVoice(Family):
    name = "suno-voice"
    query_path = "/api/v1/voice/record-info"

    def create(self, method: str, endpoint: str, model: str, body: dict[str, Any], callback_url: str) -> Request:
        return super().create(method, endpoint, model, named(body), callback_url)

    def status(self, task: str, answer: Answer) -> Status:
        """The task's id is the voice's name in later requests: `voiceId` never came (live, protocol 4.10)."""
        status = super().status(task, answer)
        return replace(status, results=tuple(replace(result, kie_id=task) for result in status.results))

    def read(self, data: dict[str, Any]) -> Status:
        word = data.get("status")
        if word in FAILED:
            return failed(data.get("errorCode"), data.get("errorMessage"))
        if word == "success":
            return succeeded([Result(data={"ready": True}, view="voice")])
        return Status("running", word="" if word in (*RUNNING, WAITING) else str(word))


def named(body: dict[str, Any]) -> dict[str, Any]:
    """The body with KIE's own name of the task that it builds upon."""
    return {**body, "taskId": suno.original(str(body["taskId"]))} if "taskId" in body else body
