"""How chat endpoints fail (protocol 5.4): KIE's envelope in an HTTP 200, `{"error": …}`, or a page in front of KIE."""

from typing import Any

from generation.kie.errors import KieError, Rejected
from generation.kie.families import failures
from generation.kie.families.base import SUCCESS

# The words of the upstream APIs, as the envelope's codes that mean the same.
_TYPES = {
    "invalid_request_error": 400,
    "request_too_large": 400,
    "authentication_error": 401,
    "billing_error": 402,
    "insufficient_quota": 402,
    "permission_error": 403,
    "not_found_error": 404,
    "rate_limit_error": 429,
    "rate_limit_exceeded": 429,
    "overloaded_error": 524,
    "api_error": 500,
    "server_error": 500,
}


def failure(status: int, body: Any, text: str = "") -> KieError | None:
    """Why an answer is no reply; None when it is one. `status` is HTTP's."""
    if not isinstance(body, dict):
        return failures.refusal(status, None, text[:300])
    if (error := of_event(body, status)) is not None:
        return error
    return failures.refusal(status, None, text[:300]) if status >= 400 else None


def of_event(body: dict[str, Any], status: int = SUCCESS) -> KieError | None:
    """The error that a body, or an event of a stream, is; None when it is none."""
    code = body.get("code")
    if isinstance(code, int) and not isinstance(code, bool) and code != SUCCESS:
        return failures.refusal(status, code, str(body.get("msg") or body.get("message") or ""))
    error = body.get("error") or (body if body.get("type") == "error" else None)
    if body.get("type") == "response.failed":
        response = body.get("response")
        error = (response.get("error") if isinstance(response, dict) else None) or {"message": "failed"}
    if error is None:
        return None
    return _told(status, error if isinstance(error, dict) else {"message": str(error)})


def _told(status: int, error: dict[str, Any]) -> KieError:
    said, words = error.get("code"), [error.get("type"), error.get("code"), error.get("status")]
    code = said if isinstance(said, int) else next((_TYPES[word] for word in words if word in _TYPES), None)
    message = str(error.get("message") or "")
    if code in (None, 500) and failures.classify(code, message) == failures.POLICY:
        return Rejected(failures.POLICY, message)
    return failures.refusal(status, code or (status if status >= 400 else 500), message)
