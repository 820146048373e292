"""What tests of payments do: buy, look at a wallet, send an event by hand, work off the queue."""

import json
import time
from typing import Any

import stripe as official
from django.test import Client
from django.utils.module_loading import import_string
from django_q.models import OrmQ

from accounts.models import User
from billing.models import Alert, Payment, Wallet
from billing.payments import booking, checkout, saved_cards
from billing.verify import CHECKS
from tests.stripe_simulator_process import StripeSimulator

THOUSAND = 1_000_000


def begin(user: User, credits: int = THOUSAND, **about: Any) -> Payment:
    """A checkout that waits for being paid."""
    payment = checkout.begin_custom(user, credits, **about)
    checkout.open_page(payment)
    payment.refresh_from_db()
    return payment


def buy(
    stripe: StripeSimulator, user: User, credits: int = THOUSAND, *, save_card: bool = False, **how: Any
) -> Payment:
    """A checkout that was paid, and that our books know of."""
    payment = begin(user, credits, save_card=save_card)
    stripe.pay(str(payment.session_id), **how)
    return booking.sync(payment.pk)


def with_card(stripe: StripeSimulator, user: User, number: str = "4242424242424242") -> str:
    """Save a card; returns the customer's id."""
    customer = saved_cards.customer_of(user)
    stripe.save_card(customer.customer_id, number)
    saved_cards.refresh(customer)
    return customer.customer_id


def wallet(user: User) -> dict[str, int]:
    """The buckets that are not empty, in whole credits."""
    row = Wallet.objects.get(pk=user.pk)
    names = ("available", "held", "spent", "owed")
    return {name: getattr(row, name) // 1000 for name in names if getattr(row, name)}


def event(type: str, about: dict[str, Any], id: str = "evt_1") -> dict[str, Any]:
    return {"id": id, "object": "event", "type": type, "data": {"object": about}, "api_version": "x", "created": 1}


def signature(body: str, secret: str = StripeSimulator.webhook_secret, at: float | None = None) -> str:
    return official.WebhookSignature.generate_signature_header(body, secret, int(at or time.time()))


def deliver(about: dict[str, Any], client: Client | None = None, header: str = "") -> int:
    """Send an event to our webhook; returns the status."""
    body = json.dumps(about)
    headers: Any = {"Stripe-Signature": header or signature(body)}
    client = client or Client()
    return client.post("/stripe/webhook", body, content_type="application/json", headers=headers).status_code


def work_off() -> int:
    """Run the tasks in the queue, as a worker would; returns how many."""
    waiting = list(OrmQ.objects.order_by("id"))
    for row in waiting:
        task = row.task
        row.delete()
        import_string(task["func"])(*task["args"], **task["kwargs"])
    return len(waiting)


def alerts() -> list[str]:
    """The subjects of what operators were told."""
    return [key.split(":")[0] for key in Alert.objects.order_by("pk").values_list("key", flat=True)]


def books_are_right() -> None:
    """Every check of billing, invariant 7 among them."""
    assert [line for _, check in CHECKS for line in check()] == []
