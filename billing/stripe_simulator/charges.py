"""Charges: read only, intents make them (reference: Payments, Charges)."""

from billing.stripe_simulator import lists, schema
from billing.stripe_simulator.world import Obj, World

LIST = {**schema.PAGE, "customer": schema.text, "payment_intent": schema.text}


def retrieve(world: World, _params: Obj, ids: Obj) -> Obj:
    """By id."""
    return world.get("charge", ids["id"])


def listed(world: World, params: Obj, _ids: Obj) -> Obj:
    """By payment intent or customer."""
    equal = {name: params.get(name) for name in ("customer", "payment_intent")}
    return lists.page(world.all("charge"), params, "/v1/charges", equal)
