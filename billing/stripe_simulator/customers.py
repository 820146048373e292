"""Customers (reference: Core resources, Customers)."""

from billing.stripe_simulator import lists, payment_methods, schema
from billing.stripe_simulator.shapes import make
from billing.stripe_simulator.world import Obj, World

_FIELDS = {
    "address": schema.anything,
    "description": schema.text,
    "email": schema.text,
    "invoice_settings": {"default_payment_method": schema.text},
    "metadata": schema.metadata,
    "name": schema.text,
    "phone": schema.text,
    "preferred_locales": [schema.text],
}
CREATE = {**_FIELDS, "payment_method": schema.text}
UPDATE = _FIELDS
LIST = {**schema.PAGE, "email": schema.text}


def create(world: World, params: Obj, _ids: Obj) -> Obj:
    """A new customer."""
    method = params.pop("payment_method", None)
    params["metadata"] = schema.merged({}, params.get("metadata", {}))
    customer = new(world, **_settings(world, params))
    if method:
        payment_methods.attach(world, {"customer": customer["id"]}, {"id": method})
    return customer


def retrieve(world: World, _params: Obj, ids: Obj) -> Obj:
    """By id; of a deleted one only that it is deleted."""
    return world.get("customer", ids["id"])


def update(world: World, params: Obj, ids: Obj) -> Obj:
    """Some of its fields."""
    customer = world.get("customer", ids["id"])
    if "metadata" in params:
        params["metadata"] = schema.merged(customer["metadata"], params["metadata"])
    settings = _settings(world, params)
    if "invoice_settings" in settings:
        settings["invoice_settings"] = customer["invoice_settings"] | settings["invoice_settings"]
    before = world.change(customer, **settings)
    if before:
        world.emit("customer.updated", customer, before)
    return customer


def delete(world: World, _params: Obj, ids: Obj) -> Obj:
    """For good; its cards go with it."""
    customer = world.get("customer", ids["id"])
    for method in world.all("payment_method"):
        if method["customer"] == customer["id"]:
            payment_methods.detach(world, {}, {"id": method["id"]})
    world.emit("customer.deleted", customer)
    world.remove(customer)
    return {"id": customer["id"], "object": "customer", "deleted": True}


def listed(world: World, params: Obj, _ids: Obj) -> Obj:
    """All, or those with exactly this e-mail address, in its case."""
    return lists.page(world.all("customer"), params, "/v1/customers", {"email": params.get("email")})


def new(world: World, **fields: object) -> Obj:
    """Make and announce a customer."""
    usual: Obj = {
        "balance": 0,
        "delinquent": False,
        "invoice_prefix": world.new_id("x")[2:10].upper(),
        "invoice_settings": {},
        "metadata": {},
        "next_invoice_sequence": 1,
        "preferred_locales": [],
        "tax_exempt": "none",
    }
    customer = make(world, "customer", "cus", **(usual | fields))
    empty = {"custom_fields": None, "default_payment_method": None, "footer": None, "rendering_options": None}
    customer["invoice_settings"] = empty | customer["invoice_settings"]
    world.add(customer)
    world.emit("customer.created", customer)
    return customer


def _settings(world: World, params: Obj) -> Obj:
    fields = {name: value for name, value in params.items() if name != "expand"}
    default = (fields.get("invoice_settings") or {}).get("default_payment_method")
    if default:
        world.get("payment_method", default, "invoice_settings[default_payment_method]")
    return fields
