"""Which credits are used, and in which order. Only the ledger calls this, in the transaction of the entry it booked.

The entry has locked the wallet, so nobody else touches the lots of this wallet meanwhile. Amounts are millicredits.
"""

from collections.abc import Iterable
from datetime import datetime, timedelta

from django.conf import settings
from django.db import connection
from django.db.models import Exists, F, OuterRef, Q, QuerySet, Sum
from django.utils import timezone

from billing.models import Entry, Lot, LotChange, Wallet

Kind = Entry.Kind
# Soonest expiring first, gifts before purchases on a tie; what never expires comes last.
ORDER = (F("expires_at").asc(nulls_last=True), F("priority").asc(), F("id").asc())


def open_lots(user_id: int) -> QuerySet[Lot]:
    """The lots that have something left, in the order in which they are used."""
    return Lot.objects.filter(wallet=user_id, remaining__gt=0).order_by(*ORDER)


def consume(entry: Entry, amount: int, *, first: int | None = None, hold: str = "") -> None:
    """Take `amount` from the open lots, or all of them when they have less: an overdraft comes from no lot (R-LED4).

    `first` is the lot to begin with. `hold` is the key of the hold that is charged: lots that had ended before it was
    made are kept for those that were made in time.
    """
    # One statement, since every charge runs through here.
    since = "(SELECT created_at FROM billing_entry WHERE key = %s)" if hold else "%s"
    sql = f"""
        INSERT INTO billing_lotchange (entry_id, lot_id, amount)
        SELECT %s, id, -CASE WHEN remaining < %s - taken THEN remaining ELSE %s - taken END
        FROM (
            SELECT id, remaining, SUM(remaining) OVER (
                ORDER BY id <> %s, COALESCE(expires_at <= {since}, FALSE), expires_at IS NULL, expires_at, priority, id
                ROWS UNBOUNDED PRECEDING
            ) - remaining AS taken
            FROM billing_lot WHERE wallet_id = %s AND remaining > 0
        ) AS open_lots WHERE taken < %s
    """  # noqa: S608 - `since` is one of the two texts above
    since_value = hold or connection.ops.adapt_datetimefield_value(entry.created_at)
    with connection.cursor() as cursor:
        cursor.execute(sql, [entry.pk, amount, amount, first or 0, since_value, entry.wallet_id, amount])


def add(entry: Entry, source: str, *, expires_at: datetime | None = None, priority: int | None = None) -> None:
    """Make a lot of the credits that `entry` brought in, less what an overdraft had used of them already."""
    if entry.available <= 0:
        return
    if priority is None:
        priority = Lot.GIFT_PRIORITY if source == Lot.Source.GIFT else Lot.PURCHASE_PRIORITY
    lot = Lot(wallet_id=entry.wallet_id, source=source, amount=entry.available, priority=priority)
    lot.expires_at, lot.created_at = expires_at, entry.created_at
    lot.save(force_insert=True)
    if room := _room(entry):
        LotChange.objects.create(lot=lot, entry=entry, amount=room)


def _room(entry: Entry) -> int:
    """By how much the open lots may grow with an entry that is booked: they never exceed what the wallet has."""
    wallet = Wallet.objects.get(pk=entry.wallet_id)
    after = wallet.available + wallet.held
    return max(0, after) - max(0, after - entry.available - entry.held)


def reopen(entry: Entry) -> None:
    """Give refunded credits back to the lots that paid the job, the last used first.

    What came from a lot that has expired meanwhile, or from none, gets a lot of its own: a refund can be used.
    """
    paid = paid_by(entry.about)
    left, expired = _room(entry), False
    for lot, amount in reversed(paid):
        if lot.expires_at and lot.expires_at <= entry.created_at:
            expired = True
        elif back := min(amount, left):
            LotChange.objects.create(lot=lot, entry=entry, amount=back)
            left -= back
    if left:
        lasts = timedelta(days=settings.REFUND_LASTS_DAYS)
        lot = Lot(wallet_id=entry.wallet_id, source=Lot.Source.REFUND, amount=left, created_at=entry.created_at)
        lot.expires_at = entry.created_at + lasts if expired else None
        lot.save(force_insert=True)
        LotChange.objects.create(lot=lot, entry=entry, amount=left)


def paid_by(about: str) -> list[tuple[Lot, int]]:
    """The lots that paid for a job and how much each, in the order in which they were used."""
    changes = LotChange.objects.filter(entry__key=f"settle:{about}").select_related("lot").order_by("id")
    return [(change.lot, -change.amount) for change in changes]


def due(user_id: int, now: datetime) -> list[tuple[Lot, int]]:
    """The lots that have expired and how much of each; what was held in time is kept of the soonest expiring first."""
    anything_held = Wallet.objects.get(pk=user_id).held > 0
    found, kept = [], 0
    for lot in open_lots(user_id).filter(expires_at__lte=now):
        in_time = _held_before(user_id, lot.expires_at) if anything_held else 0
        keeps = min(lot.remaining, max(0, in_time - kept))
        kept += keeps
        if lot.remaining > keeps:
            found.append((lot, lot.remaining - keeps))
    return found


def _held_before(user_id: int, at: datetime | None) -> int:
    """How much is held, for jobs and disputes, since before a moment: what was held later cannot keep a lot."""
    made = Entry.objects.filter(wallet=user_id, kind__in=[Kind.HOLD, Kind.FREEZE], created_at__lt=at)
    ended = Entry.objects.filter(about=OuterRef("about"), kind__in=[Kind.SETTLE, Kind.UNFREEZE])
    return made.filter(~Exists(ended)).aggregate(held=Sum("held", default=0))["held"]


def prolong(entry: Entry) -> None:
    """Let what ended while it was frozen be used: what `entry` gives back of it becomes a lot of its own."""
    moved = 0
    for lot, amount in due(entry.wallet_id, entry.created_at):
        if part := min(amount, entry.available - moved):
            LotChange.objects.create(lot=lot, entry=entry, amount=-part)
            moved += part
    if moved:
        lot = Lot(wallet_id=entry.wallet_id, source=Lot.Source.REFUND, amount=moved, created_at=entry.created_at)
        lot.expires_at = entry.created_at + timedelta(days=settings.REFUND_LASTS_DAYS)
        lot.save(force_insert=True)
        LotChange.objects.create(lot=lot, entry=entry, amount=moved)


def lapsed(payment: str, amount: int) -> int:
    """How much of `amount`, taken back of a payment, had merely expired: the customer neither has it nor owes it."""
    lot = Lot.objects.filter(changes__entry__key=payment).first()
    if lot is None:
        return 0
    expired = -lot.changes.filter(entry__kind=Kind.EXPIRE).aggregate(sum=Sum("amount", default=0))["sum"]
    before = Entry.objects.filter(about=payment, kind=Kind.REVERSAL).aggregate(sum=Sum("expired", default=0))["sum"]
    return min(max(0, amount - lot.remaining), expired + before)


def take(entry: Entry, lot: Lot) -> None:
    """Book the expiry of a lot, or of a part of it."""
    LotChange.objects.create(lot=lot, entry=entry, amount=-entry.expired)


def wallets_due(now: datetime, limit: int) -> Iterable[int]:
    """Wallets with lots that have expired."""
    rows = Lot.objects.filter(remaining__gt=0, expires_at__lte=now).values_list("wallet", flat=True)
    return rows.order_by("wallet").distinct()[:limit]


def expiring(user_id: int, within: timedelta) -> list[tuple[datetime, int]]:
    """When how much will expire from now on, soonest first; only of open lots (R-LED8)."""
    now = timezone.now()
    rows = open_lots(user_id).filter(Q(expires_at__gt=now), Q(expires_at__lte=now + within)).order_by("expires_at")
    return list(rows.values_list("expires_at").annotate(amount=Sum("remaining")))
