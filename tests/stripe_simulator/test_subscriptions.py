"""Subscriptions: started on the checkout page, renewed by control, ended by API and portal."""

import httpx
import pytest
import stripe

from tests.stripe_simulator.conftest import Shop
from tests.stripe_simulator_process import StripeSimulator


@pytest.fixture
def started(shop: Shop, sim: StripeSimulator) -> stripe.Subscription:
    session = shop.session("subscription", [shop.plan()], customer=shop.customer().id)
    sim.pay(session.id)
    return shop.see(session, "subscription").subscription


def test_a_subscription_starts_with_its_first_invoice(shop: Shop, sim: StripeSimulator) -> None:
    customer = shop.customer()
    data = {"metadata": {"plan": "small"}}
    session = shop.session("subscription", [shop.plan()], customer=customer.id, subscription_data=data)
    sim.pay(session.id)
    seen = shop.see(session, "subscription.latest_invoice.payments", "invoice")
    assert (seen.payment_status, seen.payment_intent, seen.invoice.billing_reason) == (
        *("paid", None),
        "subscription_create",
    )
    subscription = seen.subscription
    assert (subscription.status, subscription.metadata["plan"]) == ("active", "small")
    assert subscription.latest_invoice.parent.subscription_details.metadata["plan"] == "small"
    assert subscription.latest_invoice.payments.data[0].payment.payment_intent.startswith("pi_")
    item = subscription["items"].data[0]
    assert 28 <= (item.current_period_end - item.current_period_start) / 86400 <= 31
    assert subscription.default_payment_method in [
        each.id for each in shop.v1.customers.payment_methods.list(customer.id).data
    ]
    for type in ("customer.subscription.created", "invoice.finalized", "invoice.paid"):
        assert type in shop.types()
    assert shop.types()[-1] == "checkout.session.completed"


def test_a_declined_card_starts_no_subscription(shop: Shop, sim: StripeSimulator) -> None:
    session = shop.session("subscription", [shop.plan()])
    assert "error=" in sim.pay(session.id, "decline")
    assert shop.v1.subscriptions.list().data == []
    sim.pay(session.id, "3ds")
    assert len(shop.v1.subscriptions.list().data) == 1


def test_the_next_period_is_paid(shop: Shop, sim: StripeSimulator, started: stripe.Subscription) -> None:
    before = started["items"].data[0].current_period_end
    sim.advance(started.id)
    seen = shop.v1.subscriptions.retrieve(started.id, {"expand": ["latest_invoice"]})
    assert seen["items"].data[0].current_period_start == before
    assert (seen.status, seen.latest_invoice.status) == ("active", "paid")
    assert seen.latest_invoice.billing_reason == "subscription_cycle"
    assert seen.latest_invoice.lines.data[0].period.start == before
    changed = sim.events("customer.subscription.updated")[-1]["data"]["previous_attributes"]
    assert changed["latest_invoice"] == started.latest_invoice and "items" in changed
    assert sim.totals()["usd"]["paid"] == 1800
    assert len(shop.v1.invoices.list({"subscription": started.id}).data) == 2


def test_a_period_that_is_not_paid_is_past_due_until_it_is(
    shop: Shop, sim: StripeSimulator, started: stripe.Subscription
) -> None:
    sim.advance(started.id, "failed")
    invoice = shop.v1.subscriptions.retrieve(started.id, {"expand": ["latest_invoice"]}).latest_invoice
    assert (invoice.status, invoice.attempt_count) == ("open", 1) and invoice.next_payment_attempt
    assert shop.v1.subscriptions.retrieve(started.id).status == "past_due"
    assert "invoice.payment_failed" in shop.types()
    sim.advance(started.id, "paid")
    assert shop.v1.subscriptions.retrieve(started.id).status == "active"
    assert shop.v1.invoices.retrieve(invoice.id).status == "paid"
    assert len(shop.v1.invoices.list({"subscription": started.id}).data) == 2


def test_an_invoice_that_is_open_can_be_paid_on_its_page(
    shop: Shop, sim: StripeSimulator, started: stripe.Subscription
) -> None:
    sim.advance(started.id, "failed")
    invoice = shop.v1.invoices.list({"status": "open"}).data[0]
    assert "Pay this invoice" in httpx.get(invoice.hosted_invoice_url).text
    sim.press(invoice.hosted_invoice_url, {})
    assert shop.v1.invoices.retrieve(invoice.id).status == "paid"
    assert shop.v1.subscriptions.retrieve(started.id).status == "active"


def test_four_failures_end_a_subscription(shop: Shop, sim: StripeSimulator, started: stripe.Subscription) -> None:
    for _ in range(4):
        sim.advance(started.id, "failed")
    seen = shop.v1.subscriptions.retrieve(started.id)
    assert (seen.status, seen.cancellation_details.reason) == ("canceled", "payment_failed")
    assert shop.types()[-1] == "customer.subscription.deleted"
    assert shop.types().count("invoice.payment_failed") == 4


def test_canceled_at_period_end_it_runs_on_until_then(
    shop: Shop, sim: StripeSimulator, started: stripe.Subscription
) -> None:
    seen = shop.v1.subscriptions.update(started.id, {"cancel_at_period_end": True})
    assert seen.status == "active" and seen.cancel_at == seen["items"].data[0].current_period_end
    sim.advance(started.id)
    assert shop.v1.subscriptions.retrieve(started.id).status == "canceled"
    assert sim.totals()["usd"]["paid"] == 900


def test_canceled_at_once_it_is_over(shop: Shop, sim: StripeSimulator, started: stripe.Subscription) -> None:
    assert shop.v1.subscriptions.cancel(started.id).status == "canceled"
    assert sim.events("customer.subscription.deleted")[0]["data"]["object"]["id"] == started.id
    assert shop.v1.subscriptions.list().data == []
    assert len(shop.v1.subscriptions.list({"status": "all"}).data) == 1


@pytest.mark.parametrize(("duration", "paid"), [("once", 450 + 900), ("forever", 900)])
def test_a_coupon_lasts_as_long_as_it_says(shop: Shop, sim: StripeSimulator, duration: str, paid: int) -> None:
    coupon = shop.v1.coupons.create({"percent_off": 50, "duration": duration})
    session = shop.session("subscription", [shop.plan()], discounts=[{"coupon": coupon.id}])
    sim.pay(session.id)
    sim.advance(shop.see(session).subscription)
    assert sim.totals()["usd"]["paid"] == paid


def test_an_invoice_is_found_from_its_payment(shop: Shop, started: stripe.Subscription) -> None:
    charge = shop.v1.charges.list().data[0]
    payment = {"type": "payment_intent", "payment_intent": charge.payment_intent}
    (found,) = shop.v1.invoice_payments.list({"payment": payment}).data  # type: ignore[arg-type]
    assert (found.invoice, found.status, found.amount_paid) == (started.latest_invoice, "paid", 900)


def test_the_portal_shows_and_changes_what_is_the_customers(
    shop: Shop, sim: StripeSimulator, started: stripe.Subscription
) -> None:
    stranger = sim.save_card(shop.customer().id)
    session = shop.v1.billing_portal.sessions.create(
        {"customer": str(started.customer), "return_url": "http://shop.test/account"}
    )
    page = httpx.get(session.url).text
    for words in ("$9.00 per month", "Visa •••• 4242", "SIM-0001", "http://shop.test/account", "Cancel plan"):
        assert words in page
    sim.press(session.url, {"how": "cancel", "about": started.id})
    assert shop.v1.subscriptions.retrieve(started.id).cancel_at_period_end
    sim.press(session.url, {"how": "resume", "about": started.id})
    assert not shop.v1.subscriptions.retrieve(started.id).cancel_at_period_end
    sim.press(session.url, {"how": "remove", "about": stranger})
    assert shop.v1.payment_methods.retrieve(stranger).customer
    sim.press(session.url, {"how": "remove", "about": str(started.default_payment_method)})
    assert "No saved cards" in httpx.get(session.url).text
    assert "payment_method.detached" in shop.types()
    sim.advance(started.id)
    assert shop.v1.subscriptions.retrieve(started.id).status == "past_due"


def test_prices_of_a_product_are_listed_and_used(shop: Shop, sim: StripeSimulator) -> None:
    product = shop.v1.products.create({"name": "Small plan"})
    monthly = {"unit_amount": 900, "currency": "usd", "recurring": {"interval": "month"}, "lookup_key": "small"}
    price = shop.v1.prices.create({"product": product.id, **monthly})  # type: ignore[typeddict-item]
    shop.v1.prices.create({"product": product.id, "unit_amount": 500, "currency": "usd"})
    assert [each.id for each in shop.v1.prices.list({"lookup_keys": ["small"]}).data] == [price.id]
    assert len(shop.v1.prices.list({"product": product.id}).data) == 2
    sim.pay(shop.session("subscription", [{"price": price.id, "quantity": 2}]).id)
    assert sim.totals()["usd"]["paid"] == 1800
    with pytest.raises(stripe.InvalidRequestError, match="recurring price"):
        shop.session(items=[{"price": price.id, "quantity": 1}])
    with pytest.raises(stripe.InvalidRequestError, match="at least one recurring"):
        shop.session("subscription", [shop.item()])
