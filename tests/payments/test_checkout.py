"""Buying credits on Stripe's page."""

from datetime import timedelta
from functools import partial
from typing import Any

import pytest
from django.db import transaction
from django.utils import timezone

from accounts.errors import Refused
from accounts.models import User
from billing.models import CreditPack, Lot, Payment, StripeCustomer
from billing.payments import booking, checkout, saved_cards
from tests.billing.test_concurrency import all_at_once
from tests.payments.conftest import signed_in
from tests.payments.paying import alerts, begin, books_are_right, buy, wallet
from tests.stripe_simulator_process import StripeSimulator

pytestmark = pytest.mark.django_db(transaction=True)
State = Payment.State


def test_a_custom_amount_is_paid_and_can_be_spent(stripe: StripeSimulator, bob: User) -> None:
    payment = begin(bob, 1_500_000)
    assert (payment.amount_minor, payment.currency, payment.state) == (750, "USD", State.OPEN)
    assert wallet(bob) == {}
    stripe.pay(str(payment.session_id))
    payment = booking.sync(payment.pk)
    assert payment.state == State.PAID
    assert wallet(bob) == {"available": 1500}
    assert payment.method == "Visa •••• 4242 (12/34)"
    assert payment.receipt_url and payment.invoice_url
    books_are_right()


def test_a_pack_brings_its_bonus_and_lasts_as_long_as_promised(
    stripe: StripeSimulator, bob: User, pack: CreditPack
) -> None:
    payment = checkout.begin_pack(bob, pack)
    checkout.open_page(payment)
    payment.refresh_from_db()
    # What is changed meanwhile changes nothing that was agreed.
    CreditPack.objects.update(credits_millicredits=1, bonus_millicredits=0, lasts_days=1, price_minor=1)
    stripe.pay(str(payment.session_id))
    payment = booking.sync(payment.pk)
    assert wallet(bob) == {"available": 5500}
    expires_at = Lot.objects.get(wallet=bob.pk).expires_at
    assert expires_at and payment.paid_at and (expires_at - payment.paid_at).days == 365


def test_a_payment_is_credited_once_however_often_it_is_looked_at(stripe: StripeSimulator, bob: User) -> None:
    """R-PAY1"""
    payment = buy(stripe, bob)
    for _ in range(3):
        booking.sync(payment.pk)
    assert wallet(bob) == {"available": 1000}


def test_the_page_at_stripe_is_one_however_often_it_is_opened(stripe: StripeSimulator, bob: User) -> None:
    payment = checkout.begin_custom(bob, 1_000_000)
    url = checkout.open_page(payment)
    assert checkout.open_page(Payment.objects.get(pk=payment.pk)) == url
    # And when the process died before it could write the answer down.
    Payment.objects.update(url="", session_id=None)
    assert checkout.open_page(Payment.objects.get(pk=payment.pk)) == url


def late(payment: Payment, minutes: int) -> Payment:
    """The payment when it has so many minutes left."""
    ends_at = timezone.now() + timedelta(minutes=minutes)
    Payment.objects.filter(pk=payment.pk).update(ends_at=ends_at, created_at=ends_at - checkout.LASTS)
    return Payment.objects.get(pk=payment.pk)


def test_a_page_that_could_not_be_opened_at_once_is_opened_late(stripe: StripeSimulator, bob: User) -> None:
    """R-API2: Stripe makes none that ends in less than half an hour, so that it gets a new hour."""
    payment = late(checkout.begin_custom(bob, 1_000_000), 20)
    pages = all_at_once([partial(checkout.open_page, Payment.objects.get(pk=payment.pk)) for _ in range(3)])
    payment.refresh_from_db()
    assert set(pages) == {payment.url} and payment.ends_at > timezone.now() + timedelta(minutes=55)
    assert alerts() == []
    stripe.pay(str(payment.session_id))
    assert booking.sync(payment.pk).state == State.PAID
    assert wallet(bob) == {"available": 1000}


def test_a_page_whose_answer_was_lost_is_the_same_one_late(
    stripe: StripeSimulator, bob: User, monkeypatch: pytest.MonkeyPatch
) -> None:
    """Two pages of one payment could both be paid."""
    monkeypatch.setattr(checkout, "SHORTEST", checkout.LASTS * 2)
    payment = checkout.begin_custom(bob, 1_000_000)
    url = checkout.open_page(payment)
    Payment.objects.update(url="", session_id=None)
    assert checkout.open_page(Payment.objects.get(pk=payment.pk)) == url
    assert Payment.objects.get().ends_at == payment.ends_at


def test_a_page_is_not_opened_when_its_time_is_over(stripe: StripeSimulator, bob: User) -> None:
    payment = late(checkout.begin_custom(bob, 1_000_000), -1)
    for found in (payment, booking.sync(payment.pk)):
        with pytest.raises(Refused) as refusal:
            checkout.open_page(found)
        assert (refusal.value.code, refusal.value.status) == ("checkout_expired", 409)
    assert alerts() == [] and stripe.requests("/v1/checkout") == []


def test_a_declined_card_charges_nothing_and_the_next_one_may_pay(stripe: StripeSimulator, bob: User) -> None:
    payment = begin(bob)
    back = stripe.pay(str(payment.session_id), "decline")
    assert "/c/pay/" in back
    assert booking.sync(payment.pk).state == State.OPEN
    assert wallet(bob) == {}
    stripe.pay(str(payment.session_id), "3ds")
    assert booking.sync(payment.pk).state == State.PAID
    assert wallet(bob) == {"available": 1000}


def test_a_delayed_payment_is_pending_until_the_bank_has_paid(stripe: StripeSimulator, bob: User) -> None:
    payment = buy(stripe, bob, how="later-open")
    assert payment.state == State.PENDING
    assert list(booking.pending(bob)) == [payment]
    assert "on their way from your bank" in signed_in(bob).get("/balance/").content.decode()
    assert wallet(bob) == {}
    stripe.settle(str(payment.session_id))
    assert booking.sync(payment.pk).state == State.PAID
    assert wallet(bob) == {"available": 1000}
    assert not booking.pending(bob)


def test_a_delayed_payment_that_fails_brings_nothing(stripe: StripeSimulator, bob: User) -> None:
    payment = buy(stripe, bob, how="later-open")
    stripe.settle(str(payment.session_id), "failed")
    payment = booking.sync(payment.pk)
    assert payment.state == State.FAILED and payment.failure
    assert wallet(bob) == {}


def test_a_checkout_that_ends_unpaid_is_over(stripe: StripeSimulator, bob: User) -> None:
    payment = begin(bob)
    stripe_expire(stripe, payment)
    assert booking.sync(payment.pk).state == State.EXPIRED
    assert booking.look() == 0


def stripe_expire(stripe: StripeSimulator, payment: Payment) -> None:
    headers = {"Authorization": f"Bearer {stripe.key}"}
    stripe.http.post(
        f"{stripe.api}/v1/checkout/sessions/{payment.session_id}/expire", headers=headers
    ).raise_for_status()


@pytest.mark.parametrize(("code", "paid"), [({"percent_off": 20}, 400), ({"percent_off": 100}, 0)])
def test_a_promotion_code_lowers_the_price_and_not_the_credits(
    stripe: StripeSimulator, bob: User, code: dict[str, int], paid: int
) -> None:
    promotion(stripe, "SPRING", code)
    payment = buy(stripe, bob, promotion_code="SPRING")
    assert (payment.state, payment.paid_minor, payment.discount_minor) == (State.PAID, paid, 500 - paid)
    assert wallet(bob) == {"available": 1000}
    books_are_right()


def promotion(stripe: StripeSimulator, code: str, coupon: dict[str, int]) -> None:
    headers = {"Authorization": f"Bearer {stripe.key}"}
    made = stripe.http.post(f"{stripe.api}/v1/coupons", data=coupon, headers=headers).raise_for_status().json()
    about = {"code": code, "promotion[type]": "coupon", "promotion[coupon]": made["id"]}
    stripe.http.post(f"{stripe.api}/v1/promotion_codes", data=about, headers=headers).raise_for_status()


def test_tax_comes_on_top_when_it_is_enabled(stripe: StripeSimulator, bob: User, settings: Any) -> None:
    settings.STRIPE_TAX = True
    payment = buy(stripe, bob)
    assert (payment.state, payment.paid_minor, payment.tax_minor) == (State.PAID, 600, 100)
    assert wallet(bob) == {"available": 1000}


def test_a_card_is_saved_for_who_asks_for_it_and_can_be_removed(stripe: StripeSimulator, bob: User) -> None:
    buy(stripe, bob)
    customer = StripeCustomer.objects.get(user=bob)
    saved_cards.refresh(customer)
    assert customer.payment_method == ""
    buy(stripe, bob, save_card=True)
    saved_cards.refresh(customer)
    assert customer.card == "Visa •••• 4242 (12/34)"
    assert saved_cards.remove(bob)
    assert StripeCustomer.objects.get(user=bob).payment_method == ""
    assert not saved_cards.remove(bob)


def test_stripe_out_of_reach_charges_nothing_and_says_so(stripe: StripeSimulator, bob: User) -> None:
    saved_cards.customer_of(bob)
    stripe.fault("500", count=10)
    with pytest.raises(Refused) as refusal:
        begin(bob)
    assert refusal.value.code == "payments_unavailable"
    stripe.clear_faults()
    assert booking.sync(Payment.objects.get().pk).state == State.OPEN


def test_an_answer_that_was_lost_is_asked_for_again_and_nothing_is_made_twice(
    stripe: StripeSimulator, bob: User
) -> None:
    stripe.fault("drop-after", path="/v1/customers")
    stripe.fault("drop-after", path="/v1/checkout/sessions")
    payment = buy(stripe, bob)
    assert payment.state == State.PAID
    assert wallet(bob) == {"available": 1000}
    headers = {"Authorization": f"Bearer {stripe.key}"}
    for kind in ("customers", "checkout/sessions"):
        assert len(stripe.http.get(f"{stripe.api}/v1/{kind}", headers=headers).json()["data"]) == 1


def test_a_key_that_stripe_refuses_is_told_to_the_operator(stripe: StripeSimulator, bob: User, settings: Any) -> None:
    saved_cards.customer_of(bob)
    settings.STRIPE_SECRET_KEY = "sk_test_wrong"
    with pytest.raises(Refused) as refusal:
        begin(bob)
    assert refusal.value.code == "payments_unavailable"
    assert alerts() == ["stripe-account"]


def test_a_page_that_stripe_refuses_is_told_to_the_operator(stripe: StripeSimulator, bob: User) -> None:
    """R-API1"""
    saved_cards.customer_of(bob)
    StripeCustomer.objects.update(customer_id="cus_gone")
    with pytest.raises(Refused) as refusal:
        begin(bob)
    assert refusal.value.code == "payments_unavailable" and "cus_gone" not in refusal.value.message
    assert alerts() == ["stripe-refuses"]


def test_a_portal_that_is_refused_is_told_to_the_operator(stripe: StripeSimulator, bob: User) -> None:
    saved_cards.customer_of(bob)
    StripeCustomer.objects.update(customer_id="cus_gone")
    page = signed_in(bob).post("/balance/payments/portal/", follow=True).content.decode()
    assert "could not be opened" in page and "cus_gone" not in page
    assert alerts() == ["stripe-refuses"]


def test_stripe_is_never_called_inside_a_transaction(stripe: StripeSimulator, bob: User) -> None:
    with pytest.raises(RuntimeError), transaction.atomic():
        begin(bob)
    assert stripe.requests() == []


def test_many_unfinished_checkouts_are_enough(stripe: StripeSimulator, bob: User) -> None:
    for _ in range(checkout.OPEN_AT_ONCE):
        checkout.begin_custom(bob, 1_000_000)
    with pytest.raises(Refused) as refusal:
        checkout.begin_custom(bob, 1_000_000)
    assert refusal.value.status == 429
    assert refusal.value.data["retry_after_seconds"] > 0


def test_without_a_key_nothing_is_sold(bob: User, settings: Any) -> None:
    settings.STRIPE_SECRET_KEY = ""
    with pytest.raises(Refused) as refusal:
        checkout.begin_custom(bob, 1_000_000)
    assert refusal.value.code == "payments_off"
    page = signed_in(bob).get("/balance/top-up/").content.decode()
    assert "cannot be bought here" in page and "Continue to payment" not in page
