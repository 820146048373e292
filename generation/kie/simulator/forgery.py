"""Callback bodies that KIE never sent: plausible in shape, false in what they claim."""

from typing import Any

from generation.kie.simulator.tasks import Task

FOREIGN_URL = "https://files.attacker.example/forged.png"
CLAIM = "This failure was made up."
_CLAIMS: dict[str, dict[str, Any]] = {
    "flux-kontext": {"info": {"originImageUrl": FOREIGN_URL, "resultImageUrl": FOREIGN_URL}},
    "runway": {"video_id": "forged", "video_url": FOREIGN_URL, "image_url": FOREIGN_URL},
    "runway-aleph": {"result_video_url": FOREIGN_URL, "result_image_url": FOREIGN_URL},
    "luma": {"resultUrls": [FOREIGN_URL]},
    "midjourney": {"resultUrls": [FOREIGN_URL] * 4},
    "suno": {"callbackType": "complete", "data": [{"id": "forged", "audio_url": FOREIGN_URL}]},
    "suno-lyrics": {"callbackType": "complete", "data": [{"status": "complete", "text": CLAIM, "title": "Forged"}]},
    "suno-wav": {"audioWavUrl": FOREIGN_URL},
    "suno-vocal-removal": {"vocal_separation_info": {"vocal_url": FOREIGN_URL}},
    "suno-mp4": {"video_url": FOREIGN_URL},
    "suno-midi": {"state": "complete", "instruments": []},
    "suno-cover": {"images": [FOREIGN_URL]},
    "suno-phrase": {"status": "wait_validating", "validateInfo": CLAIM},
    "suno-voice": {"status": "success", "voiceId": "forged"},
}
_SNAKE = ("runway", "suno", "suno-lyrics", "suno-wav", "suno-vocal-removal", "suno-mp4")


def forged_body(task: Task, failed: bool) -> dict[str, Any]:
    """Return a callback in the family's shape that claims success with a foreign file, or failure."""
    if task.family == "market":
        return _market(task, failed)
    code, message = (400, CLAIM) if failed else (200, "success")
    if task.family == "runway-aleph":
        return {"code": code, "msg": message, "data": None if failed else _CLAIMS[task.family], "taskId": task.id}
    if task.family in _CLAIMS:
        id_key = "task_id" if task.family in _SNAKE else "taskId"
        claim = {} if failed else _CLAIMS[task.family]
        return {"code": code, "msg": message, "data": {id_key: task.id, **claim}}
    key = "result_urls" if task.family == "gpt4o-image" else "resultUrls"
    info = None if failed else {key: [FOREIGN_URL]}
    return {"code": code, "msg": message, "data": {"taskId": task.id, "info": info}}


def _market(task: Task, failed: bool) -> dict[str, Any]:
    data: dict[str, Any] = {"taskId": task.id, "model": task.model, "state": "fail" if failed else "success"}
    if failed:
        data |= {"failCode": "500", "failMsg": CLAIM, "creditsConsumed": 0}
        return {"code": 501, "msg": "Playground task failed.", "data": data}
    data |= {"resultJson": f'{{"resultUrls":["{FOREIGN_URL}"]}}', "creditsConsumed": 0.01}
    return {"code": 200, "msg": "Playground task completed successfully.", "data": data}
