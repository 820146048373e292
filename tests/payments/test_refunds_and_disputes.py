"""Money that goes back: refunds by an operator or in Stripe's dashboard, and disputes, in any order."""

import itertools
from dataclasses import replace
from functools import partial
from typing import Any

import pytest

from accounts.errors import Refused
from accounts.models import User
from billing import ledger
from billing.models import Entry, Payment, PaymentDispute, PaymentRefund
from billing.payments import booking, refunds, stripe_reading
from tests.billing.test_concurrency import all_at_once
from tests.operators.conftest import button_url, token_of
from tests.payments.conftest import signed_in
from tests.payments.paying import alerts, begin, books_are_right, buy, deliver, wallet, work_off
from tests.processes import until
from tests.stripe_simulator_process import StripeSimulator

pytestmark = pytest.mark.django_db(transaction=True)
State = Payment.State


def spend(user: User, credits: int, about: str = "job") -> None:
    ledger.hold(user.pk, credits * 1000, about=about)
    ledger.settle(about, credits * 1000)


def refund_at_stripe(stripe: StripeSimulator, payment: Payment, amount: int | None = None) -> dict[str, Any]:
    """As an operator would do it in Stripe's dashboard."""
    about = {"payment_intent": payment.payment_intent} | ({"amount": amount} if amount else {})
    headers = {"Authorization": f"Bearer {stripe.key}"}
    return stripe.http.post(f"{stripe.api}/v1/refunds", data=about, headers=headers).raise_for_status().json()


def ask(payment: Payment, amount: int, author: User) -> None:
    refunds.ask(payment, amount, reason="They asked.", author=author)
    work_off()


def test_a_full_refund_takes_all_credits_back(stripe: StripeSimulator, bob: User, olga: User) -> None:
    """R-PAY6"""
    payment = buy(stripe, bob)
    ask(payment, 500, olga)
    payment.refresh_from_db()
    assert (payment.state, payment.refunded_minor) == (State.REFUNDED, 500)
    assert wallet(bob) == {}
    assert stripe.totals()["usd"]["refunded"] == 500
    refund = PaymentRefund.objects.get()
    assert (refund.author, refund.reason, refund.state) == (olga, "They asked.", PaymentRefund.State.DONE)
    books_are_right()


def test_partial_refunds_take_credits_back_by_the_delta(stripe: StripeSimulator, bob: User, olga: User) -> None:
    """R-PAY6: of 500 cents for 1000 credits, 123 are 246 credits; a second one takes only what it adds."""
    payment = buy(stripe, bob)
    ask(payment, 123, olga)
    assert wallet(bob) == {"available": 754}
    refund_at_stripe(stripe, payment, 7)
    for _ in range(2):
        booking.sync(payment.pk)
    assert wallet(bob) == {"available": 740}
    assert Payment.objects.get().state == State.PAID
    refund_at_stripe(stripe, payment)
    assert booking.sync(payment.pk).state == State.REFUNDED
    assert wallet(bob) == {}
    assert PaymentRefund.objects.count() == 3
    books_are_right()


def test_what_was_spent_of_a_refunded_payment_is_owed(stripe: StripeSimulator, bob: User, olga: User) -> None:
    """R-PAY6"""
    payment = buy(stripe, bob)
    spend(bob, 900)
    ask(payment, 500, olga)
    assert wallet(bob) == {"spent": 900, "owed": 900}
    buy(stripe, bob)
    assert wallet(bob) == {"available": 100, "spent": 900}
    books_are_right()


def test_a_refund_that_fails_gives_the_credits_back(stripe: StripeSimulator, bob: User, olga: User) -> None:
    payment = buy(stripe, bob, card="4000000000005126")
    ask(payment, 500, olga)
    # The bank may have answered before our books asked.
    refunded, failed_already = (PaymentRefund.State.DONE, {}), (PaymentRefund.State.FAILED, {"available": 1000})
    assert (PaymentRefund.objects.get().state, wallet(bob)) in (refunded, failed_already)

    def failed() -> bool:
        return booking.sync(payment.pk).state == State.PAID

    until(failed, "the bank refuses the refund")
    assert wallet(bob) == {"available": 1000}
    assert alerts() == ["refund-failed"]
    # And it can be tried once more.
    assert refunds.refundable(Payment.objects.get()) == 500
    books_are_right()


def test_no_more_is_refunded_than_was_paid(stripe: StripeSimulator, bob: User, olga: User) -> None:
    payment = buy(stripe, bob)
    for amount in (0, -1, 501, 10**18):
        with pytest.raises(Refused):
            refunds.ask(payment, amount, reason="x", author=olga)
    asked = all_at_once([partial(refunds.ask, payment, 200, reason="x", author=olga) for _ in range(6)])
    assert sum(isinstance(one, Refused) for one in asked) == 4
    work_off()
    assert stripe.totals()["usd"]["refunded"] == 400
    assert wallet(bob) == {"available": 200}


@pytest.mark.parametrize("fault", ["500", "500-after", "drop-after"])
def test_a_refund_is_sent_once_though_its_answer_was_lost(
    stripe: StripeSimulator, bob: User, olga: User, fault: str
) -> None:
    payment = buy(stripe, bob)
    refund = refunds.ask(payment, 200, reason="x", author=olga)
    stripe.fault(fault, count=2, path="/v1/refunds")
    stripe.fault("500", count=2, path="/v1/checkout/sessions")
    with pytest.raises(Refused):
        refunds.send(refund.pk)
    stripe.clear_faults()
    PaymentRefund.objects.update(created_at="2026-01-01T00:00Z")
    refunds.send_asked()
    assert PaymentRefund.objects.get().state == PaymentRefund.State.DONE
    assert stripe.totals()["usd"]["refunds"] == 1
    assert wallet(bob) == {"available": 600}


def test_a_refund_that_stripe_refuses_is_told_to_the_operator(stripe: StripeSimulator, bob: User, olga: User) -> None:
    payment = buy(stripe, bob)
    stripe.dispute(str(payment.payment_intent))
    ask(payment, 500, olga)
    refund = PaymentRefund.objects.get()
    assert refund.state == PaymentRefund.State.FAILED and "charged back" in refund.failure
    assert "refund-refused" in alerts()


def test_an_operator_refunds_in_the_admin(stripe: StripeSimulator, bob: User, olga: User) -> None:
    payment = buy(stripe, bob)
    client = signed_in(olga)
    page = client.get(f"/admin/billing/payment/{payment.pk}/change/").content.decode()
    assert "Refund…" in page and "stripe:" in page
    url = f"/admin/billing/payment/{payment.pk}/do/refund/"
    form = client.get(url).context["form"]
    assert form["amount"].value() == "5.00"
    for amount in ("-1", "NaN", "1e3", "0", "5.01", "1.234"):
        sent = {"token": form["token"].value(), "amount": amount, "reason": "x"}
        assert client.post(url, sent).status_code == 200
    assert client.post(url, {**sent, "amount": "1.00"}).status_code == 302
    work_off()
    assert wallet(bob) == {"available": 800}
    assert "They asked" not in page
    assert "They asked" not in client.get(f"/admin/billing/payment/{payment.pk}/change/").content.decode()


@pytest.mark.parametrize("second", ["1.00", "2.00"])
def test_a_refund_page_that_is_sent_twice_pays_once(
    stripe: StripeSimulator, bob: User, olga: User, second: str
) -> None:
    """R-PAY6: also with another amount; a page that was refused may be sent again."""
    payment = buy(stripe, bob)
    client, url = signed_in(olga), button_url(payment, "refund")
    sent = {"token": token_of(client.get(url)), "reason": "one dollar"}
    assert "At most $5.00" in client.post(url, {**sent, "amount": "5.01"}).content.decode()
    assert client.post(url, {**sent, "amount": "1.00"}).status_code == 302
    again = client.post(url, {**sent, "amount": second}).content.decode()
    assert "This was asked for before, once." in again
    work_off()
    assert stripe.totals()["usd"]["refunded"] == 100
    assert wallet(bob) == {"available": 800}


def test_a_refund_page_that_is_sent_twice_at_once_pays_once(stripe: StripeSimulator, bob: User, olga: User) -> None:
    payment = buy(stripe, bob)
    asked = all_at_once([partial(refunds.ask, payment, 100, reason="x", author=olga, key="refund:page")] * 6)
    assert sorted(one.code for one in asked if isinstance(one, Refused)) == ["already_done"] * 5
    assert PaymentRefund.objects.get().amount_minor == 100


def test_a_dispute_sets_credits_aside_and_a_won_one_gives_them_back(stripe: StripeSimulator, bob: User) -> None:
    """R-PAY7"""
    payment = buy(stripe, bob)
    dispute = stripe.dispute(str(payment.payment_intent))
    for _ in range(2):
        payment = booking.sync(payment.pk)
    assert payment.state == State.DISPUTED
    assert wallet(bob) == {"held": 1000}
    assert alerts() == ["payment-disputed"]
    buy(stripe, bob)
    booking.sync(payment.pk)
    # What was bought afterwards stays spendable.
    assert wallet(bob) == {"available": 1000, "held": 1000}
    stripe.close_dispute(dispute["id"], "won")
    assert booking.sync(payment.pk).state == State.PAID
    assert wallet(bob) == {"available": 2000}
    books_are_right()


def test_a_lost_dispute_takes_the_credits_and_what_was_spent_is_owed(stripe: StripeSimulator, bob: User) -> None:
    """R-PAY7"""
    payment = buy(stripe, bob)
    spend(bob, 700)
    dispute = stripe.dispute(str(payment.payment_intent))
    booking.sync(payment.pk)
    assert wallet(bob) == {"held": 300, "spent": 700}
    stripe.close_dispute(dispute["id"], "lost")
    assert booking.sync(payment.pk).state == State.LOST
    assert wallet(bob) == {"spent": 700, "owed": 700}
    buy(stripe, bob)
    assert wallet(bob) == {"available": 300, "spent": 700}
    books_are_right()


@pytest.mark.parametrize("outcome", ["won", "lost"])
def test_what_a_job_held_is_set_aside_when_it_comes_back(stripe: StripeSimulator, bob: User, outcome: str) -> None:
    """R-PAY7: a queued generation is no place to hide credits from a dispute."""
    payment = buy(stripe, bob)
    ledger.hold(bob.pk, 600_000, about="first")
    ledger.hold(bob.pk, 400_000, about="second")
    dispute = stripe.dispute(str(payment.payment_intent))
    booking.sync(payment.pk)
    buy(stripe, bob)
    assert wallet(bob) == {"available": 1000, "held": 1000}
    ledger.settle("first", 0)
    assert wallet(bob) == {"available": 1000, "held": 1000}
    ledger.settle("second", 300_000)
    assert wallet(bob) == {"available": 1000, "held": 700, "spent": 300}
    books_are_right()
    stripe.close_dispute(dispute["id"], outcome)
    booking.sync(payment.pk)
    left = {"available": 1700 if outcome == "won" else 700, "spent": 300}
    assert wallet(bob) == left
    books_are_right()


@pytest.mark.parametrize("order", list(itertools.permutations(range(3))))
def test_news_of_a_dispute_are_right_in_any_order(stripe: StripeSimulator, bob: User, order: tuple[int, ...]) -> None:
    """R-PAY7: paid, opened and lost, as events in every order, each twice."""
    payment = buy(stripe, bob)
    dispute = stripe.dispute(str(payment.payment_intent), amount=300)
    stripe.close_dispute(dispute["id"], "lost")
    names = ("checkout.session.completed", "charge.dispute.created", "charge.dispute.closed")
    told = [stripe.events(name)[-1] for name in names]
    for number in order:
        assert [deliver(told[number]), deliver(told[number])] == [200, 200]
    assert wallet(bob) == {"available": 400}
    assert PaymentDispute.objects.get().state == PaymentDispute.State.LOST
    books_are_right()


def test_a_payment_first_heard_of_when_its_dispute_is_lost_comes_and_goes(stripe: StripeSimulator, bob: User) -> None:
    """R-PAY7"""
    payment = begin(bob)
    stripe.pay(str(payment.session_id))
    intent = stripe.events("payment_intent.succeeded")[-1]["data"]["object"]["id"]
    dispute = stripe.dispute(intent)
    stripe.close_dispute(dispute["id"], "lost")
    assert booking.sync(payment.pk).state == State.LOST
    assert wallet(bob) == {}
    kinds = list(Entry.objects.filter(wallet=bob.pk).order_by("pk").values_list("kind", flat=True))
    assert kinds == ["top_up", "reversal"]
    books_are_right()


def test_a_partly_refunded_payment_that_is_disputed_loses_the_rest_once(stripe: StripeSimulator, bob: User) -> None:
    payment = buy(stripe, bob)
    refund_at_stripe(stripe, payment, 200)
    booking.sync(payment.pk)
    dispute = stripe.dispute(str(payment.payment_intent))
    booking.sync(payment.pk)
    assert wallet(bob) == {"held": 600}
    stripe.close_dispute(dispute["id"], "lost")
    assert booking.sync(payment.pk).state == State.LOST
    assert wallet(bob) == {}
    books_are_right()


def test_a_lost_dispute_that_is_won_after_all_brings_the_credits_again(stripe: StripeSimulator, bob: User) -> None:
    """R-PAY7"""
    payment = buy(stripe, bob)
    dispute = stripe.dispute(str(payment.payment_intent))
    stripe.close_dispute(dispute["id"], "lost")
    booking.sync(payment.pk)
    reopened = PaymentDispute.objects.get()
    seen = _seen_with(stripe, payment, reopened.dispute_id, PaymentDispute.State.WON)
    assert booking._book(payment.pk, Payment.objects.get().version, seen)
    assert wallet(bob) == {"available": 1000}
    # And lost again: what came in two parts goes from both.
    seen = _seen_with(stripe, payment, reopened.dispute_id, PaymentDispute.State.LOST)
    assert booking._book(payment.pk, Payment.objects.get().version, seen)
    assert wallet(bob) == {}
    books_are_right()


def _seen_with(stripe: StripeSimulator, payment: Payment, dispute: str, state: str) -> Any:
    """What Stripe would say had the dispute ended otherwise: the simulator ends one once."""
    seen = stripe_reading.read(payment)
    return replace(seen, disputes=(replace(seen.disputes[0], state=state),))


def test_a_reading_that_was_overtaken_is_not_booked(stripe: StripeSimulator, bob: User) -> None:
    payment = buy(stripe, bob)
    old = stripe_reading.read(payment)
    version = Payment.objects.get().version
    refund_at_stripe(stripe, payment)
    booking.sync(payment.pk)
    assert not booking._book(payment.pk, version, old)
    assert wallet(bob) == {}


def test_refunds_disputes_and_looks_at_the_same_moment(stripe: StripeSimulator, bob: User) -> None:
    payment = buy(stripe, bob)

    def refund() -> None:
        refund_at_stripe(stripe, payment, 50)
        booking.sync(payment.pk)

    results = all_at_once([refund] * 4 + [partial(booking.sync, payment.pk)] * 6)
    assert [result for result in results if isinstance(result, Exception)] == []
    booking.sync(payment.pk)
    assert wallet(bob) == {"available": 600}
    books_are_right()
