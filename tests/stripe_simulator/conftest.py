"""A running simulator, the official client for it, and an address that takes webhooks."""

from collections.abc import Callable, Iterator
from typing import Any

import pytest
import stripe

from tests import simulating
from tests.simulating import until
from tests.stripe_simulator_process import StripeSimulator

SUCCESS = "http://shop.test/paid?session={CHECKOUT_SESSION_ID}"
CANCEL = "http://shop.test/canceled"


class Shop:
    """Speaks to one simulator with the official client."""

    def __init__(self, simulator: StripeSimulator, key: str = "") -> None:
        self.simulator = simulator
        http = stripe.HTTPXClient(allow_sync_methods=True)
        self.client = stripe.StripeClient(
            key or simulator.key, base_addresses={"api": simulator.api}, http_client=http, max_network_retries=0
        )
        self.v1 = self.client.v1

    def customer(self, **fields: Any) -> Any:
        return self.v1.customers.create({"email": "alice@example.com", **fields})

    def item(self, amount: int = 2500, currency: str = "usd", quantity: int = 1, **price: Any) -> dict[str, Any]:
        data = {"currency": currency, "unit_amount": amount, "product_data": {"name": "Credits"}, **price}
        return {"price_data": data, "quantity": quantity}

    def session(self, mode: str = "payment", items: list[Any] | None = None, **fields: Any) -> Any:
        if mode != "setup":
            fields["line_items"] = items or [self.item()]
        return self.v1.checkout.sessions.create(
            {"mode": mode, "success_url": SUCCESS, "cancel_url": CANCEL, **fields}  # type: ignore[arg-type]
        )

    def plan(self, amount: int = 900, **fields: Any) -> dict[str, Any]:
        return self.item(amount, recurring={"interval": "month"}, **fields)

    def see(self, session: Any, *expand: str) -> Any:
        return self.v1.checkout.sessions.retrieve(session.id, {"expand": list(expand)})

    def paid_charge(self, amount: int = 2500, card: str = "") -> Any:
        """A charge that somebody has paid."""
        session = self.session(items=[self.item(amount)])
        self.simulator.pay(session.id, card=card)
        return self.see(session, "payment_intent.latest_charge").payment_intent.latest_charge

    def recharge(self, customer: Any, card: str, amount: int = 1000, **fields: Any) -> Any:
        """Charge a saved card off session."""
        params = {"amount": amount, "currency": "usd", "customer": customer.id, "payment_method": card}
        return self.v1.payment_intents.create({**params, "off_session": True, "confirm": True, **fields})  # type: ignore

    def types(self) -> list[str]:
        return [event["type"] for event in self.simulator.events()]


class Receiver(simulating.Receiver):
    """Takes webhooks."""

    def types(self) -> list[str]:
        return [body["type"] for body in self.bodies()]

    def wait(self, enough: Callable[[list[str]], Any]) -> list[str]:
        """Wait until the types received are enough; returns them."""
        until(lambda: enough(self.types()))
        return self.types()


@pytest.fixture(scope="session")
def stripe_at_speed() -> Iterator[StripeSimulator]:
    simulator = StripeSimulator.start(speed=200)
    yield simulator
    simulator.stop()


@pytest.fixture
def sim(stripe_at_speed: StripeSimulator) -> Iterator[StripeSimulator]:
    yield stripe_at_speed
    stripe_at_speed.send_webhooks_to("")
    stripe_at_speed.reset()


@pytest.fixture
def shop(sim: StripeSimulator) -> Shop:
    return Shop(sim)


@pytest.fixture
def receiver(sim: StripeSimulator) -> Iterator[Receiver]:
    receiver = Receiver()
    sim.send_webhooks_to(receiver.url)
    yield receiver
    receiver.close()
