"""Every object has the fields that the official client's reference says: none is missing, none is invented."""

from collections.abc import Iterator
from typing import Any, get_args

import pytest
import stripe
from stripe import billing_portal, checkout

from tests.simulating import until
from tests.stripe_simulator.conftest import Shop
from tests.stripe_simulator_process import StripeSimulator

KINDS: dict[str, Any] = {
    "balance_transaction": stripe.BalanceTransaction,
    "billing_portal.session": billing_portal.Session,
    "charge": stripe.Charge,
    "checkout.session": checkout.Session,
    "coupon": stripe.Coupon,
    "customer": stripe.Customer,
    "discount": stripe.Discount,
    "dispute": stripe.Dispute,
    "event": stripe.Event,
    "invoice": stripe.Invoice,
    "invoice_payment": stripe.InvoicePayment,
    "payment_intent": stripe.PaymentIntent,
    "payment_method": stripe.PaymentMethod,
    "price": stripe.Price,
    "product": stripe.Product,
    "promotion_code": stripe.PromotionCode,
    "refund": stripe.Refund,
    "setup_intent": stripe.SetupIntent,
    "subscription": stripe.Subscription,
}


def told_by_events(sim: StripeSimulator) -> Iterator[dict[str, Any]]:
    for event in sim.events():
        yield event
        yield event["data"]["object"]


@pytest.fixture
def objects(shop: Shop, sim: StripeSimulator) -> list[dict[str, Any]]:
    """One of every kind, in as many states as a short story has."""
    customer = shop.customer(payment_method="pm_card_visa")
    coupon = shop.v1.coupons.create({"percent_off": 10})
    code = shop.v1.promotion_codes.create({"promotion": {"type": "coupon", "coupon": coupon.id}})
    for how in ("decline", "3ds-fail", "pay"):
        session = shop.session(
            customer=customer.id, invoice_creation={"enabled": True}, automatic_tax={"enabled": True}
        )
        sim.pay(session.id, how)
    later = shop.session(discounts=[{"promotion_code": code.id}])
    sim.pay(later.id, "later")
    sim.pay(shop.session(items=[shop.item(currency="eur")]).id, "later-fails")
    sim.pay(shop.session("setup", customer=customer.id, currency="usd").id)
    plan = shop.session("subscription", [shop.plan()], customer=customer.id, discounts=[{"coupon": coupon.id}])
    sim.pay(plan.id)
    subscription = shop.see(plan, "subscription").subscription
    sim.advance(subscription.id, "failed")
    charge = shop.paid_charge()
    shop.v1.refunds.create({"charge": charge.id, "amount": 100})
    dispute = sim.dispute(charge.id)
    sim.close_dispute(dispute["id"], "won")
    portal = shop.v1.billing_portal.sessions.create({"customer": customer.id})
    until(lambda: "refund.updated" in shop.types())
    price = shop.v1.prices.list().data[0]
    product = shop.v1.products.list().data[0]
    discount = shop.v1.subscriptions.retrieve(subscription.id, {"expand": ["discounts"]}).discounts[0]
    made = [coupon, code, portal, price, product, discount, *shop.v1.balance_transactions.list().data]
    made += shop.v1.invoice_payments.list().data
    return [*(each.to_dict() for each in made), *told_by_events(sim)]


def fields_of(kind: Any) -> dict[str, bool]:
    """Names of the fields in the client's generated reference, and whether they may be null or absent."""
    hints = {name: hint for name, hint in kind.__annotations__.items() if name not in ("OBJECT_NAME", "deleted")}
    return {name: type(None) in get_args(hint) for name, hint in hints.items()}


def wrong(obj: dict[str, Any], kind: Any, where: str) -> list[str]:
    """What an object and the objects in it have too much or too little."""
    fields = fields_of(kind)
    found = [f"{where}.{name} is invented" for name in obj.keys() - fields.keys()]
    found += [f"{where}.{name} is missing" for name, may in fields.items() if not may and obj.get(name) is None]
    for name, inner in kind._inner_class_types.items():
        parts = obj.get(name) if isinstance(obj.get(name), list) else [obj.get(name)]
        for part in parts or []:
            if isinstance(part, dict) and "object" not in part:
                found += wrong(part, inner, f"{where}.{name}")
    return found


def test_every_kind_has_exactly_the_documented_fields(objects: list[dict[str, Any]]) -> None:
    assert {each["object"] for each in objects} >= KINDS.keys()
    found = {words for each in objects for words in wrong(each, KINDS[each["object"]], each["object"])}
    assert not found, sorted(found)


def test_every_event_has_a_documented_type(objects: list[dict[str, Any]]) -> None:
    documented = get_args(stripe.Event.__annotations__["type"])
    assert {each["type"] for each in objects if each["object"] == "event"} <= set(documented)
