"""The verbs of money."""

import pytest
from django.db import IntegrityError, transaction

from accounts.errors import Refused
from accounts.models import User
from billing import ledger
from billing.ledger import KeyReused
from billing.models import BUCKETS, Entry, Wallet


def buckets(user: User) -> dict[str, int]:
    wallet = Wallet.objects.get(pk=user.pk)
    return {name: getattr(wallet, name) for name in BUCKETS if getattr(wallet, name)}


def test_a_top_up_is_spendable_in_the_next_statement(bob: User) -> None:
    """R-LED5"""
    ledger.top_up(bob, 5_000, payment="pay:1")
    ledger.hold(bob.pk, 5_000, about="job")
    assert buckets(bob) == {"outside": -5_000, "held": 5_000}


def test_a_hold_needs_what_is_available_and_says_so(bob: User) -> None:
    """R-LED5: unknown is never zero, too little is refused with needed and available."""
    with pytest.raises(Refused) as refusal:
        ledger.hold(bob.pk, 1_500, about="job")
    assert (refusal.value.code, refusal.value.status) == ("insufficient_credits", 402)
    assert refusal.value.data == {"needed": "1.5", "available": "0"}
    assert not Entry.objects.filter(about="job").exists()


def test_without_a_wallet_nothing_can_be_held(db: None) -> None:
    stranger = User.objects.create_user("stranger@example.com")
    with pytest.raises(Refused, match="0 are available"):
        ledger.hold(stranger.pk, 1, about="job")


def test_no_overdraft_unless_the_wallet_has_a_limit(bob: User) -> None:
    """R-LED6"""
    Wallet.objects.filter(pk=bob.pk).update(overdraft_limit=2_000)
    ledger.hold(bob.pk, 2_000, about="job")
    with pytest.raises(Refused):
        ledger.hold(bob.pk, 1, about="more")
    assert buckets(bob) == {"available": -2_000, "held": 2_000}


def test_settling_takes_the_charge_and_returns_the_rest(alice: User) -> None:
    ledger.hold(alice.pk, 10_000, about="job")
    ledger.settle("job", 4_000)
    assert buckets(alice) == {"outside": -1_000_000, "available": 996_000, "spent": 4_000}
    assert ledger.receipts(["job"])["job"] == ledger.Receipt(held=10_000, charged=4_000, returned=6_000)


def test_settling_with_nothing_returns_it_all(alice: User) -> None:
    ledger.hold(alice.pk, 10_000, about="job")
    ledger.settle("job", 0)
    assert buckets(alice) == {"outside": -1_000_000, "available": 1_000_000}


@pytest.mark.parametrize(("first", "second"), [(10_000, 0), (0, 10_000), (10_000, 9_999)])
def test_a_hold_is_charged_or_returned_never_both(alice: User, first: int, second: int) -> None:
    """R-REF5: both carry the same key."""
    ledger.hold(alice.pk, 10_000, about="job")
    ledger.settle("job", first)
    before = buckets(alice)
    with pytest.raises(KeyReused):
        ledger.settle("job", second)
    assert buckets(alice) == before


def test_a_charge_above_the_hold_is_refused_by_the_database(alice: User) -> None:
    """R-PR4"""
    ledger.hold(alice.pk, 10_000, about="job")
    with pytest.raises(IntegrityError, match="entry_settle_shape"), transaction.atomic():
        ledger.settle("job", 10_001)


def test_settling_what_was_never_held_is_an_error(alice: User) -> None:
    with pytest.raises(KeyReused, match="nothing was booked"):
        ledger.settle("nothing", 0)


def test_a_replayed_key_returns_the_first_entry(alice: User) -> None:
    """R-LED9"""
    first = ledger.hold(alice.pk, 10_000, about="job")
    assert ledger.hold(alice.pk, 10_000, about="job").pk == first.pk
    assert ledger.settle("job", 1_000).pk == ledger.settle("job", 1_000).pk
    assert buckets(alice) == {"outside": -1_000_000, "available": 999_000, "spent": 1_000}


def test_a_replayed_key_with_other_numbers_is_an_error(alice: User, eve: User) -> None:
    """R-LED9"""
    ledger.hold(alice.pk, 10_000, about="job")
    with pytest.raises(KeyReused):
        ledger.hold(alice.pk, 10_001, about="job")
    with pytest.raises(KeyReused):
        ledger.hold(eve.pk, 10_000, about="job")


def test_one_payment_is_one_top_up(bob: User) -> None:
    """R-PAY1"""
    for _ in range(3):
        ledger.top_up(bob, 700, payment="stripe:pi_1")
    assert buckets(bob) == {"outside": -700, "available": 700}


def test_a_refund_gives_back_once_and_at_most_what_was_charged(alice: User, olga: User) -> None:
    """R-REF7"""
    ledger.hold(alice.pk, 10_000, about="job")
    ledger.settle("job", 10_000)
    with pytest.raises(Refused) as refusal:
        ledger.refund("job", 10_001, note="too much", author=olga)
    assert refusal.value.code == "refund_too_large"
    ledger.refund("job", 4_000, note="sorry", author=olga)
    with pytest.raises(KeyReused):
        ledger.refund("job", 6_000, note="again", author=olga)
    assert buckets(alice) == {"outside": -1_000_000, "available": 994_000, "spent": 6_000}
    assert ledger.receipts(["job"])["job"].refunded == 4_000


def test_an_adjustment_has_an_author_and_a_reason_and_never_overdraws(alice: User, olga: User) -> None:
    """R-AD1"""
    entry = ledger.adjust(alice, -999_000, reason="adjust:1", note="charged back by phone", author=olga)
    assert (entry.author_id, entry.note) == (olga.pk, "charged back by phone")
    with pytest.raises(Refused):
        ledger.adjust(alice, -1_001, reason="adjust:2", note="too much", author=olga)
    assert buckets(alice) == {"outside": -1_000, "available": 1_000}


@pytest.mark.parametrize("amount", [0, -1])
def test_nothing_and_less_than_nothing_move_no_money(alice: User, amount: int) -> None:
    for move in (
        lambda: ledger.hold(alice.pk, amount, about="job"),
        lambda: ledger.top_up(alice, amount, payment="pay"),
        lambda: ledger.grant(alice, amount, reason="gift"),
    ):
        with pytest.raises((IntegrityError, Refused)), transaction.atomic():
            move()
    assert buckets(alice) == {"outside": -1_000_000, "available": 1_000_000}


def test_every_statement_adds_up(alice: User) -> None:
    """R-LED7: opening + in - out = closing, from the entries alone."""
    for number, charge in enumerate((0, 500, 1_000)):
        ledger.hold(alice.pk, 1_000, about=f"job{number}")
        ledger.settle(f"job{number}", charge)
    entries = Entry.objects.filter(wallet=alice.pk)
    for name in BUCKETS:
        assert sum(getattr(entry, name) for entry in entries) == getattr(Wallet.objects.get(pk=alice.pk), name)
    assert all(sum(getattr(entry, name) for name in BUCKETS) == 0 for entry in entries)
