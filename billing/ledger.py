"""The verbs of money. Nothing else in the platform changes a balance.

Each verb inserts one Entry, whose signed bucket changes add up to zero; a trigger in the database adds it to the
wallet, and check constraints refuse what must not be. What comes in makes a lot, and what is charged uses lots up
(billing.lots). A verb is atomic on its own and may stand in a larger transaction. Replaying a key returns the first
entry; the same key with other numbers is an error.

Amounts are integers in millicredits.
"""

from collections.abc import Sequence
from dataclasses import dataclass
from datetime import datetime

from django.db import connection
from django.db.models import Count, Q, Sum
from django.utils import timezone

from accounts.errors import Refused
from accounts.models import User
from billing import entries, lots
from billing.amounts import format_credits
from billing.entries import KeyReused
from billing.models import Entry, Lot, LotChange, PaymentDispute, Wallet


def _refuse(user_id: int, needed: int) -> Refused:
    wallet = Wallet.objects.filter(pk=user_id).first()
    return insufficient(needed, wallet.available + wallet.overdraft_limit if wallet else 0)


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
    source = f"user_id, '', %s, %s - {paid}, 0, 0, 0, -{paid} FROM billing_wallet WHERE user_id = %s {entries.lock()}"
    parameters = [-amount, amount, amount, amount, amount, amount, user.pk]
    with entries.together():
        entry = entries.insert(source, parameters, kind="top_up", key=payment, note=note)
        if entry:
            lots.add(entry, Lot.Source.PURCHASE, expires_at=expires_at)
    return entry or entries.replayed(payment, wallet_id=user.pk, outside=-amount)


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
    with entries.together():
        entry = entries.book(user.pk, "", change, kind="grant", key=reason, note=note, author_id=author_id)
        if entry:
            lots.add(entry, Lot.Source.GIFT, expires_at=expires_at, priority=priority)
    return entry or entries.replayed(reason, wallet_id=user.pk, **change)


def adjust(user: User, amount: int, *, reason: str, note: str, author: User) -> Entry:
    """An operator's correction of either sign; never below what the wallet covers (R-AD1)."""
    open_wallet(user)
    expire(user.pk)
    change = {"available": amount, "outside": -amount}
    with entries.together():
        entry = entries.book(user.pk, "", change, kind="adjust", key=reason, note=note, author_id=author.pk)
        if entry and amount > 0:
            lots.add(entry, Lot.Source.CORRECTION)
        elif entry:
            lots.consume(entry, -amount)
    if entry := entry or entries.first(reason, wallet_id=user.pk, **change):
        return entry
    raise _refuse(user.pk, -amount)


def hold(user_id: int, amount: int, *, about: str) -> Entry:
    """Set credits aside for the job `about`; Refused("insufficient_credits") says what is needed and available."""
    change, key = {"available": -amount, "held": amount}, f"hold:{about}"
    entry = entries.book(user_id, about, change, kind="hold", key=key, unless_due_at=timezone.now())
    if entry := entry or entries.first(key, wallet_id=user_id, **change):
        return entry
    with entries.together():
        # What expires is exact to the moment although it is booked late: it cannot be held any more.
        expire(user_id)
        entry = entries.book(user_id, about, change, kind="hold", key=key)
    if entry := entry or entries.first(key, wallet_id=user_id, **change):
        return entry
    raise _refuse(user_id, amount)


def settle(about: str, charge: int) -> Entry:
    """End the hold of the job `about`: take `charge` and give the rest back; `charge=0` returns it all.

    Charging and returning carry the same key, so a hold ends once, one way or the other (R-REF5).
    Raises KeyReused when it has ended with another charge, IntegrityError when `charge` exceeds the hold.
    """
    key = f"settle:{about}"
    source = "wallet_id, about, 0, held - %s, -held, %s, 0, 0 FROM billing_entry WHERE key = %s"
    with entries.together():
        entry = entries.insert(source, [charge, charge, f"hold:{about}"], kind="settle", key=key)
        if entry and charge:
            lots.consume(entry, charge, hold=f"hold:{about}")
        if entry and entry.available:
            _claim(entry)
    return entry or entries.replayed(key, spent=charge)


def refund(about: str, amount: int, *, note: str, author: User | None) -> Entry:
    """Give back charged credits, once per job and at most what it was charged (R-REF7)."""
    key = f"refund:{about}"
    source = "wallet_id, about, 0, %s, 0, %s, 0, 0 FROM billing_entry WHERE key = %s AND spent >= %s"
    parameters = [amount, -amount, f"settle:{about}", amount]
    with entries.together():
        author_id = author.pk if author else None
        entry = entries.insert(source, parameters, kind="refund", key=key, note=note, author_id=author_id)
        if entry:
            lots.reopen(entry)
            _claim(entry)
    if entry := entry or entries.first(key, available=amount):
        return entry
    raise Refused("refund_too_large", "A refund cannot be larger than what was charged.", status=409)


# Credits that expire


def expire(user_id: int) -> int:
    """Book what of a wallet has expired; returns how much. Held credits stay until their hold ends."""
    now = timezone.now()
    if not lots.open_lots(user_id).filter(expires_at__lte=now).exists():
        return 0
    with entries.together():
        Wallet.objects.select_for_update(no_key=True).get(pk=user_id)
        return sum(_expire(lot, amount) for lot, amount in lots.due(user_id, now))


def _expire(lot: Lot, amount: int) -> int:
    before = LotChange.objects.filter(lot=lot, entry__kind="expire").aggregate(count=Count("pk"))["count"]
    # A lot expires in parts when some of it was held at its time.
    key = f"expire:{lot.pk}:{before}"
    change = {"available": -amount, "expired": amount}
    entry = entries.book(lot.wallet_id, "", change, kind="expire", key=key, note=f"Expired: {lot.get_source_display()}")
    if entry is None:
        raise KeyReused(f"{key} cannot be booked")
    lots.take(entry, lot)
    return amount


def expire_all(limit: int = 500) -> int:
    """Book what has expired in up to `limit` wallets; returns how much."""
    return sum(expire(user_id) for user_id in list(lots.wallets_due(timezone.now(), limit)))


# Payments that are taken back


def freeze(user_id: int, amount: int, *, dispute: str, part: int = 0) -> Entry | None:
    """Set aside what there is of `amount` while a payment is disputed; None when there is nothing (R-PAY7).

    `part` tells apart what is set aside later, when it comes back from a job.
    """
    key = f"freeze:{dispute}:{part}" if part else f"freeze:{dispute}"
    taken = "CASE WHEN available < %s THEN available ELSE %s END"
    source = f"""user_id, %s, 0, -{taken}, {taken}, 0, 0, 0 FROM billing_wallet
        WHERE user_id = %s AND available > 0 {entries.lock()}"""
    parameters = [dispute, amount, amount, amount, amount, user_id]
    return entries.insert(source, parameters, kind="freeze", key=key) or entries.first(key, wallet_id=user_id)


def unfreeze(dispute: str, *, won: bool = True) -> Entry | None:
    """Give back what was set aside for a dispute; None when that was nothing.

    What has expired meanwhile can be used again if it was won. If it was lost, `reverse` takes it next.
    """
    key = f"unfreeze:{dispute}"
    source = """wallet_id, about, 0, SUM(held), -SUM(held), 0, 0, 0 FROM billing_entry
        WHERE about = %s AND kind = 'freeze' GROUP BY wallet_id, about"""
    with entries.together():
        if frozen := Entry.objects.filter(about=dispute, kind="freeze").first():
            expire(frozen.wallet_id)
        entry = entries.insert(source, [dispute], kind="unfreeze", key=key)
        if entry and won:
            lots.prolong(entry)
        if entry:
            _claim(entry)
    return entry or entries.first(key)


def held_by_jobs(user_id: int) -> int:
    """What of the held credits belongs to jobs and not to disputes."""
    moved = Entry.objects.filter(wallet=user_id, kind__in=["hold", "settle"])
    return moved.aggregate(held=Sum("held", default=0))["held"]


# As text, because nearly every settlement asks it and Django takes longer to write it than the database to answer.
_ANY_CLAIM = """
    SELECT 1 FROM billing_wallet w WHERE w.user_id = %s AND (w.owed > 0 OR EXISTS (
        SELECT 1 FROM billing_paymentdispute d JOIN billing_payment p ON p.id = d.payment_id
        WHERE p.user_id = w.user_id AND d.state = 'open' AND d.short_millicredits > 0))
"""


def _claim(entry: Entry) -> None:
    """What came back belongs to open disputes first, then to what is owed: both looked for it before (R-PAY7)."""
    with connection.cursor() as cursor:
        cursor.execute(_ANY_CLAIM, [entry.wallet_id])
        if cursor.fetchone() is None:
            return
    open_disputes = PaymentDispute.objects.filter(payment__user=entry.wallet_id, state=PaymentDispute.State.OPEN)
    for dispute in open_disputes.filter(short_millicredits__gt=0):
        later = Entry.objects.filter(about=dispute.dispute_id, kind="freeze").exclude(
            key=f"freeze:{dispute.dispute_id}"
        )
        found = later.aggregate(held=Sum("held", default=0))["held"]
        if missing := min(dispute.short_millicredits - found, entry.available):
            freeze(entry.wallet_id, missing, dispute=dispute.dispute_id, part=entry.pk)
    _repay(entry)


def _repay(entry: Entry) -> None:
    """Pay what is owed from what `entry` gave back, as far as it is there."""
    most = entry.available
    paid = "CASE WHEN owed <= available AND owed <= %s THEN owed WHEN available <= %s THEN available ELSE %s END"
    source = f"""user_id, '', 0, -({paid}), 0, 0, 0, -({paid}) FROM billing_wallet
        WHERE user_id = %s AND owed > 0 AND available > 0 {entries.lock()}"""
    repaid = entries.insert(source, [most] * 6 + [entry.wallet_id], kind="repay", key=f"repay:{entry.pk}")
    if repaid:
        lots.consume(repaid, -repaid.available)


def reverse(payment: str, amount: int, *, reason: str, note: str = "") -> Entry:
    """Take back credits of a payment that was refunded or lost in a dispute; `reason` identifies that, once (R-PAY6).

    What was spent of them is owed; the next top-up pays it, and whatever comes back before. What had expired is not.
    Raises Refused("reversal_too_large") for more than is left of the payment.
    """
    taken = "CASE WHEN w.available < 0 THEN 0 WHEN w.available < %s THEN w.available ELSE %s END"
    source = f"""w.user_id, p.key, %s, -({taken}), 0, 0, -%s, %s - {taken}
        FROM billing_wallet w JOIN billing_entry p ON p.wallet_id = w.user_id AND p.key = %s AND p.kind = 'top_up'
        WHERE -p.outside - COALESCE((
            SELECT SUM(r.outside) FROM billing_entry r WHERE r.about = p.key AND r.kind = 'reversal'), 0) >= %s"""  # noqa: S608
    lapsed = 0
    with entries.together():
        # Locked before the sum is read, so that two reversals of one payment see each other.
        first = Entry.objects.filter(key=payment, kind="top_up").values("wallet_id", "lot_changes__lot_id").first()
        if first:
            expire(first["wallet_id"])
            Wallet.objects.select_for_update(no_key=True).get(pk=first["wallet_id"])
            lapsed = lots.lapsed(payment, amount)
        rest = amount - lapsed
        parameters = [amount, rest, rest, lapsed, rest, rest, rest, payment, amount]
        entry = entries.insert(source, parameters, kind="reversal", key=reason, note=note)
        if first and entry and entry.available:
            lots.consume(entry, -entry.available, first=first["lot_changes__lot_id"])
    if entry := entry or entries.first(reason, outside=amount):
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
