"""KIE's error codes and texts, in our words (protocol 1.5).

The same number means different things in different places, and 400 and 422 are overloaded, so the text decides
where it is clear. The codes below are what customers see; KIE's texts are for operators (trap 53).
"""

import re
from typing import Any

from generation.kie.errors import KieError, Rejected, Unavailable, Unknown

POLICY = "content_policy"
INVALID = "invalid_input"
UNREACHABLE = "input_unreachable"
MODEL = "model_unavailable"
TIMEOUT = "upstream_timeout"
FAILED = "upstream_failed"
EMPTY = "empty_result"

_POLICY_WORDS = re.compile(
    r"flagged|polic(y|ies)|sensitive|moderat|rejected by flow|copyright|prohibited|nsfw|existing work|inappropriate",
    re.IGNORECASE,
)
_FETCH_WORDS = re.compile(r"fetch failed|access limits|access settings|download failed|failed to download", re.I)
_LATER_WORDS = re.compile(r"try again later|concurrent generations|frequency is too high|queue full|subscribe", re.I)
_MODEL_WORDS = re.compile(r"model.{0,40}(not supported|not exist|not found|unavailable)|not authorized to use", re.I)

MAINTENANCE_PAUSE_SECONDS = 120
KEY_LIMIT_PAUSE_SECONDS = 600
OVERLOAD_PAUSE_SECONDS = 10


def classify(code: Any, message: str) -> str:
    """Why an accepted task failed."""
    if _POLICY_WORDS.search(message) or str(code) == "413":
        return POLICY
    if _FETCH_WORDS.search(message) or str(code) == "451":
        return UNREACHABLE
    if str(code) == "408":
        return TIMEOUT
    if str(code) in ("400", "422") and not _LATER_WORDS.search(message):
        return INVALID
    return FAILED


def refusal(status: int, code: int | None, message: str) -> KieError:
    """Why a create was not accepted, as the error that says what to do. `status` is HTTP's, `code` the envelope's.

    Without an envelope the answer came from something in front of KIE: behind a gateway error the task may well
    run, so it is Unknown; a 403 is Cloudflare's and never got through (trap 52).
    """
    text = f"{code or status}: {message}"
    if code is None:
        if status in (401, 403):
            return Unavailable(text, account=True)
        return Unavailable(text) if status == 429 else Unknown(text)
    if code in (401, 402, 403):
        return Unavailable(text, account=True)
    if code == 433:
        return Unavailable(text, pause_seconds=KEY_LIMIT_PAUSE_SECONDS, alert=True)
    if code == 455:
        return Unavailable(text, pause_seconds=MAINTENANCE_PAUSE_SECONDS, alert=True)
    if code in (429, 430):
        return Unavailable(text, pause_seconds=OVERLOAD_PAUSE_SECONDS)
    if code in (404, 405, 505) or _MODEL_WORDS.search(message):
        return Rejected(MODEL, text, alert=True)
    if code in (400, 409, 413, 422, 451) and not _LATER_WORDS.search(message):
        return Rejected(classify(code, message), text)
    if code == 501:
        return Rejected(FAILED, text)
    # 408, 500, 524, 531, 550 and codes nobody has documented: the number of attempts bounds these.
    return Unavailable(text, alert=code not in (400, 408, 422, 500, 524, 531))
