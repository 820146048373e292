"""The answers of KIE on a bad day, one per fault in `faults.ANSWERS`."""

from starlette.responses import HTMLResponse, Response

from generation.kie.simulator.envelope import Refusal, refuse
from generation.kie.simulator.faults import ANSWERS, Faults
from generation.kie.simulator.hangup import NoAnswer

_PAGE = "<!DOCTYPE html><html><head><title>{0}</title></head><body><h1>{0}</h1></body></html>"


def answer(name: str) -> Response:
    """Return the response of an answer fault."""
    if name.isdigit():
        return refuse(Refusal(int(name)))
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
