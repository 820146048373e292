"""What must add up when the soak is over: our books, KIE's debits, Stripe's totals."""

from collections.abc import Iterator
from typing import Any

from django.conf import settings
from django.core.management import call_command
from django.db.models import Sum

from billing.amounts import MILLI
from billing.models import Payment, Wallet
from generation.models import Generation
from tests.simulator import Simulator
from tests.stripe_simulator_process import StripeSimulator

CHAT_MODEL = "gemini-3-flash"
# What KIE debits for these, or when a reply does not reach its end, it tells nobody: an estimate is booked.
UNTOLD = {"no-cost", "error-midway"}


def open_work() -> int:
    """What is not over yet: generations, and tasks that KIE still works on for nobody."""
    return Generation.objects.exclude(state__in=Generation.TERMINAL).count()


def faults(kie: Simulator, stripe: StripeSimulator) -> list[str]:
    """What does not add up."""
    found = []
    try:
        call_command("verify_money", "--no-files")
    except SystemExit:
        found.append("verify_money found violations")
    if open_work():
        found.append(f"{open_work()} generations are open")
    if held := Wallet.objects.aggregate(held=Sum("held"))["held"]:
        found.append(f"{held} millicredits are still held")
    return found + list(_cost(kie)) + list(_paid(stripe))


def _cost(kie: Simulator) -> Iterator[str]:
    """KIE's debits against the booked cost: where KIE never told one, the estimate is what it took.

    A chat whose cost KIE did not tell is estimated by its tokens or its length; those are compared apart.
    """
    state = kie.state()
    debited = round((state["debited"] - state["returned"]) * MILLI)
    chats = [chat for chat in kie.chats(1_000_000) if not _told(chat)]
    silent = round(sum(chat["debited"] or 0 for chat in chats) * MILLI)
    known = Generation.objects.filter(cost_millicredits__isnull=False)
    guessed = known.filter(model=CHAT_MODEL, cost_source=Generation.CostSource.ESTIMATED)
    booked, estimated = (rows.aggregate(sum=Sum("cost_millicredits", default=0))["sum"] for rows in (known, guessed))
    untold = Generation.objects.filter(cost_millicredits=None).exclude(kie_task_id=None)
    expected = untold.aggregate(sum=Sum("cost_estimate_millicredits", default=0))["sum"]
    print(f"KIE debited {debited}; booked {booked}, and {expected} estimated for {untold.count()} without an answer")
    print(f"of these {silent} for {len(chats)} chats whose cost it told nobody; {estimated} estimated for them")
    if debited - silent != booked - estimated + expected:
        yield f"KIE debited {debited - silent} millicredits, {booked - estimated + expected} are booked"


def _told(chat: dict[str, Any]) -> bool:
    """Whether KIE said what a chat cost: at its end, if it came to it."""
    whole = chat["state"] == "done" or "cut-after-usage" in chat["faults"]
    return whole and not UNTOLD.intersection(chat["faults"])


def _paid(stripe: StripeSimulator) -> Iterator[str]:
    """What Stripe moved against our payments, and those against the ledger (R-INV7 is part of verify_money)."""
    told = stripe.totals().get(settings.CURRENCY.lower(), {})
    names = {"paid": "paid_minor", "refunded": "refunded_minor", "disputes_lost": "lost_minor"}
    ours = Payment.objects.aggregate(**{name: Sum(column, default=0) for name, column in names.items()})
    print(f"Stripe: {told}; ours: {ours}")
    for name, amount in ours.items():
        if told.get(name, 0) != amount:
            yield f"Stripe says {name} {told.get(name, 0)}, we say {amount}"
