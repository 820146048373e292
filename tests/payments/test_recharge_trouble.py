"""What auto-recharge does when a payment is taken back, and when the trouble is Stripe's or the operator's (R-PAY4)."""

from datetime import timedelta
from typing import Any

import pytest
from django.core import mail
from django.utils import timezone

from accounts.models import User
from billing.models import Alert, AutoRecharge, Payment, StripeCustomer
from billing.payments import backing_off, booking, recharge, refunds
from tests.payments.conftest import signed_in
from tests.payments.paying import alerts, books_are_right, buy, wallet, with_card, work_off
from tests.payments.test_recharge import again, spend_all, subjects, wish
from tests.stripe_simulator_process import StripeSimulator

pytestmark = pytest.mark.django_db(transaction=True)
State = Payment.State
STOPPED = "Your auto-recharge has stopped"


def recharged(stripe: StripeSimulator, user: User) -> Payment:
    """A payment that auto-recharge has made."""
    with_card(stripe, user)
    wish(user)
    recharge.run()
    return Payment.objects.get()


def settings_page(user: User) -> str:
    return signed_in(user).get("/balance/payments/").content.decode()


def test_a_recharge_that_was_refunded_is_not_made_again(stripe: StripeSimulator, bob: User, olga: User) -> None:
    """R-PAY4, R-PAY6"""
    payment = recharged(stripe, bob)
    refunds.ask(payment, payment.amount_minor, reason="Not wanted", author=olga)
    work_off()
    assert subjects() == [STOPPED]
    assert wallet(bob) == {}
    assert recharge.run() == 0
    body = mail.outbox[0].body
    assert backing_off.REFUNDED in body and "Not wanted" not in body
    assert "It has stopped" in settings_page(bob)
    wish(bob)
    assert recharge.run() == 1
    books_are_right()


def test_a_refund_of_what_the_customer_bought_themselves_stops_nothing(
    stripe: StripeSimulator, bob: User, olga: User
) -> None:
    payment = buy(stripe, bob, 5_000_000)
    with_card(stripe, bob)
    wish(bob)
    refunds.ask(payment, 500, reason="x", author=olga)
    work_off()
    assert AutoRecharge.objects.get().stopped == ""


@pytest.mark.parametrize("outcome", ["", "lost"])
def test_a_dispute_stops_it_and_the_customer_starts_it_again(stripe: StripeSimulator, bob: User, outcome: str) -> None:
    """R-PAY4, R-PAY7"""
    payment = buy(stripe, bob)
    with_card(stripe, bob)
    wish(bob)
    dispute = stripe.dispute(str(payment.payment_intent))
    if outcome:
        stripe.close_dispute(dispute["id"], outcome)
    for _ in range(2):
        booking.sync(payment.pk)
    assert AutoRecharge.objects.get().stopped == backing_off.DISPUTED
    assert subjects() == [STOPPED]
    assert recharge.run() == 0
    # A card that works does not start it.
    buy(stripe, bob, save_card=True)
    assert AutoRecharge.objects.get().stopped == backing_off.DISPUTED


def test_a_dispute_that_is_lost_stops_what_was_started_again_while_it_was_open(
    stripe: StripeSimulator, bob: User
) -> None:
    """R-PAY4, R-PAY7"""
    payment = buy(stripe, bob)
    with_card(stripe, bob)
    wish(bob)
    dispute = stripe.dispute(str(payment.payment_intent))
    booking.sync(payment.pk)
    wish(bob)
    assert recharge.run() == 0
    assert "It waits: a payment is disputed." in settings_page(bob)
    stripe.close_dispute(dispute["id"], "lost")
    booking.sync(payment.pk)
    assert recharge.run() == 0
    assert subjects() == [STOPPED, STOPPED]
    assert Payment.objects.count() == 1


def test_an_inquiry_or_a_dispute_that_is_won_stops_nothing(stripe: StripeSimulator, bob: User) -> None:
    payment = buy(stripe, bob)
    with_card(stripe, bob)
    wish(bob)
    dispute = stripe.dispute(str(payment.payment_intent))
    stripe.close_dispute(dispute["id"], "won")
    booking.sync(payment.pk)
    assert AutoRecharge.objects.get().stopped == ""
    assert subjects() == []


def test_what_is_owed_is_not_paid_with_the_saved_card(stripe: StripeSimulator, bob: User) -> None:
    """R-PAY4, R-PAY7: the card that was charged for a lost dispute is not charged for it again."""
    payment = buy(stripe, bob, 10_000_000)
    with_card(stripe, bob)
    wish(bob, limit=100_000)
    spend_all(bob, "job")
    dispute = stripe.dispute(str(payment.payment_intent))
    stripe.close_dispute(dispute["id"], "lost")
    booking.sync(payment.pk)
    wish(bob, limit=100_000)
    assert [recharge.run() for _ in range(3)] == [0, 0, 0]
    assert wallet(bob) == {"spent": 10000, "owed": 10000}
    assert "It waits: credits are owed" in settings_page(bob)
    # When it is paid, it goes on.
    buy(stripe, bob, 10_000_000)
    assert recharge.run() == 1
    books_are_right()


def test_the_trouble_of_one_customer_is_no_others(stripe: StripeSimulator, bob: User, eve: User) -> None:
    """R-PAY4"""
    for user in (bob, eve):
        with_card(stripe, user)
        wish(user, threshold=1500, target=3000)
    stripe.fault("500", count=2, path="/v1/payment_intents/")
    assert recharge.run() == 2
    assert Payment.objects.filter(state=State.PAID).count() == 1
    stripe.clear_faults()
    Payment.objects.filter(state=State.OPEN).update(check_at=timezone.now())
    booking.look()
    assert [wallet(user) for user in (bob, eve)] == [{"available": 3000}] * 2
    assert stripe.totals()["usd"]["charges"] == 2
    assert subjects() == []


def test_a_key_that_stripe_refuses_is_told_to_the_operator_and_no_customer(
    stripe: StripeSimulator, bob: User, eve: User, settings: Any
) -> None:
    """R-PAY4, R-API1, R-SEC3"""
    good = settings.STRIPE_SECRET_KEY
    for user in (bob, eve):
        with_card(stripe, user)
        wish(user, threshold=1500, target=3000)
    settings.STRIPE_SECRET_KEY = "sk_test_wrong_key_of_operator"
    assert [recharge.run() for _ in range(3)] == [2, 0, 0]
    assert alerts() == ["stripe-account"]
    told = Alert.objects.get().message
    assert "Invalid API Key" in told and "sk_test" not in told and "ator" not in told.replace("operator", "")
    assert not AutoRecharge.objects.exclude(failures=0, stopped="").exists()
    assert subjects() == []
    page = signed_in(bob).get(f"/balance/payments/{Payment.objects.get(user=bob).pk}/").content.decode()
    assert "API Key" not in page and "sk_test" not in page
    # With the right key it goes on, and each is charged once.
    settings.STRIPE_SECRET_KEY = good
    Payment.objects.update(created_at=timezone.now() - timedelta(minutes=20), check_at=timezone.now())
    booking.look()
    assert recharge.run() == 2
    assert [wallet(user) for user in (bob, eve)] == [{"available": 3000}] * 2
    assert stripe.totals()["usd"]["charges"] == 2


def test_a_recharge_that_stripe_refuses_waits_and_is_no_decline(stripe: StripeSimulator, bob: User) -> None:
    """R-PAY4, R-API1"""
    with_card(stripe, bob)
    wish(bob)
    known = StripeCustomer.objects.get().customer_id
    StripeCustomer.objects.update(customer_id="cus_gone")
    assert [recharge.run(), recharge.run()] == [1, 0]
    row = AutoRecharge.objects.get()
    assert (row.failures, row.stopped) == (0, "") and row.retry_at
    payment = Payment.objects.get()
    assert (payment.state, payment.failure) == (State.EXPIRED, "")
    assert alerts() == ["stripe-refuses"] and subjects() == []
    page = settings_page(bob)
    assert "the payment could not be made" in page and "cus_gone" not in page
    StripeCustomer.objects.update(customer_id=known)
    again(bob)
    assert recharge.run() == 1
    assert wallet(bob) == {"available": 2000}


def test_a_key_for_other_things_is_told_to_the_operator(
    stripe: StripeSimulator, bob: User, olga: User, settings: Any
) -> None:
    """R-API1: a refund waits for the operator to mend it, and the customer reads that there is trouble."""
    payment = buy(stripe, bob)
    refund = refunds.ask(payment, 500, reason="x", author=olga)
    settings.STRIPE_SECRET_KEY = "sk_test_wrong_key_of_operator"
    client = signed_in(bob)
    answer = client.post("/balance/top-up/", {"choice": "custom", "credits": "1000"})
    assert answer.status_code == 503
    page = answer.content.decode()
    assert "Payments do not work at the moment." in page and "API Key" not in page
    refunds.send_asked()
    refund.refresh_from_db()
    assert refund.state == refund.State.ASKED
    assert alerts() == ["stripe-account"]
