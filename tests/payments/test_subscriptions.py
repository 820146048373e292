"""Monthly plans: each paid invoice brings its credits once, whatever was told in whatever order."""

import re
from datetime import timedelta
from functools import partial
from typing import Any

import pytest
import time_machine
from django.core import mail
from django.utils import timezone

from accounts.errors import Refused
from accounts.models import User
from billing import ledger
from billing.models import CreditPlan, Lot, Payment, Subscription
from billing.payments import booking, checkout, recharge, refunds, saved_cards, subscriptions
from tests.billing.test_concurrency import all_at_once
from tests.payments.conftest import signed_in
from tests.payments.paying import alerts, books_are_right, deliver, wallet, with_card, work_off
from tests.processes import until
from tests.stripe_simulator_process import StripeSimulator

pytestmark = pytest.mark.django_db(transaction=True)
State = Subscription.State


@pytest.fixture
def plan(db: None) -> CreditPlan:
    return CreditPlan.objects.create(name="Creator", credits_millicredits=4_000_000, price_minor=1500, currency="USD")


def begin(stripe: StripeSimulator, user: User, plan: CreditPlan) -> Subscription:
    """A plan that was begun and paid at Stripe, of which we have not heard."""
    checkout.subscribe(user, plan)
    row = Subscription.objects.latest("created_at")
    stripe.pay(str(row.session_id))
    return row


def test_the_first_month_is_credited_and_ends_with_it(stripe: StripeSimulator, bob: User, plan: CreditPlan) -> None:
    row = subscriptions.sync(begin(stripe, bob, plan).pk)
    assert row.state == State.ACTIVE and row.period_ends_at
    assert wallet(bob) == {"available": 4000}
    assert Lot.objects.get(wallet=bob.pk).expires_at == row.period_ends_at + booking.RENEWAL_GRACE
    payment = Payment.objects.get()
    assert (payment.state, payment.paid_minor) == (Payment.State.PAID, 1500) and payment.invoice_url
    for _ in range(2):
        subscriptions.sync(row.pk)
    assert wallet(bob) == {"available": 4000}
    books_are_right()


def test_a_plan_with_rollover_leaves_what_is_left(stripe: StripeSimulator, bob: User, plan: CreditPlan) -> None:
    CreditPlan.objects.update(rollover=True)
    plan.refresh_from_db()
    subscriptions.sync(begin(stripe, bob, plan).pk)
    assert Lot.objects.get(wallet=bob.pk).expires_at is None


def test_each_month_brings_its_credits_as_agreed_at_the_beginning(
    shop: StripeSimulator, bob: User, plan: CreditPlan
) -> None:
    row = begin(shop, bob, plan)
    until(shop.idle, "every webhook is delivered")
    CreditPlan.objects.update(credits_millicredits=1, price_minor=1)
    row.refresh_from_db()
    for _ in range(2):
        shop.advance(str(row.subscription_id))
    until(shop.idle, "every webhook is delivered")
    assert Payment.objects.filter(state=Payment.State.PAID).count() == 3
    assert wallet(bob) == {"available": 12000}
    assert alerts() == []
    books_are_right()


@pytest.mark.parametrize("order", ["as it was", "backwards"])
def test_news_of_a_plan_may_come_in_any_order_and_twice(
    stripe: StripeSimulator, bob: User, plan: CreditPlan, order: str
) -> None:
    """R-PAY1"""
    begin(stripe, bob, plan)
    told = stripe.events()
    for about in (told if order == "as it was" else told[::-1]) * 2:
        assert deliver(about) == 200
    assert wallet(bob) == {"available": 4000}
    assert Subscription.objects.get().state == State.ACTIVE
    books_are_right()


def test_a_payment_that_fails_is_told_to_the_customer_and_credits_nothing(
    stripe: StripeSimulator, bob: User, plan: CreditPlan
) -> None:
    row = subscriptions.sync(begin(stripe, bob, plan).pk)
    stripe.advance(str(row.subscription_id), "failed")
    row = subscriptions.sync(row.pk)
    assert row.state == State.PAST_DUE
    assert wallet(bob) == {"available": 4000}
    work_off()
    assert [message.subject for message in mail.outbox] == ["Your payment did not go through"]
    invoice = Payment.objects.get(state=Payment.State.FAILED)
    assert invoice.invoice_url and invoice.invoice_url in mail.outbox[0].body
    # It is paid after all.
    stripe.advance(str(row.subscription_id), "paid")
    assert subscriptions.sync(row.pk).state == State.ACTIVE
    assert wallet(bob) == {"available": 8000}
    books_are_right()


def test_a_plan_ended_in_the_portal_brings_nothing_more(stripe: StripeSimulator, bob: User, plan: CreditPlan) -> None:
    row = subscriptions.sync(begin(stripe, bob, plan).pk)
    headers = {"Authorization": f"Bearer {stripe.key}"}
    url = f"{stripe.api}/v1/subscriptions/{row.subscription_id}"
    stripe.http.post(url, data={"cancel_at_period_end": "true"}, headers=headers).raise_for_status()
    assert deliver(stripe.events("customer.subscription.updated")[-1]) == 200
    row.refresh_from_db()
    assert (row.state, row.cancels_at) == (State.ACTIVE, row.period_ends_at)
    stripe.advance(str(row.subscription_id))
    assert deliver(stripe.events("customer.subscription.deleted")[-1]) == 200
    row.refresh_from_db()
    assert row.state == State.ENDED
    assert wallet(bob) == {"available": 4000}


def test_a_renewal_that_no_webhook_told_of_is_looked_for(stripe: StripeSimulator, bob: User, plan: CreditPlan) -> None:
    row = subscriptions.sync(begin(stripe, bob, plan).pk)
    assert row.check_at and row.period_ends_at and row.check_at > row.period_ends_at
    stripe.advance(str(row.subscription_id))
    assert subscriptions.look() == 0
    Subscription.objects.update(check_at=timezone.now())
    assert subscriptions.look() == 1
    assert wallet(bob) == {"available": 8000}


def test_a_refunded_month_takes_its_credits_back(
    stripe: StripeSimulator, bob: User, olga: User, plan: CreditPlan
) -> None:
    """R-PAY6"""
    subscriptions.sync(begin(stripe, bob, plan).pk)
    payment = Payment.objects.get()
    refunds.ask(payment, 750, reason="half", author=olga)
    work_off()
    assert wallet(bob) == {"available": 2000}
    # The event of a dispute names only an intent; the way from there to the invoice is found.
    Payment.objects.update(payment_intent=None)
    stripe.dispute(str(payment.payment_intent))
    assert deliver(stripe.events("charge.dispute.created")[-1]) == 200
    assert wallet(bob) == {"held": 2000}
    books_are_right()


def test_an_invoice_of_another_amount_is_not_credited(stripe: StripeSimulator, bob: User, plan: CreditPlan) -> None:
    row = begin(stripe, bob, plan)
    Subscription.objects.update(amount_minor=1400)
    subscriptions.sync(row.pk)
    assert wallet(bob) == {}
    assert alerts() == ["payment-mismatch"]


def test_one_plan_at_a_time(stripe: StripeSimulator, bob: User, plan: CreditPlan) -> None:
    subscriptions.sync(begin(stripe, bob, plan).pk)
    with pytest.raises(Refused) as refusal:
        checkout.subscribe(bob, plan)
    assert refusal.value.code == "already_subscribed"
    page = signed_in(bob).get("/balance/top-up/").content.decode()
    assert "You have the plan" in page and "/balance/plans/" not in page


def open_pages(stripe: StripeSimulator) -> list[str]:
    headers = {"Authorization": f"Bearer {stripe.key}"}
    url = f"{stripe.api}/v1/checkout/sessions"
    return [each["url"] for each in stripe.http.get(url, headers=headers).json()["data"] if each["status"] == "open"]


def test_beginning_a_plan_again_leads_to_the_page_that_is_open(
    stripe: StripeSimulator, bob: User, plan: CreditPlan
) -> None:
    saved_cards.customer_of(bob)
    pages = all_at_once([partial(checkout.subscribe, bob, plan) for _ in range(4)])
    assert set(pages) == {checkout.subscribe(bob, plan)}
    assert open_pages(stripe) == [pages[0]]
    assert Subscription.objects.count() == 1


def test_beginning_another_plan_closes_the_page_of_the_first(
    stripe: StripeSimulator, bob: User, plan: CreditPlan
) -> None:
    other = CreditPlan.objects.create(name="Pro", credits_millicredits=9_000_000, price_minor=3000, currency="USD")
    first = checkout.subscribe(bob, plan)
    # And one whose answer was lost.
    Subscription.objects.update(session_id=None, url="")
    second = checkout.subscribe(bob, other)
    assert first != second and open_pages(stripe) == [second]
    third = checkout.subscribe(bob, plan)
    assert open_pages(stripe) == [third]
    assert Subscription.objects.get(plan=other).state == State.ENDED


def test_a_plan_that_was_paid_unheard_of_lets_no_other_begin(
    stripe: StripeSimulator, bob: User, plan: CreditPlan
) -> None:
    begin(stripe, bob, plan)
    other = CreditPlan.objects.create(name="Pro", credits_millicredits=9_000_000, price_minor=3000, currency="USD")
    for wanted in (plan, other):
        with pytest.raises(Refused) as refusal:
            checkout.subscribe(bob, wanted)
        assert refusal.value.code == "already_subscribed"
    assert open_pages(stripe) == []
    assert wallet(bob) == {"available": 4000}


def test_changing_ones_mind_has_a_limit(stripe: StripeSimulator, bob: User, plan: CreditPlan) -> None:
    ends_at = timezone.now() + checkout.LASTS
    agreed: dict[str, Any] = {"credits_millicredits": 1, "amount_minor": 1, "currency": "USD", "rollover": False}
    for _ in range(checkout.OPEN_AT_ONCE):
        Subscription.objects.create(user=bob, plan=plan, state=State.ENDED, ends_at=ends_at, **agreed)
    with pytest.raises(Refused) as refusal:
        checkout.subscribe(bob, plan)
    assert refusal.value.code == "too_many_checkouts"


def test_two_plans_at_once_are_told_to_the_operator(stripe: StripeSimulator, bob: User, plan: CreditPlan) -> None:
    first = begin(stripe, bob, plan)
    subscriptions.sync(first.pk)
    assert alerts() == []
    # Paid on a page that was opened at the same moment.
    Subscription.objects.filter(pk=first.pk).update(state=State.ENDED)
    second = begin(stripe, bob, plan)
    for row in (first, second, first):
        subscriptions.sync(row.pk)
    assert alerts() == ["plan-twice"]


def test_a_plans_credits_last_until_the_next_ones_come(stripe: StripeSimulator, bob: User, plan: CreditPlan) -> None:
    """R-PAY4: Stripe charges a renewal an hour late, and nothing is bought in between."""
    row = subscriptions.sync(begin(stripe, bob, plan).pk)
    with_card(stripe, bob)
    recharge.save(bob, enabled=True, threshold=500_000, target=2_000_000, limit_minor=5000)
    assert row.period_ends_at and row.check_at
    hour_late = max(row.check_at, row.period_ends_at + timedelta(hours=1))
    with time_machine.travel(hour_late, tick=False):
        ledger.expire_all()
        assert recharge.run() == 0
        assert wallet(bob) == {"available": 4000}
    with time_machine.travel(row.period_ends_at + booking.RENEWAL_GRACE, tick=False):
        ledger.expire_all()
    assert wallet(bob) == {}


def test_a_plan_that_nobody_paid_ends_with_its_checkout(stripe: StripeSimulator, bob: User, plan: CreditPlan) -> None:
    checkout.subscribe(bob, plan)
    row = Subscription.objects.get()
    assert subscriptions.sync(row.pk).state == State.OPEN
    Subscription.objects.update(ends_at=timezone.now() - timedelta(seconds=1))
    assert subscriptions.sync(row.pk).state == State.ENDED


def test_a_customer_begins_a_plan_and_comes_back_to_it(stripe: StripeSimulator, bob: User, plan: CreditPlan) -> None:
    client = signed_in(bob)
    answer = client.post(f"/balance/plans/{plan.pk}/")
    assert answer.status_code == 303 and answer["Location"].startswith(stripe.api)
    row = Subscription.objects.get()
    back = stripe.pay(str(row.session_id))
    page = client.get(re.sub(r"^https?://[^/]+", "", back), follow=True).content.decode()
    assert "Your plan “Creator” has begun." in page and "It renews" in page
    assert wallet(bob) == {"available": 4000}
    portal: Any = client.post("/balance/payments/portal/")
    assert portal.status_code == 303 and "/p/session/" in portal["Location"]
    assert booking.pending(bob).count() == 0
