"""Billing portal sessions (reference: Billing, Customer Portal Sessions)."""

from billing.stripe_simulator import schema
from billing.stripe_simulator.errors import invalid
from billing.stripe_simulator.shapes import make
from billing.stripe_simulator.world import Obj, World

CREATE = {
    "configuration": schema.text,
    "customer": schema.text,
    "locale": schema.text,
    "return_url": schema.address,
}
CONFIGURATION = "bpc_simulated"


def create(world: World, params: Obj, _ids: Obj) -> Obj:
    """The address of a page where a customer sees cards, the subscription and invoices."""
    if not params.get("customer"):
        raise invalid("Missing required param: customer.", "customer", "parameter_missing")
    world.get("customer", params["customer"], "customer")
    fields = {name: params.get(name) for name in ("customer", "locale", "return_url")}
    session = make(world, "billing_portal.session", "bps", configuration=CONFIGURATION, **fields)
    session["url"] = f"{world.url}/p/session/{session['id']}"
    return world.add(session)
