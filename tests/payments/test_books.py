"""Invariant 7 is checked: what was broken behind the verbs' back is named."""

from collections.abc import Callable

import pytest
from django.utils import timezone

from accounts.models import User
from billing import ledger
from billing.models import Payment, PaymentEntry, PaymentRefund
from billing.payments import booking
from billing.verify import CHECKS
from tests.payments.paying import buy
from tests.payments.test_refunds_and_disputes import refund_at_stripe
from tests.stripe_simulator_process import StripeSimulator

pytestmark = pytest.mark.django_db(transaction=True)

BREAKS: dict[str, Callable[[], object]] = {
    "promised": lambda: Payment.objects.update(credits_millicredits=999_000),
    "refunded": lambda: Payment.objects.update(refunded_minor=101),
    "lost": lambda: Payment.objects.update(lost_minor=5),
    "state": lambda: Payment.objects.update(state="failed"),
    "effect": lambda: PaymentEntry.objects.all().delete(),
    "refund": lambda: PaymentRefund.objects.update(state="failed"),
    "late": lambda: Payment.objects.update(check_at="2026-01-01T00:00Z"),
}


def found() -> list[int]:
    return [number for number, check in CHECKS for _ in check()]


@pytest.mark.parametrize("name", BREAKS)
def test_each_break_is_found(stripe: StripeSimulator, bob: User, name: str) -> None:
    """R-INV7, and R-INV11 for a payment that nobody looks at"""
    payment = buy(stripe, bob)
    refund_at_stripe(stripe, payment, 100)
    booking.sync(payment.pk)
    assert found() == []
    BREAKS[name]()
    assert set(found()) == ({11} if name == "late" else {7})


def test_credits_from_stripe_without_a_payment_are_found(bob: User) -> None:
    """R-INV7"""
    ledger.top_up(bob, 1000, payment="stripe:made-up")
    assert found() == [7]


def test_every_state_of_a_payment_is_in_order(stripe: StripeSimulator, bob: User) -> None:
    for state in ("open", "pending", "failed", "expired", "mismatch"):
        amounts = {"credits_millicredits": 1000, "amount_minor": 5, "currency": "USD", "paid_minor": 5}
        Payment.objects.create(user=bob, kind="custom", state=state, label="x", ends_at=timezone.now(), **amounts)
    assert found() == []
