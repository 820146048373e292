"""Auto-recharge (R-PAY4): opt-in, to a target, within a monthly limit, backing off, telling when it stops."""

from datetime import timedelta
from functools import partial
from typing import Any

import pytest
from django.core import mail
from django.utils import timezone

from accounts.errors import Refused
from accounts.models import User
from billing import ledger
from billing.models import AutoRecharge, Payment, StripeCustomer, Wallet
from billing.payments import booking, recharge, saved_cards, tasks
from billing.payments.backing_off import WAITS
from tests.billing.test_concurrency import all_at_once
from tests.payments.conftest import signed_in
from tests.payments.paying import books_are_right, buy, deliver, wallet, with_card, work_off
from tests.stripe_simulator_process import StripeSimulator

pytestmark = pytest.mark.django_db(transaction=True)
State = Payment.State
DECLINED, CONFIRM = "4000000000000341", "4000002760003184"


def wish(user: User, *, limit: int = 5000, threshold: int = 500, target: int = 2000) -> AutoRecharge:
    amounts = {"threshold": threshold * 1000, "target": target * 1000, "limit_minor": limit}
    return recharge.save(user, enabled=True, **amounts)


def subjects() -> list[str]:
    work_off()
    return [message.subject for message in mail.outbox]


def again(user: User) -> None:
    """The time of the next try has come."""
    AutoRecharge.objects.filter(user=user).update(retry_at=timezone.now() - timedelta(seconds=1))


def test_below_the_threshold_it_buys_up_to_the_target(stripe: StripeSimulator, bob: User) -> None:
    """R-PAY4"""
    with_card(stripe, bob)
    wish(bob)
    assert recharge.run() == 1
    assert wallet(bob) == {"available": 2000}
    assert recharge.run() == 0
    payment = Payment.objects.get()
    assert (payment.state, payment.amount_minor) == (State.PAID, 1000)
    books_are_right()


def test_it_is_off_unless_asked_for(stripe: StripeSimulator, bob: User) -> None:
    """R-PAY4"""
    with_card(stripe, bob)
    assert recharge.run() == 0
    recharge.save(bob, enabled=False, threshold=500_000, target=2_000_000, limit_minor=5000)
    assert recharge.run() == 0
    assert wallet(bob) == {}


def test_it_cannot_be_turned_on_without_a_card(stripe: StripeSimulator, bob: User) -> None:
    with pytest.raises(Refused) as refusal:
        wish(bob)
    assert refusal.value.code == "no_card"
    assert not AutoRecharge.objects.exists()


def test_many_that_look_at_once_recharge_once(stripe: StripeSimulator, bob: User) -> None:
    """R-PAY4"""
    with_card(stripe, bob)
    wish(bob)
    results = all_at_once([recharge.run] * 8)
    assert [result for result in results if isinstance(result, Exception)] == []
    assert wallet(bob) == {"available": 2000}
    assert stripe.totals()["usd"]["charges"] == 1


def test_the_monthly_limit_is_kept_and_told_of(stripe: StripeSimulator, bob: User) -> None:
    """R-PAY4"""
    with_card(stripe, bob)
    wish(bob, limit=1700)
    recharge.run()
    spend_all(bob, "first")
    # What is left of the limit is less than the target: it buys so much.
    recharge.run()
    assert wallet(bob) == {"available": 1400, "spent": 2000}
    spend_all(bob, "second")
    assert recharge.run() == 0
    assert recharge.used_this_month(bob) == 1700
    assert subjects() == ["Your auto-recharge has reached its monthly limit"]
    assert recharge.run() == 0 and len(subjects()) == 1
    until = AutoRecharge.objects.get().retry_at
    assert until and (until.day, until.hour) == (1, 0)
    # In the next month it goes on.
    Payment.objects.update(created_at=timezone.now() - timedelta(days=40))
    again(bob)
    assert recharge.run() == 1


def spend_all(user: User, about: str) -> None:
    amount = Wallet.objects.get(pk=user.pk).available
    ledger.hold(user.pk, amount, about=about)
    ledger.settle(about, amount)


def test_a_limit_that_buys_nothing_stops_it(stripe: StripeSimulator, bob: User) -> None:
    with_card(stripe, bob)
    wish(bob, limit=499)
    assert recharge.run() == 0
    assert AutoRecharge.objects.get().stopped == recharge.LIMIT_TOO_LOW
    assert subjects() == ["Your auto-recharge has stopped"]


def test_after_a_decline_it_waits_longer_each_time_then_stops_and_tells(stripe: StripeSimulator, bob: User) -> None:
    """R-PAY4"""
    with_card(stripe, bob, DECLINED)
    wish(bob)
    for number, wait in enumerate(WAITS, 1):
        assert recharge.run() == 1
        assert recharge.run() == 0
        row = AutoRecharge.objects.get()
        assert row.failures == number and row.retry_at
        assert abs(row.retry_at - timezone.now() - wait) < timedelta(minutes=1)
        again(bob)
    assert recharge.run() == 1
    assert AutoRecharge.objects.get().stopped == "Your card was declined 3 times."
    again(bob)
    assert recharge.run() == 0
    assert subjects() == ["Your auto-recharge was declined"] * 2 + ["Your auto-recharge has stopped"]
    assert {payment.state for payment in Payment.objects.all()} == {State.FAILED}
    assert wallet(bob) == {}
    # With another card, saving the settings starts it again.
    with_card(stripe, bob)
    wish(bob)
    assert recharge.run() == 1
    assert wallet(bob) == {"available": 2000}


def test_a_bank_that_wants_confirmation_gets_the_customer_to_pay_on_session(stripe: StripeSimulator, bob: User) -> None:
    """R-PAY4"""
    with_card(stripe, bob, CONFIRM)
    wish(bob)
    recharge.run()
    assert recharge.run() == 0
    assert subjects() == ["Your bank wants you to confirm a payment"]
    link = "/balance/top-up/?credits=2000"
    assert link in mail.outbox[0].body
    page = signed_in(bob).get(link)
    assert 'value="2000"' in page.content.decode() and page.context["save_card"]
    # Paying there, with the card saved, lets it go on.
    buy(stripe, bob, 2_000_000, save_card=True, how="3ds")
    assert AutoRecharge.objects.get().stopped == ""
    assert wallet(bob) == {"available": 2000}


def test_news_of_the_decline_that_come_by_webhook_count_it_once(stripe: StripeSimulator, bob: User) -> None:
    with_card(stripe, bob, DECLINED)
    wish(bob)
    recharge.run()
    failed = stripe.events("payment_intent.payment_failed")[-1]
    assert [deliver(failed), deliver(failed)] == [200, 200]
    assert AutoRecharge.objects.get().failures == 1
    assert len(subjects()) == 1


@pytest.mark.parametrize("fault", ["timeout", "drop-after", "500-after"])
def test_a_charge_whose_answer_was_lost_is_found_and_not_made_again(
    stripe: StripeSimulator, bob: User, settings: Any, fault: str
) -> None:
    settings.STRIPE_TIMEOUT_SECONDS = 0.3
    with_card(stripe, bob)
    wish(bob)
    stripe.fault(fault, count=2, path="/v1/payment_intents")
    recharge.run()
    stripe.clear_faults()
    for _ in range(2):
        assert recharge.run() == 0
    Payment.objects.filter(state=State.OPEN).update(check_at=timezone.now())
    booking.look()
    assert wallet(bob) == {"available": 2000}
    assert stripe.totals()["usd"]["charges"] == 1
    books_are_right()


def test_a_charge_that_never_reached_stripe_is_tried_again_and_is_no_decline(
    stripe: StripeSimulator, bob: User
) -> None:
    """R-PAY4"""
    with_card(stripe, bob)
    wish(bob)
    stripe.fault("500", count=2, path="/v1/payment_intents")
    recharge.run()
    payment = Payment.objects.get()
    assert booking.sync(payment.pk).state == State.OPEN
    Payment.objects.update(created_at=timezone.now() - timedelta(hours=1))
    assert booking.sync(payment.pk).state == State.EXPIRED
    assert AutoRecharge.objects.get().failures == 0
    assert subjects() == []
    assert recharge.run() == 1
    assert wallet(bob) == {"available": 2000}


def test_a_card_that_is_gone_stops_it(stripe: StripeSimulator, bob: User) -> None:
    with_card(stripe, bob)
    wish(bob)
    saved_cards.remove(bob)
    assert recharge.run() == 0
    assert AutoRecharge.objects.get().stopped == recharge.NO_CARD


def test_a_card_that_stripe_does_not_know_any_more_counts_as_a_decline(stripe: StripeSimulator, bob: User) -> None:
    with_card(stripe, bob)
    wish(bob)
    StripeCustomer.objects.update(payment_method="pm_gone")
    recharge.run()
    assert AutoRecharge.objects.get().failures == 1
    payment = Payment.objects.get()
    assert (payment.state, payment.failure) == (State.FAILED, recharge.CARD_GONE)
    assert subjects() == ["Your auto-recharge was declined"]
    assert "pm_gone" not in mail.outbox[0].body


def test_credits_that_a_dispute_holds_are_no_reason_to_buy(stripe: StripeSimulator, bob: User) -> None:
    payment = buy(stripe, bob)
    with_card(stripe, bob)
    wish(bob)
    stripe.dispute(str(payment.payment_intent))
    booking.sync(payment.pk)
    assert wallet(bob) == {"held": 1000}
    assert recharge.run() == 0


def test_one_turn_of_the_task_recharges_and_survives_what_fails(stripe: StripeSimulator, bob: User) -> None:
    with_card(stripe, bob)
    wish(bob)
    stripe.fault("500", count=2, path="/v1/events")
    tasks.look()
    assert wallet(bob) == {"available": 2000}


def test_what_a_customer_wishes_is_refused_at_its_field(stripe: StripeSimulator, bob: User) -> None:
    with_card(stripe, bob)
    client = signed_in(bob)
    good = {"enabled": "on", "threshold": "500", "target": "2000", "monthly_limit": "50.00"}
    bad = [
        *({"threshold": value} for value in ("-1", "NaN", "0.0005", "1000000000000000000", "", "x")),
        *({"target": value} for value in ("500", "0", "-1", "NaN", "1e9", "200001")),
        *({"monthly_limit": value} for value in ("0", "-1", "NaN", "1.005", "1000000000000000000", "4.99")),
    ]
    for wrong in bad:
        answer = client.post("/balance/payments/", good | wrong)
        assert answer.status_code == 422, wrong
        assert next(iter(answer.context["form"].errors)) == next(iter(wrong)), wrong
    assert not AutoRecharge.objects.exists()
    assert client.post("/balance/payments/", good).status_code == 302
    row = AutoRecharge.objects.get()
    assert (row.threshold_millicredits, row.target_millicredits, row.monthly_limit_minor) == (500_000, 2_000_000, 5000)
    assert "of that this month" in client.get("/balance/payments/").content.decode()


def test_two_customers_do_not_wait_for_each_other(stripe: StripeSimulator, bob: User, eve: User) -> None:
    for user, number in ((bob, DECLINED), (eve, "4242424242424242")):
        with_card(stripe, user, number)
        wish(user, threshold=1500, target=3000)
    assert recharge.run() == 2
    assert wallet(eve) == {"available": 3000}
    assert partial(wallet, bob)() == {}
