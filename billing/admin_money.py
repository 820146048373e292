"""The buttons that move money. Each calls one verb of the ledger, with the operator as author (R-AD1)."""

from collections.abc import Callable
from typing import Any

from django.db.models import Sum
from django.http import HttpRequest

from accounts.admin_buttons import Button
from accounts.errors import Refused
from accounts.models import User
from billing import ledger
from billing.admin_forms import CorrectionForm, GiftForm
from billing.amounts import format_credits
from billing.models import Entry, Wallet

PERMISSION = "billing.add_entry"


def before_and_after(entry: Entry) -> tuple[int, int]:
    """The millicredits that were available before and after an entry, from the entries themselves (R-LED7)."""
    earlier = Entry.objects.filter(wallet=entry.wallet_id, pk__lt=entry.pk)
    before = earlier.aggregate(total=Sum("available", default=0))["total"]
    return before, before + entry.available


def booked(entry: Entry, what: str) -> str:
    """What an entry did, with before and after."""
    before, after = (format_credits(amount) for amount in before_and_after(entry))
    amount = format_credits(entry.available)
    return f"{what} {amount} credits for {entry.wallet.user}: {before} were available, now {after}. {entry.note}"


def once(key: str, book: Callable[[], Entry]) -> Entry:
    """Book; a page that is sent again is refused and told what it did the first time."""
    again = Refused("already_done", "This was booked before, once. Look at the entries first.", status=409)
    if Entry.objects.filter(key=key).exists():
        raise again
    try:
        return book()
    except ledger.KeyReused:
        raise again from None


def _user(obj: User | Wallet) -> User:
    return obj.user if isinstance(obj, Wallet) else obj


def _grant(request: HttpRequest, obj: User | Wallet, data: dict[str, Any]) -> str:
    key = f"grant:admin:{data['token']}"
    given = {"reason": key, "note": data["reason"], "author": request.user}
    entry = once(key, lambda: ledger.grant(_user(obj), data["amount"], **given))
    return booked(entry, "Granted")


def _adjust(request: HttpRequest, obj: User | Wallet, data: dict[str, Any]) -> str:
    key = f"adjust:admin:{data['token']}"
    given = {"reason": key, "note": data["reason"], "author": request.user}
    entry = once(key, lambda: ledger.adjust(_user(obj), data["amount"], **given))
    return booked(entry, "Adjusted by")


BUTTONS = (
    Button("grant", "Grant…", PERMISSION, _grant, "Credits are given away to:", form=GiftForm),
    Button("adjust", "Adjust…", PERMISSION, _adjust, "The available credits are corrected for:", form=CorrectionForm),
)
