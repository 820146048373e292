"""4o image, direct endpoints (protocol 4.2)."""

from typing import Any

from generation.kie.families.base import Family, Request, Result, Status, failed, succeeded, urls

RUNNING = {"GENERATING", "PENDING"}
FAILED = {"CREATE_TASK_FAILED", "GENERATE_FAILED"}


class Gpt4oImage(Family):
    name = "gpt4o-image"
    query_path = "/api/v1/gpt4o-image/record-info"

    def link_query(self, task: str, url: str) -> Request:
        return Request("POST", "/api/v1/gpt4o-image/download-url", json={"taskId": task, "url": url})

    def read(self, data: dict[str, Any]) -> Status:
        """By the status word; the quickstart's shape has only the flag: 0 running, 1 success, 2 failed.

        `completeTime` may be set while the task still runs and has no addresses: it says nothing (trap 50).
        """
        word, flag = data.get("status"), data.get("successFlag")
        if word in FAILED or (word is None and flag in (2, 3)):
            return failed(data.get("errorCode"), data.get("errorMessage"))
        if word == "SUCCESS" or (word is None and flag == 1):
            response = data.get("response") or {}
            return succeeded(Result(url) for url in urls(response.get("resultUrls") or response.get("result_urls")))
        known = word in RUNNING or (word is None and flag == 0)
        return Status("running", word="" if known else str(word or flag))
