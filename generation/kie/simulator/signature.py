"""The signature of a callback (protocol 7.4). It covers the task id and the time, not the body."""

import base64
import hashlib
import hmac


def sign(task_id: str, timestamp: int, key: str) -> str:
    """Return base64(HMAC-SHA256(task id "." Unix seconds, key))."""
    digest = hmac.new(key.encode(), f"{task_id}.{timestamp}".encode(), hashlib.sha256).digest()
    return base64.b64encode(digest).decode()


def headers(task_id: str, timestamp: int, key: str) -> dict[str, str]:
    """Return the two headers of a signed callback."""
    return {"X-Webhook-Timestamp": str(timestamp), "X-Webhook-Signature": sign(task_id, timestamp, key)}
