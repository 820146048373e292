"""Everything that can be made to go wrong, and how it is asked for.

A fault is asked for by the words `sim:NAME` or `sim:NAME=NUMBER` in any text of the input, or armed for
the next creates through the control API.
"""

import re
from dataclasses import dataclass, field
from typing import Any

from generation.kie.simulator.envelope import MESSAGES

_CODES = (401, 402, 422, 429, 433, 451, 455, 500, 505, 524, 550)

ANSWERS = {str(code): f"the answer is code {code}: {MESSAGES[code]}" for code in _CODES} | {
    "422-model": "the answer is code 422: The model is not supported",
    "500-page": "the answer is code 500: The page does not exist",
    "524-retry": "the answer is code 524: 2 times retry fail",
    "error-400": 'the answer is HTTP 400 with `{"error": {"message", "type"}}`',
    "error-401": 'the answer is HTTP 401 with `{"error": {"message", "type"}}`',
    "error-429": 'the answer is HTTP 429 with `{"error": {"message", "type"}}`',
    "claude-500": 'the answer is a real HTTP 500 with `{"type": "error", "error": {...}}`',
    "http-500": "the answer is a real HTTP 500 with HTML",
    "http-403": "the answer is Cloudflare's HTTP 403, error 1010",
    "html": "the answer is HTTP 200 with HTML",
    "bad-json": "the answer is HTTP 200 with broken JSON",
    "drop": "the connection is closed without an answer and nothing is accepted",
}
CREATES = {
    "create-timeout": "the task is accepted and runs, but the request is never answered",
    "create-drop": "the task is accepted, then the connection is closed without an answer",
}
FAILURES = {
    "policy": "accepted, then fails as a policy violation in the family's own shape",
    "fail": "accepted, then fails with an internal error",
    "flag2": "fails before generation: successFlag 2, 4o CREATE_TASK_FAILED, unified state fail",
    "flag3": "fails during generation: successFlag 3, 4o GENERATE_FAILED, unified state fail",
    "fail-501": "fails with code 501",
    "fail-fetch": "fails because an input picture could not be fetched",
    "fail-later": 'fails with "try again later"',
    "fail-408": "fails with code 408, a timeout",
    "fail-413": "fails with code 413: the uploaded audio matches an existing work",
    "fail-531": "fails with code 531, credits returned",
    "fail-after-first": "Suno: fails when the first of two takes is ready",
    "failed-but-charged": "fails, and keeps and reports the price",
}
CALLBACKS = {
    "callback-lost": "no callback is sent",
    "callback-double": "the callback is sent twice",
    "callback-early": "the task is done at once and its callback arrives before the create answer",
    "callback-late": "the callback comes 20 s / speed after the end",
    "callback-forged": "a wrongly signed success with a foreign file arrives while the task runs",
    "callback-forged-fail": "a wrongly signed failure arrives while the task runs",
    "callback-null": "the callback's data is null",
    "callback-garbage": "the callback's body is not JSON",
    "callback-exception": "the record of a success says that its callback failed: Luma flag 4, Suno CALLBACK_EXCEPTION",
    "callback-exception-empty": "Suno: the same, and the record has no result",
}
STATES = {
    "slow": "takes the given seconds in total (default 30 s / speed)",
    "late-success": "succeeds after the given seconds (default 60 s / speed)",
    "never": "runs forever",
    "unknown-state": "reports a state word nobody knows for the first half of its time",
    "unknown-state-forever": "reports a state word nobody knows, forever",
    "skip-stages": "Suno: only the last callback is sent",
    "lyrics-part": "Suno lyrics: one of two texts has failed",
    "complete-time-early": "4o, Aleph: completeTime is filled while the task still runs",
    "empty-result": "succeeds without any result",
    "no-cost": "the record has no creditsConsumed, a chat no credits_consumed",
    "costs": "the given number of credits is debited and reported instead of the price (default 0); not in a chat",
}
POLLS = {
    "null-record": "status queries say the record is null for the first 3 s / speed, the first one in any case",
    "bad-record-json": "the first two status answers are broken JSON",
    "poll-500": "the first two status queries answer code 500",
    "poll-429": "the first two status queries answer code 429",
}
FILES = {
    "dead-link": "the result URL is 404, download-url still yields a working link",
    "gone": "the result URL and its download-url link are both 404",
    "truncated": "the file's body ends before its Content-Length",
    "wrong-type": "HTML is served under the media's content type",
    "huge": "a file of 5 GB",
    "slow-file": "the file drips",
    "redirect-private": "the result URL redirects to http://169.254.169.254/",
    "private-url": "the result URL itself is http://169.254.169.254/",
}
CHATS = {
    "tokens": "the text has the given number of tokens",
    "tool": "the given number of tools is called (default 1), when there are tools",
    "cut": "the connection breaks after the given number of tokens (default half), without usage",
    "cut-after-usage": "the connection breaks right after usage and cost",
    "error-midway": "an envelope with code 500 ends the stream after the given number of tokens (default half)",
    "hang": "nothing more comes after the given number of tokens (default half)",
    "trickle": "each token takes the given seconds (default 1 s / speed)",
    "bad-chunk": "one line of the stream is broken JSON, the rest goes on",
    "no-usage": "there is no usage",
    "no-content": "nothing is said, used or debited",
    "usage-only": "nothing is said, but everything is used and debited",
    "own-prompt": "10,000 tokens of KIE's own prompt are debited, and the input tokens are reported as 0",
}
FAULTS = ANSWERS | CREATES | FAILURES | CALLBACKS | CHATS | STATES | POLLS | FILES

_WORD = re.compile(r"sim:([a-z0-9-]+)(?:=(\d+(?:\.\d+)?))?")

Faults = dict[str, float | None]


def asked_for(values: object) -> Faults:
    """Find the faults named in the texts of an input; words that name no fault are left alone."""
    found: Faults = {}
    for text in _strings(values):
        for name, number in _WORD.findall(text):
            name = name.rstrip("-")
            if name in FAULTS:
                found[name] = float(number) if number else None
    return found


def _strings(value: object) -> list[str]:
    if isinstance(value, str):
        return [value] if "sim:" in value else []
    if isinstance(value, dict):
        return [text for inner in value.values() for text in _strings(inner)]
    if isinstance(value, list):
        return [text for inner in value for text in _strings(inner)]
    return []


def without_words(text: str) -> str:
    """Return a text without the words that ask for faults."""
    return _WORD.sub(lambda word: "" if word[1].rstrip("-") in FAULTS else word[0], text).strip()


@dataclass
class Armed:
    """A fault waiting for the next `count` matching requests."""

    name: str
    number: float | None
    count: int
    path: str
    model: str

    def take(self) -> None:
        self.count -= 1


@dataclass
class Armoury:
    """The faults armed through the control API."""

    armed: list[Armed] = field(default_factory=list)

    def arm(self, name: str, count: int = 1, path: str = "", model: str = "") -> Armed:
        """Raise ValueError for a name that is no fault."""
        name, _, number = name.partition("=")
        if name not in FAULTS:
            raise ValueError(f"no fault is called {name}")
        self.armed.append(Armed(name, float(number) if number else None, count, path, model))
        return self.armed[-1]

    def for_create(self, path: str, model: str) -> Faults:
        """Take what applies to a create: the first matching answer, and everything about the task."""
        taken: Faults = {}
        answered = False
        for fault in self._matching(path, model):
            if fault.name in ANSWERS:
                if answered:
                    continue
                answered = True
            fault.take()
            taken[fault.name] = fault.number
        return taken

    def for_call(self, path: str) -> str | None:
        """Take an answer for a call that creates nothing; only faults armed with a path apply."""
        for fault in self._matching(path, ""):
            if fault.path and not fault.model and fault.name in ANSWERS:
                fault.take()
                return fault.name
        return None

    def _matching(self, path: str, model: str) -> list[Armed]:
        self.armed = [fault for fault in self.armed if fault.count > 0]
        return [fault for fault in self.armed if fault.path in path and (not fault.model or fault.model in model)]


def as_json(fault: Armed) -> dict[str, Any]:
    """Show an armed fault in the control API."""
    return {
        "name": fault.name,
        "number": fault.number,
        "count": fault.count,
        "path": fault.path,
        "model": fault.model,
    }
