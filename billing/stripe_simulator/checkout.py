"""What happens when a customer presses a button of the checkout page."""

from billing.stripe_simulator import (
    charging,
    customers,
    discounts,
    intents,
    invoices,
    lines,
    money,
    payment_methods,
    setup_intents,
    subscriptions,
)
from billing.stripe_simulator.errors import ApiError, invalid
from billing.stripe_simulator.world import Obj, World

USUAL_CARD = "4242424242424242"
DECLINED_CARD = "4000000000000002"
CHALLENGED_CARD = "4000002500003155"
EMAIL = "customer@example.com"
DELAYED = {"later": "succeeded", "later-fails": "failed", "later-open": None}
BUTTONS = ("pay", "decline", "3ds", *DELAYED)


def enter_code(world: World, session: Obj, typed: str) -> None:
    """Apply a promotion code that the customer has typed; raises ApiError when it is not good."""
    _must_not_be_paying(world, session)
    code = discounts.find_code(world, typed)
    if code is None or not session["allow_promotion_codes"]:
        raise invalid("This code is invalid.", "promotion_code", "promotion_code_invalid")
    coupon = world.get("coupon", code["promotion"]["coupon"])
    discounts.check(world, code, coupon, session, "promotion_code")
    before = session["discounts"]
    session["discounts"] = [{"coupon": None, "promotion_code": code["id"]}]
    amounts = lines.price(world, session, world.aside(session["id"])["lines"], with_tax=False)
    if 0 < amounts["amount_total"] < money.SMALLEST:
        session["discounts"] = before
        raise money.too_small(session["currency"], "promotion_code")
    world.change(session, **amounts)


def drop_code(world: World, session: Obj) -> None:
    """Take a typed promotion code off again."""
    _must_not_be_paying(world, session)
    session["discounts"] = []
    world.change(session, **lines.price(world, session, world.aside(session["id"])["lines"], with_tax=False))


def due(world: World, session: Obj) -> Obj:
    """What the page shows: the amounts with tax, when there is tax."""
    items = [dict(line) for line in world.aside(session["id"])["lines"]]
    return lines.price(world, session, items, with_tax=session["automatic_tax"]["enabled"])


def submit(world: World, session: Obj, how: str, number: str, email: str) -> str:
    """Pay, or save a card. Returns where the browser goes next; raises the 402 of a decline."""
    if how not in BUTTONS:
        raise invalid(f"There is no button for {how}", "how")
    _meet_customer(world, session, email)
    if how in DELAYED and session["mode"] == "payment":
        method = payment_methods.new_delayed(world, session["currency"], email or None)
    else:
        chosen = {"decline": DECLINED_CARD, "3ds": CHALLENGED_CARD}.get(how) or number or USUAL_CARD
        method = payment_methods.new_card(world, chosen, email or None)
    world.note(session["id"], method=method["id"], how=how)
    if session["mode"] == "setup":
        intent = world.get("setup_intent", session["setup_intent"])
        setup_intents.set_up(world, intent, method)
        return _after(world, session, intent)
    amounts = due(world, session)
    if amounts["amount_total"] == 0:
        return complete(world, session, None)
    intent = _intent(world, session, amounts)
    charging.pay(world, intent, method)
    return _after(world, session, intent)


def prove(world: World, intent: Obj, proven: bool) -> str:
    """The challenge has ended. Returns where the browser goes next."""
    session = world.objects.get(world.aside(intent["id"]).get("session") or "")
    if not proven:
        fail = setup_intents if intent["object"] == "setup_intent" else charging
        fail.fail_authentication(world, intent)
        return session["url"] if session else _return_url(world, intent)
    method_id = world.aside(session["id"])["method"] if session else intent["payment_method"]
    method = world.get("payment_method", method_id)
    if intent["object"] == "setup_intent":
        setup_intents.set_up(world, intent, method, authenticated=True)
    else:
        charging.pay(world, intent, method, authenticated=True)
    return _after(world, session, intent) if session else _return_url(world, intent)


def settle(world: World, intent: str, outcome: str) -> None:
    """A delayed payment has succeeded or failed."""
    obj = world.get("payment_intent", intent)
    if obj["status"] != "processing":
        return
    charging.settle_debit(world, obj, outcome == "succeeded")
    session = world.objects.get(world.aside(intent).get("session") or "")
    if session is None:
        return
    if outcome == "succeeded":
        world.change(session, payment_status="paid", **_invoice(world, session, obj))
    word = "succeeded" if outcome == "succeeded" else "failed"
    world.emit(f"checkout.session.async_payment_{word}", session)


def complete(world: World, session: Obj, intent: Obj | None) -> str:
    """The session is over; returns the success address."""
    paid = intent is None or intent["status"] == "succeeded"
    items = world.aside(session["id"])["lines"]
    fields: Obj = {"status": "complete", "url": None}
    if session["mode"] != "setup":
        taxed = session["automatic_tax"]["enabled"]
        fields |= lines.price(world, session, items, with_tax=taxed)
        fields["payment_status"] = "no_payment_required" if intent is None else "paid" if paid else "unpaid"
        fields["automatic_tax"] = session["automatic_tax"] | (
            {"provider": "stripe", "status": "complete"} if taxed else {}
        )
    world.change(session, **fields)
    discount = _redeem(world, session)
    if session["mode"] == "subscription":
        method = world.get("payment_method", world.aside(session["id"])["method"])
        subscription = subscriptions.start(world, session, items, intent, method, discount)
        ids = {"subscription": subscription["id"], "invoice": subscription["latest_invoice"], "payment_intent": None}
        world.change(session, **ids)
    elif session["mode"] == "payment" and paid:
        world.change(session, **_invoice(world, session, intent))
    world.emit("checkout.session.completed", session)
    return str(session["success_url"]).replace("{CHECKOUT_SESSION_ID}", session["id"])


def _after(world: World, session: Obj, intent: Obj) -> str:
    if intent["status"] == "requires_action":
        return str(intent["next_action"]["redirect_to_url"]["url"])
    where = complete(world, session, intent)
    outcome = DELAYED.get(world.aside(session["id"])["how"])
    if intent["status"] == "processing" and outcome:
        world.later("settle", world.config.delayed_seconds, intent=intent["id"], outcome=outcome)
    return where


def _must_not_be_paying(world: World, session: Obj) -> None:
    """The amount is fixed while the bank asks who is paying."""
    intent = world.objects.get(world.aside(session["id"]).get("intent") or "")
    if intent is not None and intent["status"] == "requires_action":
        raise invalid("This payment is being confirmed.", "promotion_code")


def _meet_customer(world: World, session: Obj, email: str) -> None:
    customer = world.objects.get(session["customer"] or "")
    known = (customer or {}).get("email") or session["customer_email"]
    found = known or email or EMAIL
    if customer is None and session["customer_creation"] == "always":
        customer = customers.new(world, email=found)
        world.change(session, customer=customer["id"])
    elif customer is not None and not customer["email"]:
        world.emit("customer.updated", customer, world.change(customer, email=found))
    details = {"address": None, "business_name": None, "email": found, "individual_name": None, "phone": None}
    details |= {"name": (customer or {}).get("name"), "tax_exempt": "none", "tax_ids": []}
    world.change(session, customer_details=details)


def _intent(world: World, session: Obj, amounts: Obj) -> Obj:
    known = world.aside(session["id"])
    data = known["payment_intent_data"]
    usage = "off_session" if session["mode"] == "subscription" else data.get("setup_future_usage")
    fields = {"amount": amounts["amount_total"], "customer": session["customer"], "setup_future_usage": usage}
    open_one = world.objects.get(known.get("intent") or "")
    if open_one is not None:
        world.change(open_one, **fields)
        return open_one
    words = {name: data.get(name) for name in ("description", "statement_descriptor", "statement_descriptor_suffix")}
    email = data.get("receipt_email") or session["customer_details"]["email"]
    intent = intents.new(
        world, data.get("metadata"), currency=session["currency"], receipt_email=email, **fields, **words
    )
    world.note(intent["id"], session=session["id"])
    world.note(session["id"], intent=intent["id"])
    if session["mode"] == "payment":
        world.change(session, payment_intent=intent["id"])
    return intent


def _redeem(world: World, session: Obj) -> Obj | None:
    coupon, code = discounts.of_session(world, session)
    if coupon is None:
        return None
    about = {"customer": session["customer"], "checkout_session": session["id"]}
    return discounts.redeem(world, coupon, code, **about)


def _invoice(world: World, session: Obj, intent: Obj | None) -> Obj:
    if not (session["invoice_creation"] or {}).get("enabled"):
        return {}
    return {"invoice": invoices.for_session(world, session, intent)["id"]}


def _return_url(world: World, intent: Obj) -> str:
    back = world.aside(intent["id"]).get("return_url")
    if not back:
        raise ApiError(400, "invalid_request_error", "This intent has no return_url; you can close this page.")
    return str(back)
