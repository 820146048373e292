"""How chat endpoints fail, and what to do then (protocol 5.4)."""

from typing import Any

import pytest

from generation.kie.errors import KieError, Rejected, Unavailable, Unknown
from generation.kie.families.base import Answer
from generation.kie.families.chat import completions, messages
from generation.kie.families.chat.errors import failure, of_event


def envelope(code: int, message: str) -> dict[str, Any]:
    return {"code": code, "msg": message, "data": None}


def told(kind: str, message: str = "no") -> dict[str, Any]:
    return {"error": {"message": message, "type": kind}}


CASES: list[tuple[int, Any, type[KieError], str]] = [
    (200, envelope(422, "The model is not supported"), Rejected, "model_unavailable"),
    (200, envelope(524, "no user can use"), Unavailable, ""),
    (200, envelope(524, "2 times retry fail"), Unavailable, ""),
    (200, envelope(500, "The page does not exist"), Unavailable, ""),
    (200, envelope(401, "Unauthorized – Authentication failed"), Unavailable, "account"),
    (200, envelope(402, "The current credits are insufficient. Please top up."), Unavailable, "account"),
    (200, envelope(433, "The current number of points used by apiKey has exceeded the daily limit"), Unavailable, ""),
    (400, told("invalid_request_error"), Rejected, "invalid_input"),
    (400, told("invalid_request_error", "flagged by our moderation"), Rejected, "content_policy"),
    (401, told("authentication_error"), Unavailable, "account"),
    (429, told("rate_limit_error"), Unavailable, ""),
    (429, {"error": {"message": "slow down"}}, Unavailable, ""),
    (500, {"type": "error", "error": {"type": "api_error", "message": "Internal"}}, Unavailable, ""),
    (529, {"type": "error", "error": {"type": "overloaded_error", "message": "Overloaded"}}, Unavailable, ""),
    (400, {"error": {"code": 400, "status": "INVALID_ARGUMENT", "message": "no"}}, Rejected, "invalid_input"),
    (200, {"type": "error", "code": "rate_limit_exceeded", "message": "slow down"}, Unavailable, ""),
    (
        200,
        {"type": "response.failed", "response": {"error": {"code": "server_error", "message": "x"}}},
        Unavailable,
        "",
    ),
    (500, None, Unknown, ""),
    (200, None, Unknown, ""),
    (403, None, Unavailable, "account"),
    (502, {"something": "else"}, Unknown, ""),
]


@pytest.mark.parametrize(("status", "body", "kind", "detail"), CASES)
def test_every_kind_of_failure_says_what_to_do_next(status: int, body: Any, kind: type[KieError], detail: str) -> None:
    error = failure(status, body, "text")
    assert type(error) is kind
    if isinstance(error, Rejected):
        assert error.code == detail
    if isinstance(error, Unavailable):
        assert error.account is (detail == "account")


@pytest.mark.parametrize("body", [{"choices": [], "error": None}, {"code": 200, "choices": []}, {"type": "ping"}])
def test_a_reply_is_no_failure(body: dict[str, Any]) -> None:
    assert failure(200, body) is None
    assert of_event(body) is None


def test_an_error_in_the_middle_of_a_stream_is_raised() -> None:
    with pytest.raises(Unavailable):
        completions.Reader().event(envelope(500, "Server exception"))
    with pytest.raises(Unavailable):
        messages.Reader().event({"type": "error", "error": {"type": "overloaded_error", "message": "x"}})


def test_a_whole_body_that_is_a_failure_is_raised() -> None:
    with pytest.raises(Rejected):
        completions.Reader().body(Answer(200, envelope(422, "The model is not supported")))
