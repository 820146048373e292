"""The verbs of money. Nothing else in the platform changes a balance.

Each verb inserts one Entry, whose signed bucket changes add up to zero; a trigger in the database adds it to the
wallet, and check constraints refuse what must not be. What comes in makes a lot, and what is charged uses lots up
(billing.lots). A verb is atomic on its own and may stand in a larger transaction. Replaying a key returns the first
entry; the same key with other numbers is an error.

Amounts are integers in millicredits.
"""

from collections.abc import Sequence
from contextlib import AbstractContextManager
from dataclasses import dataclass
from datetime import datetime
from typing import Any

from django.db import connection, transaction
from django.db.models import Count, Q, Sum
from django.utils import timezone

from accounts.errors import Refused
from accounts.models import User
from billing import lots
from billing.amounts import format_credits
from billing.models import BUCKETS, Entry, Lot, LotChange, Wallet

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


def _together() -> AbstractContextManager[None]:
    """The entry and its lots, at once. No savepoint: a verb that fails half-way undoes the transaction around it."""
    return transaction.atomic(savepoint=False)


def _book(
    user_id: int, about: str, change: dict[str, int], *, unless_due_at: datetime | None = None, **given: Any
) -> Entry | None:
    """Book `change` if the wallet covers it; None when not, when the key exists, or when something is due to expire.

    The condition reads the wallet under its row lock, so parallel holds are decided one after the other (R-LED1).
    """
    source = f"""user_id, {", ".join(["%s"] * (1 + len(BUCKETS)))} FROM billing_wallet
        WHERE user_id = %s AND available + overdraft_limit + %s >= 0"""
    parameters = [about, *(change.get(name, 0) for name in BUCKETS), user_id, min(0, change["available"])]
    if unless_due_at:
        source += """ AND NOT EXISTS (
            SELECT 1 FROM billing_lot WHERE wallet_id = user_id AND remaining > 0 AND expires_at <= %s)"""
        parameters.append(connection.ops.adapt_datetimefield_value(unless_due_at))
    return _insert(f"{source} {_lock()}", parameters, **given)


def _lock() -> str:
    return "FOR NO KEY UPDATE" if connection.features.has_select_for_no_key_update else ""


def _refuse(user_id: int, needed: int) -> Refused:
    wallet = Wallet.objects.filter(pk=user_id).first()
    return insufficient(needed, wallet.available + wallet.overdraft_limit if wallet else 0)


def _replayed(key: str, **expected: int) -> Entry:
    entry = _first(key, **expected)
    if entry is None:
        raise KeyReused(f"{key}: nothing was booked under this key")
    return entry


def insufficient(needed: int, available: int) -> Refused:
    """The refusal of everyone who would spend more than they have."""
    message = f"This needs {format_credits(needed)} credits; {format_credits(available)} are available."
    data = {"needed": format_credits(needed), "available": format_credits(available)}
    return Refused("insufficient_credits", message, status=402, **data)


def open_wallet(user: User) -> None:
    """Make sure that the user has a wallet. Idempotent."""
    Wallet.objects.bulk_create([Wallet(user=user)], ignore_conflicts=True)


def top_up(user: User, amount: int, *, payment: str, note: str = "", expires_at: datetime | None = None) -> Entry:
    """Credits that were paid for; `payment` identifies the payment (`stripe:<id>`) and counts once.

    What is owed for a payment that was taken back is paid first (R-PAY7).
    """
    open_wallet(user)
    paid = "CASE WHEN owed < %s THEN owed ELSE %s END"
    source = f"user_id, '', %s, %s - {paid}, 0, 0, 0, -{paid} FROM billing_wallet WHERE user_id = %s {_lock()}"
    parameters = [-amount, amount, amount, amount, amount, amount, user.pk]
    with _together():
        entry = _insert(source, parameters, kind="top_up", key=payment, note=note)
        if entry:
            lots.add(entry, Lot.Source.PURCHASE, expires_at=expires_at)
    return entry or _replayed(payment, wallet_id=user.pk, outside=-amount)


def grant(
    user: User,
    amount: int,
    *,
    reason: str,
    note: str = "",
    author: User | None = None,
    expires_at: datetime | None = None,
    priority: int | None = None,
) -> Entry:
    """Credits given away; `reason` identifies the gift (`welcome:<user>`) and counts once.

    Of lots that expire at the same time, the one with the lower `priority` is used first.
    """
    open_wallet(user)
    change = {"available": amount, "outside": -amount}
    author_id = author.pk if author else None
    with _together():
        entry = _book(user.pk, "", change, kind="grant", key=reason, note=note, author_id=author_id)
        if entry:
            lots.add(entry, Lot.Source.GIFT, expires_at=expires_at, priority=priority)
    return entry or _replayed(reason, wallet_id=user.pk, **change)


def adjust(user: User, amount: int, *, reason: str, note: str, author: User) -> Entry:
    """An operator's correction of either sign; never below what the wallet covers (R-AD1)."""
    open_wallet(user)
    expire(user.pk)
    change = {"available": amount, "outside": -amount}
    with _together():
        entry = _book(user.pk, "", change, kind="adjust", key=reason, note=note, author_id=author.pk)
        if entry and amount > 0:
            lots.add(entry, Lot.Source.CORRECTION)
        elif entry:
            lots.consume(entry, -amount)
    if entry := entry or _first(reason, wallet_id=user.pk, **change):
        return entry
    raise _refuse(user.pk, -amount)


def hold(user_id: int, amount: int, *, about: str) -> Entry:
    """Set credits aside for the job `about`; Refused("insufficient_credits") says what is needed and available."""
    change, key = {"available": -amount, "held": amount}, f"hold:{about}"
    entry = _book(user_id, about, change, kind="hold", key=key, unless_due_at=timezone.now())
    if entry := entry or _first(key, wallet_id=user_id, **change):
        return entry
    with _together():
        # What expires is exact to the moment although it is booked late: it cannot be held any more.
        expire(user_id)
        entry = _book(user_id, about, change, kind="hold", key=key)
    if entry := entry or _first(key, wallet_id=user_id, **change):
        return entry
    raise _refuse(user_id, amount)


def settle(about: str, charge: int) -> Entry:
    """End the hold of the job `about`: take `charge` and give the rest back; `charge=0` returns it all.

    Charging and returning carry the same key, so a hold ends once, one way or the other (R-REF5).
    Raises KeyReused when it has ended with another charge, IntegrityError when `charge` exceeds the hold.
    """
    key = f"settle:{about}"
    source = "wallet_id, about, 0, held - %s, -held, %s, 0, 0 FROM billing_entry WHERE key = %s"
    with _together():
        entry = _insert(source, [charge, charge, f"hold:{about}"], kind="settle", key=key)
        if entry and charge:
            lots.consume(entry, charge)
    return entry or _replayed(key, spent=charge)


def refund(about: str, amount: int, *, note: str, author: User | None) -> Entry:
    """Give back charged credits, once per job and at most what it was charged (R-REF7)."""
    key = f"refund:{about}"
    source = "wallet_id, about, 0, %s, 0, %s, 0, 0 FROM billing_entry WHERE key = %s AND spent >= %s"
    parameters = [amount, -amount, f"settle:{about}", amount]
    with _together():
        author_id = author.pk if author else None
        entry = _insert(source, parameters, kind="refund", key=key, note=note, author_id=author_id)
        if entry:
            lots.reopen(entry)
    if entry := entry or _first(key, available=amount):
        return entry
    raise Refused("refund_too_large", "A refund cannot be larger than what was charged.", status=409)


# Credits that expire


def expire(user_id: int) -> int:
    """Book what of a wallet has expired; returns how much. Held credits stay until their hold ends."""
    now = timezone.now()
    if not lots.open_lots(user_id).filter(expires_at__lte=now).exists():
        return 0
    with _together():
        Wallet.objects.select_for_update(no_key=True).get(pk=user_id)
        return sum(_expire(lot, amount) for lot, amount in lots.due(user_id, now))


def _expire(lot: Lot, amount: int) -> int:
    before = LotChange.objects.filter(lot=lot, entry__kind="expire").aggregate(count=Count("pk"))["count"]
    # A lot expires in parts when some of it was held at its time.
    key = f"expire:{lot.pk}:{before}"
    change = {"available": -amount, "expired": amount}
    entry = _book(lot.wallet_id, "", change, kind="expire", key=key, note=f"Expired: {lot.get_source_display()}")
    if entry is None:
        raise KeyReused(f"{key} cannot be booked")
    lots.take(entry, lot)
    return amount


def expire_all(limit: int = 500) -> int:
    """Book what has expired in up to `limit` wallets; returns how much."""
    return sum(expire(user_id) for user_id in list(lots.wallets_due(timezone.now(), limit)))


# Payments that are taken back


def freeze(user_id: int, amount: int, *, dispute: str) -> Entry | None:
    """Set aside what there is of `amount` while a payment is disputed; None when there is nothing (R-PAY7)."""
    key, taken = f"freeze:{dispute}", "CASE WHEN available < %s THEN available ELSE %s END"
    source = f"""user_id, %s, 0, -{taken}, {taken}, 0, 0, 0 FROM billing_wallet
        WHERE user_id = %s AND available > 0 {_lock()}"""
    parameters = [dispute, amount, amount, amount, amount, user_id]
    return _insert(source, parameters, kind="freeze", key=key) or _first(key, wallet_id=user_id)


def unfreeze(dispute: str) -> Entry | None:
    """Give back what was set aside for a dispute; None when that was nothing."""
    key = f"unfreeze:{dispute}"
    source = "wallet_id, about, 0, held, -held, 0, 0, 0 FROM billing_entry WHERE key = %s"
    return _insert(source, [f"freeze:{dispute}"], kind="unfreeze", key=key) or _first(key)


def reverse(payment: str, amount: int, *, reason: str, note: str = "") -> Entry:
    """Take back credits of a payment that was refunded or lost in a dispute; `reason` identifies that, once (R-PAY6).

    What was spent of them is owed, and the next top-up pays it. Raises Refused("reversal_too_large") for more than is
    left of the payment.
    """
    taken = "CASE WHEN w.available < 0 THEN 0 WHEN w.available < %s THEN w.available ELSE %s END"
    source = f"""w.user_id, p.key, %s, -({taken}), 0, 0, 0, %s - {taken}
        FROM billing_wallet w JOIN billing_entry p ON p.wallet_id = w.user_id AND p.key = %s AND p.kind = 'top_up'
        WHERE -p.outside - COALESCE((
            SELECT SUM(r.outside) FROM billing_entry r WHERE r.about = p.key AND r.kind = 'reversal'), 0) >= %s"""  # noqa: S608
    parameters = [amount, amount, amount, amount, amount, amount, payment, amount]
    with _together():
        # Locked before the sum is read, so that two reversals of one payment see each other.
        first = Entry.objects.filter(key=payment, kind="top_up").values("wallet_id", "lot_changes__lot_id").first()
        if first:
            expire(first["wallet_id"])
            Wallet.objects.select_for_update(no_key=True).get(pk=first["wallet_id"])
        entry = _insert(source, parameters, kind="reversal", key=reason, note=note)
        if first and entry and entry.available:
            lots.consume(entry, -entry.available, first["lot_changes__lot_id"])
    if entry := entry or _first(reason, outside=amount):
        return entry
    raise Refused("reversal_too_large", "This is more than is left of the payment.", status=409)


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
