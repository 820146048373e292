"""The proof of the books, as far as they know themselves: checks that read billing's tables alone.

Every check is one statement over whole tables and yields one line per violation. The caller gives them one snapshot
(generation.oversight.verify), so that running traffic is no violation.
"""

# ruff: noqa: S608 - what is put into the statements are names of columns.

from collections.abc import Callable, Iterator
from datetime import timedelta

from django.db import connection
from django.utils import timezone

from billing.models import BUCKETS
from billing.payments.minor import credits_left

Check = Callable[[], Iterator[str]]

# The task that looks at payments runs every minute.
PAYMENT_LOOK_LATE = timedelta(hours=1)

# What is owed counts against the others.
_TOTAL = " + ".join(BUCKETS).replace("+ owed", "- owed")


def rows(sql: str, parameters: tuple = ()) -> Iterator[tuple]:
    """The rows of a statement, some at a time."""
    with connection.cursor() as cursor:
        cursor.execute(sql, parameters)
        while batch := cursor.fetchmany(1000):
            yield from batch


def entries_add_up_to_zero() -> Iterator[str]:
    """Invariant 1: every entry adds up to zero."""
    for pk, key, total in rows(f"SELECT id, key, {_TOTAL} FROM billing_entry WHERE {_TOTAL} <> 0"):
        yield f"entry {pk} ({key}) adds up to {total}"


def wallets_equal_their_entries() -> Iterator[str]:
    """Invariant 1: every wallet equals the sum of its entries, bucket by bucket."""
    sums = ", ".join(f"SUM({name}) AS {name}" for name in BUCKETS)
    columns = ", ".join(f"w.{name}, COALESCE(e.{name}, 0)" for name in BUCKETS)
    differ = " OR ".join(f"w.{name} <> COALESCE(e.{name}, 0)" for name in BUCKETS)
    sql = f"""
        SELECT w.user_id, {columns} FROM billing_wallet w
        LEFT JOIN (SELECT wallet_id, {sums} FROM billing_entry GROUP BY wallet_id) e ON e.wallet_id = w.user_id
        WHERE {differ}
    """
    for user, *values in rows(sql):
        for name, has, entries in zip(BUCKETS, values[::2], values[1::2], strict=True):
            if has != entries:
                yield f"wallet {user}: {name} is {has}, its entries add up to {entries}"


def buckets_are_above_their_floors() -> Iterator[str]:
    """Invariant 2: no bucket is below its floor."""
    sql = """
        SELECT user_id, available, overdraft_limit, held, spent, expired, owed FROM billing_wallet
        WHERE available < -overdraft_limit OR held < 0 OR spent < 0 OR expired < 0 OR owed < 0
    """
    for user, available, limit, *others in rows(sql):
        named = ", ".join(f"{name} {value}" for name, value in zip(BUCKETS[2:], others, strict=True))
        yield f"wallet {user} is below a floor: available {available} (overdraft {limit}), {named}"


def open_lots_are_what_wallets_have() -> Iterator[str]:
    """Invariant 2: open lots add up to available + held, to nothing while a wallet is overdrawn."""
    sql = """
        SELECT w.user_id, w.available + w.held, COALESCE(l.remaining, 0) FROM billing_wallet w
        LEFT JOIN (SELECT wallet_id, SUM(remaining) AS remaining FROM billing_lot WHERE remaining > 0
            GROUP BY wallet_id) l ON l.wallet_id = w.user_id
        WHERE COALESCE(l.remaining, 0)
            <> CASE WHEN w.available + w.held > 0 THEN w.available + w.held ELSE 0 END
    """
    for user, has, lots in rows(sql):
        yield f"wallet {user} has {has}, its open lots add up to {lots}"


def lots_equal_their_changes() -> Iterator[str]:
    """Invariant 2: what remains of a lot is the sum of its changes, and never more than came in."""
    sql = """
        SELECT l.id, l.amount, l.remaining, COALESCE(c.total, 0) FROM billing_lot l
        LEFT JOIN (SELECT lot_id, SUM(amount) AS total FROM billing_lotchange GROUP BY lot_id) c ON c.lot_id = l.id
        WHERE l.remaining <> COALESCE(c.total, 0) OR l.remaining < 0 OR l.remaining > l.amount
    """
    for lot, amount, remaining, total in rows(sql):
        yield f"lot {lot} of {amount} has {remaining}, its changes add up to {total}"


def charges_are_paid_by_lots() -> Iterator[str]:
    """Invariant 4: the lots that paid for a job gave what was charged; less only as far as the wallet was overdrawn."""
    sql = """
        SELECT s.about, s.wallet_id, s.spent, COALESCE(SUM(-c.amount), 0) FROM billing_entry s
        LEFT JOIN billing_lotchange c ON c.entry_id = s.id
        WHERE s.kind = 'settle'
        GROUP BY s.id, s.about, s.wallet_id, s.spent HAVING COALESCE(SUM(-c.amount), 0) <> s.spent
    """
    overdrawn: dict[int, int] = {}
    for about, user, charged, paid in rows(sql):
        left = overdrawn[user] if user in overdrawn else _overdrawn(user)
        overdrawn[user] = left - (charged - paid)
        if paid > charged or overdrawn[user] < 0:
            yield f"{about} was charged {charged}, its lots gave {paid}"


def _overdrawn(user_id: int) -> int:
    """How much a wallet has ever used that came from no lot: later income made up for it, or it is still missing."""
    sql = """
        SELECT CASE WHEN w.available + w.held < 0 THEN -(w.available + w.held) ELSE 0 END + COALESCE((
            SELECT SUM(e.available - COALESCE((
                SELECT SUM(c.amount) FROM billing_lotchange c WHERE c.entry_id = e.id), 0))
            FROM billing_entry e WHERE e.wallet_id = w.user_id AND e.available > 0
                AND e.kind IN ('top_up', 'grant', 'adjust', 'refund')), 0)
        FROM billing_wallet w WHERE w.user_id = %s
    """
    return next(iter(rows(sql, (user_id,))))[0]


def holds_are_settled_once() -> Iterator[str]:
    """Invariant 3: each job has at most one hold and one settlement, and no settlement is without a hold."""
    sql = """
        SELECT about, SUM(CASE WHEN kind = 'hold' THEN 1 ELSE 0 END) AS holds,
            SUM(CASE WHEN kind = 'settle' THEN 1 ELSE 0 END) AS settlements
        FROM billing_entry WHERE kind IN ('hold', 'settle') GROUP BY about
        HAVING SUM(CASE WHEN kind = 'hold' THEN 1 ELSE 0 END) <> 1
            OR SUM(CASE WHEN kind = 'settle' THEN 1 ELSE 0 END) > 1
    """
    for about, holds, settlements in rows(sql):
        yield f"{about or 'no job'} has {holds} holds and {settlements} settlements"


def settlements_share_out_what_was_held() -> Iterator[str]:
    """Invariant 4: charged + returned = held, for each hold, in the same wallet."""
    sql = """
        SELECT s.about, h.held, s.spent, s.available, s.held FROM billing_entry s
        JOIN billing_entry h ON h.about = s.about AND h.kind = 'hold'
        WHERE s.kind = 'settle'
            AND (s.spent + s.available <> h.held OR s.held <> -h.held OR s.wallet_id <> h.wallet_id)
    """
    for about, held, charged, returned, released in rows(sql):
        yield f"{about}: {held} were held, {charged} charged, {returned} returned, {-released} released"


def refunds_are_covered_by_charges() -> Iterator[str]:
    """Invariant 4: what was refunded of a job was charged for it before, in the same wallet."""
    sql = """
        SELECT r.about, SUM(-r.spent), MAX(COALESCE(s.spent, 0)) FROM billing_entry r
        LEFT JOIN billing_entry s ON s.about = r.about AND s.kind = 'settle' AND s.wallet_id = r.wallet_id
        WHERE r.kind = 'refund' GROUP BY r.about HAVING SUM(-r.spent) > MAX(COALESCE(s.spent, 0))
    """
    for about, refunded, charged in rows(sql):
        yield f"{about or 'no job'}: {refunded} were refunded, {charged} charged"


# What was credited: promised less what went back.
_CREDITED = "p.state IN ('paid', 'refunded', 'disputed', 'lost')"


def payments_have_one_effect() -> Iterator[str]:
    """Invariant 7: what a payment credited in all is what it promised, less what was refunded or lost in disputes."""
    sql = f"""
        SELECT p.id, p.state, CASE WHEN {_CREDITED} THEN p.credits_millicredits ELSE 0 END,
            p.paid_minor, p.refunded_minor + p.lost_minor, COUNT(e.id), COALESCE(-SUM(e.outside), 0)
        FROM billing_payment p
        LEFT JOIN billing_paymententry l ON l.payment_id = p.id LEFT JOIN billing_entry e ON e.id = l.entry_id
        GROUP BY p.id, p.state, p.credits_millicredits, p.paid_minor, p.refunded_minor, p.lost_minor
        HAVING COALESCE(-SUM(e.outside), 0) <> CASE WHEN {_CREDITED} THEN p.credits_millicredits ELSE 0 END
            OR p.refunded_minor + p.lost_minor > 0
    """
    for payment, state, promised, paid, gone, entries, net in rows(sql):
        if net != (due := credits_left(promised, paid, gone)):
            yield f"payment {payment} ({state}) has credited {net} in {entries} entries, {due} are due"


def refunds_and_disputes_are_counted() -> Iterator[str]:
    """Invariant 7: what a payment says was refunded and lost is what its refunds and disputes add up to."""
    sql = """
        SELECT p.id, p.refunded_minor, p.lost_minor, COALESCE(r.total, 0), COALESCE(d.total, 0) FROM billing_payment p
        LEFT JOIN (SELECT payment_id, SUM(amount_minor) AS total FROM billing_paymentrefund
            WHERE refund_id IS NOT NULL AND state IN ('pending', 'done') GROUP BY payment_id) r ON r.payment_id = p.id
        LEFT JOIN (SELECT payment_id, SUM(amount_minor) AS total FROM billing_paymentdispute
            WHERE state = 'lost' GROUP BY payment_id) d ON d.payment_id = p.id
        WHERE p.refunded_minor <> COALESCE(r.total, 0) OR p.lost_minor <> COALESCE(d.total, 0)
    """
    for payment, refunded, lost, refunds, disputes in rows(sql):
        yield f"payment {payment}: {refunded} refunded, {lost} lost; its rows say {refunds} and {disputes}"


def entries_of_payments_belong_to_one() -> Iterator[str]:
    """Invariant 7: no credits came from Stripe, or went back there, without a payment."""
    sql = """
        SELECT e.key FROM billing_entry e LEFT JOIN billing_paymententry l ON l.entry_id = e.id
        WHERE e.kind IN ('top_up', 'reversal') AND e.key LIKE 'stripe:%%' AND l.id IS NULL
    """
    for (key,) in rows(sql):
        yield f"entry {key} belongs to no payment"


def payments_are_looked_at_in_time() -> Iterator[str]:
    """Invariant 11: no payment waits for being looked at long after its time has come."""
    sql = "SELECT id, state, check_at FROM billing_payment WHERE check_at < %s"
    limit = connection.ops.adapt_datetimefield_value(timezone.now() - PAYMENT_LOOK_LATE)
    for payment, state, check_at in rows(sql, (limit,)):
        yield f"payment {payment} is {state} and was to be looked at {check_at}"


CHECKS: list[tuple[int, Check]] = [
    (1, entries_add_up_to_zero),
    (1, wallets_equal_their_entries),
    (2, buckets_are_above_their_floors),
    (2, open_lots_are_what_wallets_have),
    (2, lots_equal_their_changes),
    (3, holds_are_settled_once),
    (4, settlements_share_out_what_was_held),
    (4, charges_are_paid_by_lots),
    (4, refunds_are_covered_by_charges),
    (7, payments_have_one_effect),
    (7, refunds_and_disputes_are_counted),
    (7, entries_of_payments_belong_to_one),
    (11, payments_are_looked_at_in_time),
]
