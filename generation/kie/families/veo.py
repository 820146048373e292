"""Veo 3.1, direct endpoints (protocol 4.1): generate and extend are tasks, 1080p and 4K are calls to repeat.

An upgrade has no task of its own: the same call is made again until it gives the file, and the "not yet" of the
first is code 400, the "done" of the second is code 422 with data (traps 7 and 8). Its name with us is therefore
`<upgrade>:<base task>:<index>:<nonce>`.
"""

from typing import Any

from generation.kie.families import failures
from generation.kie.families.base import (
    SUCCESS,
    Answer,
    Family,
    Request,
    Result,
    Status,
    failed,
    succeeded,
    urls,
)

HD, UHD = "1080p", "4k"
UPGRADES = {"/api/v1/veo/get-1080p-video": HD, "/api/v1/veo/get-4k-video": UHD}
PATHS = {upgrade: path for path, upgrade in UPGRADES.items()}


class Veo(Family):
    name = "veo"
    query_path = "/api/v1/veo/record-info"

    def create(self, method: str, endpoint: str, model: str, body: dict[str, Any], callback_url: str) -> Request:
        if UPGRADES.get(endpoint) == HD:
            return Request("GET", endpoint, params={name: str(value) for name, value in body.items()})
        return super().create(method, endpoint, model, body, callback_url)

    def created(self, request: Request, answer: Answer, nonce: str) -> str:
        upgrade = UPGRADES.get(request.path)
        if upgrade is None:
            return super().created(request, answer, nonce)
        if upgraded(answer).state not in ("running", "succeeded"):
            raise failures.refusal(answer.status, answer.code, answer.message)
        asked = request.params or request.json or {}
        return f"{upgrade}:{asked['taskId']}:{asked.get('index', 0)}:{nonce}"

    def query(self, task: str) -> Request:
        upgrade, _, rest = task.partition(":")
        if upgrade not in PATHS:
            return super().query(task)
        base, index, _ = rest.rsplit(":", 2)
        if upgrade == HD:
            return Request("GET", PATHS[HD], params={"taskId": base, "index": index})
        return Request("POST", PATHS[UHD], json={"taskId": base, "index": int(index)})

    def fallback_query(self, task: str) -> Request | None:
        """The path of an early description of this API; no page of KIE's documents it."""
        return None if task.partition(":")[0] in PATHS else Request("GET", f"/api/v1/veo/query/{task}")

    def status(self, task: str, answer: Answer) -> Status:
        return upgraded(answer) if task.partition(":")[0] in PATHS else super().status(task, answer)

    def read(self, data: dict[str, Any]) -> Status:
        flag = data.get("successFlag")
        if flag == 1:
            return succeeded(Result(url) for url in videos(data))
        if flag in (2, 3):
            return failed(data.get("errorCode"), data.get("errorMessage"))
        return Status("running", word="" if flag == 0 else str(flag))


def videos(data: dict[str, Any]) -> list[str]:
    """The whole film after an extension, else the result; flat in the answer of the early path."""
    response = data.get("response") or {}
    for key in ("fullResultUrls", "resultUrls", "resultUrl"):
        if found := urls(response.get(key)):
            return found
    return urls(data.get("videoUrl"))


def upgraded(answer: Answer) -> Status:
    """How an upgrade stands: read `data` before the code, for "done" comes as an error."""
    found = urls(answer.field("resultUrls")) or urls(answer.field("resultUrl"))
    if found:
        return succeeded(Result(url) for url in found)
    if failures.classify(answer.code, answer.message) == failures.POLICY:
        return failed(answer.code, answer.message)
    if answer.code in (SUCCESS, 400) or (answer.code == 422 and answer.data):
        return Status("running")
    if answer.code in (404, 422, 500, 501):
        return failed(answer.code, answer.message)
    return Status("unreadable", detail=f"{answer.status} {answer.code} {answer.message}")
