"""Runway Aleph, direct endpoints (protocol 4.5)."""

from typing import Any

from generation.kie.families.base import Family, Result, Status, failed, succeeded, urls

NO_ERROR = (None, 0, 200, "", "0", "200")


class Aleph(Family):
    name = "runway-aleph"
    query_path = "/api/v1/aleph/record-info"

    def read(self, data: dict[str, Any]) -> Status:
        """Flag 1 is success; flag 0 is running as well as failed, which the error tells apart (trap 17).

        An end without an error may be a success whose flag is late (trap 50) or a failure without a reason: it runs on,
        and is told to the operator.
        """
        flag, ended = data.get("successFlag"), data.get("completeTime")
        if flag == 1:
            return succeeded(films(data.get("response") or {}))
        code, message = data.get("errorCode"), data.get("errorMessage")
        if code not in NO_ERROR or (message and ended):
            return failed(code, message)
        if flag == 0:
            return Status("running", word="ended" if ended else "")
        return Status("running", word=str(flag))


def films(response: dict[str, Any]) -> list[Result]:
    """The film, with the picture that KIE gives it."""
    cover = next(iter(urls(response.get("resultImageUrl"))), "")
    return [Result(url, cover_url=cover) for url in urls(response.get("resultVideoUrl"))]
