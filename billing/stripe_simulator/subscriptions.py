"""Subscriptions: started by Checkout, renewed by control (reference: Billing, Subscriptions)."""

import calendar
from datetime import UTC, datetime, timedelta

from billing.stripe_simulator import invoices, lines, lists, money, payment_methods, schema
from billing.stripe_simulator.errors import ApiError, invalid
from billing.stripe_simulator.shapes import make
from billing.stripe_simulator.world import Obj, World, now

UPDATE = {
    "cancel_at_period_end": schema.boolean,
    "cancellation_details": {"comment": schema.text, "feedback": schema.text},
    "default_payment_method": schema.text,
    "description": schema.text,
    "metadata": schema.metadata,
}
CANCEL = {
    "cancellation_details": UPDATE["cancellation_details"],
    "invoice_now": schema.boolean,
    "prorate": schema.boolean,
}
LIST = {
    **schema.PAGE,
    "customer": schema.text,
    "price": schema.text,
    "status": schema.one_of("active", "all", "canceled", "ended", "incomplete", "past_due", "unpaid"),
}
MOST_ATTEMPTS = 4


def retrieve(world: World, _params: Obj, ids: Obj) -> Obj:
    """By id."""
    return world.get("subscription", ids["id"])


def listed(world: World, params: Obj, _ids: Obj) -> Obj:
    """By customer, price and status; without a status, all that are not canceled."""
    status, wanted = params.get("status"), params.get("price")
    found = [
        each
        for each in world.all("subscription")
        if (status == "all" or each["status"] == status or (status is None and each["status"] != "canceled"))
        and (wanted is None or any(item["price"]["id"] == wanted for item in each["items"]["data"]))
    ]
    return lists.page(found, params, "/v1/subscriptions", {"customer": params.get("customer")})


def update(world: World, params: Obj, ids: Obj) -> Obj:
    """Its end, its card, its metadata."""
    subscription = world.get("subscription", ids["id"])
    if subscription["status"] == "canceled":
        raise invalid("A canceled subscription can only update its cancellation_details and metadata.")
    fields: Obj = {name: params[name] for name in ("default_payment_method", "description") if name in params}
    if fields.get("default_payment_method"):
        world.get("payment_method", fields["default_payment_method"], "default_payment_method")
    if "metadata" in params:
        fields["metadata"] = schema.merged(subscription["metadata"], params["metadata"])
    if "cancel_at_period_end" in params:
        fields |= _ending(subscription, params["cancel_at_period_end"], params.get("cancellation_details", {}))
    before = world.change(subscription, **fields)
    if before:
        world.emit("customer.subscription.updated", subscription, before)
    return subscription


def cancel(world: World, params: Obj, ids: Obj) -> Obj:
    """At once."""
    subscription = world.get("subscription", ids["id"])
    if subscription["status"] == "canceled":
        raise invalid(f"No such subscription: '{ids['id']}'", "id", "resource_missing", 404)
    _end(world, subscription, params.get("cancellation_details", {}), "cancellation_requested")
    return subscription


def start(world: World, session: Obj, items: list[Obj], intent: Obj | None, method: Obj, discount: Obj | None) -> Obj:
    """The subscription of a session that has been paid, with its first invoice."""
    if intent is None:
        payment_methods.save(world, method, session["customer"], set_up=True)
    data = world.aside(session["id"])["subscription_data"]
    recurring = [dict(item) for item in items if item["price"]["type"] == "recurring"]
    subscription = _new(world, session, data, recurring, method["id"])
    if discount:
        world.change(discount, subscription=subscription["id"])
        world.change(subscription, discounts=[discount["id"]])
    subscription["latest_invoice"] = None
    world.add(subscription, lines=recurring)
    world.emit("customer.subscription.created", subscription)
    invoice = _draft(world, subscription, items, "subscription_create", discount)
    world.change(subscription, latest_invoice=invoice["id"])
    invoices.finalize(world, invoice)
    invoices.settle(world, invoice, intent)
    return subscription


def advance(world: World, subscription: Obj, outcome: str = "") -> Obj:
    """Let a period end: renew, try an unpaid invoice again, or end what was canceled.

    outcome is paid or failed, or nothing: then the card decides.
    """
    if subscription["status"] == "canceled":
        raise invalid("This subscription is canceled", "subscription")
    if subscription["cancel_at_period_end"]:
        _end(world, subscription, {}, "cancellation_requested")
        return subscription
    before: Obj = {}
    if subscription["status"] != "past_due":
        before = _renew(world, subscription)
    invoice = world.get("invoice", subscription["latest_invoice"])
    try:
        invoices.attempt(world, invoice, outcome)
    except ApiError:
        before |= world.change(subscription, status="past_due")
        world.emit("customer.subscription.updated", subscription, before)
        if invoice["attempt_count"] >= MOST_ATTEMPTS:
            _end(world, subscription, {}, "payment_failed")
        return subscription
    before |= world.change(subscription, status="active")
    world.emit("customer.subscription.updated", subscription, before)
    return subscription


def recover(world: World, invoice: Obj) -> None:
    """An open invoice was paid after all: its subscription is active again."""
    subscription = world.objects.get(invoices.subscription_of(invoice) or "")
    if subscription and subscription["status"] == "past_due":
        world.emit("customer.subscription.updated", subscription, world.change(subscription, status="active"))


def after(start: int, recurring: Obj) -> int:
    """The end of a period that starts at a Unix time."""
    moment, count = datetime.fromtimestamp(start, UTC), recurring["interval_count"]
    if recurring["interval"] in ("day", "week"):
        days = count * (7 if recurring["interval"] == "week" else 1)
        return int((moment + timedelta(days=days)).timestamp())
    months = count * (12 if recurring["interval"] == "year" else 1)
    year, month = divmod(moment.year * 12 + moment.month - 1 + months, 12)
    day = min(moment.day, calendar.monthrange(year, month + 1)[1])
    return int(moment.replace(year=year, month=month + 1, day=day).timestamp())


def _new(world: World, session: Obj, data: Obj, items: list[Obj], method: str) -> Obj:
    taxed = session["automatic_tax"]["enabled"]
    subscription = make(
        world,
        "subscription",
        "sub",
        automatic_tax={"disabled_reason": None, "enabled": taxed, "liability": None},
        billing_cycle_anchor=now(),
        billing_mode={"type": "flexible", "flexible": {"proration_discounts": "included"}, "updated_at": None},
        billing_schedules=[],
        cancel_at_period_end=False,
        cancellation_details=dict.fromkeys(("comment", "feedback", "reason")),
        collection_method="charge_automatically",
        currency=session["currency"],
        customer=session["customer"],
        default_payment_method=method,
        default_tax_rates=[],
        description=data.get("description"),
        discounts=[],
        invoice_settings={"account_tax_ids": None, "issuer": {"type": "self"}},
        metadata=data.get("metadata") or {},
        payment_settings={
            "payment_method_options": None,
            "payment_method_types": None,
            "save_default_payment_method": "off",
        },
        start_date=now(),
        status="active",
        trial_settings={"end_behavior": {"missing_payment_method": "create_invoice"}},
    )
    rows = [_item(world, subscription, item) for item in items]
    subscription["items"] = money.empty_list(f"/v1/subscription_items?subscription={subscription['id']}", rows)
    return subscription


def _item(world: World, subscription: Obj, item: Obj) -> Obj:
    price = item["price"]
    return {
        "id": world.new_id("si", 14),
        "object": "subscription_item",
        "billing_thresholds": None,
        "created": now(),
        "current_period_end": after(now(), price["recurring"]),
        "current_period_start": now(),
        "discounts": [],
        "metadata": {},
        "plan": _plan(price),
        "price": dict(price),
        "quantity": item["quantity"],
        "subscription": subscription["id"],
        "tax_rates": [],
    }


def _plan(price: Obj) -> Obj:
    return {
        "id": price["id"],
        "object": "plan",
        "active": price["active"],
        "amount": price["unit_amount"],
        "amount_decimal": price["unit_amount_decimal"],
        "billing_scheme": "per_unit",
        "created": price["created"],
        "currency": price["currency"],
        "interval": price["recurring"]["interval"],
        "interval_count": price["recurring"]["interval_count"],
        "livemode": False,
        "metadata": {},
        "meter": None,
        "nickname": price["nickname"],
        "product": price["product"],
        "tiers_mode": None,
        "transform_usage": None,
        "trial_period_days": None,
        "usage_type": "licensed",
    }


def _renew(world: World, subscription: Obj) -> Obj:
    """Move the period on and draft the invoice of the next; returns what was different before."""
    rows = [
        item
        | {
            "current_period_start": item["current_period_end"],
            "current_period_end": after(item["current_period_end"], item["price"]["recurring"]),
        }
        for item in subscription["items"]["data"]
    ]
    before = world.change(subscription, items={**subscription["items"], "data": rows})
    items = [dict(item) for item in world.aside(subscription["id"])["lines"]]
    discount = _lasting_discount(world, subscription)
    taxed = subscription["automatic_tax"]["enabled"]
    chosen = [{"coupon": discount["source"]["coupon"], "promotion_code": None}] if discount else []
    lines.price(world, {"discounts": chosen}, items, with_tax=taxed)
    invoice = _draft(world, subscription, items, "subscription_cycle", discount)
    invoices.finalize(world, invoice)
    return before | world.change(subscription, latest_invoice=invoice["id"])


def _draft(world: World, subscription: Obj, items: list[Obj], reason: str, discount: Obj | None) -> Obj:
    details = {"metadata": dict(subscription["metadata"]), "subscription": subscription["id"]}
    parent = {"type": "subscription_details", "quote_details": None, "subscription_details": details}
    first = subscription["items"]["data"][0]
    period = (first["current_period_start"], first["current_period_end"])
    listed_discounts = [discount["id"]] if discount else []
    return invoices.draft(
        world, subscription, items, period, parent=parent, billing_reason=reason, discounts=listed_discounts
    )


def _lasting_discount(world: World, subscription: Obj) -> Obj | None:
    for id in subscription["discounts"]:
        discount = world.get("discount", id)
        coupon = world.objects.get(discount["source"]["coupon"])
        starts = subscription["items"]["data"][0]["current_period_start"]
        if coupon and (coupon["duration"] == "forever" or (discount["end"] or 0) > starts):
            return discount
    return None


def _ending(subscription: Obj, at_end: bool, details: Obj) -> Obj:
    if not at_end:
        nothing = dict.fromkeys(("comment", "feedback", "reason"))
        return {"cancel_at_period_end": False, "cancel_at": None, "canceled_at": None, "cancellation_details": nothing}
    ends = max(item["current_period_end"] for item in subscription["items"]["data"])
    why = subscription["cancellation_details"] | details | {"reason": "cancellation_requested"}
    return {"cancel_at_period_end": True, "cancel_at": ends, "canceled_at": now(), "cancellation_details": why}


def _end(world: World, subscription: Obj, details: Obj, reason: str) -> None:
    why = subscription["cancellation_details"] | details | {"reason": reason}
    canceled = subscription["canceled_at"] or now()
    world.change(subscription, status="canceled", canceled_at=canceled, ended_at=now(), cancellation_details=why)
    world.emit("customer.subscription.deleted", subscription)
