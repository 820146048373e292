"""Credits that came in together: which are used first, which expire, which come back."""

from datetime import UTC, datetime, timedelta
from functools import partial

import pytest
import time_machine
from django.db import DatabaseError, connection, transaction
from django.utils import timezone

from accounts.errors import Refused
from accounts.models import User
from billing import ledger, lots
from billing.models import Entry, Lot, LotChange, Wallet
from tests.billing.test_concurrency import all_at_once

NOON = datetime(2026, 3, 1, 12, tzinfo=UTC)


def day(number: float) -> datetime:
    return NOON + timedelta(days=number)


def left(user: User) -> list[int]:
    """What remains of every lot, in the order in which they came."""
    return list(Lot.objects.filter(wallet=user.pk).order_by("id").values_list("remaining", flat=True))


def spend(user: User, amount: int, about: str = "job") -> None:
    ledger.hold(user.pk, amount, about=about)
    ledger.settle(about, amount)


def check(user: User) -> None:
    wallet = Wallet.objects.get(pk=user.pk)
    assert sum(left(user)) == max(0, wallet.available + wallet.held)


@pytest.fixture
def clock() -> time_machine.Traveller:
    with time_machine.travel(NOON, tick=False) as traveller:
        yield traveller


def test_what_expires_soonest_is_used_first_and_gifts_before_purchases(bob: User, clock: object) -> None:
    """R-LED4"""
    ledger.top_up(bob, 100, payment="never")
    ledger.top_up(bob, 100, payment="late", expires_at=day(9))
    ledger.top_up(bob, 100, payment="soon", expires_at=day(5))
    ledger.grant(bob, 100, reason="gift", expires_at=day(5))
    ledger.grant(bob, 100, reason="first of gifts", expires_at=day(5), priority=1)
    used = []
    for number in range(10):
        spend(bob, 50, f"job{number}")
        used.append([lot.pk for lot, _ in lots.paid_by(f"job{number}")])
    never, late, soon, gift, first = Lot.objects.order_by("id").values_list("pk", flat=True)
    assert used == [[pk] for pk in (first, first, gift, gift, soon, soon, late, late, never, never)]


def test_one_charge_may_be_paid_by_several_lots(bob: User, clock: object) -> None:
    ledger.grant(bob, 30, reason="a", expires_at=day(1))
    ledger.grant(bob, 30, reason="b", expires_at=day(2))
    ledger.top_up(bob, 100, payment="c")
    ledger.hold(bob.pk, 90, about="job")
    ledger.settle("job", 75)
    assert left(bob) == [0, 0, 85]
    assert [amount for _, amount in lots.paid_by("job")] == [30, 30, 15]


def test_credits_expire_at_their_moment_and_not_before(bob: User, clock: time_machine.Traveller) -> None:
    """Half open: at the very moment they cannot be used any more (R-LED8)."""
    ledger.grant(bob, 100, reason="gift", expires_at=day(1))
    clock.move_to(day(1) - timedelta(microseconds=1))
    assert ledger.expire(bob.pk) == 0
    clock.move_to(day(1))
    with pytest.raises(Refused) as refusal:
        ledger.hold(bob.pk, 1, about="job")
    assert refusal.value.data == {"needed": "0.001", "available": "0"}
    wallet = Wallet.objects.get(pk=bob.pk)
    assert (wallet.available, wallet.expired) == (0, 100)
    check(bob)


def test_a_hold_needs_no_job_that_runs_before_it(bob: User, clock: time_machine.Traveller) -> None:
    """Lazy and exact: what has expired is gone before anything swept it up, and the rest can be held."""
    ledger.grant(bob, 100, reason="gift", expires_at=day(1))
    ledger.top_up(bob, 40, payment="pay")
    clock.move_to(day(2))
    ledger.hold(bob.pk, 40, about="job")
    assert Entry.objects.get(kind="expire").expired == 100
    check(bob)


def test_expiry_never_takes_held_credits_but_what_comes_back_expires(bob: User, clock: time_machine.Traveller) -> None:
    ledger.grant(bob, 100, reason="gift", expires_at=day(1))
    ledger.hold(bob.pk, 60, about="charged")
    ledger.hold(bob.pk, 30, about="returned")
    clock.move_to(day(1))
    assert ledger.expire_all() == 10
    assert ledger.expire_all() == 0
    ledger.settle("charged", 60)
    ledger.settle("returned", 0)
    assert ledger.expire_all() == 30
    wallet = Wallet.objects.get(pk=bob.pk)
    assert (wallet.available, wallet.held, wallet.spent, wallet.expired) == (0, 0, 60, 40)
    assert left(bob) == [0]


def test_what_was_spent_can_neither_expire_nor_come_back(bob: User, clock: time_machine.Traveller) -> None:
    """R-LED4"""
    ledger.grant(bob, 100, reason="gift", expires_at=day(1))
    spend(bob, 100)
    clock.move_to(day(2))
    assert ledger.expire_all() == 0
    assert not Entry.objects.filter(kind="expire").exists()


def test_a_refund_reopens_the_lots_that_paid(bob: User, olga: User, clock: object) -> None:
    ledger.grant(bob, 30, reason="gift", expires_at=day(9))
    ledger.top_up(bob, 100, payment="pay")
    spend(bob, 50)
    ledger.refund("job", 40, note="sorry", author=olga)
    assert left(bob) == [20, 100]
    check(bob)


def test_a_refund_of_credits_that_have_expired_can_be_used(
    bob: User, olga: User, clock: time_machine.Traveller
) -> None:
    ledger.grant(bob, 30, reason="gift", expires_at=day(1))
    spend(bob, 30)
    clock.move_to(day(2))
    ledger.refund("job", 30, note="sorry", author=olga)
    ledger.hold(bob.pk, 30, about="again")
    lot = Lot.objects.latest("id")
    assert (lot.source, lot.remaining, lot.expires_at) == ("refund", 30, day(32))


def test_an_overdraft_comes_from_no_lot_and_is_paid_by_the_next(bob: User, olga: User) -> None:
    """R-LED6"""
    Wallet.objects.filter(pk=bob.pk).update(overdraft_limit=100)
    ledger.top_up(bob, 50, payment="a")
    spend(bob, 80)
    check(bob)
    ledger.top_up(bob, 40, payment="b")
    assert left(bob) == [0, 10]
    ledger.refund("job", 80, note="sorry", author=olga)
    check(bob)
    assert left(bob) == [50, 10, 30]


def test_adjustments_make_lots_and_use_them_up(bob: User, olga: User) -> None:
    """R-AD1"""
    ledger.adjust(bob, 100, reason="one", note="found", author=olga)
    ledger.adjust(bob, -30, reason="two", note="lost", author=olga)
    assert left(bob) == [70]
    with pytest.raises(Refused):
        ledger.adjust(bob, -71, reason="three", note="too much", author=olga)


def test_expiring_soon_counts_open_lots_only(bob: User, clock: time_machine.Traveller) -> None:
    """R-LED8"""
    for name, days in (("used", 1), ("a", 2), ("b", 2), ("edge", 7), ("later", 7.0001)):
        ledger.grant(bob, 10, reason=name, expires_at=day(days))
    ledger.top_up(bob, 10, payment="never")
    spend(bob, 10)
    assert lots.expiring(bob.pk, timedelta(days=7)) == [(day(2), 20), (day(7), 10)]
    clock.move_to(day(2))
    assert lots.expiring(bob.pk, timedelta(days=7)) == [(day(7), 10), (day(7.0001), 10)]


def test_a_replay_uses_no_lot_twice(bob: User) -> None:
    """R-LED9"""
    ledger.top_up(bob, 100, payment="pay")
    ledger.top_up(bob, 100, payment="pay")
    spend(bob, 10)
    ledger.settle("job", 10)
    assert left(bob) == [90]


def test_lots_cannot_be_overdrawn_nor_their_history_changed(alice: User) -> None:
    """R-LED2"""

    def refused(sql: str) -> str:
        with pytest.raises(DatabaseError) as error, transaction.atomic(), connection.cursor() as cursor:
            cursor.execute(sql)
        return str(error.value)

    lot = Lot.objects.get(wallet=alice.pk)
    entry = Entry.objects.get()
    assert "lot_remaining" in refused(
        f"INSERT INTO billing_lotchange (lot_id, entry_id, amount) VALUES ({lot.pk}, NULL, -1000001)"
    )
    assert "neither changed nor deleted" in refused("UPDATE billing_lotchange SET amount = 1")
    assert "neither changed nor deleted" in refused("DELETE FROM billing_lotchange")
    assert LotChange.objects.get().entry == entry


@pytest.mark.django_db(transaction=True)
def test_expiry_charges_and_holds_at_the_same_moment(bob: User) -> None:
    now = timezone.now()
    for number in range(20):
        ledger.grant(bob, 10, reason=f"gift{number}", expires_at=now + timedelta(milliseconds=20 * number))
    ledger.top_up(bob, 100, payment="pay")
    for number in range(10):
        ledger.hold(bob.pk, 10, about=f"job{number}")
    work = [partial(ledger.settle, f"job{number}", number % 2 * 10) for number in range(10)]
    work += [partial(ledger.expire, bob.pk) for _ in range(10)]
    work += [partial(ledger.hold, bob.pk, 10, about=f"more{number}") for number in range(10)]
    results = all_at_once(work)
    assert all(isinstance(result, Entry | int | Refused) for result in results), results
    check(bob)
    assert Wallet.objects.get(pk=bob.pk).spent == 50


def test_a_hold_made_after_a_lot_has_ended_does_not_keep_it(bob: User, clock: time_machine.Traveller) -> None:
    """R-LED8: however often holds follow each other, what ended is used by those alone that were made in time."""
    ledger.grant(bob, 100, reason="gift", expires_at=day(1))
    ledger.top_up(bob, 100, payment="pay")
    ledger.hold(bob.pk, 100, about="in time")
    clock.move_to(day(2))
    ledger.hold(bob.pk, 100, about="later")
    ledger.settle("later", 60)
    assert [(lot.source, amount) for lot, amount in lots.paid_by("later")] == [("purchase", 60)]
    ledger.settle("in time", 30)
    assert [(lot.source, amount) for lot, amount in lots.paid_by("in time")] == [("gift", 30)]
    ledger.expire(bob.pk)
    assert left(bob) == [0, 40]
    check(bob)


def test_a_freeze_keeps_nothing_that_had_ended_before_it(bob: User, clock: time_machine.Traveller) -> None:
    """R-LED8"""
    ledger.grant(bob, 100, reason="gift", expires_at=day(1))
    ledger.top_up(bob, 100, payment="pay")
    ledger.hold(bob.pk, 100, about="in time")
    clock.move_to(day(2))
    ledger.freeze(bob.pk, 100, dispute="dp_1")
    ledger.settle("in time", 0)
    ledger.expire(bob.pk)
    assert left(bob) == [0, 100]
    check(bob)
