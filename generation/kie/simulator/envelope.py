"""The envelope `{code, msg, data}`: HTTP says 200 even when the code does not (protocol 1.3, 1.4)."""

import json
from typing import Any

from starlette.responses import Response

MESSAGES = {
    401: "You do not have access permissions",
    402: "The current credits are insufficient. Please top up.",
    404: "Not Found",
    422: "The input is invalid",
    429: "Your call frequency is too high. Please try again later.",
    433: "The current number of points used by apiKey has exceeded the daily limit",
    451: "Failed to fetch the image. Verify any access limits set by you or your service provider.",
    455: "The service is currently undergoing maintenance. Please try again later.",
    500: "Server exception, please try again later or contact customer service",
    505: "This feature is currently disabled",
    524: "no user can use",
    550: "The task was rejected because the queue is full",
}


class Refusal(Exception):
    """An expected "no" with its envelope code; data is mostly null (protocol 1.5)."""

    def __init__(self, code: int, message: str = "", data: object = None) -> None:
        super().__init__(message)
        self.code = code
        self.message = message or MESSAGES[code]
        self.data = data


def to_json(value: object) -> str:
    """Compact JSON, as KIE writes it."""
    return json.dumps(value, ensure_ascii=False, separators=(",", ":"))


def reply(value: object, http_status: int = 200) -> Response:
    """Any JSON body."""
    return Response(to_json(value), http_status, media_type="application/json")


def ok(data: Any) -> Response:
    """Success is code 200, not 0."""
    return reply({"code": 200, "msg": "success", "data": data})


def refuse(refusal: Refusal) -> Response:
    """A refusal, with HTTP status 200."""
    return reply({"code": refusal.code, "msg": refusal.message, "data": refusal.data})
