"""Payment intents by API: what auto-recharge uses (reference: Payments, PaymentIntents)."""

from billing.stripe_simulator import charging, lists, money, payment_methods, schema
from billing.stripe_simulator.errors import ApiError, invalid
from billing.stripe_simulator.shapes import make
from billing.stripe_simulator.world import Obj, World, now

_USAGE = schema.one_of("off_session", "on_session")
CONFIRM = {
    "error_on_requires_action": schema.boolean,
    "off_session": schema.boolean,
    "payment_method": schema.text,
    "receipt_email": schema.text,
    "return_url": schema.address,
    "setup_future_usage": _USAGE,
}
CREATE = {
    **CONFIRM,
    "amount": schema.required(schema.amount),
    "automatic_payment_methods": {"enabled": schema.boolean, "allow_redirects": schema.one_of("always", "never")},
    "confirm": schema.boolean,
    "currency": schema.required(schema.currency),
    "customer": schema.text,
    "description": schema.text,
    "metadata": schema.metadata,
    "statement_descriptor": schema.text,
    "statement_descriptor_suffix": schema.text,
}
UPDATE = {name: CREATE[name] for name in ("description", "metadata", "receipt_email", "payment_method")}
CANCEL = {
    "cancellation_reason": schema.one_of("duplicate", "fraudulent", "requested_by_customer", "abandoned"),
}
LIST = {**schema.PAGE, "customer": schema.text}
_KEPT = (
    "amount",
    "currency",
    "customer",
    "description",
    "receipt_email",
    "setup_future_usage",
    "statement_descriptor",
    "statement_descriptor_suffix",
)


def create(world: World, params: Obj, _ids: Obj) -> Obj:
    """A new intent; with confirm it is paid at once or refused with 402."""
    money.check_chargeable(params["amount"], params["currency"], "amount")
    if params.get("customer"):
        world.get("customer", params["customer"], "customer")
    if params.get("off_session") and not params.get("confirm"):
        raise invalid("`off_session` may only be provided with `confirm` set to true.", "off_session")
    method = _method(world, params, params.get("customer"))
    intent = new(world, **{name: params.get(name) for name in _KEPT}, metadata=params.get("metadata"))
    automatic = params.get("automatic_payment_methods", {"enabled": True})
    world.change(intent, automatic_payment_methods={"allow_redirects": "always", **automatic})
    if method:
        world.change(intent, payment_method=method["id"], status="requires_confirmation")
    return _confirm(world, intent, params) if params.get("confirm") else intent


def retrieve(world: World, _params: Obj, ids: Obj) -> Obj:
    """By id."""
    return world.get("payment_intent", ids["id"], "intent")


def update(world: World, params: Obj, ids: Obj) -> Obj:
    """Words and metadata; the card while it is not paid."""
    intent = world.get("payment_intent", ids["id"], "intent")
    fields: Obj = {name: params[name] for name in ("description", "receipt_email") if name in params}
    if "metadata" in params:
        fields["metadata"] = schema.merged(intent["metadata"], params["metadata"])
    if params.get("payment_method"):
        _must_be(intent, "requires_payment_method", "requires_confirmation", verb="update")
        method = _method(world, params, intent["customer"]) or {}
        fields |= {"payment_method": method.get("id"), "status": "requires_confirmation"}
    world.change(intent, **fields)
    return intent


def confirm(world: World, params: Obj, ids: Obj) -> Obj:
    """Pay it now."""
    intent = world.get("payment_intent", ids["id"], "intent")
    _must_be(intent, "requires_payment_method", "requires_confirmation", verb="confirm")
    method = _method(world, params, intent["customer"])
    if method:
        world.change(intent, payment_method=method["id"])
    return _confirm(world, intent, params)


def cancel(world: World, params: Obj, ids: Obj) -> Obj:
    """It will not be paid any more."""
    intent = world.get("payment_intent", ids["id"], "intent")
    _must_be(intent, "requires_payment_method", "requires_confirmation", "requires_action", verb="cancel")
    reason = params.get("cancellation_reason")
    before = world.change(intent, status="canceled", canceled_at=now(), cancellation_reason=reason, next_action=None)
    world.emit("payment_intent.canceled", intent, before)
    return intent


def listed(world: World, params: Obj, _ids: Obj) -> Obj:
    """All, or a customer's."""
    equal = {"customer": params.get("customer")}
    return lists.page(world.all("payment_intent"), params, "/v1/payment_intents", equal)


def new(world: World, metadata: Obj | None = None, **fields: object) -> Obj:
    """Make and announce an intent that has no card yet."""
    usual: Obj = {
        "amount_capturable": 0,
        "amount_received": 0,
        "capture_method": "automatic_async",
        "confirmation_method": "automatic",
        "metadata": metadata or {},
        "payment_method_options": {"card": {"request_three_d_secure": "automatic"}},
        "payment_method_types": ["card"],
        "status": "requires_payment_method",
    }
    intent = make(world, "payment_intent", "pi", **(usual | fields))
    intent["client_secret"] = world.new_id(intent["id"] + "_secret")
    world.add(intent)
    world.emit("payment_intent.created", intent)
    return intent


def _confirm(world: World, intent: Obj, params: Obj) -> Obj:
    if not intent["payment_method"]:
        message = (
            "You cannot confirm this PaymentIntent because it's missing a payment method. "
            "Update the PaymentIntent with a payment method and then confirm it again."
        )
        raise ApiError(400, "invalid_request_error", message, code="payment_intent_unexpected_state")
    fields = {name: params[name] for name in ("receipt_email", "setup_future_usage") if name in params}
    world.change(intent, **fields)
    world.note(intent["id"], return_url=params.get("return_url"))
    method = world.get("payment_method", intent["payment_method"])
    charging.pay(world, intent, method, off_session=params.get("off_session", False))
    if intent["status"] == "requires_action" and params.get("error_on_requires_action"):
        charging.fail_authentication(world, intent)
        code = "authentication_required"
        raise ApiError(402, "card_error", charging.UNPROVEN, kept=True, code=code, payment_intent=dict(intent))
    if intent["status"] == "processing":
        world.later("settle", world.config.delayed_seconds, intent=intent["id"], outcome="succeeded")
    return intent


def _method(world: World, params: Obj, customer: str | None) -> Obj | None:
    if not params.get("payment_method"):
        return None
    method = payment_methods.find(world, params["payment_method"], "payment_method")
    if world.aside(method["id"]).get("detached"):
        message = (
            "The provided PaymentMethod was previously used with a PaymentIntent without Customer attachment, or was "
            "detached from a Customer. It may not be used again."
        )
        raise invalid(message, "payment_method")
    if method["customer"] and method["customer"] != customer:
        message = f"The PaymentMethod {method['id']} belongs to the Customer {method['customer']}."
        raise invalid(f"{message} Please include the Customer in the `customer` parameter.", "payment_method")
    return method


def _must_be(intent: Obj, *statuses: str, verb: str) -> None:
    if intent["status"] not in statuses:
        message = f"You cannot {verb} this PaymentIntent because it has a status of {intent['status']}."
        code = "payment_intent_unexpected_state"
        raise ApiError(400, "invalid_request_error", message, code=code, payment_intent=dict(intent))
