"""Products and prices (reference: Products)."""

from billing.stripe_simulator import lists, schema
from billing.stripe_simulator.errors import invalid
from billing.stripe_simulator.shapes import make
from billing.stripe_simulator.world import Obj, World, now

PRODUCT = {
    "active": schema.boolean,
    "description": schema.text,
    "images": [schema.text],
    "metadata": schema.metadata,
    "name": schema.text,
    "statement_descriptor": schema.text,
    "tax_code": schema.text,
    "unit_label": schema.text,
    "url": schema.text,
}
INLINE_PRODUCT = {**PRODUCT, "name": schema.required(schema.text)}
RECURRING = {
    "interval": schema.required(schema.one_of("day", "week", "month", "year")),
    "interval_count": schema.integer,
}
CREATE_PRODUCT = {**INLINE_PRODUCT, "id": schema.text}
CREATE_PRICE = {
    "active": schema.boolean,
    "currency": schema.required(schema.currency),
    "lookup_key": schema.text,
    "metadata": schema.metadata,
    "nickname": schema.text,
    "product": schema.text,
    "product_data": INLINE_PRODUCT,
    "recurring": RECURRING,
    "tax_behavior": schema.one_of("exclusive", "inclusive", "unspecified"),
    "unit_amount": schema.amount,
}
UPDATE_PRICE = {name: CREATE_PRICE[name] for name in ("active", "lookup_key", "metadata", "nickname", "tax_behavior")}
LIST_PRODUCTS = {**schema.PAGE, "active": schema.boolean, "ids": [schema.text]}
LIST_PRICES = {
    **schema.PAGE,
    "active": schema.boolean,
    "currency": schema.currency,
    "lookup_keys": [schema.text],
    "product": schema.text,
    "type": schema.one_of("one_time", "recurring"),
}


def create_product(world: World, params: Obj, _ids: Obj) -> Obj:
    """A new product; its id may be chosen."""
    if params.get("id") in world.objects:
        raise invalid(f"Product already exists: {params['id']}", "id", "resource_already_exists")
    product = new_product(world, **_given(params))
    world.emit("product.created", product)
    return product


def retrieve_product(world: World, _params: Obj, ids: Obj) -> Obj:
    """By id."""
    return world.get("product", ids["id"])


def update_product(world: World, params: Obj, ids: Obj) -> Obj:
    """Some of its fields."""
    product = world.get("product", ids["id"])
    _update(world, product, params)
    world.change(product, updated=now())
    return product


def list_products(world: World, params: Obj, _ids: Obj) -> Obj:
    """All, active ones, or some ids."""
    found = [each for each in world.all("product") if "ids" not in params or each["id"] in params["ids"]]
    return lists.page(found, params, "/v1/products", {"active": params.get("active")})


def create_price(world: World, params: Obj, _ids: Obj) -> Obj:
    """A new price of a product, or with a product of its own."""
    if bool(params.get("product")) == bool(params.get("product_data")):
        raise invalid("You must specify either `product` or `product_data`.", "product", "parameter_missing")
    if params.get("unit_amount") is None:
        raise invalid("You must specify `unit_amount`.", "unit_amount", "parameter_missing")
    key = params.get("lookup_key")
    if key and any(each["lookup_key"] == key for each in world.all("price")):
        raise invalid(f"A price (`{key}`) already uses that lookup key.", "lookup_key", "resource_already_exists")
    price = new_price(world, _given(params))
    world.emit("price.created", price)
    return price


def retrieve_price(world: World, _params: Obj, ids: Obj) -> Obj:
    """By id."""
    return world.get("price", ids["id"])


def update_price(world: World, params: Obj, ids: Obj) -> Obj:
    """Everything but the amount."""
    price = world.get("price", ids["id"])
    _update(world, price, params)
    return price


def list_prices(world: World, params: Obj, _ids: Obj) -> Obj:
    """By product, state, currency, type or lookup keys."""
    keys = params.get("lookup_keys")
    found = [each for each in world.all("price") if keys is None or each["lookup_key"] in keys]
    equal = {name: params.get(name) for name in ("active", "currency", "product", "type")}
    return lists.page(found, params, "/v1/prices", equal)


def new_product(world: World, **fields: object) -> Obj:
    """Make a product."""
    usual: Obj = {"active": True, "images": [], "marketing_features": [], "metadata": {}, "type": "service"}
    return world.add(make(world, "product", "prod", updated=now(), **(usual | fields)))


def new_price(world: World, given: Obj, active: bool = True) -> Obj:
    """Make a price from `currency`, `unit_amount` and `product` or `product_data`; inline ones are inactive."""
    data = given.pop("product_data", None)
    if data:
        given["product"] = new_product(world, **({"active": active} | data))["id"]
    product = world.get("product", given.get("product"), "product")
    recurring = given.pop("recurring", None) or None
    if recurring:
        usual = {"interval_count": 1, "meter": None, "trial_period_days": None, "usage_type": "licensed"}
        recurring = usual | recurring
    given = {"active": active, "tax_behavior": "unspecified", "metadata": {}} | given
    given["product"] = product["id"]
    fixed = {"billing_scheme": "per_unit", "recurring": recurring, "type": "recurring" if recurring else "one_time"}
    fixed["unit_amount_decimal"] = str(given["unit_amount"])
    return world.add(make(world, "price", "price", **given, **fixed))


def _update(world: World, obj: Obj, params: Obj) -> None:
    fields = _given(params)
    if "metadata" in fields:
        fields["metadata"] = schema.merged(obj["metadata"], fields["metadata"])
    before = world.change(obj, **fields)
    if before:
        world.emit(f"{obj['object']}.updated", obj, before)


def _given(params: Obj) -> Obj:
    return {name: value for name, value in params.items() if name != "expand"}
