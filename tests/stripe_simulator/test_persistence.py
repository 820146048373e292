"""With a state path the simulator survives a kill."""

import time
from collections.abc import Iterator
from pathlib import Path

import httpx
import pytest

from tests.simulating import until
from tests.stripe_simulator.conftest import Receiver, Shop
from tests.stripe_simulator_process import StripeSimulator


@pytest.fixture
def lasting(tmp_path: Path) -> Iterator[StripeSimulator]:
    simulator = StripeSimulator.start(speed=20, state_path=tmp_path / "state" / "stripe.sqlite3")
    yield simulator
    simulator.stop()


@pytest.fixture
def receiver(lasting: StripeSimulator) -> Iterator[Receiver]:
    receiver = Receiver()
    lasting.send_webhooks_to(receiver.url, events="checkout.session.completed")
    yield receiver
    receiver.close()


def test_objects_money_and_idempotency_keys_survive_a_kill(lasting: StripeSimulator) -> None:
    shop = Shop(lasting)
    charge, waiting = shop.paid_charge(), shop.session()
    refund = shop.v1.refunds.create({"charge": charge.id, "amount": 100}, {"idempotency_key": "back"})
    totals = lasting.totals()
    lasting.kill()
    lasting.restart()
    assert lasting.totals() == totals
    again = shop.v1.refunds.create({"charge": charge.id, "amount": 100}, {"idempotency_key": "back"})
    assert again.id == refund.id and lasting.totals() == totals
    lasting.pay(waiting.id, "decline")
    lasting.pay(waiting.id)
    assert shop.see(waiting).payment_status == "paid"


def test_a_delayed_payment_ends_after_a_kill(lasting: StripeSimulator) -> None:
    shop = Shop(lasting)
    session = shop.session()
    lasting.pay(session.id, "later")
    lasting.kill()
    lasting.restart()
    until(lambda: shop.see(session).payment_status == "paid")


def test_a_webhook_that_was_not_taken_is_delivered_after_a_kill(lasting: StripeSimulator, receiver: Receiver) -> None:
    receiver.statuses = [503]
    Shop(lasting).paid_charge()
    receiver.wait(lambda types: len(types) == 1)
    until(lambda: len(lasting.deliveries()) == 1)
    lasting.kill()
    lasting.restart()
    receiver.wait(lambda types: len(types) == 2)
    until(lasting.idle)


def test_a_webhook_that_was_taken_is_not_repeated_after_a_kill(lasting: StripeSimulator, receiver: Receiver) -> None:
    shop = Shop(lasting)
    shop.paid_charge()
    until(lambda: lasting.deliveries() and lasting.idle())
    lasting.kill()
    lasting.restart()
    shop.paid_charge()
    receiver.wait(lambda types: len(types) == 2)
    until(lasting.idle)
    assert len({body["id"] for body in receiver.bodies()}) == 2 == len(receiver.received)


def test_sigterm_ends_it_quickly_even_with_an_unanswered_call(lasting: StripeSimulator) -> None:
    lasting.fault("timeout")
    headers = {"Authorization": f"Bearer {lasting.key}"}
    with httpx.Client() as client, pytest.raises(httpx.ReadTimeout):
        client.get(f"{lasting.api}/v1/customers", headers=headers, timeout=0.2)
    started = time.monotonic()
    assert lasting.stop() == 0
    assert time.monotonic() - started < 3
