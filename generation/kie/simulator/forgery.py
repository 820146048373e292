"""Callback bodies that KIE never sent: plausible in shape, false in what they claim."""

from typing import Any

from generation.kie.simulator.tasks import Task

FOREIGN_URL = "https://files.attacker.example/forged.png"
CLAIM = "This failure was made up."


def forged_body(task: Task, failed: bool) -> dict[str, Any]:
    """Return a callback in the family's shape that claims success with a foreign file, or failure."""
    if task.family == "market":
        return _market(task, failed)
    key = "result_urls" if task.family == "gpt4o-image" else "resultUrls"
    info = None if failed else {key: [FOREIGN_URL]}
    message = CLAIM if failed else "success"
    return {"code": 400 if failed else 200, "msg": message, "data": {"taskId": task.id, "info": info}}


def _market(task: Task, failed: bool) -> dict[str, Any]:
    data: dict[str, Any] = {"taskId": task.id, "model": task.model, "state": "fail" if failed else "success"}
    if failed:
        data |= {"failCode": "500", "failMsg": CLAIM, "creditsConsumed": 0}
        return {"code": 501, "msg": "Playground task failed.", "data": data}
    data |= {"resultJson": f'{{"resultUrls":["{FOREIGN_URL}"]}}', "creditsConsumed": 0.01}
    return {"code": 200, "msg": "Playground task completed successfully.", "data": data}
