"""Flux Kontext, direct endpoints (protocol 4.3)."""

from typing import Any

from generation.kie.families.base import Family, Result, Status, failed, succeeded, urls


class FluxKontext(Family):
    name = "flux-kontext"
    query_path = "/api/v1/flux/kontext/record-info"

    def read(self, data: dict[str, Any]) -> Status:
        """By the flag: 0 running, 1 success, 2 and 3 failed.

        Of the two addresses only `resultImageUrl` lasts; `originImageUrl` is gone after ten minutes.
        """
        flag = data.get("successFlag")
        if flag == 1:
            response = data.get("response") or {}
            return succeeded(Result(url) for url in urls(response.get("resultImageUrl")))
        if flag in (2, 3):
            return failed(data.get("errorCode"), data.get("errorMessage"))
        return Status("running", word="" if flag == 0 else str(flag))
