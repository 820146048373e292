"""What raw SQL cannot do either: the guard is the database, not a prior read (R-LED2)."""

import pytest
from django.db import DatabaseError, connection, transaction

from accounts.models import User
from billing import ledger
from billing.models import Entry, Wallet

ENTRY = (
    "INSERT INTO billing_entry (wallet_id, kind, key, about, note, created_at, "
    "outside, available, held, spent, expired, owed) VALUES (%s, %s, 'raw', '', '', CURRENT_TIMESTAMP, {})"
)


def refused(sql: str, parameters: list[object] | None = None) -> str:
    with pytest.raises(DatabaseError) as error, transaction.atomic(), connection.cursor() as cursor:
        cursor.execute(sql, parameters)
    return str(error.value)


@pytest.mark.parametrize(
    ("kind", "changes", "reason"),
    [
        ("adjust", "0, 5, 0, 0, 0, 0", "entry_balanced"),
        ("adjust", "5000000, -5000000, 0, 0, 0, 0", "wallet_covers"),
        ("adjust", "0, 5, -5, 0, 0, 0", "wallet_held_floor"),
        ("hold", "0, 5, -5, 0, 0, 0", "entry_hold_shape"),
        ("settle", "0, -5, -5, 10, 0, 0", "entry_settle_shape"),
        ("refund", "0, 5, -5, 0, 0, 0", "entry_refund_shape"),
        ("top_up", "5, -5, 0, 0, 0, 0", "entry_income_shape"),
    ],
)
def test_an_entry_that_must_not_be_is_refused(alice: User, kind: str, changes: str, reason: str) -> None:
    assert reason in refused(ENTRY.format(changes), [alice.pk, kind])


def test_entries_can_be_neither_changed_nor_deleted(alice: User) -> None:
    assert "neither changed nor deleted" in refused("UPDATE billing_entry SET note = 'x'")
    assert "neither changed nor deleted" in refused("DELETE FROM billing_entry")
    assert Entry.objects.count() == 1


def test_a_wallet_cannot_be_unbalanced_or_overdrawn(alice: User) -> None:
    assert "wallet_balanced" in refused("UPDATE billing_wallet SET available = available + 1")
    overdraw = "UPDATE billing_wallet SET available = -1, outside = 1, held = 0, spent = 0"
    assert "wallet_covers" in refused(overdraw)


def test_an_entry_without_a_wallet_is_refused(alice: User) -> None:
    with pytest.raises(DatabaseError), transaction.atomic():
        with connection.cursor() as cursor:
            cursor.execute(ENTRY.format("-5, 5, 0, 0, 0, 0"), [alice.pk + 1000, "adjust"])
        connection.check_constraints()


def test_a_replayed_key_does_not_move_the_wallet_again(alice: User) -> None:
    """`ON CONFLICT DO NOTHING` must not fire the trigger."""
    before = Wallet.objects.values().get(pk=alice.pk)
    ledger.top_up(alice, 1_000_000, payment="test:alice")
    assert Wallet.objects.values().get(pk=alice.pk) == before
