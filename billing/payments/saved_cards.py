"""A user as Stripe's customer, and the card that is saved there for later."""

from contextlib import suppress
from typing import Any

from django.utils import timezone

from accounts.models import User
from billing.models import StripeCustomer
from billing.payments import stripe_client
from billing.payments.stripe_client import Answer

# What Stripe calls methods by, as people know them.
_SHORT = {"us": "US", "sepa": "SEPA", "au": "AU", "becs": "BECS", "acss": "ACSS"}


def customer_of(user: User) -> StripeCustomer:
    """The user's customer at Stripe, made at the first need.

    The idempotency key makes one of two at once; it is another every minute, since Stripe repeats an error to the same.
    """
    if found := StripeCustomer.objects.filter(user=user).first():
        return found
    about: Any = {"email": user.email, "metadata": {"user": str(user.pk)}}
    options: Any = {"idempotency_key": f"customer-{user.pk}-{timezone.now():%Y%m%d%H%M}"}
    made = stripe_client.call(lambda api: api.v1.customers.create(about, options))
    StripeCustomer.objects.bulk_create([StripeCustomer(user=user, customer_id=made["id"])], ignore_conflicts=True)
    return StripeCustomer.objects.get(user=user)


def refresh(customer: StripeCustomer) -> None:
    """Write down which card is charged for this customer: the chosen one, or the newest that is saved."""
    method = _chosen(customer.customer_id)
    known = {"payment_method": method["id"] if method else "", "card": named(method) if method else ""}
    StripeCustomer.objects.filter(pk=customer.pk).update(**known)
    customer.payment_method, customer.card = known["payment_method"], known["card"]


def known(customer_id: str, payment_method: str = "") -> StripeCustomer | None:
    """The customer of ours with this id at Stripe, or with this card."""
    if customer_id:
        return StripeCustomer.objects.filter(customer_id=customer_id).first()
    return StripeCustomer.objects.filter(payment_method=payment_method).first() if payment_method else None


def choose(customer: StripeCustomer, payment_method: str) -> None:
    """Charge this card from now on."""
    settings: Any = {"invoice_settings": {"default_payment_method": payment_method}}
    stripe_client.call(lambda api: api.v1.customers.update(customer.customer_id, settings))
    refresh(customer)


def choose_saved(customer: StripeCustomer, session_id: str) -> None:
    """Charge the card that a checkout in setup mode has saved."""
    expand: Any = {"expand": ["setup_intent"]}
    session = stripe_client.call(lambda api: api.v1.checkout.sessions.retrieve(session_id, expand))
    intent = session["setup_intent"] or {}
    mine = stripe_client.id_of(session["customer"]) == customer.customer_id
    if mine and intent.get("status") == "succeeded":
        choose(customer, stripe_client.id_of(intent["payment_method"]))


def remove(user: User) -> bool:
    """Forget the saved card, at Stripe too; False when there was none."""
    customer = StripeCustomer.objects.filter(user=user).first()
    if customer is None or not customer.payment_method:
        return False
    # It may be gone already: what matters is what Stripe has afterwards.
    with suppress(stripe_client.Rejected):
        stripe_client.call(lambda api: api.v1.payment_methods.detach(customer.payment_method))
    refresh(customer)
    return True


def named(method: Answer) -> str:
    """How customers recognise it: "Visa •••• 4242 (12/34)", "us bank account •••• 6789"."""
    kind = method["type"]
    details = method.get(kind) or {}
    name = str(details.get("brand") or " ".join(_SHORT.get(word, word) for word in kind.split("_")))
    last4 = details.get("last4") or ""
    expires = f" ({details['exp_month']:02}/{details['exp_year'] % 100:02})" if details.get("exp_month") else ""
    return f"{name[:1].upper()}{name[1:]}{' •••• ' + last4 if last4 else ''}{expires}"[:60]


def _chosen(customer_id: str) -> Answer | None:
    expand: Any = {"expand": ["invoice_settings.default_payment_method"]}
    found = stripe_client.call(lambda api: api.v1.customers.retrieve(customer_id, expand))
    if found.get("deleted"):
        return None
    if default := found["invoice_settings"]["default_payment_method"]:
        return default
    wanted: Any = {"type": "card", "limit": 1}
    cards = stripe_client.call(lambda api: api.v1.customers.payment_methods.list(customer_id, wanted))["data"]
    return cards[0] if cards else None
