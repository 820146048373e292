"""Payments that are refunded or disputed: the credits go back, and what was spent of them is owed."""

from datetime import UTC, datetime, timedelta
from functools import partial
from typing import Any

import pytest
import time_machine

from accounts.errors import Refused
from accounts.models import User
from billing import ledger
from billing.models import Entry, Lot
from billing.statements import wording
from tests.billing.test_concurrency import all_at_once
from tests.billing.test_ledger import buckets

NOON = datetime(2026, 3, 1, 12, tzinfo=UTC)


def spend(user: User, amount: int, about: str = "job") -> None:
    ledger.hold(user.pk, amount, about=about)
    ledger.settle(about, amount)


def test_a_refunded_payment_takes_its_own_credits_back(bob: User) -> None:
    """R-PAY6"""
    ledger.grant(bob, 50, reason="gift")
    ledger.top_up(bob, 100, payment="pay")
    ledger.reverse("pay", 30, reason="refund:1")
    ledger.reverse("pay", 30, reason="refund:1")
    assert buckets(bob) == {"outside": -120, "available": 120}
    assert list(Lot.objects.order_by("id").values_list("source", "remaining")) == [("gift", 50), ("purchase", 70)]


def test_a_payment_can_be_taken_back_once_in_all(bob: User) -> None:
    ledger.top_up(bob, 100, payment="pay")
    ledger.reverse("pay", 60, reason="refund:1")
    for payment, amount in (("pay", 41), ("other", 1)):
        with pytest.raises(Refused) as refusal:
            ledger.reverse(payment, amount, reason="refund:2")
        assert refusal.value.code == "reversal_too_large"
    ledger.reverse("pay", 40, reason="refund:2")
    assert buckets(bob) == {}


def test_what_was_spent_is_owed_and_the_next_top_up_pays_it_first(bob: User) -> None:
    """R-PAY7"""
    ledger.top_up(bob, 100, payment="pay")
    spend(bob, 70)
    ledger.reverse("pay", 100, reason="dispute:1")
    assert buckets(bob) == {"spent": 70, "owed": 70}
    ledger.top_up(bob, 30, payment="second")
    assert buckets(bob) == {"outside": -30, "spent": 70, "owed": 40}
    ledger.top_up(bob, 100, payment="third")
    assert buckets(bob) == {"outside": -130, "available": 60, "spent": 70}
    assert [lot.remaining for lot in Lot.objects.order_by("id")] == [0, 60]


def test_a_gift_pays_no_debt(bob: User) -> None:
    ledger.top_up(bob, 100, payment="pay")
    spend(bob, 100)
    ledger.reverse("pay", 100, reason="dispute:1")
    ledger.grant(bob, 50, reason="gift")
    assert buckets(bob) == {"outside": -50, "available": 50, "spent": 100, "owed": 100}


def test_what_comes_back_pays_what_is_owed(bob: User) -> None:
    """R-PAY7: a payment that was refunded while its credits were held is not a gift when the job fails."""
    ledger.top_up(bob, 100, payment="pay")
    ledger.hold(bob.pk, 100, about="job")
    ledger.reverse("pay", 100, reason="refund:1")
    assert buckets(bob) == {"held": 100, "owed": 100}
    for _ in range(2):
        ledger.settle("job", 30)
    assert buckets(bob) == {"spent": 30, "owed": 30}
    ledger.refund("job", 20, note="sorry", author=None)
    assert buckets(bob) == {"spent": 10, "owed": 10}
    paid = Entry.objects.filter(kind="repay").order_by("id")
    assert [wording.of(entry).before for entry in paid] == [
        "0.07 that had come back paid what was owed",
        "0.02 that had come back paid what was owed",
    ]
    assert ledger.receipts(["job"])["job"] == ledger.Receipt(held=100, charged=30, returned=70, refunded=20)
    assert not Lot.objects.filter(remaining__gt=0).exists()


@pytest.mark.parametrize("won_first", [True, False])
def test_the_order_of_a_won_dispute_and_a_refund_does_not_matter(bob: User, won_first: bool) -> None:
    """R-PAY7"""
    ledger.top_up(bob, 100, payment="first")
    spend(bob, 100)
    ledger.top_up(bob, 100, payment="second")
    ledger.freeze(bob.pk, 100, dispute="dp_1")
    news = [partial(ledger.unfreeze, "dp_1"), partial(ledger.reverse, "second", 100, reason="refund:1")]
    for happens in news if won_first else news[::-1]:
        happens()
    assert buckets(bob) == {"outside": -100, "spent": 100}


def test_what_had_merely_expired_is_not_owed(bob: User) -> None:
    """R-PAY7: only what was spent is a debt; of 100, 30 were spent, 20 are left of another payment."""
    with time_machine.travel(NOON, tick=False) as clock:
        ledger.top_up(bob, 100, payment="pay", expires_at=NOON + timedelta(days=30))
        spend(bob, 30)
        clock.move_to(NOON + timedelta(days=31))
        ledger.top_up(bob, 20, payment="other")
        ledger.reverse("pay", 60, reason="refund:1")
        assert buckets(bob) == {"outside": -60, "available": 20, "spent": 30, "expired": 10}
        ledger.reverse("pay", 40, reason="refund:2")
        assert buckets(bob) == {"outside": -20, "spent": 30, "owed": 10}


def test_a_lost_dispute_about_credits_that_expired_meanwhile_leaves_no_debt(bob: User) -> None:
    """R-PAY7"""
    with time_machine.travel(NOON, tick=False) as clock:
        ledger.top_up(bob, 100, payment="pay", expires_at=NOON + timedelta(days=30))
        ledger.freeze(bob.pk, 100, dispute="dp_1")
        clock.move_to(NOON + timedelta(days=60))
        ledger.unfreeze("dp_1", won=False)
        ledger.reverse("pay", 100, reason="lost")
        assert buckets(bob) == {}


def test_what_ended_while_it_was_frozen_can_be_used_after_a_won_dispute(bob: User, settings: Any) -> None:
    """R-PAY7, R-LED8"""
    with time_machine.travel(NOON, tick=False) as clock:
        ledger.top_up(bob, 100, payment="pay", expires_at=NOON + timedelta(days=30))
        ledger.grant(bob, 50, reason="gift", expires_at=NOON + timedelta(days=40))
        ledger.freeze(bob.pk, 100, dispute="dp_1")
        clock.move_to(NOON + timedelta(days=60))
        ledger.unfreeze("dp_1")
        assert buckets(bob) == {"outside": -150, "available": 100, "expired": 50}
        clock.move_to(NOON + timedelta(days=60 + settings.REFUND_LASTS_DAYS))
        ledger.expire(bob.pk)
        assert buckets(bob) == {"outside": -150, "expired": 150}


def test_a_dispute_freezes_what_there_is_and_a_won_one_gives_it_back(bob: User) -> None:
    """R-PAY7"""
    ledger.top_up(bob, 100, payment="pay")
    spend(bob, 40)
    for _ in range(2):
        ledger.freeze(bob.pk, 100, dispute="dp_1")
    assert buckets(bob) == {"outside": -100, "held": 60, "spent": 40}
    with pytest.raises(Refused):
        ledger.hold(bob.pk, 1, about="more")
    for _ in range(2):
        ledger.unfreeze("dp_1")
    assert buckets(bob) == {"outside": -100, "available": 60, "spent": 40}


def test_nothing_can_be_frozen_of_an_empty_wallet(bob: User) -> None:
    assert ledger.freeze(bob.pk, 100, dispute="dp_1") is None
    assert ledger.unfreeze("dp_1") is None
    assert not Entry.objects.exists()


@pytest.mark.django_db(transaction=True)
def test_two_refunds_at_once_do_not_take_back_more_than_was_paid(bob: User) -> None:
    ledger.top_up(bob, 100, payment="pay")
    results = all_at_once([partial(ledger.reverse, "pay", 30, reason=f"refund:{n}") for n in range(10)])
    assert sum(isinstance(result, Entry) for result in results) == 3
    assert sum(isinstance(result, Refused) for result in results) == 7
    assert buckets(bob) == {"outside": -10, "available": 10}
