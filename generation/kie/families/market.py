"""Unified jobs: `/api/v1/jobs/createTask` and `/jobs/recordInfo` (protocol 2). Nearly every model KIE sells."""

from dataclasses import replace
from typing import Any

from generation.kie import wire
from generation.kie.families import contents, music
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
    """Files first, then frames, tracks, and what is no file: the shapes of protocol 2.2."""
    found = outcome(data)
    frames = [
        Result(url, details={"title": title})
        for key, title in (("firstFrameUrl", "First frame"), ("lastFrameUrl", "Last frame"))
        for url in urls(found.get(key))
    ]
    files = parts(found) if str(data.get("model")).endswith("/separate-vocals") else [*made(found), *frames]
    return files + music.tracks(found.get("data")) + contents.read(found, data)


def made(found: dict[str, Any]) -> list[Result]:
    return [Result(url) for url in urls(found.get("resultUrls"))]


def parts(found: dict[str, Any]) -> list[Result]:
    """The parts of a song, by name where KIE gives names."""
    named = music.stems({key: value for key, value in found.items() if key != "resultUrls"})
    numbered = [
        replace(result, view="stem", details={"title": f"Stem {number}"})
        for number, result in enumerate(made(found), 1)
    ]
    return named or numbered
