"""Line items of a checkout session, and what they add up to with discount and tax."""

from typing import Any

from billing.stripe_simulator import catalogue, discounts, money, schema
from billing.stripe_simulator.errors import invalid
from billing.stripe_simulator.world import Obj, World

PRICE_DATA = {
    "currency": schema.required(schema.currency),
    "product": schema.text,
    "product_data": catalogue.INLINE_PRODUCT,
    "recurring": catalogue.RECURRING,
    "tax_behavior": schema.one_of("exclusive", "inclusive", "unspecified"),
    "unit_amount": schema.required(schema.amount),
}
ITEM = {
    "metadata": schema.metadata,
    "price": schema.text,
    "price_data": PRICE_DATA,
    "quantity": schema.integer,
}


def make_lines(world: World, items: list[Obj], mode: str) -> list[Obj]:
    """The line items of `line_items`; prices that are given inline become inactive prices."""
    lines = [_line(world, item, f"line_items[{index}]") for index, item in enumerate(items)]
    currencies = {line["currency"] for line in lines}
    if len(currencies) > 1:
        raise invalid("All line items must have the same currency.", "line_items")
    recurring = [line["price"]["type"] == "recurring" for line in lines]
    if mode == "payment" and any(recurring):
        raise invalid(
            "You specified `payment` mode but passed a recurring price. Either switch to `subscription` mode or use "
            "only one-time prices.",
            "line_items",
        )
    if mode == "subscription" and not any(recurring):
        raise invalid("You must provide at least one recurring price in `subscription` mode.", "mode")
    return lines


def price(world: World, session: Obj, lines: list[Obj], with_tax: bool) -> Obj:
    """Amounts of a session as it would be paid now; writes them into the lines."""
    coupon, _ = discounts.of_session(world, session)
    subtotal = sum(line["amount_subtotal"] for line in lines)
    taken = discounts.taken_off(coupon, subtotal)
    parts = money.spread(taken, [line["amount_subtotal"] for line in lines])
    for line, part in zip(lines, parts, strict=True):
        rest = line["amount_subtotal"] - part
        inclusive = line["price"]["tax_behavior"] == "inclusive"
        tax = money.tax_of(rest, world.config.tax_percent, inclusive) if with_tax else 0
        total = rest if inclusive else rest + tax
        line |= {"amount_discount": part, "amount_tax": tax, "amount_total": total}
    tax = sum(line["amount_tax"] for line in lines)
    details = {"amount_discount": taken, "amount_shipping": 0, "amount_tax": tax}
    total = sum(line["amount_total"] for line in lines)
    return {"amount_subtotal": subtotal, "amount_total": total, "total_details": details}


def _line(world: World, item: Obj, name: str) -> Obj:
    data = item.get("price_data")
    if bool(item.get("price")) == bool(data):
        raise invalid(f"You must specify either `price` or `price_data` for {name}.", name, "parameter_missing")
    quantity = item.get("quantity", 1)
    if quantity is None or quantity < 1:
        raise invalid("This value must be greater than or equal to 1.", f"{name}[quantity]")
    if data:
        if not (data.get("product") or data.get("product_data")):
            raise invalid("You must specify `product` or `product_data`.", f"{name}[price_data]", "parameter_missing")
        found = catalogue.new_price(world, dict(data), active=False)
    else:
        found = world.get("price", item["price"], f"{name}[price]")
        if not found["active"]:
            raise invalid("The price specified is inactive. This field only accepts active prices.", f"{name}[price]")
    amount = found["unit_amount"] * quantity
    shown: dict[str, Any] = {"id": world.new_id("li"), "object": "item", "amount_discount": 0, "amount_tax": 0}
    shown |= {"amount_subtotal": amount, "amount_total": amount, "currency": found["currency"], "discounts": []}
    product = world.get("product", found["product"])
    shown |= {"description": product["name"], "price": dict(found), "quantity": quantity, "taxes": []}
    return {**shown, "adjustable_quantity": None, "metadata": item.get("metadata") or {}}
