"""What a protocol family is: paths and pure functions between our words and KIE's."""

import re
from collections.abc import Iterable
from dataclasses import dataclass, field
from decimal import ROUND_CEILING, Decimal
from typing import Any, Literal

from generation.kie import wire
from generation.kie.errors import Unknown
from generation.kie.families import failures

SUCCESS = 200
# KIE's documents say `taskId`; the others are from an early description of its answers (protocol 2.1).
TASK_ID_KEYS = ("taskId", "task_id", "job_id", "jobId", "id")
# What a result can be beyond its type of file; docs/api.md says how the data of each is shaped.
VIEWS = ("track", "stem", "lyrics", "word_timings", "notes", "transcript", "persona", "voice", "phrase", "character")
# More than any task costs: a number beyond it is a fault of KIE's, not a price.
MAX_COST_MILLICREDITS = 10**12


@dataclass(frozen=True)
class Request:
    """A call to make: `path` below the API host."""

    method: str
    path: str
    json: dict[str, Any] | None = None
    params: dict[str, str] | None = None


@dataclass(frozen=True)
class Answer:
    """What came back. `body` is the parsed JSON, None when it was not JSON."""

    status: int
    body: Any
    text: str = ""

    @property
    def code(self) -> int | None:
        """The envelope's code: it decides, for KIE answers HTTP 200 to most failures too (protocol 1.4)."""
        code = self.body.get("code") if isinstance(self.body, dict) else None
        return code if isinstance(code, int) else None

    @property
    def message(self) -> str:
        """`msg`, or `message` as older documents have it."""
        if not isinstance(self.body, dict):
            return self.text[:300]
        return str(self.body.get("msg") or self.body.get("message") or "")

    @property
    def data(self) -> Any:
        return self.body.get("data") if isinstance(self.body, dict) else None

    def field(self, name: str) -> Any:
        """A field of `data`, None where there is none."""
        return self.data.get(name) if isinstance(self.data, dict) else None


@dataclass(frozen=True)
class Result:
    """One result: the address of a file, a text, or a structure (`data`, any JSON).

    `view` says what it is where its type of file does not: see `VIEWS`. `kie_id` is KIE's own name for it, which
    follow-up requests need and customers never see; `cover_url` is a picture that stands for it.
    `details` is what customers read about it: title, duration_seconds, tags, lyrics.
    """

    url: str = ""
    text: str = ""
    data: Any = None
    view: str = ""
    kie_id: str = ""
    cover_url: str = ""
    details: dict[str, Any] = field(default_factory=dict)


@dataclass(frozen=True)
class Status:
    """How a task stands. `missing`: KIE does not know it (yet). `empty`: it succeeded and names no result (yet).
    `unreadable`: the query itself went wrong. A `running` task may have some of its results already.

    `word` is KIE's own state word when we do not know it, `cost_millicredits` what KIE charged if it says so,
    `failure` one of the codes in `families.failures`, `detail` KIE's explanation for operators.
    """

    state: Literal["running", "succeeded", "empty", "failed", "missing", "unreadable"]
    results: tuple[Result, ...] = ()
    cost_millicredits: int | None = None
    failure: str = ""
    detail: str = ""
    word: str = ""


class Family:
    """One protocol: how to create a task, how to ask for it and how to read the answer. Knows no network."""

    name: str
    query_path: str

    def create(self, method: str, endpoint: str, model: str, body: dict[str, Any], callback_url: str) -> Request:
        """The call that starts a task. Older endpoints take the input as the whole body."""
        callback = {"callBackUrl": callback_url} if callback_url else {}
        return Request(method, endpoint, json={**body, **callback})

    def created(self, request: Request, answer: Answer, nonce: str) -> str:
        """The task that the answer to `create` names. Raises Unavailable, Rejected or Unknown.

        `nonce` tells apart two tasks to which KIE gives no id of their own.
        """
        if answer.code != SUCCESS:
            raise failures.refusal(answer.status, answer.code, answer.message)
        for name in TASK_ID_KEYS:
            if (task := answer.field(name)) and isinstance(task, str):
                return task
        raise Unknown(f"accepted without a task id: {answer.text[:300]}")

    def at_once(self, request: Request, answer: Answer) -> Status | None:
        """The outcome, where the answer to `create` is the result itself; None for a task that runs on."""
        return None

    def query(self, task: str) -> Request:
        return Request("GET", self.query_path, params={"taskId": task})

    def fallback_query(self, task: str) -> Request | None:
        """Another way to ask, where the protocol has one, for tasks that `query` does not find."""
        return None

    def status(self, task: str, answer: Answer) -> Status:
        """Read the answer to `query`. Never raises: what cannot be read is `unreadable`, unknown words run on.

        Moderation after acceptance may come as the query's own error, and ends the task at once (R-ST3).
        """
        if answer.body is None:
            answer = salvage(answer)
        policy = answer.code in (400, 422) and failures.classify(answer.code, answer.message) == failures.POLICY
        if policy or answer.code in (451, 501):
            return failed(answer.code, answer.message)
        if answer.code in (404, 422):
            return Status("missing", detail=answer.message)
        if answer.code != SUCCESS:
            return Status("unreadable", detail=f"{answer.status} {answer.code} {answer.message}")
        if not isinstance(answer.data, dict):
            return Status("missing", detail="no data")
        try:
            return self.read(answer.data)
        except (TypeError, ValueError, ArithmeticError, AttributeError, LookupError) as error:
            return Status("unreadable", detail=f"of an unknown shape: {error!r}")

    def link_query(self, task: str, url: str) -> Request:
        """The call for a fresh link to a result whose address has died (protocol 6.2)."""
        return Request("POST", "/api/v1/common/download-url", json={"url": url})

    def read(self, data: dict[str, Any]) -> Status:
        raise NotImplementedError


def succeeded(results: Iterable[Result], cost: int | None = None) -> Status:
    """A success, which may lack its results for a while."""
    found = tuple(results)
    return Status("succeeded" if found else "empty", found, cost)


def failed(code: Any, message: Any, cost: int | None = None) -> Status:
    """A failure, classified by KIE's code and text."""
    detail = f"{code}: {message}"
    return Status("failed", cost_millicredits=cost, failure=failures.classify(code, str(message)), detail=detail)


def millicredits(credits: Any) -> int | None:
    """KIE's credits, a number with a fraction, as millicredits rounded up; None where KIE gives none."""
    if isinstance(credits, bool) or not isinstance(credits, int | float | Decimal):
        return None
    amount = Decimal(str(credits)) * 1000
    if not amount.is_finite() or not 0 <= amount <= MAX_COST_MILLICREDITS:
        return None
    return int(amount.to_integral_value(ROUND_CEILING))


def urls(value: Any) -> list[str]:
    """Addresses out of a field that is a string, a list of strings or null, as KIE's pages disagree."""
    found = [value] if isinstance(value, str) else value if isinstance(value, list) else []
    return [url for url in found if isinstance(url, str) and url.startswith(("http://", "https://"))]


_BROKEN_ECHO = re.compile(
    r'"param(?:Json)?"\s*:\s*".*?",\s*(?="(?:param|resultJson|response|fail|cost|complete|create|state|success))',
    re.DOTALL,
)


def salvage(answer: Answer) -> Answer:
    """Read a body whose echo of our own request broke its JSON, by cutting the echo out (protocol 10, trap 6)."""
    body = wire.parse(_BROKEN_ECHO.sub("", answer.text))
    return answer if body is None else Answer(answer.status, body, answer.text)
