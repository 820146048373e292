"""How each family words each failure (protocol 1.5, 4.1 to 4.9)."""

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
_RUNWAY_POLICY = Failure(400, "Inappropriate content detected. Please replace the image or video.")
_ALEPH_POLICY = Failure(400, "Your prompt was caught by our AI moderator. Please adjust it and try again!")
_LUMA_FAILED = Failure(500, "Modify record generation failed.")
_MIDJOURNEY_FAILED = Failure(500, "Image generation failed")
_SUNO_POLICY = Failure(400, "Song Description flagged for moderation")
# What answers at once fails with 501, for 500 would say that nothing was begun.
_SUNO_FAILED = {
    "suno": Failure(501, "Audio generation failed"),
    "suno-at-once": Failure(501, "Generation failed"),
    "gemini-omni": Failure(501, "Generation failed"),
    "suno-vocal-removal": Failure(500, "Vocal separation failed"),
    "suno-midi": Failure(500, "MIDI generation failed"),
    "suno-cover": Failure(501, "Cover generation failed"),
}
_VEO_4K = Failure(500, "The 4K version of this video is unavailable. Please try a different video.")

_FAILURES: dict[str, dict[str, Failure]] = {
    "policy": {
        "": _POLICY,
        "veo": _VEO_POLICY,
        "gpt4o-image": _GPT4O_POLICY,
        "flux-kontext": _VEO_POLICY,
        "runway": _RUNWAY_POLICY,
        "runway-aleph": _ALEPH_POLICY,
        "suno": _SUNO_POLICY,
        "suno-at-once": _SUNO_POLICY,
        "suno-lyrics": _SUNO_POLICY,
    },
    "fail": {"": _INTERNAL, "luma": _LUMA_FAILED, "midjourney": _MIDJOURNEY_FAILED, **_SUNO_FAILED},
    "flag2": {"": Failure(500, "The task could not be created.", early=True)},
    "flag3": {
        "": Failure(501, "The upstream generation failed."),
        "flux-kontext": Failure(501, "Image generation task failed"),
    },
    "fail-501": {"": Failure(501, "Generation failed.")},
    "fail-fetch": {"": Failure(400, _FETCH), "gpt4o-image": Failure(451, "Failed to download the image.")},
    "fail-later": {
        "": Failure(400, _LATER),
        "runway": Failure(400, "Reached the limit for concurrent generations"),
    },
    "fail-408": {"": Failure(408, "Upstream service timed out")},
    "fail-413": {"": Failure(413, "The uploaded audio matches an existing work of art")},
    "fail-531": {"": Failure(531, "Generation failed. Credits have been refunded. Please try again.")},
    "fail-after-first": {"": Failure(501, "Audio generation failed")},
    "failed-but-charged": {"": _INTERNAL},
}


def failure_of(family: str, faults: Faults) -> Failure | None:
    """Return how a task with these faults fails, None when it succeeds."""
    for name in faults:
        if name in _FAILURES:
            return _VEO_4K if family == "veo-4k" else _FAILURES[name].get(family, _FAILURES[name][""])
    return None
