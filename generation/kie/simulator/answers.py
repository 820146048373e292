"""The answers of KIE on a bad day, one per fault in `faults.ANSWERS`."""

from typing import Any

from starlette.responses import HTMLResponse, Response

from generation.kie.simulator.envelope import Refusal, refuse, reply
from generation.kie.simulator.faults import ANSWERS, Faults
from simulating.hangup import NoAnswer

_PAGE = "<!DOCTYPE html><html><head><title>{0}</title></head><body><h1>{0}</h1></body></html>"
# Texts of the chat gateway, and the errors that its documentation promises (protocol 5.4).
_CODES = {
    "422-model": (422, "The model is not supported"),
    "500-page": (500, "The page does not exist"),
    "524-retry": (524, "2 times retry fail"),
}
_ERRORS: dict[str, tuple[int, dict[str, Any]]] = {
    "error-400": (400, {"error": {"message": "Invalid request", "type": "invalid_request_error"}}),
    "error-401": (401, {"error": {"message": "Invalid authentication", "type": "authentication_error"}}),
    "error-429": (429, {"error": {"message": "Rate limit reached", "type": "rate_limit_error"}}),
    "claude-500": (500, {"type": "error", "error": {"type": "api_error", "message": "Internal server error"}}),
}


def answer(name: str) -> Response:
    """Return the response of an answer fault."""
    if name.isdigit():
        return refuse(Refusal(int(name)))
    if name in _CODES:
        return refuse(Refusal(*_CODES[name]))
    if name in _ERRORS:
        status, error = _ERRORS[name]
        return reply(error, status)
    if name == "drop":
        return NoAnswer(drop=True)
    if name == "bad-json":
        return Response('{"code":200,"msg":"success","data":{"taskId":', media_type="application/json")
    status, title = {
        "http-500": (500, "Internal Server Error"),
        "http-403": (403, "Error 1010: Access denied"),
        "html": (200, "Just a moment..."),
    }[name]
    return HTMLResponse(_PAGE.format(title), status)


def answer_among(faults: Faults) -> Response | None:
    """Return the answer asked for by a create, None when it is to be accepted."""
    return next((answer(name) for name in faults if name in ANSWERS), None)
