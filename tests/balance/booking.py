"""Movements of credits at given moments."""

from datetime import datetime

import time_machine
from django.db import connection

from accounts.models import User
from billing import ledger
from billing.models import Entry


def spend(user: User, amount: int, about: str = "job") -> None:
    """Hold and charge `amount` for a job."""
    ledger.hold(user.pk, amount, about=about)
    ledger.settle(about, amount)


def at(moment: datetime, verb, *arguments, **named):
    """Call a verb of the ledger as if it were that moment."""
    with time_machine.travel(moment, tick=False):
        return verb(*arguments, **named)


def many(user: User, count: int, moment: datetime) -> None:
    """Gifts of one credit, all at one moment."""
    change = {"available": 1000, "outside": -1000, "kind": "grant", "created_at": moment}
    Entry.objects.bulk_create(Entry(wallet_id=user.pk, key=f"many:{n}", **change) for n in range(count))


def flood(user: User, thirds: int, start: datetime, *, seconds: int, about: str) -> None:
    """Many entries, `seconds` apart: in turn a gift of one credit, a hold of half of one, and its charge."""
    columns = "wallet_id, key, kind, about, note, created_at, outside, available, held, spent, expired, owed"
    postgres = connection.vendor == "postgresql"
    at = "%s::timestamptz + i * %s * interval '1 second'" if postgres else "datetime(%s, (i * %s) || ' seconds')"
    sql = f"""
        WITH RECURSIVE n(i) AS (SELECT 0 UNION ALL SELECT i + 1 FROM n WHERE i + 1 < %s)
        INSERT INTO billing_entry ({columns})
        SELECT %s, 'flood:' || i,
            CASE i %% 3 WHEN 0 THEN 'grant' WHEN 1 THEN 'hold' ELSE 'settle' END,
            CASE i %% 3 WHEN 0 THEN '' ELSE %s END, '', {at},
            CASE i %% 3 WHEN 0 THEN -1000 ELSE 0 END,
            CASE i %% 3 WHEN 0 THEN 1000 WHEN 1 THEN -500 ELSE 0 END,
            CASE i %% 3 WHEN 0 THEN 0 WHEN 1 THEN 500 ELSE -500 END,
            CASE i %% 3 WHEN 2 THEN 500 ELSE 0 END, 0, 0
        FROM n ORDER BY i
    """
    begin = start if postgres else f"{start:%Y-%m-%d %H:%M:%S}"
    with connection.cursor() as cursor:
        if postgres:
            # A transaction that writes one row a hundred thousand times takes minutes: the wallet is added up after.
            cursor.execute("SET LOCAL session_replication_role = replica")
        cursor.execute(sql, [3 * thirds, user.pk, about, begin, seconds])
        if postgres:
            sums = [-1000 * thirds, 500 * thirds, 500 * thirds, user.pk]
            change = "outside = outside + %s, available = available + %s, spent = spent + %s"
            cursor.execute(f"UPDATE billing_wallet SET {change} WHERE user_id = %s", sums)
            cursor.execute("SET LOCAL session_replication_role = origin")
