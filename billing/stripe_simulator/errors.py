"""Stripe's error bodies: `{"error": {"type", "code", "message", "param", …}}` under a true HTTP status."""

from typing import Any


class ApiError(Exception):
    """An answer other than success.

    `kept` tells whether an idempotency key replays it: Stripe keeps what happened after execution began, so a decline
    is replayed and a parameter that was refused is not.
    """

    def __init__(self, status: int, type: str, message: str, *, kept: bool = False, **more: Any) -> None:
        super().__init__(message)
        self.status = status
        self.kept = kept
        self.body = {"type": type, "message": message, **{name: value for name, value in more.items() if value}}

    def as_json(self, request_id: str) -> dict[str, Any]:
        """The whole body."""
        address = f"https://dashboard.stripe.com/test/logs/{request_id}"
        code = self.body.get("code")
        guide = {"doc_url": f"https://stripe.com/docs/error-codes/{code.replace('_', '-')}"} if code else {}
        return {"error": {**self.body, **guide, "request_log_url": address}}


def invalid(message: str, param: str = "", code: str = "", status: int = 400) -> ApiError:
    """A request that cannot be done as asked."""
    return ApiError(status, "invalid_request_error", message, param=param, code=code)


def missing(kind: str, id: str, param: str) -> ApiError:
    """Something that does not exist: 404 when it is in the path, 400 when it is a parameter."""
    status = 404 if param in ("id", "intent") else 400
    return invalid(f"No such {kind.replace('.', ' ')}: '{id}'", param, "resource_missing", status)


def unauthorized(key: str) -> ApiError:
    """No key or a wrong one."""
    if not key:
        message = "You did not provide an API key. You need to provide your API key in the Authorization header."
        return ApiError(401, "invalid_request_error", message)
    shown = key[:8] + "*" * max(0, len(key) - 12) + key[-4:] if len(key) > 12 else "*" * len(key)
    return ApiError(401, "invalid_request_error", f"Invalid API Key provided: {shown}")


def other_parameters(key: str) -> ApiError:
    """An idempotency key that was used for something else."""
    message = (
        "Keys for idempotent requests can only be used with the same parameters they were first used with. "
        f"Try using a key other than '{key}' if you meant to execute a different request."
    )
    return ApiError(400, "idempotency_error", message)
