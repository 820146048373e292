"""The Stripe-Signature header: `t=<Unix seconds>,v1=<hex of HMAC-SHA256(secret, "t.body")>`."""

import hashlib
import hmac


def header(body: str, secret: str, timestamp: int) -> str:
    """Sign a body."""
    digest = hmac.new(secret.encode(), f"{timestamp}.{body}".encode(), hashlib.sha256).hexdigest()
    return f"t={timestamp},v1={digest}"
