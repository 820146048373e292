"""How an entry is booked: one INSERT, whose trigger moves the wallet. Only the ledger calls this."""

from contextlib import AbstractContextManager
from datetime import datetime
from typing import Any

from django.db import connection, transaction
from django.utils import timezone

from billing.models import BUCKETS, Entry

_RETURNED = ("id", "wallet_id", "about", *BUCKETS)


class KeyReused(Exception):
    """A key came back with other numbers, or about nothing: a bug of ours, never a customer's mistake."""


def insert(source: str, parameters: list[Any], **given: Any) -> Entry | None:
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


def first(key: str, **expected: int) -> Entry | None:
    """The entry that a replayed key made before; KeyReused when it says something else."""
    entry = Entry.objects.filter(key=key).first()
    if entry and any(getattr(entry, name) != value for name, value in expected.items()):
        raise KeyReused(f"{key} was booked with other numbers")
    return entry


def together() -> AbstractContextManager[None]:
    """The entry and its lots, at once. No savepoint: a verb that fails half-way undoes the transaction around it."""
    return transaction.atomic(savepoint=False)


def book(
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
    return insert(f"{source} {lock()}", parameters, **given)


def lock() -> str:
    """The clause that locks the wallet whose row a source reads; SQLite has one writer anyway."""
    return "FOR NO KEY UPDATE" if connection.features.has_select_for_no_key_update else ""


def replayed(key: str, **expected: int) -> Entry:
    """The same when there must be one: KeyReused, too, when nothing was booked."""
    entry = first(key, **expected)
    if entry is None:
        raise KeyReused(f"{key}: nothing was booked under this key")
    return entry
