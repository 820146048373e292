"""Payment methods: saved cards and bank accounts (reference: Core resources, PaymentMethods)."""

import hashlib
from typing import Any

from billing.stripe_simulator import cards, lists, schema
from billing.stripe_simulator.cards import Card
from billing.stripe_simulator.errors import ApiError, invalid
from billing.stripe_simulator.shapes import billing_details, make
from billing.stripe_simulator.world import Obj, World

CREATE = {
    "type": schema.required(schema.one_of("card")),
    "card": {
        "number": schema.text,
        "exp_month": schema.integer,
        "exp_year": schema.integer,
        "cvc": schema.text,
        "token": schema.text,
    },
    "billing_details": schema.anything,
    "metadata": schema.metadata,
}
UPDATE = {"metadata": schema.metadata}
ATTACH = {"customer": schema.required(schema.text)}
LIST = {**schema.PAGE, "customer": schema.text, "type": schema.text}
NOT_IN_CHARGES = ("display_brand", "generated_from", "networks", "three_d_secure_usage")
DELAYED_BY_CURRENCY = {"usd": "us_bank_account", "gbp": "bacs_debit", "cad": "acss_debit", "aud": "au_becs_debit"}


def create(world: World, params: Obj, _ids: Obj) -> Obj:
    """A card by its number or test token."""
    given = params.get("card") or {}
    number = cards.TOKENS.get(given.get("token") or "", given.get("number") or "")
    method = new_card(world, number)
    world.change(method, metadata=params.get("metadata") or {})
    return method


def retrieve(world: World, _params: Obj, ids: Obj) -> Obj:
    """By id; a shared test payment method becomes a new one."""
    return find(world, ids["id"])


def listed(world: World, params: Obj, ids: Obj) -> Obj:
    """Those of a customer; without one, none, as Stripe lists only what is attached."""
    customer = ids.get("id") or params.get("customer")
    if customer:
        world.get("customer", customer, "id" if "id" in ids else "customer")
    url = f"/v1/customers/{customer}/payment_methods" if "id" in ids else "/v1/payment_methods"
    found = [each for each in world.all("payment_method") if customer and each["customer"] == customer]
    return lists.page(found, params, url, {"type": params.get("type")})


def update(world: World, params: Obj, ids: Obj) -> Obj:
    """Its metadata."""
    method = find(world, ids["id"])
    world.change(method, metadata=schema.merged(method["metadata"], params.get("metadata", {})))
    return method


def attach(world: World, params: Obj, ids: Obj) -> Obj:
    """To a customer; a card that the bank declines cannot be attached."""
    method = find(world, ids["id"])
    customer = world.get("customer", params["customer"], "customer")
    if method["customer"]:
        raise invalid("The payment method you provided has already been attached to a customer.", "payment_method")
    card = behaviour(world, method)
    if not card.attaches:
        raise declined(card)
    save(world, method, customer["id"])
    return method


def detach(world: World, _params: Obj, ids: Obj) -> Obj:
    """From its customer, for good."""
    method = find(world, ids["id"])
    if not method["customer"]:
        message = "The payment method you provided is not attached to a customer so detachment is impossible."
        raise invalid(message, "payment_method")
    _no_longer_default(world, method)
    before = world.change(method, customer=None)
    world.note(method["id"], detached=True)
    world.emit("payment_method.detached", method, before)
    return method


def find(world: World, id: str, param: str = "id") -> Obj:
    """An existing payment method, or a new one for a shared test id like pm_card_visa."""
    if id in cards.SHARED:
        return new_card(world, cards.SHARED[id])
    return world.get("payment_method", id, param)


def new_card(world: World, number: str, email: str | None = None) -> Obj:
    """A card that belongs to nobody yet."""
    number = number.replace(" ", "")
    card = cards.find(number)
    fields: dict[str, Any] = {"type": "card", "allow_redisplay": "unspecified", "metadata": {}}
    fields |= {"billing_details": billing_details(email=email), "card": _card(card, number)}
    return world.add(make(world, "payment_method", "pm", **fields), number=number)


def new_delayed(world: World, currency: str, email: str | None) -> Obj:
    """A bank account that is debited days later."""
    kind = DELAYED_BY_CURRENCY.get(currency, "sepa_debit")
    details = {"last4": "6789", "fingerprint": "simulated"}
    fields: dict[str, Any] = {"type": kind, "allow_redisplay": "unspecified", "metadata": {}, kind: details}
    return world.add(make(world, "payment_method", "pm", billing_details=billing_details(email=email), **fields))


def save(world: World, method: Obj, customer: str, set_up: bool = False) -> None:
    """Attach to a customer; set_up tells that the bank has agreed to charges off session."""
    world.note(method["id"], set_up=set_up)
    if method["customer"] != customer:
        before = world.change(method, customer=customer)
        world.emit("payment_method.attached", method, before)


def behaviour(world: World, method: Obj) -> Card:
    """What the card does; bank accounts do nothing special."""
    number = world.aside(method["id"]).get("number")
    return cards.CARDS[number] if number else Card("Bank account")


def declined(card: Card, **more: Any) -> ApiError:
    """The 402 of a decline."""
    code = card.code or "card_declined"
    return ApiError(
        402, "card_error", card.message, kept=True, code=code, decline_code=card.decline_code or None, **more
    )


def details(method: Obj) -> Obj:
    """As a charge shows it."""
    kind = method["type"]
    shown = dict(method[kind])
    if kind == "card":
        shown = {name: value for name, value in shown.items() if name not in NOT_IN_CHARGES}
        shown |= {"installments": None, "mandate": None, "network": shown["brand"], "three_d_secure": None}
    return {"type": kind, kind: shown}


def _card(card: Card, number: str) -> Obj:
    return {
        "brand": card.brand,
        "checks": {"address_line1_check": None, "address_postal_code_check": None, "cvc_check": "pass"},
        "country": "US",
        "display_brand": card.brand,
        "exp_month": 12,
        "exp_year": 2034,
        "fingerprint": hashlib.sha256(number.encode()).hexdigest()[:16],
        "funding": "credit",
        "generated_from": None,
        "last4": number[-4:],
        "networks": {"available": [card.brand], "preferred": None},
        "regulated_status": "unregulated",
        "three_d_secure_usage": {"supported": True},
        "wallet": None,
    }


def _no_longer_default(world: World, method: Obj) -> None:
    customer = world.objects.get(method["customer"])
    if customer and customer["invoice_settings"]["default_payment_method"] == method["id"]:
        world.change(customer, invoice_settings={**customer["invoice_settings"], "default_payment_method": None})
    for subscription in world.all("subscription"):
        if subscription["default_payment_method"] == method["id"]:
            world.change(subscription, default_payment_method=None)
