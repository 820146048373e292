"""Stripe's webhooks: signed, kept with their outcome, applied once, in any order, and never lost."""

import json
import time
from functools import partial
from typing import Any

import pytest
from django.test import Client
from django.urls import reverse

from accounts.models import User
from billing.models import Payment, StripeEvent
from billing.payments import booking, webhooks
from tests.billing.test_concurrency import all_at_once
from tests.payments.conftest import signed_in
from tests.payments.paying import alerts, begin, books_are_right, buy, deliver, event, signature, wallet, work_off
from tests.processes import until
from tests.stripe_simulator_process import StripeSimulator

pytestmark = pytest.mark.django_db(transaction=True)
Outcome = StripeEvent.Outcome


def outcomes() -> list[str]:
    return list(StripeEvent.objects.order_by("pk").values_list("outcome", flat=True))


def paid_session(stripe: StripeSimulator, user: User) -> dict[str, Any]:
    """The event of a checkout that was paid, of which we have not heard."""
    payment = begin(user)
    stripe.pay(str(payment.session_id))
    return stripe.events("checkout.session.completed")[-1]


def test_a_paid_checkout_is_credited_by_its_webhook(shop: StripeSimulator, bob: User) -> None:
    payment = begin(bob)
    shop.pay(str(payment.session_id))
    until(shop.idle, "every webhook is delivered")
    assert Payment.objects.get().state == Payment.State.PAID
    assert wallet(bob) == {"available": 1000}
    assert {row["status"] for row in shop.deliveries()} == {200}
    assert set(outcomes()) <= {Outcome.APPLIED, Outcome.IGNORED}
    books_are_right()


def test_the_same_event_ten_times_in_parallel_credits_once(stripe: StripeSimulator, bob: User) -> None:
    """R-PAY1"""
    about = paid_session(stripe, bob)
    assert all_at_once([partial(deliver, about) for _ in range(10)]) == [200] * 10
    assert wallet(bob) == {"available": 1000}
    assert outcomes() == [Outcome.APPLIED]
    books_are_right()


def test_what_failed_answers_500_and_the_retry_applies_it(stripe: StripeSimulator, bob: User) -> None:
    """R-PAY2"""
    about = paid_session(stripe, bob)
    stripe.fault("500", count=2, path="/v1/checkout/sessions/")
    assert deliver(about) == 500
    row = StripeEvent.objects.get()
    assert (row.outcome, row.attempts) == (Outcome.FAILED, 1) and "cannot be reached" in row.detail
    assert wallet(bob) == {}
    assert deliver(about) == 200
    row.refresh_from_db()
    assert (row.outcome, row.attempts, row.next_at) == (Outcome.APPLIED, 2, None)
    assert wallet(bob) == {"available": 1000}


def test_what_failed_is_tried_again_by_ourselves_too(stripe: StripeSimulator, bob: User) -> None:
    """R-PAY2: Stripe may have given up."""
    about = paid_session(stripe, bob)
    stripe.fault("500", count=2, path="/v1/checkout/sessions/")
    deliver(about)
    assert webhooks.retry() == 0
    StripeEvent.objects.update(next_at="2026-01-01T00:00Z")
    assert webhooks.retry() == 1
    assert wallet(bob) == {"available": 1000}


def test_what_fails_for_ever_is_told_to_the_operator(stripe: StripeSimulator, bob: User) -> None:
    about = paid_session(stripe, bob)
    stripe.fault("500", count=1000)
    for _ in range(webhooks.MOST_ATTEMPTS):
        assert deliver(about) == 500
    assert StripeEvent.objects.get().next_at is None
    assert alerts() == ["stripe-event"]


@pytest.mark.parametrize(
    ("header", "outcome"),
    [
        ("", Outcome.BAD_SIGNATURE),
        ("t=1,v1=00", Outcome.BAD_SIGNATURE),
        ("nonsense", Outcome.BAD_SIGNATURE),
        ("t=1,v1=é", Outcome.BAD_SIGNATURE),
        ("t=1,v1=\udce9", Outcome.BAD_SIGNATURE),
        (f"t={'9' * 5000},v1=00", Outcome.BAD_SIGNATURE),
        ("other secret", Outcome.BAD_SIGNATURE),
        ("old", Outcome.OLD),
    ],
)
def test_a_bad_or_old_signature_is_refused_and_kept_as_such(
    stripe: StripeSimulator, bob: User, header: str, outcome: str
) -> None:
    about = paid_session(stripe, bob)
    body = json.dumps(about)
    if header == "other secret":
        header = signature(body, "whsec_other")
    elif header == "old":
        header = signature(body, at=time.time() - webhooks.TOLERANCE_SECONDS - 10)
    sent: Any = {"Stripe-Signature": header} if header else {}
    assert Client().post("/stripe/webhook", body, content_type="application/json", headers=sent).status_code == 400
    assert outcomes() == [outcome]
    # Its id proves nothing: the true event still comes in.
    assert StripeEvent.objects.get().event_id is None
    assert wallet(bob) == {}
    assert deliver(about) == 200
    assert wallet(bob) == {"available": 1000}


def test_a_secret_can_be_replaced_without_losing_an_event(stripe: StripeSimulator, bob: User, settings: Any) -> None:
    settings.STRIPE_WEBHOOK_SECRETS = ["whsec_new", "whsec_simulator"]
    assert deliver(paid_session(stripe, bob)) == 200
    settings.STRIPE_WEBHOOK_SECRETS = []
    assert deliver(event("charge.succeeded", {"id": "ch_1"})) == 400


def test_strangers_cannot_flood_the_inbox(db: None, settings: Any) -> None:
    client = Client()
    for _ in range(webhooks.UNSIGNED_PER_HOUR + 5):
        assert client.post("/stripe/webhook", "x" * 5000, content_type="text/plain").status_code == 400
    assert StripeEvent.objects.count() == webhooks.UNSIGNED_PER_HOUR
    assert len(StripeEvent.objects.latest("pk").body) == webhooks.UNSIGNED_BODY


def test_a_body_that_is_too_large_is_not_even_read(db: None) -> None:
    answer = Client().post("/stripe/webhook", "x" * (webhooks.MAX_BODY_BYTES + 1), content_type="text/plain")
    assert answer.status_code == 413
    assert outcomes() == [Outcome.TOO_LARGE]


@pytest.mark.parametrize("body", ["[]", "{}", "null", '{"id": "evt_1"}', '{"id": {}, "type": [], "data": 1}', "\0"])
def test_what_is_signed_and_no_event_is_refused(db: None, settings: Any, body: str) -> None:
    settings.STRIPE_WEBHOOK_SECRETS = ["whsec_simulator"]
    headers: Any = {"Stripe-Signature": signature(body)}
    answer = Client().post("/stripe/webhook", body, content_type="application/json", headers=headers)
    assert answer.status_code == 400


def test_an_unknown_type_is_noted(stripe: StripeSimulator) -> None:
    assert deliver(event("product.created", {"id": "prod_1"})) == 200
    assert outcomes() == [Outcome.IGNORED]
    assert stripe.requests() == []


def test_what_is_not_about_us_is_noted(stripe: StripeSimulator, bob: User) -> None:
    session = {"id": "cs_1", "mode": "payment", "client_reference_id": "somebody-elses", "currency": "usd"}
    assert deliver(event("checkout.session.completed", session)) == 200
    assert deliver(event("customer.updated", {"id": "cus_other"}, "evt_2")) == 200
    assert outcomes() == [Outcome.FOREIGN] * 2


@pytest.mark.parametrize("wrong", [{"amount_subtotal": 1}, {"currency": "jpy"}, {"id": "cs_other"}])
def test_an_event_that_does_not_fit_credits_nothing_and_tells_the_operator(
    stripe: StripeSimulator, bob: User, wrong: dict[str, Any]
) -> None:
    payment = begin(bob)
    session = {"id": payment.session_id, "mode": "payment", "client_reference_id": str(payment.pk)}
    session |= {"currency": "usd", "amount_subtotal": payment.amount_minor, "payment_status": "paid"}
    assert deliver(event("checkout.session.completed", session | wrong)) == 200
    assert outcomes() == [Outcome.REFUSED]
    assert alerts() == ["payment-event"]
    assert wallet(bob) == {}


def test_an_event_that_says_paid_credits_nothing_that_stripe_does_not_say_too(
    stripe: StripeSimulator, bob: User
) -> None:
    payment = begin(bob)
    session = {"id": payment.session_id, "mode": "payment", "client_reference_id": str(payment.pk)}
    session |= {"currency": "usd", "amount_subtotal": payment.amount_minor, "payment_status": "paid"}
    assert deliver(event("checkout.session.completed", session)) == 200
    assert Payment.objects.get().state == Payment.State.OPEN
    assert wallet(bob) == {}


@pytest.mark.parametrize("wrong", [{"amount_minor": 499}, {"currency": "EUR"}])
def test_what_was_paid_otherwise_than_agreed_is_not_credited(
    stripe: StripeSimulator, bob: User, wrong: dict[str, Any]
) -> None:
    payment = begin(bob)
    stripe.pay(str(payment.session_id))
    Payment.objects.update(**wrong)
    for _ in range(2):
        payment = booking.sync(payment.pk)
    assert payment.state == Payment.State.MISMATCH and payment.failure
    assert wallet(bob) == {}
    assert alerts() == ["payment-mismatch"]
    books_are_right()


@pytest.mark.parametrize("order", ["as it was", "backwards"])
def test_events_may_come_in_any_order(stripe: StripeSimulator, bob: User, order: str) -> None:
    payment = begin(bob, save_card=True)
    stripe.pay(str(payment.session_id))
    intent = stripe.events("payment_intent.succeeded")[-1]["data"]["object"]["id"]
    stripe.dispute(intent, amount=200)
    made = stripe.events()
    for about in made if order == "as it was" else reversed(made):
        assert deliver(about) == 200
    assert Payment.objects.get().state == Payment.State.DISPUTED
    assert wallet(bob) == {"available": 600, "held": 400}
    assert Outcome.FAILED not in outcomes()
    books_are_right()


@pytest.mark.parametrize("fault", ["twice", "late", "disorder", "wrong-signature", "old-timestamp"])
def test_webhooks_go_wrong_in_every_way_and_the_books_are_right(shop: StripeSimulator, bob: User, fault: str) -> None:
    shop.rates(**{fault: 1.0})
    payment = begin(bob)
    shop.pay(str(payment.session_id))
    until(shop.idle, "every webhook is delivered")
    assert wallet(bob) == {"available": 1000}
    books_are_right()


def test_lost_webhooks_are_made_up_for(stripe: StripeSimulator, bob: User) -> None:
    payment = buy(stripe, bob)
    stripe.dispute(str(payment.payment_intent))
    assert webhooks.catch_up() > 0
    assert wallet(bob) == {"held": 1000}
    assert webhooks.catch_up() == 0


def test_a_checkout_whose_webhook_was_lost_is_looked_for(stripe: StripeSimulator, bob: User) -> None:
    payment = begin(bob)
    stripe.pay(str(payment.session_id))
    assert booking.look() == 0
    Payment.objects.update(check_at="2026-01-01T00:00Z")
    assert booking.look() == 1
    assert wallet(bob) == {"available": 1000}
    assert booking.look() == 0


def test_an_operator_applies_an_event_again(stripe: StripeSimulator, bob: User, olga: User) -> None:
    about = paid_session(stripe, bob)
    stripe.fault("500", count=2, path="/v1/checkout/sessions/")
    deliver(about)
    row = StripeEvent.objects.get()
    client = signed_in(olga)
    assert "cannot be reached" in client.get(reverse("admin:billing_stripeevent_changelist")).content.decode()
    page = client.get(url := f"/admin/billing/stripeevent/{row.pk}/do/replay/")
    assert client.post(url, {"token": page.context["form"]["token"].value()}).status_code == 302
    assert work_off() == 1
    row.refresh_from_db()
    assert row.outcome == Outcome.APPLIED
    assert wallet(bob) == {"available": 1000}


def test_old_rows_of_the_inbox_are_forgotten(stripe: StripeSimulator, bob: User) -> None:
    deliver(paid_session(stripe, bob))
    deliver(event("product.created", {"id": "p"}), header="t=1,v1=0")
    assert webhooks.tidy() == 0
    StripeEvent.objects.update(received_at="2026-01-01T00:00Z")
    assert webhooks.tidy() == 2
