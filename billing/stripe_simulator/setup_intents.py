"""Setup intents, as far as Checkout's setup mode needs them (reference: Payments, SetupIntents)."""

from billing.stripe_simulator import charging, lists, payment_methods, schema
from billing.stripe_simulator.shapes import make
from billing.stripe_simulator.world import Obj, World

LIST = {**schema.PAGE, "customer": schema.text, "payment_method": schema.text}


def retrieve(world: World, _params: Obj, ids: Obj) -> Obj:
    """By id."""
    return world.get("setup_intent", ids["id"], "intent")


def listed(world: World, params: Obj, _ids: Obj) -> Obj:
    """By customer or payment method."""
    equal = {name: params.get(name) for name in ("customer", "payment_method")}
    return lists.page(world.all("setup_intent"), params, "/v1/setup_intents", equal)


def new(world: World, customer: str | None, data: Obj) -> Obj:
    """Make and announce an intent that has no card yet."""
    intent = make(
        world,
        "setup_intent",
        "seti",
        customer=customer,
        description=data.get("description"),
        metadata=data.get("metadata") or {},
        payment_method_options={"card": {"request_three_d_secure": "automatic"}},
        payment_method_types=["card"],
        status="requires_payment_method",
        usage="off_session",
    )
    intent["client_secret"] = world.new_id(intent["id"] + "_secret")
    world.add(intent)
    world.emit("setup_intent.created", intent)
    return intent


def set_up(world: World, intent: Obj, method: Obj, authenticated: bool = False) -> None:
    """Save a card for charges off session; raises the 402 of a card that cannot be saved."""
    card = payment_methods.behaviour(world, method)
    if not card.attaches:
        error = {"type": "card_error", "code": card.code, "decline_code": card.decline_code, "message": card.message}
        _fail(world, intent, {**error, "payment_method": dict(method)})
        raise payment_methods.declined(card, setup_intent=dict(intent))
    if card.authentication in ("always", "until_set_up") and not authenticated:
        redirect = {"return_url": None, "url": f"{world.url}/c/challenge/{intent['id']}"}
        action = {"type": "redirect_to_url", "redirect_to_url": redirect}
        world.change(intent, status="requires_action", payment_method=method["id"], next_action=action)
        world.emit("setup_intent.requires_action", intent)
        return
    world.change(intent, status="succeeded", payment_method=method["id"], next_action=None, last_setup_error=None)
    if intent["customer"]:
        payment_methods.save(world, method, intent["customer"], set_up=True)
    world.note(method["id"], set_up=True)
    world.emit("setup_intent.succeeded", intent)


def fail_authentication(world: World, intent: Obj) -> None:
    """The customer did not prove who they are."""
    code = "setup_intent_authentication_failure"
    _fail(world, intent, {"type": "invalid_request_error", "code": code, "message": charging.UNPROVEN})


def _fail(world: World, intent: Obj, error: Obj) -> None:
    status = "requires_payment_method"
    world.change(intent, status=status, last_setup_error=error, payment_method=None, next_action=None)
    world.emit("setup_intent.setup_failed", intent)
