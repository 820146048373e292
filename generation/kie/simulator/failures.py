"""How each family words each failure (protocol 1.5, 4.1, 4.2)."""

from dataclasses import dataclass

from generation.kie.simulator.faults import Faults


@dataclass(frozen=True)
class Failure:
    """A failed generation; `early` when it never reached the generator (successFlag 2)."""

    code: int
    message: str
    early: bool = False


_INTERNAL = Failure(500, "Internal Error, Please try again later.")
_FETCH = "image fetch failed. Check access settings or use our File Upload API instead."
_LATER = "The service is busy, please try again later."
_POLICY = Failure(422, "CONTENT_POLICY_BLOCKED: The input or output was flagged as sensitive")
_VEO_POLICY = Failure(400, "Your prompt was flagged by Website as violating content policies.")
_GPT4O_POLICY = Failure(400, "Your content was flagged by OpenAI as violating content policies")
_VEO_4K = Failure(500, "The 4K version of this video is unavailable. Please try a different video.")

_FAILURES: dict[str, dict[str, Failure]] = {
    "policy": {"": _POLICY, "veo": _VEO_POLICY, "gpt4o-image": _GPT4O_POLICY},
    "fail": {"": _INTERNAL},
    "flag2": {"": Failure(500, "The task could not be created.", early=True)},
    "flag3": {"": Failure(501, "The upstream generation failed.")},
    "fail-501": {"": Failure(501, "Generation failed.")},
    "fail-fetch": {"": Failure(400, _FETCH), "gpt4o-image": Failure(451, "Failed to download the image.")},
    "fail-later": {"": Failure(400, _LATER)},
    "failed-but-charged": {"": _INTERNAL},
}


def failure_of(family: str, faults: Faults) -> Failure | None:
    """Return how a task with these faults fails, None when it succeeds."""
    for name in faults:
        if name in _FAILURES:
            return _VEO_4K if family == "veo-4k" else _FAILURES[name].get(family, _FAILURES[name][""])
    return None
