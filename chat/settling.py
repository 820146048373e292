"""What a chat call costs in the end: KIE's own word, else the tokens, else the length of the reply, else nothing."""

from dataclasses import dataclass

from billing import ledger
from generation import catalog, gateway, lifecycle, messages, pricing, tokens, trouble
from generation.kie.errors import KieError, Rejected, Unavailable
from generation.kie.families import failures
from generation.kie.families.base import Request
from generation.kie.streams import TimedOut
from generation.models import Generation

State = Generation.State
CostSource = Generation.CostSource
INTERRUPTED = "interrupted"
INTERNAL = "internal"


class Nobody(KieError):
    """The caller was gone before KIE was asked; nothing was sent."""


@dataclass(frozen=True)
class Ended:
    """How a call ended. `error_code` is "" when the reply is whole; else `error_message` is for customers."""

    generation_id: str
    charged_millicredits: int
    input_tokens: int
    output_tokens: int
    finish_reason: str
    error_code: str = ""
    error_message: str = ""


@dataclass(frozen=True)
class Heard:
    """What there is to settle by. `asked_tokens` estimates the request, `delivered_bytes` measures the reply."""

    usage: tokens.Usage | None
    cost_millicredits: int | None
    finish_reason: str
    delivered_bytes: int
    asked_tokens: int
    error: KieError | None
    status: int | None
    path: str
    milliseconds: int


def settle(generation: Generation, entry: catalog.Entry, heard: Heard) -> Ended:
    """End a call, once, and its hold with it. Whoever ended it before, say the sweep, was first: the cost is booked."""
    if isinstance(heard.error, Unavailable) and (heard.error.account or heard.error.alert):
        trouble.heed(heard.error)
    if isinstance(heard.error, Rejected):
        trouble.report(entry.id, heard.error)
    if heard.error is not None and not isinstance(heard.error, Nobody):
        _record(generation, heard)
    usage = _usage(heard)
    cost = _cost(entry, heard, usage)
    if cost is None:
        return _failed(generation, heard)
    return _charged(generation, heard, usage, cost)


def _usage(heard: Heard) -> tokens.Usage:
    """The tokens: KIE's count, or ours from the length of what it leaves out (protocol 5.4)."""
    told = heard.usage or tokens.Usage(0, 0)
    delivered = tokens.estimate(heard.delivered_bytes)
    asked = heard.asked_tokens if delivered or told.output else 0
    return tokens.Usage(told.input or asked, told.output or delivered, told.cached, told.cache_written)


def _cost(entry: catalog.Entry, heard: Heard, usage: tokens.Usage) -> int | None:
    """What KIE charges, in its millicredits; None when there is neither a reply nor a sign of one."""
    if heard.cost_millicredits is not None and (heard.cost_millicredits or heard.delivered_bytes):
        return heard.cost_millicredits
    # Some count the request before there is a reply; without one it costs nothing (R-CH1).
    told = heard.usage is not None and heard.usage.output > 0
    if heard.cost_millicredits is None and (told or heard.delivered_bytes):
        return pricing.used(entry, usage)
    return None


def _charged(generation: Generation, heard: Heard, usage: tokens.Usage, cost: int) -> Ended:
    why = "answered" if heard.error is None else "broke off after part of the reply"
    source = CostSource.REPORTED if heard.cost_millicredits is not None else CostSource.ESTIMATED
    if source == CostSource.ESTIMATED:
        why += f", cost estimated from its {'tokens' if heard.usage and heard.usage.output else 'length'}"
    if not lifecycle.finish(generation, State.SUCCEEDED, why, cost=cost, source=source):
        lifecycle.book_cost(generation, cost, source)
    return _ended(generation, heard, usage, INTERRUPTED if heard.error else "")


def _failed(generation: Generation, heard: Heard) -> Ended:
    error = heard.error
    why = f"KIE: {error}" if error else "KIE answered with nothing"
    # Whether KIE charges for an answer that never came is not known; everything else cost nothing.
    cost = 0 if error is None or isinstance(error, Nobody | Unavailable | Rejected) else None
    code, state = _code(error), State.CANCELED if isinstance(error, Nobody) else State.FAILED
    if not lifecycle.finish(generation, state, why, error=code, cost=cost):
        lifecycle.book_cost(generation, cost)
    return _ended(generation, heard, tokens.Usage(0, 0), code)


def _code(error: KieError | None) -> str:
    match error:
        case None:
            return failures.EMPTY
        case Rejected():
            return error.code
        case Nobody():
            return messages.CANCELED
        case Unavailable():
            return messages.UNAVAILABLE
        case TimedOut():
            return failures.TIMEOUT
    return failures.FAILED


def _ended(generation: Generation, heard: Heard, usage: tokens.Usage, code: str) -> Ended:
    charged = ledger.receipts([generation.about])[generation.about].charged
    message = _message(code)
    finish = heard.finish_reason if not code else ""
    return Ended(str(generation.pk), charged, usage.input, usage.output, finish, code, message)


def _message(code: str) -> str:
    if code == INTERRUPTED:
        return "The reply broke off. Only what was delivered is charged."
    if code == INTERNAL:
        return "Something went wrong on our side. What is not charged is returned automatically."
    return messages.message(code) if code else ""


def _record(generation: Generation, heard: Heard) -> None:
    """Keep what went wrong for operators, without what was said."""
    request = Request("POST", heard.path, json=generation.input)
    gateway.record(generation, gateway.Said(request, heard.status, repr(heard.error), heard.milliseconds))


def unsettled(generation: Generation, heard: Heard) -> Ended:
    """For a call that cannot be settled now: the sweep returns its credits at its deadline."""
    return Ended(str(generation.pk), 0, 0, 0, "", INTERNAL, _message(INTERNAL))
