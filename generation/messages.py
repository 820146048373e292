"""Why a generation failed, in words for customers. KIE's own words never reach them (R-API1)."""

from generation.kie.families import failures

DEADLINE = "deadline"
LOST = "lost"
UNSTORABLE = "result_unavailable"
UNAVAILABLE = "temporarily_unavailable"
CANCELED = "canceled"
OPERATOR = "stopped_by_operator"

MESSAGES = {
    failures.POLICY: "The request was refused by the content policy. Please change the prompt or the files.",
    failures.INVALID: "The model could not work with this input. Please check the fields and files.",
    failures.UNREACHABLE: "An input file could not be fetched. Please upload it, or check that its address is public.",
    failures.MODEL: "This model is not available at the moment.",
    failures.TIMEOUT: "The model did not answer in time.",
    failures.FAILED: "The generation failed. Please try again.",
    failures.EMPTY: "The model finished without a result.",
    DEADLINE: "The generation did not finish in time.",
    LOST: "The generation was lost on its way.",
    UNSTORABLE: "The result could not be fetched.",
    UNAVAILABLE: "The model is temporarily unavailable. Please try again later.",
    CANCELED: "Canceled before it started.",
    OPERATOR: "Stopped by the operator.",
}


def message(code: str) -> str:
    """The words for a code; the reassurance that nothing was charged is part of them."""
    return f"{MESSAGES[code]} Nothing was charged."
