"""Checkout sessions by API (reference: Checkout, Sessions). What the page does is in checkout.py."""

from billing.stripe_simulator import discounts, intents, lines, lists, money, schema, setup_intents
from billing.stripe_simulator.errors import invalid
from billing.stripe_simulator.shapes import make
from billing.stripe_simulator.world import Obj, World, now

_INVOICE_DATA = {"description": schema.text, "footer": schema.text, "metadata": schema.metadata}
CREATE = {
    "allow_promotion_codes": schema.boolean,
    "allowed_payment_method_types": [schema.text],
    "automatic_tax": {"enabled": schema.required(schema.boolean)},
    "billing_address_collection": schema.one_of("auto", "required"),
    "cancel_url": schema.address,
    "client_reference_id": schema.text,
    "currency": schema.currency,
    "custom_text": schema.anything,
    "customer": schema.text,
    "customer_creation": schema.one_of("always", "if_required"),
    "customer_email": schema.text,
    "customer_update": schema.anything,
    "discounts": [{"coupon": schema.text, "promotion_code": schema.text}],
    "expires_at": schema.integer,
    "invoice_creation": {"enabled": schema.required(schema.boolean), "invoice_data": _INVOICE_DATA},
    "line_items": [lines.ITEM],
    "locale": schema.text,
    "metadata": schema.metadata,
    "mode": schema.one_of("payment", "setup", "subscription"),
    "payment_intent_data": {
        "description": schema.text,
        "metadata": schema.metadata,
        "receipt_email": schema.text,
        "setup_future_usage": schema.one_of("off_session", "on_session"),
        "statement_descriptor": schema.text,
        "statement_descriptor_suffix": schema.text,
    },
    "payment_method_collection": schema.one_of("always", "if_required"),
    "saved_payment_method_options": schema.anything,
    "setup_intent_data": {"description": schema.text, "metadata": schema.metadata},
    "submit_type": schema.one_of("auto", "book", "donate", "pay", "subscribe"),
    "subscription_data": {"description": schema.text, "metadata": schema.metadata},
    "success_url": schema.address,
    "tax_id_collection": {"enabled": schema.required(schema.boolean)},
    "ui_mode": schema.one_of("hosted_page"),
}
UPDATE = {"metadata": schema.metadata}
LIST = {
    **schema.PAGE,
    "customer": schema.text,
    "customer_details": {"email": schema.required(schema.text)},
    "payment_intent": schema.text,
    "status": schema.one_of("complete", "expired", "open"),
    "subscription": schema.text,
}
ONLY_IN = {"payment_intent_data": "payment", "setup_intent_data": "setup", "subscription_data": "subscription"}
SHORTEST_SECONDS, LONGEST_SECONDS = 30 * 60, 24 * 3600


def create(world: World, params: Obj, _ids: Obj) -> Obj:
    """A new session with the address of its page."""
    mode = params.get("mode")
    _check(world, params, mode)
    items = lines.make_lines(world, params.get("line_items", []), str(mode))
    session = _new(world, params, items)
    session["discounts"] = _discounts(world, params, session)
    session |= lines.price(world, session, items, with_tax=False) if items else {}
    if mode == "payment" and session["amount_total"]:
        money.check_chargeable(session["amount_total"], session["currency"], "line_items")
    if mode == "setup":
        data = params.get("setup_intent_data", {})
        session["setup_intent"] = setup_intents.new(world, session["customer"], data)["id"]
        world.note(session["setup_intent"], session=session["id"])
    world.add(session, lines=items, **{name: params.get(name) or {} for name in (*ONLY_IN, "invoice_creation")})
    world.agenda.plan("expire", session["expires_at"] - now(), session=session["id"])
    return session


def retrieve(world: World, _params: Obj, ids: Obj) -> Obj:
    """By id."""
    return world.get("checkout.session", ids["id"])


def update(world: World, params: Obj, ids: Obj) -> Obj:
    """Its metadata."""
    session = world.get("checkout.session", ids["id"])
    world.change(session, metadata=schema.merged(session["metadata"], params.get("metadata", {})))
    return session


def listed(world: World, params: Obj, _ids: Obj) -> Obj:
    """By customer, e-mail, payment intent, subscription or status."""
    email = params.get("customer_details", {}).get("email")
    found = [
        each
        for each in world.all("checkout.session")
        if email is None or (each["customer_details"] or {}).get("email") == email
    ]
    equal = {name: params.get(name) for name in ("customer", "payment_intent", "status", "subscription")}
    return lists.page(found, params, "/v1/checkout/sessions", equal)


def line_items(world: World, params: Obj, ids: Obj) -> Obj:
    """GET …/line_items, in their order."""
    session = world.get("checkout.session", ids["id"])
    url = f"/v1/checkout/sessions/{session['id']}/line_items"
    return lists.page(world.aside(session["id"])["lines"][::-1], params, url)


def expire(world: World, _params: Obj, ids: Obj) -> Obj:
    """It can no longer be paid."""
    session = world.get("checkout.session", ids["id"])
    if session["status"] != "open":
        message = f'Only Checkout Sessions with a status in ["open"] can be expired. This one has {session["status"]}.'
        raise invalid(message)
    _end(world, session)
    return session


def expire_when_due(world: World, session: str) -> None:
    """Its time is up."""
    obj = world.get("checkout.session", session)
    if obj["status"] == "open":
        _end(world, obj)


def _end(world: World, session: Obj) -> None:
    world.change(session, status="expired", url=None)
    intent = world.objects.get(world.aside(session["id"]).get("intent") or "")
    if intent is not None and intent["status"] in ("requires_payment_method", "requires_action"):
        intents.cancel(world, {}, {"id": intent["id"]})
    world.emit("checkout.session.expired", session)


def _check(world: World, params: Obj, mode: str | None) -> None:
    if mode is None:
        raise invalid("Missing required param: mode.", "mode", "parameter_missing")
    if not params.get("success_url"):
        raise invalid("Missing required param: success_url.", "success_url", "parameter_missing")
    if mode != "setup" and not params.get("line_items"):
        raise invalid("The `line_items` parameter is required in this mode.", "line_items", "parameter_missing")
    if mode == "setup" and not (params.get("currency") or params.get("allowed_payment_method_types")):
        raise invalid("Missing required param: currency.", "currency", "parameter_missing")
    if mode == "setup" and params.get("line_items"):
        raise invalid("You can not pass `line_items` in `setup` mode.", "line_items")
    for name, only in ONLY_IN.items():
        if name in params and mode != only:
            raise invalid(f"You can not pass `{name}` in `{mode}` mode.", name)
    if mode != "payment" and "invoice_creation" in params:
        raise invalid("You can only enable invoice creation when `mode` is set to `payment`.", "invoice_creation")
    if params.get("customer") and params.get("customer_email"):
        raise invalid("You may only specify one of these parameters: customer, customer_email.", "customer")
    if params.get("allow_promotion_codes") and params.get("discounts"):
        message = "You may only specify one of these parameters: allow_promotion_codes, discounts."
        raise invalid(message, "allow_promotion_codes")
    ends = params.get("expires_at")
    if ends and not now() + SHORTEST_SECONDS - 60 <= ends <= now() + LONGEST_SECONDS + 60:
        raise invalid(
            "The `expires_at` timestamp must be at least 30 minutes and at most 24 hours from Checkout Session "
            "creation.",
            "expires_at",
        )
    if params.get("customer"):
        world.get("customer", params["customer"], "customer")


def _new(world: World, params: Obj, items: list[Obj]) -> Obj:
    id = "cs_test_" + world.new_id("a1", 57)[3:]
    mode = params["mode"]
    taxed = params.get("automatic_tax", {}).get("enabled", False)
    liability = {"type": "self"} if taxed else None
    status = "requires_location_inputs" if taxed else None
    creation = params.get("customer_creation") or ("always" if mode == "subscription" else "if_required")
    invoice = {"enabled": params.get("invoice_creation", {}).get("enabled", False)}
    nothing = dict.fromkeys(("account_tax_ids", "custom_fields", "description", "footer", "issuer", "metadata"))
    invoice["invoice_data"] = (
        nothing | {"rendering_options": None} | params.get("invoice_creation", {}).get("invoice_data", {})
    )
    return make(
        world,
        "checkout.session",
        "cs",
        id=id,
        adaptive_pricing={"enabled": False},
        allow_promotion_codes=params.get("allow_promotion_codes"),
        automatic_tax={"enabled": taxed, "liability": liability, "provider": None, "status": status},
        billing_address_collection=params.get("billing_address_collection"),
        cancel_url=params.get("cancel_url"),
        client_reference_id=params.get("client_reference_id"),
        currency=items[0]["currency"] if items else params.get("currency"),
        custom_fields=[],
        custom_text=dict.fromkeys(("after_submit", "shipping_address", "submit", "terms_of_service_acceptance")),
        customer=params.get("customer"),
        customer_creation=None if params.get("customer") else creation,
        customer_email=params.get("customer_email"),
        expires_at=params.get("expires_at") or now() + LONGEST_SECONDS,
        invoice_creation=invoice if mode == "payment" else None,
        locale=params.get("locale"),
        metadata=params.get("metadata") or {},
        mode=mode,
        payment_method_collection="always" if mode == "subscription" else "if_required",
        payment_method_options={"card": {"request_three_d_secure": "automatic"}},
        payment_method_types=params.get("allowed_payment_method_types") or ["card"],
        payment_status="no_payment_required" if mode == "setup" else "unpaid",
        phone_number_collection={"enabled": False},
        shipping_options=[],
        status="open",
        submit_type=params.get("submit_type"),
        success_url=params["success_url"],
        ui_mode="hosted_page",
        url=f"{world.url}/c/pay/{id}",
    )


def _discounts(world: World, params: Obj, session: Obj) -> list[Obj]:
    given = params.get("discounts", [])
    if len(given) > 1:
        raise invalid("You may only specify one discount.", "discounts")
    session["amount_subtotal"] = 0
    for each in given:
        found = {"coupon": each.get("coupon"), "promotion_code": each.get("promotion_code")}
        code = None
        if found["promotion_code"]:
            code = world.get("promotion_code", found["promotion_code"], "discounts[0][promotion_code]")
        wanted = code["promotion"]["coupon"] if code else found["coupon"]
        discounts.check(world, None, world.get("coupon", wanted, "discounts[0][coupon]"), session, "discounts")
        return [found]
    return []
