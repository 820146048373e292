"""Stripe as the simulator plays it, over real HTTP. Nobody calls it inside a transaction, so tests have none either."""

from collections.abc import Iterator
from decimal import Decimal
from typing import Any

import pytest
from django.test import Client

from accounts.models import User
from billing.models import CreditPack
from tests.stripe_simulator_process import StripeSimulator


@pytest.fixture(scope="package")
def stripe_process() -> Iterator[StripeSimulator]:
    simulator = StripeSimulator.start(speed=100)
    yield simulator
    simulator.stop()


@pytest.fixture
def stripe(stripe_process: StripeSimulator, settings: Any) -> StripeSimulator:
    """Stripe with nothing in it, which sends no webhooks."""
    stripe_process.send_webhooks_to("")
    stripe_process.reset()
    stripe_process.clear_faults()
    settings.STRIPE_SECRET_KEY = stripe_process.key
    settings.STRIPE_API_BASE = stripe_process.api
    settings.STRIPE_WEBHOOK_SECRETS = [stripe_process.webhook_secret]
    settings.STRIPE_TIMEOUT_SECONDS = 2.0
    settings.CURRENCY, settings.CREDIT_PRICE = "USD", Decimal("0.005")
    return stripe_process


@pytest.fixture
def shop(stripe: StripeSimulator, live_server: Any, settings: Any) -> StripeSimulator:
    """Stripe that sends its webhooks to a running web server of ours."""
    settings.PUBLIC_URL = live_server.url
    stripe.send_webhooks_to(f"{live_server.url}/stripe/webhook")
    return stripe


@pytest.fixture
def pack(db: Any) -> CreditPack:
    amounts = {"credits_millicredits": 5_000_000, "bonus_millicredits": 500_000, "price_minor": 2500}
    return CreditPack.objects.create(name="Studio", currency="USD", lasts_days=365, **amounts)


def signed_in(user: User) -> Client:
    client = Client()
    client.force_login(user)
    return client
