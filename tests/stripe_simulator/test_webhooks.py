"""Webhooks: signed, retried, logged, and everything that can go wrong with them."""

import itertools
import json

import pytest
import stripe

from tests.simulating import until
from tests.stripe_simulator.conftest import Receiver, Shop
from tests.stripe_simulator_process import StripeSimulator

COMPLETED = "checkout.session.completed"


def verified(shop: Shop, body: bytes, headers: dict[str, str]) -> stripe.Event:
    secret = shop.simulator.webhook_secret
    return stripe.Webhook.construct_event(body, headers["Stripe-Signature"], secret)  # type: ignore[no-untyped-call]


def test_a_payment_is_told_and_signed(shop: Shop, sim: StripeSimulator, receiver: Receiver) -> None:
    session = shop.session(metadata={"order": "7"})
    sim.pay(session.id)
    types = receiver.wait(lambda types: COMPLETED in types and "charge.updated" in types)
    assert sorted(types) == sorted(["charge.succeeded", "payment_intent.succeeded", "charge.updated", COMPLETED])
    body, headers = next(each for each in receiver.received if COMPLETED.encode() in each[0])
    event = verified(shop, body, headers)
    assert (event.type, event.livemode, event.api_version) == (COMPLETED, False, stripe.api_version)
    assert event.data.object["id"] == session.id and event.data.object["metadata"]["order"] == "7"
    assert event.request is not None and event.request.id is None
    assert shop.v1.events.retrieve(event.id).data.object["payment_status"] == "paid"
    with pytest.raises(stripe.SignatureVerificationError):
        verified(shop, body.replace(b"2500", b"9999"), headers)


def test_an_event_of_an_api_call_names_its_request(shop: Shop, receiver: Receiver) -> None:
    charge = shop.paid_charge()
    refund = shop.v1.refunds.create({"charge": charge.id}, {"idempotency_key": "back"})
    receiver.wait(lambda types: "refund.created" in types)
    (event,) = [body for body in receiver.bodies() if body["type"] == "refund.created"]
    request_id = refund.last_response.request_id  # type: ignore[union-attr]
    assert event["request"] == {"id": request_id, "idempotency_key": "back"}


def test_a_change_shows_what_was_before(shop: Shop, receiver: Receiver) -> None:
    shop.paid_charge()
    receiver.wait(lambda types: "charge.updated" in types)
    (event,) = [body for body in receiver.bodies() if body["type"] == "charge.updated"]
    assert event["data"]["previous_attributes"] == {"balance_transaction": None}
    assert event["data"]["object"]["balance_transaction"].startswith("txn_")


def test_an_event_keeps_the_object_as_it_was(shop: Shop, sim: StripeSimulator, receiver: Receiver) -> None:
    session = shop.session()
    sim.pay(session.id, "later-open")
    sim.settle(session.id)
    receiver.wait(lambda types: "checkout.session.async_payment_succeeded" in types and COMPLETED in types)
    status = {each["type"]: each["data"]["object"].get("payment_status") for each in receiver.bodies()}
    assert (status[COMPLETED], status["checkout.session.async_payment_succeeded"]) == ("unpaid", "paid")


def test_only_the_chosen_events_are_sent(shop: Shop, sim: StripeSimulator, receiver: Receiver) -> None:
    sim.send_webhooks_to(receiver.url, events=COMPLETED)
    shop.paid_charge()
    until(sim.idle)
    assert receiver.types() == [COMPLETED]
    sim.send_webhooks_to(receiver.url, events="*")
    shop.customer()
    assert "customer.created" in receiver.wait(lambda types: len(types) > 1)


def test_an_answer_other_than_2xx_is_retried_with_growing_gaps(
    shop: Shop, sim: StripeSimulator, receiver: Receiver
) -> None:
    sim.send_webhooks_to(receiver.url, events=COMPLETED)
    receiver.statuses = [500, 302, 404]
    shop.paid_charge()
    receiver.wait(lambda types: len(types) == 4)
    until(sim.idle)
    tried = sim.deliveries()
    assert [each["status"] for each in tried] == [500, 302, 404, 200]
    assert len({each["event"] for each in tried}) == 1
    waits = [later["at"] - earlier["at"] for earlier, later in itertools.pairwise(tried)]
    assert all(wait > planned * 0.9 for wait, planned in zip(waits, [0.05, 0.3, 1.5], strict=True))
    for body, headers in receiver.received:
        verified(shop, body, headers)
    assert json.loads(receiver.received[0][0])["pending_webhooks"] == 1
    assert shop.v1.events.retrieve(tried[0]["event"]).pending_webhooks == 0


def test_an_address_where_nobody_listens_is_logged(shop: Shop, sim: StripeSimulator) -> None:
    sim.send_webhooks_to("http://127.0.0.1:9/stripe", events=COMPLETED)
    shop.paid_charge()
    until(sim.deliveries)
    assert "ConnectError" in sim.deliveries()[0]["error"]
    assert not sim.idle()
    assert shop.v1.events.list({"delivery_success": False}).data[0].type == COMPLETED


def test_a_lost_event_is_found_by_asking_and_can_be_resent(
    shop: Shop, sim: StripeSimulator, receiver: Receiver
) -> None:
    sim.fault("lost", type=COMPLETED)
    shop.paid_charge()
    until(sim.idle)
    assert COMPLETED not in receiver.types() and "charge.succeeded" in receiver.types()
    (event,) = shop.v1.events.list({"type": COMPLETED}).data
    sim.resend(event.id)
    receiver.wait(lambda types: COMPLETED in types)


def test_an_event_may_come_twice(shop: Shop, sim: StripeSimulator, receiver: Receiver) -> None:
    sim.fault("twice", type=COMPLETED)
    shop.paid_charge()
    types = receiver.wait(lambda types: types.count(COMPLETED) == 2)
    ids = [body["id"] for body in receiver.bodies() if body["type"] == COMPLETED]
    assert ids[0] == ids[1] and types.count("charge.succeeded") == 1


def test_an_event_may_come_late(shop: Shop, sim: StripeSimulator, receiver: Receiver) -> None:
    sim.fault("late", type=COMPLETED)
    shop.paid_charge()
    receiver.wait(lambda types: COMPLETED in types)
    until(sim.idle)
    (late,) = sim.deliveries(COMPLETED)
    assert late["at"] - json.loads(late["body"])["created"] >= 60 / 200
    assert late["at"] - sim.deliveries("charge.succeeded")[0]["at"] > 0.2


def test_an_event_may_be_overtaken_by_the_next(shop: Shop, sim: StripeSimulator, receiver: Receiver) -> None:
    sim.send_webhooks_to(receiver.url, events="charge.succeeded,payment_intent.succeeded")
    sim.fault("disorder", type="charge.succeeded")
    shop.paid_charge()
    assert receiver.wait(lambda types: len(types) == 2) == ["payment_intent.succeeded", "charge.succeeded"]


@pytest.mark.parametrize("fault", ["wrong-signature", "old-timestamp"])
def test_an_event_may_come_badly_signed_first(shop: Shop, sim: StripeSimulator, receiver: Receiver, fault: str) -> None:
    sim.send_webhooks_to(receiver.url, events=COMPLETED)
    sim.fault(fault)
    receiver.statuses = [400]
    shop.paid_charge()
    receiver.wait(lambda types: len(types) == 2)
    with pytest.raises(stripe.SignatureVerificationError):
        verified(shop, *receiver.received[0])
    assert verified(shop, *receiver.received[1]).type == COMPLETED


def test_events_are_listed_by_type(shop: Shop) -> None:
    shop.paid_charge()
    charges = shop.v1.events.list({"type": "charge.*"})
    assert [each.type for each in charges.data] == ["charge.updated", "charge.succeeded"]
    both = shop.v1.events.list({"types": [COMPLETED, "charge.succeeded"]})
    assert [each.type for each in both.data] == [COMPLETED, "charge.succeeded"]


def test_an_event_that_never_happened_can_be_sent(shop: Shop, sim: StripeSimulator, receiver: Receiver) -> None:
    sim.emit("product.exploded", {"id": "prod_1", "object": "product"})
    assert receiver.wait(lambda types: types) == ["product.exploded"]
    assert verified(shop, *receiver.received[0]).data.object["id"] == "prod_1"


def test_an_object_can_be_changed_behind_its_back(shop: Shop, sim: StripeSimulator) -> None:
    session = shop.session()
    sim.pay(session.id)
    sim.tamper(session.id, amount_total=1)
    assert shop.see(session).amount_total == 1
