"""Unified jobs: `/api/v1/jobs/createTask` and `/jobs/recordInfo` (protocol 2). Nearly every model KIE sells."""

import json
from decimal import Decimal
from typing import Any

from generation.kie import wire
from generation.kie.families.base import (
    Family,
    Request,
    Result,
    Status,
    failed,
    millicredits,
    succeeded,
    urls,
)

RUNNING = {"waiting", "queuing", "generating"}


class Market(Family):
    name = "market"
    query_path = "/api/v1/jobs/recordInfo"

    def create(self, method: str, endpoint: str, model: str, body: dict[str, Any], callback_url: str) -> Request:
        callback = {"callBackUrl": callback_url} if callback_url else {}
        return Request(method, endpoint, json={"model": model, "input": body, **callback})

    def read(self, data: dict[str, Any]) -> Status:
        reported = data.get("creditsConsumed")
        cost = millicredits(data.get("consumeCredits") if reported is None else reported)
        state = data.get("state")
        if state == "success" or (state is None and data.get("successFlag") == 1):
            return succeeded(results(data), cost)
        if state == "fail" or (state is None and data.get("successFlag") in (2, 3)):
            return failed(data.get("failCode"), data.get("failMsg"), cost)
        return Status("running", word="" if state in RUNNING else str(state))


def outcome(data: dict[str, Any]) -> dict[str, Any]:
    """`response`, or the older `resultJson`, which is JSON in a string, "" or null (traps 4 and 17)."""
    if isinstance(data.get("response"), dict):
        return data["response"]
    text = data.get("resultJson")
    parsed = wire.parse(text) if isinstance(text, str) else None
    return parsed if isinstance(parsed, dict) else {}


def results(data: dict[str, Any]) -> list[Result]:
    """Files first, then frames, tracks and texts: the shapes of protocol 2.2."""
    found = outcome(data)
    files = [Result(url) for url in urls(found.get("resultUrls"))]
    frames = [
        Result(url, details={"title": title})
        for key, title in (("firstFrameUrl", "First frame"), ("lastFrameUrl", "Last frame"))
        for url in urls(found.get(key))
    ]
    tracks = [track(item) for item in found.get("data") or [] if isinstance(item, dict) and item.get("audio_url")]
    texts = [Result(text=text(found["resultObject"]))] if found.get("resultObject") else []
    return files + frames + tracks + texts


def track(item: dict[str, Any]) -> Result:
    """One of Suno's takes. Its own id names the track in follow-up requests; it is not a task id (7.5)."""
    named = {"title": "title", "tags": "tags", "audio_id": "id", "lyrics": "prompt"}
    said = {ours: item.get(theirs) for ours, theirs in named.items()}
    details: dict[str, Any] = {name: value for name, value in said.items() if value and isinstance(value, str)}
    if isinstance(duration := item.get("duration"), int | float | Decimal):
        details["duration_seconds"] = float(duration)
    return Result(str(item["audio_url"]), details=details)


def text(value: Any) -> str:
    return value if isinstance(value, str) else json.dumps(value, ensure_ascii=False, indent=2, default=float)
