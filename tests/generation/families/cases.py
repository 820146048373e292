"""What every protocol family must do; each family's test inherits this and fills in its own shapes."""

import json
from decimal import Decimal
from typing import Any, ClassVar

import pytest

from generation.kie.errors import Rejected, Unavailable, Unknown
from generation.kie.families import FAMILIES
from generation.kie.families.base import Answer, Family, Request

FILE = "https://tempfile.aiquickdraw.com/images/one.png"
OTHER = "https://tempfile.aiquickdraw.com/images/two.png"


def answer(body: Any, status: int = 200) -> Answer:
    """As the client reads it off the wire."""
    text = body if isinstance(body, str) else json.dumps(body)
    try:
        parsed = json.loads(text, parse_float=Decimal)
    except ValueError:
        parsed = None
    return Answer(status, parsed, text)


def envelope(data: Any, code: int = 200, msg: str = "success") -> dict[str, Any]:
    return {"code": code, "msg": msg, "data": data}


class FamilyCases:
    """Subclasses give the family's name and `data` objects of its status answer."""

    name: ClassVar[str]
    endpoint: ClassVar[str]
    running: ClassVar[list[dict[str, Any]]]
    success: ClassVar[dict[str, Any]]
    successes: ClassVar[dict[str, Any]]
    failures: ClassVar[list[tuple[dict[str, Any], str]]]
    empty: ClassVar[list[dict[str, Any]]]
    unknown_word: ClassVar[dict[str, Any]]

    @property
    def family(self) -> Family:
        return FAMILIES[self.name]

    def status(self, body: Any, status: int = 200) -> Any:
        return self.family.status("task", answer(body, status))

    def create(self) -> Request:
        return self.family.create("POST", self.endpoint, "some/model", {"prompt": "a fox"}, "https://us/kie/t/")

    def created(self, body: Any, status: int = 200) -> str:
        return self.family.created(self.create(), answer(body, status), "nonce")

    def test_a_create_carries_the_callback_address(self) -> None:
        request = self.create()
        assert request.json is not None
        assert (request.method, request.path) == ("POST", self.endpoint)
        assert request.json["callBackUrl"] == "https://us/kie/t/"

    def test_without_callbacks_no_address_is_sent(self) -> None:
        request = self.family.create("POST", self.endpoint, "some/model", {}, "")
        assert "callBackUrl" not in (request.json or {})

    def test_an_accepted_create_gives_the_task_id(self) -> None:
        assert self.created(envelope({"taskId": "abc", "recordId": "other"})) == "abc"
        assert self.created(envelope({"job_id": "abc"})) == "abc"

    def test_a_query_names_the_task(self) -> None:
        request = self.family.query("abc")
        assert request.method == "GET"
        assert request.params == {"taskId": "abc"}

    @pytest.mark.parametrize(
        ("code", "message", "reaction"),
        [
            (401, "You do not have access permissions", "account"),
            (402, "The current credits are insufficient. Please top up.", "account"),
            (433, "The current number of points used by apiKey has exceeded the daily limit", "pause"),
            (429, "Rate limited", "pause"),
            (430, "Your call frequency is too high. Please try again later.", "pause"),
            (455, "Service unavailable", "pause"),
            (408, "upstream trouble", "later"),
            (500, "Internal Error, Please try again later.", "later"),
            (524, "no user can use", "later"),
            (531, "failed, credits refunded", "later"),
            (550, "queue full", "later"),
            (777, "a code nobody has documented", "later"),
        ],
    )
    def test_what_was_not_started_is_tried_again(self, code: int, message: str, reaction: str) -> None:
        with pytest.raises(Unavailable) as error:
            self.created(envelope(None, code, message))
        assert error.value.account == (reaction == "account")
        assert bool(error.value.pause_seconds) == (reaction == "pause")

    @pytest.mark.parametrize(
        ("code", "message", "ours"),
        [
            (400, "Your prompt was flagged by Website as violating content policies.", "content_policy"),
            (400, "prompt is required", "invalid_input"),
            (404, "Not found", "model_unavailable"),
            (422, "size must be one of 1:1", "invalid_input"),
            (422, "The model is not supported", "model_unavailable"),
            (451, "Failed to fetch the image. Verify any access limits", "input_unreachable"),
            (501, "Generation failed", "upstream_failed"),
            (505, "Feature disabled", "model_unavailable"),
        ],
    )
    def test_what_is_refused_for_good_is_rejected(self, code: int, message: str, ours: str) -> None:
        with pytest.raises(Rejected) as error:
            self.created(envelope(None, code, message))
        assert error.value.code == ours

    @pytest.mark.parametrize(
        ("body", "status"),
        [("<html>502</html>", 502), ("<html>hello</html>", 200), ("{not json", 200), (envelope({}), 200), ("", 500)],
    )
    def test_an_answer_that_says_nothing_leaves_the_outcome_unknown(self, body: Any, status: int) -> None:
        with pytest.raises(Unknown):
            self.created(body, status)

    def test_a_403_of_the_gateway_never_got_through(self) -> None:
        with pytest.raises(Unavailable) as error:
            self.created("<html>error code: 1010</html>", 403)
        assert error.value.account

    def test_every_running_word_runs(self) -> None:
        for data in self.running:
            status = self.status(envelope(data))
            assert (status.state, status.word) == ("running", ""), data

    def test_a_success_gives_its_result(self) -> None:
        status = self.status(envelope(self.success))
        assert status.state == "succeeded"
        assert [result.url for result in status.results] == [FILE]

    def test_a_success_may_have_several_results(self) -> None:
        status = self.status(envelope(self.successes))
        assert [result.url for result in status.results] == [FILE, OTHER]

    def test_every_failure_marker_fails(self) -> None:
        """R-REF1"""
        for data, ours in self.failures:
            status = self.status(envelope(data))
            assert (status.state, status.failure) == ("failed", ours), data

    def test_a_success_that_names_no_result_is_neither_success_nor_failure(self) -> None:
        for data in self.empty:
            assert self.status(envelope(data)).state == "empty", data

    def test_moderation_in_the_query_itself_ends_the_task(self) -> None:
        """R-ST3"""
        status = self.status(envelope(None, 422, "Your request was rejected by Flow(x)."))
        assert (status.state, status.failure) == ("failed", "content_policy")
        assert self.status(envelope(None, 501, "Generation failed")).state == "failed"

    @pytest.mark.parametrize("data", [{"state": {}}, {"status": [1]}, {"successFlag": "x"}, {"response": 7}, {}])
    def test_a_shape_that_nobody_has_seen_is_no_end(self, data: Any) -> None:
        assert self.status(envelope(data)).state in ("running", "unreadable", "empty")

    def test_a_body_nested_beyond_reason_is_unreadable(self) -> None:
        assert self.family.status("task", Answer(200, None, "[" * 5000 + "]" * 5000)).state == "unreadable"

    def test_an_unknown_word_keeps_waiting_and_is_named(self) -> None:
        """R-ST2"""
        status = self.status(envelope(self.unknown_word))
        assert status.state == "running"
        assert status.word

    @pytest.mark.parametrize("body", [envelope(None, 422, "recordInfo is null"), envelope(None, 404), envelope(None)])
    def test_an_unknown_task_is_missing_not_failed(self, body: Any) -> None:
        assert self.status(body).state == "missing"

    @pytest.mark.parametrize(
        ("body", "status"),
        [("{broken", 200), ("<html></html>", 200), ("", 503), ("[]", 200), (envelope(None, 500, "Internal"), 200)]
        + [(envelope(None, code), 200) for code in (401, 402, 429, 455)],
    )
    def test_a_query_that_goes_wrong_says_nothing_of_the_task(self, body: Any, status: int) -> None:
        assert self.status(body, status).state == "unreadable"
