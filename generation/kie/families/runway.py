"""Runway, direct endpoints: generate and extend (protocol 4.4)."""

from typing import Any

from generation.kie.families.base import Family, Result, Status, failed, succeeded, urls

# Spelled differently from the unified API's words (trap 16).
RUNNING = {"wait", "queueing", "generating"}


class Runway(Family):
    name = "runway"
    query_path = "/api/v1/runway/record-detail"

    def read(self, data: dict[str, Any]) -> Status:
        state = data.get("state")
        if state == "success":
            return succeeded(films(data.get("videoInfo") or {}))
        if state == "fail":
            return failed(data.get("failCode"), data.get("failMsg"))
        return Status("running", word="" if state in RUNNING else str(state))


def films(info: dict[str, Any]) -> list[Result]:
    """The film, with the picture that KIE gives it."""
    cover = next(iter(urls(info.get("imageUrl"))), "")
    return [Result(url, cover_url=cover) for url in urls(info.get("videoUrl"))]
