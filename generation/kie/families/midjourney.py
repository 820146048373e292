"""Midjourney, direct endpoints: pictures, follow-ups on one of them, and videos (protocol 4.7)."""

from typing import Any

from generation.kie import wire
from generation.kie.families.base import Family, Result, Status, failed, succeeded, urls


class Midjourney(Family):
    name = "midjourney"
    query_path = "/api/v1/mj/record-info"

    def read(self, data: dict[str, Any]) -> Status:
        """By the flag: 0 running, 1 success, 2 and 3 failed."""
        flag = data.get("successFlag")
        if flag == 1:
            return succeeded(Result(url) for url in files(data.get("resultInfoJson")))
        if flag in (2, 3):
            return failed(data.get("errorCode"), data.get("errorMessage"))
        return Status("running", word="" if flag == 0 else str(flag))


def files(info: Any) -> list[str]:
    """The addresses of the grid's pictures, or of the clips, each of which KIE wraps in an object.

    Despite its name, `resultInfoJson` is an object; JSON in a string is what the name says, so that is read too.
    """
    found = wire.parse(info) if isinstance(info, str) else info
    items = found.get("resultUrls") if isinstance(found, dict) else None
    return [url for item in items or [] for url in urls(item.get("resultUrl") if isinstance(item, dict) else item)]
