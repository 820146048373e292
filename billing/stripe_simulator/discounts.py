"""Coupons, promotion codes and what they take off (reference: Products, Coupons and Promotion codes)."""

from billing.stripe_simulator import lists, money, schema
from billing.stripe_simulator.errors import invalid
from billing.stripe_simulator.shapes import make
from billing.stripe_simulator.world import Obj, World, now

CREATE_COUPON = {
    "amount_off": schema.amount,
    "currency": schema.currency,
    "duration": schema.one_of("forever", "once", "repeating"),
    "duration_in_months": schema.integer,
    "id": schema.text,
    "max_redemptions": schema.integer,
    "metadata": schema.metadata,
    "name": schema.text,
    "percent_off": schema.percent,
    "redeem_by": schema.integer,
}
CREATE_CODE = {
    "active": schema.boolean,
    "code": schema.text,
    "customer": schema.text,
    "expires_at": schema.integer,
    "max_redemptions": schema.integer,
    "metadata": schema.metadata,
    "promotion": {"type": schema.required(schema.one_of("coupon")), "coupon": schema.required(schema.text)},
    "restrictions": {
        "first_time_transaction": schema.boolean,
        "minimum_amount": schema.amount,
        "minimum_amount_currency": schema.currency,
    },
}
UPDATE_CODE = {"active": schema.boolean, "metadata": schema.metadata}
LIST_CODES = {
    **schema.PAGE,
    "active": schema.boolean,
    "code": schema.text,
    "coupon": schema.text,
    "customer": schema.text,
}
MONTH_SECONDS = 30 * 24 * 3600


def create_coupon(world: World, params: Obj, _ids: Obj) -> Obj:
    """A percentage, or an amount with its currency."""
    fields = {name: value for name, value in params.items() if name != "expand"}
    if (fields.get("percent_off") is None) == (fields.get("amount_off") is None):
        raise invalid("You must pass either percent_off or amount_off.", "percent_off", "parameter_missing")
    if fields.get("amount_off") is not None and not fields.get("currency"):
        raise invalid("You must pass currency when passing amount_off", "currency", "parameter_missing")
    if fields.get("id") in world.objects:
        raise invalid(f"Coupon already exists: {fields['id']}", "id", "resource_already_exists")
    fields.setdefault("id", world.new_id("c", 8)[2:])
    fields = {"duration": "once", "metadata": {}, "times_redeemed": 0, "valid": True} | fields
    return world.add(make(world, "coupon", "", **fields))


def retrieve_coupon(world: World, _params: Obj, ids: Obj) -> Obj:
    """By id."""
    return world.get("coupon", ids["id"])


def delete_coupon(world: World, _params: Obj, ids: Obj) -> Obj:
    """It can no longer be redeemed; what it took off stays off."""
    coupon = world.get("coupon", ids["id"])
    world.remove(coupon)
    for code in world.all("promotion_code"):
        if code["promotion"]["coupon"] == coupon["id"]:
            world.change(code, active=False)
    return {"id": coupon["id"], "object": "coupon", "deleted": True}


def list_coupons(world: World, params: Obj, _ids: Obj) -> Obj:
    """All."""
    return lists.page(world.all("coupon"), params, "/v1/coupons")


def create_code(world: World, params: Obj, _ids: Obj) -> Obj:
    """A code that customers type; unique among the active ones, regardless of case."""
    fields = {name: value for name, value in params.items() if name != "expand"}
    if not fields.get("promotion"):
        raise invalid("Missing required param: promotion.", "promotion", "parameter_missing")
    world.get("coupon", fields["promotion"]["coupon"], "promotion[coupon]")
    code = fields.setdefault("code", world.new_id("P", 8)[2:].upper())
    if find_code(world, code):
        raise invalid("An active promotion code with `code: " + code + "` already exists.", "code")
    limits: Obj = {"first_time_transaction": False, "minimum_amount": None, "minimum_amount_currency": None}
    fields["restrictions"] = limits | fields.get("restrictions", {})
    return world.add(
        make(world, "promotion_code", "promo", **({"active": True, "metadata": {}, "times_redeemed": 0} | fields))
    )


def retrieve_code(world: World, _params: Obj, ids: Obj) -> Obj:
    """By id."""
    return world.get("promotion_code", ids["id"])


def update_code(world: World, params: Obj, ids: Obj) -> Obj:
    """Turn it on or off."""
    code = world.get("promotion_code", ids["id"])
    if "metadata" in params:
        world.change(code, metadata=schema.merged(code["metadata"], params["metadata"]))
    if "active" in params:
        world.change(code, active=params["active"])
    return code


def list_codes(world: World, params: Obj, _ids: Obj) -> Obj:
    """By the code as typed, its coupon, its state."""
    wanted, coupon = (params.get("code") or "").lower(), params.get("coupon")
    found = [
        each
        for each in world.all("promotion_code")
        if each["code"].lower() == (wanted or each["code"].lower()) and coupon in (None, each["promotion"]["coupon"])
    ]
    equal = {"active": params.get("active"), "customer": params.get("customer")}
    return lists.page(found, params, "/v1/promotion_codes", equal)


def find_code(world: World, typed: str) -> Obj | None:
    """The active promotion code that a customer has typed."""
    typed = typed.strip().lower()
    return next(
        (each for each in world.all("promotion_code") if each["active"] and each["code"].lower() == typed), None
    )


def check(world: World, code: Obj | None, coupon: Obj, session: Obj, param: str) -> None:
    """Refuse a discount that this session cannot have."""
    if not coupon["valid"] or (coupon["redeem_by"] or now()) < now():
        raise invalid("This coupon is not valid.", param, "coupon_expired")
    if coupon["currency"] not in (None, session["currency"]):
        message = f"This coupon cannot be used with the currency {session['currency']}."
        raise invalid(message, param)
    if code is None:
        return
    limits = code["restrictions"]
    minimum = limits["minimum_amount"] or 0
    too_little = session["amount_subtotal"] < minimum or limits["minimum_amount_currency"] not in (
        None,
        session["currency"],
    )
    others = code["customer"] not in (None, session["customer"])
    again = limits["first_time_transaction"] and _has_paid(world, session["customer"])
    if not code["active"] or (code["expires_at"] or now()) < now() or too_little or others or again:
        raise invalid("This promotion code is not valid for this purchase.", param, "promotion_code_invalid")


def of_session(world: World, session: Obj) -> tuple[Obj | None, Obj | None]:
    """The coupon and the promotion code of a session."""
    for each in session["discounts"] or []:
        code = world.objects.get(each["promotion_code"] or "")
        return world.objects.get(each["coupon"] or (code and code["promotion"]["coupon"]) or ""), code
    return None, None


def taken_off(coupon: Obj | None, subtotal: int) -> int:
    """What a coupon takes off an amount."""
    if coupon is None:
        return 0
    if coupon["amount_off"] is not None:
        return min(subtotal, int(coupon["amount_off"]))
    return min(subtotal, money.share(subtotal, coupon["percent_off"]))


def redeem(world: World, coupon: Obj, code: Obj | None, **about: str | None) -> Obj:
    """Count a use and return the discount that it made."""
    for each in (coupon, code):
        if each is not None:
            world.change(each, times_redeemed=each["times_redeemed"] + 1)
            if each["max_redemptions"] and each["times_redeemed"] >= each["max_redemptions"]:
                world.change(each, **({"active": False} if each is code else {"valid": False}))
    end = now() + MONTH_SECONDS * coupon["duration_in_months"] if coupon["duration"] == "repeating" else None
    source = {"type": "coupon", "coupon": coupon["id"]}
    return world.add(
        make(world, "discount", "di", source=source, start=now(), end=end, promotion_code=code and code["id"], **about)
    )


def _has_paid(world: World, customer: str | None) -> bool:
    return any(each["customer"] == customer and each["paid"] for each in world.all("charge") if customer)
