"""The verbs of money. Nothing else in the platform changes a balance.

Each verb inserts one Entry, whose signed bucket changes add up to zero; a trigger in the database adds it to the
wallet, and check constraints refuse what must not be. A verb is one statement, so it is atomic on its own and may
stand in a larger transaction. Replaying a key returns the first entry; the same key with other numbers is an error.

Amounts are integers in millicredits.
"""

from collections.abc import Sequence
from dataclasses import dataclass
from typing import Any

from django.db import connection
from django.db.models import Q, Sum
from django.utils import timezone

from accounts.errors import Refused
from accounts.models import User
from billing.amounts import format_credits
from billing.models import BUCKETS, Entry, Wallet

_RETURNED = ("id", "wallet_id", "about", *BUCKETS)


class KeyReused(Exception):
    """A key came back with other numbers, or about nothing: a bug of ours, never a customer's mistake."""


def _insert(source: str, parameters: list[Any], **given: Any) -> Entry | None:
    """Insert the entry whose wallet, subject and changes the SQL `source` selects.

    None when `source` selects no row or the key exists already.
    """
    given = {"note": "", "author_id": None, "created_at": timezone.now()} | given
    values = given | {"created_at": connection.ops.adapt_datetimefield_value(given["created_at"])}
    sql = (
        f"INSERT INTO billing_entry ({', '.join(given)}, {', '.join(_RETURNED[1:])}) "
        f"SELECT {', '.join(['%s'] * len(given))}, {source} "
        f"ON CONFLICT (key) DO NOTHING RETURNING {', '.join(_RETURNED)}"
    )
    with connection.cursor() as cursor:
        cursor.execute(sql, [*values.values(), *parameters])
        row = cursor.fetchone()
    return Entry(**dict(zip(_RETURNED, row, strict=True)), **given) if row else None


def _first(key: str, **expected: int) -> Entry | None:
    """The entry that a replayed key made before; KeyReused when it says something else."""
    entry = Entry.objects.filter(key=key).first()
    if entry and any(getattr(entry, name) != value for name, value in expected.items()):
        raise KeyReused(f"{key} was booked with other numbers")
    return entry


def _book(user_id: int, about: str, change: dict[str, int], **given: Any) -> Entry:
    """Book `change` if the wallet covers it, else raise Refused("insufficient_credits").

    The condition reads the wallet under its row lock, so parallel holds are decided one after the other (R-LED1).
    """
    lock = "FOR NO KEY UPDATE" if connection.features.has_select_for_no_key_update else ""
    source = f"""user_id, {", ".join(["%s"] * (1 + len(BUCKETS)))} FROM billing_wallet
        WHERE user_id = %s AND available + overdraft_limit + %s >= 0 {lock}"""
    amounts = [change.get(name, 0) for name in BUCKETS]
    entry = _insert(source, [about, *amounts, user_id, min(0, change["available"])], **given)
    if entry := entry or _first(given["key"], wallet_id=user_id, **change):
        return entry
    wallet = Wallet.objects.filter(pk=user_id).first()
    available = wallet.available + wallet.overdraft_limit if wallet else 0
    raise insufficient(-change["available"], available)


def insufficient(needed: int, available: int) -> Refused:
    """The refusal of everyone who would spend more than they have."""
    message = f"This needs {format_credits(needed)} credits; {format_credits(available)} are available."
    data = {"needed": format_credits(needed), "available": format_credits(available)}
    return Refused("insufficient_credits", message, status=402, **data)


def open_wallet(user: User) -> None:
    """Make sure that the user has a wallet. Idempotent."""
    Wallet.objects.bulk_create([Wallet(user=user)], ignore_conflicts=True)


def top_up(user: User, amount: int, *, payment: str, note: str = "") -> Entry:
    """Credits that were paid for; `payment` identifies the payment (`stripe:<id>`) and counts once."""
    open_wallet(user)
    return _book(user.pk, "", {"available": amount, "outside": -amount}, kind="top_up", key=payment, note=note)


def grant(user: User, amount: int, *, reason: str, note: str = "", author: User | None = None) -> Entry:
    """Credits given away; `reason` identifies the gift (`welcome:<user>`) and counts once."""
    open_wallet(user)
    change = {"available": amount, "outside": -amount}
    return _book(user.pk, "", change, kind="grant", key=reason, note=note, author_id=author.pk if author else None)


def adjust(user: User, amount: int, *, reason: str, note: str, author: User) -> Entry:
    """An operator's correction of either sign; never below what the wallet covers (R-AD1)."""
    open_wallet(user)
    change = {"available": amount, "outside": -amount}
    return _book(user.pk, "", change, kind="adjust", key=reason, note=note, author_id=author.pk)


def hold(user_id: int, amount: int, *, about: str) -> Entry:
    """Set credits aside for the job `about`; Refused("insufficient_credits") says what is needed and available."""
    return _book(user_id, about, {"available": -amount, "held": amount}, kind="hold", key=f"hold:{about}")


def settle(about: str, charge: int) -> Entry:
    """End the hold of the job `about`: take `charge` and give the rest back; `charge=0` returns it all.

    Charging and returning carry the same key, so a hold ends once, one way or the other (R-REF5).
    Raises KeyReused when it has ended with another charge, IntegrityError when `charge` exceeds the hold.
    """
    key = f"settle:{about}"
    source = "wallet_id, about, 0, held - %s, -held, %s, 0, 0 FROM billing_entry WHERE key = %s"
    entry = _insert(source, [charge, charge, f"hold:{about}"], kind="settle", key=key)
    if entry := entry or _first(key, spent=charge):
        return entry
    raise KeyReused(f"{key}: there is no such hold")


def refund(about: str, amount: int, *, note: str, author: User) -> Entry:
    """Give back charged credits, once per job and at most what it was charged (R-REF7)."""
    key = f"refund:{about}"
    source = "wallet_id, about, 0, %s, 0, %s, 0, 0 FROM billing_entry WHERE key = %s AND spent >= %s"
    parameters = [amount, -amount, f"settle:{about}", amount]
    entry = _insert(source, parameters, kind="refund", key=key, note=note, author_id=author.pk)
    if entry := entry or _first(key, available=amount):
        return entry
    raise Refused("refund_too_large", "A refund cannot be larger than what was charged.", status=409)


@dataclass(frozen=True)
class Receipt:
    """What the entries say about one job: `returned` went back when the hold ended, `refunded` by an operator later."""

    held: int = 0
    charged: int = 0
    returned: int = 0
    refunded: int = 0


def receipts(abouts: Sequence[str]) -> dict[str, Receipt]:
    """The receipts of many jobs with one query; always read from the entries (R-REF6, R-LED7)."""

    def total(kind: str, bucket: str) -> Sum:
        return Sum(bucket, filter=Q(kind=kind), default=0)

    sums = (
        Entry.objects.filter(about__in=abouts)
        .values_list("about")
        .annotate(
            sum_held=total("hold", "held"),
            sum_charged=total("settle", "spent"),
            sum_returned=total("settle", "available"),
            sum_refunded=total("refund", "available"),
        )
    )
    found = {about: Receipt(*amounts) for about, *amounts in sums}
    return {about: found.get(about, Receipt()) for about in abouts}
