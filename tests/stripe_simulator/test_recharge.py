"""Saved cards that are charged off session: what auto-recharge meets."""

import httpx
import pytest
import stripe

from tests.stripe_simulator.conftest import Shop
from tests.stripe_simulator_process import StripeSimulator


def test_a_saved_card_pays_without_the_customer(shop: Shop, sim: StripeSimulator) -> None:
    customer = shop.customer()
    card = sim.save_card(customer.id)
    intent = shop.recharge(customer, card, metadata={"why": "recharge"}, expand=["latest_charge"])
    assert (intent.status, intent.amount_received, intent.metadata["why"]) == ("succeeded", 1000, "recharge")
    assert intent.latest_charge.receipt_url
    assert shop.v1.charges.list({"payment_intent": intent.id}).data[0].id == intent.latest_charge.id


@pytest.mark.parametrize(
    ("number", "code", "decline_code"),
    [
        ("4000000000009995", "card_declined", "insufficient_funds"),
        ("4000000000000341", "card_declined", "generic_decline"),
        ("4000002500003155", "authentication_required", "authentication_required"),
        ("4000002760003184", "authentication_required", "authentication_required"),
    ],
)
def test_a_card_that_is_declined_answers_402_with_the_intent(
    shop: Shop, sim: StripeSimulator, number: str, code: str, decline_code: str
) -> None:
    customer = shop.customer()
    card = sim.save_card(customer.id, number)
    with pytest.raises(stripe.CardError) as caught:
        shop.recharge(customer, card)
    error = caught.value
    assert (error.http_status, error.code, error.error.decline_code) == (402, code, decline_code)
    intent = shop.v1.payment_intents.retrieve(error.error.payment_intent.id, {"expand": ["latest_charge"]})
    assert (intent.status, intent.payment_method) == ("requires_payment_method", None)
    assert intent.last_payment_error.code == code and intent.last_payment_error.payment_method.id == card
    assert intent.latest_charge.failure_code == code and not intent.latest_charge.paid
    assert shop.types()[-2:] == ["charge.failed", "payment_intent.payment_failed"]
    assert "usd" not in sim.totals()


def test_a_card_that_was_set_up_with_three_d_secure_pays_off_session(shop: Shop, sim: StripeSimulator) -> None:
    customer = shop.customer()
    data = {"setup_future_usage": "off_session"}
    sim.pay(shop.session(customer=customer.id, payment_intent_data=data).id, "3ds")
    (card,) = shop.v1.payment_methods.list({"customer": customer.id, "type": "card"}).data
    assert shop.recharge(customer, card.id).status == "succeeded"


def test_stripes_shared_test_methods_can_be_attached(shop: Shop) -> None:
    customer = shop.customer()
    card = shop.v1.payment_methods.attach("pm_card_chargeCustomerFail", {"customer": customer.id})
    assert card.id != "pm_card_chargeCustomerFail" and card.customer == customer.id
    with pytest.raises(stripe.CardError):
        shop.recharge(customer, card.id)
    with pytest.raises(stripe.CardError):
        shop.v1.payment_methods.attach("pm_card_chargeDeclined", {"customer": customer.id})


def test_a_card_of_another_customer_is_refused(shop: Shop, sim: StripeSimulator) -> None:
    card = sim.save_card(shop.customer().id)
    with pytest.raises(stripe.InvalidRequestError, match="belongs to the Customer"):
        shop.recharge(shop.customer(), card)


def test_a_detached_card_cannot_be_used_again(shop: Shop, sim: StripeSimulator) -> None:
    customer = shop.customer()
    card = sim.save_card(customer.id)
    assert shop.v1.payment_methods.detach(card).customer is None
    assert shop.types()[-1] == "payment_method.detached"
    assert shop.v1.customers.retrieve(customer.id).invoice_settings.default_payment_method is None
    with pytest.raises(stripe.InvalidRequestError, match="may not be used again"):
        shop.recharge(customer, card)


def test_on_session_the_challenge_leads_to_the_return_url(shop: Shop, sim: StripeSimulator) -> None:
    customer = shop.customer()
    card = sim.save_card(customer.id, "4000002760003184")
    params = {"amount": 1000, "currency": "usd", "customer": customer.id, "payment_method": card}
    params |= {"confirm": True, "return_url": "http://shop.test/back"}
    intent = shop.v1.payment_intents.create(params)  # type: ignore[arg-type]
    assert intent.status == "requires_action"
    assert sim.press(intent.next_action.redirect_to_url.url, {"how": "complete"}) == "http://shop.test/back"
    assert shop.v1.payment_intents.retrieve(intent.id).status == "succeeded"
    assert httpx.get(intent.next_action.redirect_to_url.url).status_code == 200


def test_an_intent_is_confirmed_or_canceled_once(shop: Shop) -> None:
    intent = shop.v1.payment_intents.create({"amount": 500, "currency": "usd", "payment_method": "pm_card_visa"})
    assert shop.v1.payment_intents.confirm(intent.id).status == "succeeded"
    with pytest.raises(stripe.InvalidRequestError) as caught:
        shop.v1.payment_intents.cancel(intent.id)
    assert caught.value.code == "payment_intent_unexpected_state"
    other = shop.v1.payment_intents.create({"amount": 500, "currency": "usd"})
    assert shop.v1.payment_intents.cancel(other.id).status == "canceled"


def test_the_next_charge_may_be_declined_by_a_fault(shop: Shop, sim: StripeSimulator) -> None:
    customer = shop.customer()
    card = sim.save_card(customer.id)
    sim.fault("decline")
    with pytest.raises(stripe.CardError):
        shop.recharge(customer, card)
    assert shop.recharge(customer, card).status == "succeeded"
    sim.rates(decline=1.0)
    with pytest.raises(stripe.CardError):
        shop.recharge(customer, card)
