"""What an operator may do to a generation; each button calls one verb."""

from typing import Any

from django import forms
from django.http import HttpRequest

from accounts import idempotency
from accounts.admin_buttons import Button
from accounts.errors import Refused
from billing import ledger
from billing.admin.forms import GiftForm
from billing.admin.money import PERMISSION, booked, once
from billing.amounts import format_credits
from generation import lifecycle
from generation.models import Generation

CHANGE = "generation.change_generation"


def _check_now(request: HttpRequest, generation: Generation, data: dict[str, Any]) -> str:
    if not lifecycle.check_now(generation):
        raise Refused("not_watched", "Nothing more is expected of this generation.", status=409)
    return "It is looked at now."


def _fail(request: HttpRequest, generation: Generation, data: dict[str, Any]) -> str:
    if not lifecycle.fail(generation, by=str(request.user)):
        raise Refused("already_ended", "This generation has ended already.", status=409)
    return "Failed, and the held credits were returned."


def _repeat(request: HttpRequest, generation: Generation, data: dict[str, Any]) -> str:
    operator: Any = request.user
    again = idempotency.once(
        operator, f"repeat:{data['token']}", lambda: str(lifecycle.repeat(generation, by=str(operator)).pk)
    )
    return f"It runs again as {again}."


def _refund(request: HttpRequest, generation: Generation, data: dict[str, Any]) -> str:
    about, note = generation.about, data["reason"]
    author: Any = request.user
    key = f"refund:{about}"
    entry = once(key, lambda: ledger.refund(about, data["amount"], note=note, author=author))
    return booked(entry, "Refunded")


def _enter_cost(request: HttpRequest, generation: Generation, data: dict[str, Any]) -> str:
    before = generation.cost_millicredits
    lifecycle.enter_cost(generation, data["amount"], by=str(request.user))
    known = "nothing was" if before is None else f"{format_credits(before)} were"
    return f"Its cost is {format_credits(data['amount'])} KIE credits; {known} booked before. {data['reason']}"


class CostForm(GiftForm):
    """What KIE's own log says, which may be nothing."""

    def clean_amount(self) -> int:
        if self.cleaned_data["amount"] < 0:
            raise forms.ValidationError("This must not be negative.")
        return self.cleaned_data["amount"]


def _receipt(generation: Generation) -> ledger.Receipt:
    return ledger.receipts([generation.about])[generation.about]


def _refundable(generation: Generation) -> bool:
    """Whether it was charged, and nothing of that was refunded yet."""
    receipt = _receipt(generation)
    return receipt.charged > 0 and not receipt.refunded


BUTTONS = (
    Button(
        "check",
        "Check now",
        CHANGE,
        _check_now,
        "KIE is asked for the state at once:",
        shown=lambda generation: generation.check_at is not None,
        bulk=True,
    ),
    Button(
        "fail",
        "Fail and refund",
        CHANGE,
        _fail,
        "The generation ends as failed, and its held credits go back to the customer. KIE may still charge us for:",
        shown=lambda generation: not generation.terminal,
        bulk=True,
    ),
    Button(
        "repeat",
        "Run again",
        CHANGE,
        _repeat,
        "The same request is made once more for its customer, who pays today's price if it succeeds:",
    ),
    Button(
        "refund",
        "Refund…",
        PERMISSION,
        _refund,
        "Charged credits are given back, once, for:",
        form=GiftForm,
        initial=lambda generation: {"amount": _receipt(generation).charged},
        shown=_refundable,
    ),
    Button(
        "cost",
        "Enter KIE's cost…",
        CHANGE,
        _enter_cost,
        "Our books say from now on that KIE charged so much for:",
        form=CostForm,
        initial=lambda generation: {"amount": generation.cost_millicredits},
        shown=lambda generation: generation.terminal,
    ),
)
