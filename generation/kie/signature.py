"""The signature of KIE's callbacks (protocol 7.4): base64(HMAC-SHA256(taskId + "." + timestamp, key)).

It covers the task id and the time, not the body, so it proves which task a callback is about and nothing more.
"""

import base64
import hashlib
import hmac
import re

# KIE's last retry comes some 21 minutes after the first try, and whether it signs anew is not documented.
TOLERANCE_SECONDS = 30 * 60


def sign(task_id: str, timestamp: str, key: str) -> str:
    digest = hmac.new(key.encode(), f"{task_id}.{timestamp}".encode(), hashlib.sha256).digest()
    return base64.b64encode(digest).decode()


def valid(task_id: str, timestamp: str, signature: str, key: str, *, now: float) -> bool:
    """Whether `signature` is right and fresh; `timestamp` is Unix seconds as text, `now` Unix seconds."""
    if not re.fullmatch(r"[0-9]{1,12}", timestamp) or abs(now - int(timestamp)) > TOLERANCE_SECONDS:
        return False
    return hmac.compare_digest(sign(task_id, timestamp, key).encode(), signature.encode())
