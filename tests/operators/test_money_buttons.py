"""Grants, adjustments and refunds: once, with an author, a reason, before and after (R-AD1)."""

import pytest
from django.contrib.admin.models import LogEntry
from django.test import Client

from accounts.models import User
from billing import ledger
from billing.models import Entry, Wallet
from generation.models import Generation
from tests.operators.conftest import button_url, press, token_of


def available(user: User) -> int:
    return Wallet.objects.get(pk=user.pk).available


def test_a_grant_says_what_was_there_before_and_after(office: Client, olga: User, bob: User) -> None:
    """R-AD1"""
    ledger.grant(bob, 2_500, reason="test")
    answer = press(office, bob.wallet, "grant", amount="12.5", reason="sorry for the outage").content.decode()
    done = "Granted 12.5 credits for bob@example.com: 2.5 were available, now 15. sorry for the outage"
    assert done in answer
    entry = Entry.objects.get(kind="grant", available=12_500)
    assert (entry.author, entry.note, entry.wallet_id) == (olga, "sorry for the outage", bob.pk)
    assert entry.key.startswith("grant:admin:")
    logged = LogEntry.objects.get(user=olga)
    assert (logged.change_message, logged.object_id) == (done, str(bob.pk))


def test_a_user_without_a_wallet_can_be_granted_credits(office: Client, db: None) -> None:
    stranger = User.objects.create_user("stranger@example.com")
    press(office, stranger, "grant", amount="1", reason="hello")
    assert available(stranger) == 1_000


def test_an_adjustment_takes_credits_away(office: Client, olga: User, alice: User) -> None:
    answer = press(office, alice.wallet, "adjust", amount="-0.5", reason="booked twice").content.decode()
    assert "Adjusted by -0.5 credits for alice@example.com: 1000 were available, now 999.5." in answer
    assert Entry.objects.get(kind="adjust").author == olga


def test_an_adjustment_below_nothing_is_refused(office: Client, bob: User) -> None:
    """R-LED6"""
    answer = press(office, bob.wallet, "adjust", amount="-1", reason="oops")
    assert "This needs 1 credits; 0 are available." in answer.content.decode()
    assert not LogEntry.objects.exists()
    assert not Entry.objects.filter(wallet=bob.pk).exists()


@pytest.mark.parametrize(
    ("name", "amount", "message"),
    [
        ("grant", "12,5", "must be a number of credits"),
        ("grant", "0", "more than nothing"),
        ("grant", "-1", "more than nothing"),
        ("grant", "NaN", "must be a number of credits"),
        ("grant", "1e3", "must be a number of credits"),
        ("grant", "9999999999999", "more credits than can be counted"),
        ("adjust", "0", "must not be nothing"),
        ("adjust", "", "required"),
    ],
)
def test_an_amount_that_is_none_is_explained(office: Client, bob: User, name: str, amount: str, message: str) -> None:
    assert message in press(office, bob.wallet, name, amount=amount, reason="why").content.decode()
    assert available(bob) == 0


def test_a_reason_is_required(office: Client, bob: User) -> None:
    assert "required" in press(office, bob.wallet, "grant", amount="1", reason=" ").content.decode()
    assert available(bob) == 0


@pytest.mark.parametrize("second", ["1", "2"])
def test_a_page_that_is_sent_twice_books_once(office: Client, bob: User, second: str) -> None:
    """R-LED9"""
    url = button_url(bob.wallet, "grant")
    token = token_of(office.get(url))
    assert office.post(url, {"token": token, "amount": "1", "reason": "gift"}).status_code == 302
    again = office.post(url, {"token": token, "amount": second, "reason": "gift"})
    assert "This was booked before, once." in again.content.decode()
    assert available(bob) == 1_000
    assert LogEntry.objects.count() == 1


def test_a_key_that_is_not_ours_books_nothing(office: Client, bob: User) -> None:
    """R-LED9: keys are never taken from a client."""
    answer = office.post(button_url(bob.wallet, "grant"), {"token": "mine", "amount": "1", "reason": "gift"})
    assert "This page is too old." in answer.content.decode()
    assert available(bob) == 0


def test_a_refund_gives_back_what_was_charged(office: Client, olga: User, alice: User, succeeded: Generation) -> None:
    """R-REF7"""
    page = office.get(button_url(succeeded, "refund")).content.decode()
    assert 'value="5"' in page
    answer = press(office, succeeded, "refund", amount="5", reason="a poor fox").content.decode()
    assert "Refunded 5 credits for alice@example.com: 995 were available, now 1000. a poor fox" in answer
    assert available(alice) == 1_000_000
    receipt = ledger.receipts([succeeded.about])[succeeded.about]
    assert (receipt.charged, receipt.refunded) == (5_000, 5_000)
    assert Entry.objects.get(kind="refund").author == olga


def test_a_refund_is_made_once(office: Client, alice: User, succeeded: Generation) -> None:
    press(office, succeeded, "refund", amount="2", reason="a poor fox")
    for amount in ("2", "3"):
        answer = press(office, succeeded, "refund", amount=amount, reason="a poor fox").content.decode()
        assert "This was booked before, once." in answer
    assert available(alice) == 997_000


def test_a_refund_is_not_larger_than_the_charge(office: Client, alice: User, succeeded: Generation) -> None:
    answer = press(office, succeeded, "refund", amount="5.001", reason="a poor fox").content.decode()
    assert "A refund cannot be larger than what was charged." in answer
    assert available(alice) == 995_000


def test_what_was_not_charged_cannot_be_refunded(office: Client, queued: Generation) -> None:
    answer = press(office, queued, "refund", amount="1", reason="too slow").content.decode()
    assert "A refund cannot be larger than what was charged." in answer
