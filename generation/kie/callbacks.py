"""Reading the little that a callback is trusted for: which task it is about (protocol 7.5)."""

import re
from typing import Any

# Ids are opaque; all that were ever seen are short and printable.
_PLAUSIBLE = re.compile(r"[!-~]{1,120}")
_KEYS = ("taskId", "task_id")
_LOOSE_KEYS = ("job_id", "jobId", "id")


def task_id(body: Any) -> str:
    """The task id in a callback's body wherever its family puts it; "" when there is none."""
    if not isinstance(body, dict):
        return ""
    data = body.get("data")
    inner = data if isinstance(data, dict) else {}
    candidates = [part.get(key) for keys in (_KEYS, _LOOSE_KEYS) for part in (inner, body) for key in keys]
    return next((value for value in candidates if isinstance(value, str) and _PLAUSIBLE.fullmatch(value)), "")
