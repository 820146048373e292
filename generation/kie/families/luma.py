"""Luma modify, direct endpoints (protocol 4.6)."""

from typing import Any

from generation.kie.families.base import Family, Result, Status, failed, succeeded, urls

CALLBACK_FAILED = 4


class Luma(Family):
    name = "luma"
    query_path = "/api/v1/modify/record-info"

    def read(self, data: dict[str, Any]) -> Status:
        """By the flag: 0 running, 1 success, 2 and 3 failed, 4 made but our callback failed.

        The last says nothing against the film: it is in the response, or still to be waited for (R-ST1, trap 24).
        """
        flag = data.get("successFlag")
        films = [Result(url) for url in urls((data.get("response") or {}).get("resultUrls"))]
        if flag == 1 or (flag == CALLBACK_FAILED and films):
            return succeeded(films)
        if flag in (2, 3):
            return failed(data.get("errorCode"), data.get("errorMessage"))
        return Status("running", word="" if flag in (0, CALLBACK_FAILED) else str(flag))
