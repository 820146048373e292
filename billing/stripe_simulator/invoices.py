"""Invoices: of checkout sessions and of subscriptions (reference: Billing, Invoices and Invoice Payments)."""

from billing.stripe_simulator import charging, intents, lists, money, schema
from billing.stripe_simulator.errors import ApiError, invalid
from billing.stripe_simulator.shapes import make
from billing.stripe_simulator.world import Obj, World, now

LIST = {
    **schema.PAGE,
    "customer": schema.text,
    "status": schema.one_of("draft", "open", "paid", "uncollectible", "void"),
    "subscription": schema.text,
}
LIST_PAYMENTS = {
    **schema.PAGE,
    "invoice": schema.text,
    "payment": {
        "type": schema.required(schema.one_of("payment_intent", "charge")),
        "payment_intent": schema.text,
        "charge": schema.text,
    },
    "status": schema.one_of("canceled", "open", "paid"),
}
RETRY_SECONDS = 3 * 24 * 3600


def retrieve(world: World, _params: Obj, ids: Obj) -> Obj:
    """By id."""
    return world.get("invoice", ids["id"])


def listed(world: World, params: Obj, _ids: Obj) -> Obj:
    """By customer, status or subscription."""
    wanted = params.get("subscription")
    found = [each for each in world.all("invoice") if wanted in (None, subscription_of(each))]
    return lists.page(found, params, "/v1/invoices", {name: params.get(name) for name in ("customer", "status")})


def pay(world: World, _params: Obj, ids: Obj) -> Obj:
    """POST …/pay: try the card of an open invoice again; raises the 402 of a decline."""
    invoice = world.get("invoice", ids["id"])
    if invoice["status"] != "open":
        raise invalid(f"Invoice is already {invoice['status']}", "", "invoice_not_editable")
    attempt(world, invoice)
    return invoice


def list_payments(world: World, params: Obj, _ids: Obj) -> Obj:
    """Which intent paid which invoice: the way from a refund or dispute to its invoice."""
    intent = params.get("payment", {}).get("payment_intent")
    found = [each for each in world.all("invoice_payment") if intent in (None, each["payment"]["payment_intent"])]
    equal = {"invoice": params.get("invoice"), "status": params.get("status")}
    return lists.page(found, params, "/v1/invoice_payments", equal)


def subscription_of(invoice: Obj) -> str | None:
    """The subscription that an invoice is for."""
    parent = invoice["parent"]
    return parent["subscription_details"]["subscription"] if parent else None


def for_session(world: World, session: Obj, intent: Obj | None) -> Obj:
    """The paid invoice of a session in payment mode with invoice_creation."""
    items = world.aside(session["id"])["lines"]
    data = (world.aside(session["id"])["invoice_creation"] or {}).get("invoice_data", {})
    fields = {"billing_reason": "manual", "description": data.get("description"), "footer": data.get("footer")}
    invoice = draft(world, session, items, metadata=data.get("metadata") or {}, **fields)
    finalize(world, invoice)
    settle(world, invoice, intent)
    return invoice


def draft(world: World, buyer: Obj, items: list[Obj], period: tuple[int, int] | None = None, **fields: object) -> Obj:
    """A new invoice over line items that have their amounts; buyer is a session or a subscription."""
    customer = world.objects.get(buyer["customer"] or "") or {}
    start, end = period or (now(), now())
    total = sum(item["amount_total"] for item in items)
    subtotal = sum(item["amount_subtotal"] for item in items)
    tax = sum(item["amount_tax"] for item in items)
    details = buyer.get("customer_details") or {}
    invoice = make(
        world,
        "invoice",
        "in",
        amount_due=total,
        amount_overpaid=0,
        amount_paid=0,
        amount_remaining=total,
        amount_shipping=0,
        attempt_count=0,
        attempted=False,
        auto_advance=True,
        automatic_tax={
            "disabled_reason": None,
            "enabled": buyer["automatic_tax"]["enabled"],
            "liability": None,
            "provider": None,
            "status": None,
        },
        collection_method="charge_automatically",
        currency=buyer["currency"],
        customer=buyer["customer"],
        customer_email=customer.get("email") or details.get("email"),
        customer_name=customer.get("name"),
        customer_tax_exempt="none",
        customer_tax_ids=[],
        default_tax_rates=[],
        discounts=[],
        issuer={"type": "self"},
        payment_settings={"default_mandate": None, "payment_method_options": None, "payment_method_types": None},
        period_end=end,
        period_start=start,
        post_payment_credit_notes_amount=0,
        pre_payment_credit_notes_amount=0,
        starting_balance=0,
        status="draft",
        status_transitions=dict.fromkeys(("finalized_at", "marked_uncollectible_at", "paid_at", "voided_at")),
        subtotal=subtotal,
        subtotal_excluding_tax=total - tax,
        total=total,
        total_discount_amounts=[],
        total_excluding_tax=total - tax,
        total_pretax_credit_amounts=[],
        total_taxes=_taxes(tax, total - tax, items),
    )
    invoice |= {"metadata": {}, **fields}
    rows = [_row(world, invoice, item, (start, end)) for item in items]
    invoice["lines"] = money.empty_list(f"/v1/invoices/{invoice['id']}/lines", rows)
    world.add(invoice)
    world.emit("invoice.created", invoice)
    return invoice


def finalize(world: World, invoice: Obj) -> None:
    """Number it and give it its pages."""
    number = len(world.all("invoice"))
    page = f"{world.url}/i/{invoice['id']}"
    times = invoice["status_transitions"] | {"finalized_at": now()}
    fields = {"status": "open", "number": f"SIM-{number:04}", "effective_at": now(), "status_transitions": times}
    before = world.change(invoice, hosted_invoice_url=page, invoice_pdf=f"{page}/pdf", **fields)
    world.emit("invoice.finalized", invoice, before)


def settle(world: World, invoice: Obj, intent: Obj | None) -> None:
    """It has been paid, by an intent or because nothing was due."""
    paid = invoice["amount_due"]
    times = invoice["status_transitions"] | {"paid_at": now()}
    fields = {"amount_paid": paid, "amount_remaining": 0, "attempted": True, "next_payment_attempt": None}
    count = invoice["attempt_count"] + (1 if intent else 0)
    world.change(invoice, status="paid", attempt_count=count, status_transitions=times, **fields)
    if intent:
        _link(world, invoice, intent, "paid")
    world.emit("invoice.paid", invoice)
    world.emit("invoice.payment_succeeded", invoice)


def attempt(world: World, invoice: Obj, forced: str = "") -> None:
    """Charge the card of an open invoice's subscription; forced is paid or failed whatever the card does.

    Raises the 402 of a decline, after invoice.payment_failed.
    """
    if invoice["amount_due"] == 0:
        settle(world, invoice, None)
        return
    intent = _intent(world, invoice)
    try:
        method = _method(world, invoice)
        if forced == "failed":
            raise charging.refuse(world, intent, method)
        if forced == "paid":
            charging.force(world, intent, method)
        else:
            charging.pay(world, intent, method, off_session=True)
    except ApiError:
        later = {"attempted": True, "next_payment_attempt": now() + RETRY_SECONDS}
        world.change(invoice, attempt_count=invoice["attempt_count"] + 1, **later)
        world.emit("invoice.payment_failed", invoice)
        raise
    settle(world, invoice, intent)


def payments_of(world: World, invoice: Obj) -> Obj:
    """The list that `expand[]=payments` shows."""
    rows = [each for each in world.all("invoice_payment") if each["invoice"] == invoice["id"]]
    return money.empty_list("/v1/invoice_payments", rows)


def _taxes(tax: int, taxable: int, items: list[Obj]) -> list[Obj]:
    if not tax:
        return []
    behavior = "inclusive" if all(item["price"]["tax_behavior"] == "inclusive" for item in items) else "exclusive"
    fixed = {"tax_rate_details": None, "taxability_reason": "standard_rated", "type": "tax_rate_details"}
    return [{"amount": tax, "tax_behavior": behavior, "taxable_amount": taxable, **fixed}]


def _row(world: World, invoice: Obj, item: Obj, period: tuple[int, int]) -> Obj:
    price = item["price"]
    details = {"price": price["id"], "product": price["product"]}
    off = item["amount_discount"]
    return {
        "id": world.new_id("il"),
        "object": "line_item",
        "amount": item["amount_subtotal"],
        "currency": item["currency"],
        "description": item["description"],
        "discount_amounts": [{"amount": off, "discount": each} for each in invoice["discounts"]] if off else [],
        "discountable": True,
        "discounts": [],
        "invoice": invoice["id"],
        "livemode": False,
        "metadata": {},
        "parent": None,
        "period": {"start": period[0], "end": period[1]},
        "pretax_credit_amounts": [],
        "pricing": {
            "type": "price_details",
            "price_details": details,
            "unit_amount_decimal": price["unit_amount_decimal"],
        },
        "quantity": item["quantity"],
        "subscription": subscription_of(invoice),
        "subtotal": item["amount_subtotal"],
        "taxes": [],
    }


def _intent(world: World, invoice: Obj) -> Obj:
    for each in world.all("invoice_payment"):
        if each["invoice"] == invoice["id"]:
            return world.get("payment_intent", each["payment"]["payment_intent"])
    about = {"amount": invoice["amount_due"], "currency": invoice["currency"], "customer": invoice["customer"]}
    intent = intents.new(world, {}, description="Subscription update", **about)
    _link(world, invoice, intent, "open")
    return intent


def _link(world: World, invoice: Obj, intent: Obj, status: str) -> None:
    found = next((each for each in world.all("invoice_payment") if each["invoice"] == invoice["id"]), None)
    times = {"canceled_at": None, "paid_at": now() if status == "paid" else None}
    paid = invoice["amount_due"] if status == "paid" else None
    if found:
        world.change(found, status=status, amount_paid=paid, status_transitions=times)
        return
    world.add(
        {
            "id": world.new_id("inpay"),
            "object": "invoice_payment",
            "amount_paid": paid,
            "amount_requested": invoice["amount_due"],
            "created": now(),
            "currency": invoice["currency"],
            "invoice": invoice["id"],
            "is_default": True,
            "livemode": False,
            "payment": {"type": "payment_intent", "payment_intent": intent["id"]},
            "status": status,
            "status_transitions": times,
        }
    )


def _method(world: World, invoice: Obj) -> Obj:
    subscription = world.get("subscription", subscription_of(invoice))
    customer = world.objects.get(invoice["customer"] or "") or {}
    settings = customer.get("invoice_settings") or {}
    id = subscription["default_payment_method"] or settings.get("default_payment_method")
    if id is None:
        code = "invoice_payment_intent_requires_action"
        message = "This customer has no attached payment source or default payment method."
        raise ApiError(400, "invalid_request_error", message, code=code)
    return world.get("payment_method", id)
