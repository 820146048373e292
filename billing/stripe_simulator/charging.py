"""Taking money: what happens between a payment intent and a card (reference: Payments, PaymentIntents, Charges)."""

from billing.stripe_simulator import balance, payment_methods
from billing.stripe_simulator.cards import Card
from billing.stripe_simulator.errors import ApiError
from billing.stripe_simulator.shapes import make
from billing.stripe_simulator.world import Obj, World

AUTHENTICATION = Card(
    "Authentication",
    "authentication_required",
    "authentication_required",
    "Your card was declined. This transaction requires authentication.",
)
UNPROVEN = "We are unable to authenticate your payment method. Please choose a different payment method and try again."
ARMED = Card("Declined by a fault", "card_declined", "generic_decline")
NETWORK = {
    "network_status": "approved_by_network",
    "reason": None,
    "risk_level": "normal",
    "risk_score": 20,
    "seller_message": "Payment complete.",
    "type": "authorized",
}


def pay(world: World, intent: Obj, method: Obj, *, off_session: bool = False, authenticated: bool = False) -> None:
    """Charge a payment method for an intent: it succeeds, is processing, or requires action.

    Raises the 402 of a decline, with the intent in it as Stripe sends it.
    """
    world.change(intent, payment_method=method["id"], payment_method_types=[method["type"]], last_payment_error=None)
    card = payment_methods.behaviour(world, method)
    if method["type"] != "card":
        _begin_debit(world, intent, method)
    elif _needs_authentication(world, card, method, off_session) and not authenticated:
        if off_session:
            raise _decline(world, intent, method, AUTHENTICATION)
        _ask_for_authentication(world, intent)
    elif card.code or world.armoury.for_money("decline"):
        raise _decline(world, intent, method, card if card.code else ARMED)
    else:
        succeed(world, intent, _charge(world, intent, method))
        _keep_method(world, intent, method)
        _afterwards(world, intent, card)


def force(world: World, intent: Obj, method: Obj) -> None:
    """Charge a payment method that succeeds whatever it usually does."""
    world.change(intent, payment_method=method["id"])
    succeed(world, intent, _charge(world, intent, method))


def refuse(world: World, intent: Obj, method: Obj) -> ApiError:
    """Decline a payment method whatever it usually does; returns the 402 to be raised."""
    return _decline(world, intent, method, ARMED)


def settle_debit(world: World, intent: Obj, succeeded: bool) -> None:
    """The bank has answered for a processing intent."""
    charge = world.get("charge", intent["latest_charge"])
    if succeeded:
        world.change(intent, processing=None)
        succeed(world, intent, charge)
        return
    message = "The bank returned the payment: insufficient funds."
    world.change(charge, status="failed", paid=False, failure_code="insufficient_funds", failure_message=message)
    _fail(world, intent, {"type": "card_error", "code": "payment_method_provider_decline", "message": message})
    world.emit("charge.failed", charge)
    world.emit("payment_intent.payment_failed", intent)


def fail_authentication(world: World, intent: Obj) -> None:
    """The customer did not prove who they are."""
    code = "payment_intent_authentication_failure"
    _fail(world, intent, {"type": "invalid_request_error", "code": code, "message": UNPROVEN})
    world.emit("payment_intent.payment_failed", intent)


def succeed(world: World, intent: Obj, charge: Obj) -> None:
    """Book a charge; as with Stripe's default capture, the balance transaction follows in charge.updated."""
    world.change(charge, status="succeeded", paid=True, captured=True, amount_captured=charge["amount"])
    received = {"amount_received": intent["amount"], "latest_charge": charge["id"]}
    world.change(intent, status="succeeded", next_action=None, last_payment_error=None, **received)
    world.emit("charge.succeeded", charge)
    world.emit("payment_intent.succeeded", intent)
    transaction = balance.book_charge(world, charge)
    world.emit("charge.updated", charge, world.change(charge, balance_transaction=transaction["id"]))


def _needs_authentication(world: World, card: Card, method: Obj, off_session: bool) -> bool:
    if card.authentication in ("never", "always"):
        return card.authentication == "always"
    if not off_session:
        return True
    return card.authentication == "until_set_up" and not world.aside(method["id"]).get("set_up")


def _ask_for_authentication(world: World, intent: Obj) -> None:
    back = world.aside(intent["id"]).get("return_url")
    redirect = {"return_url": back, "url": f"{world.url}/c/challenge/{intent['id']}"}
    world.change(intent, status="requires_action", next_action={"type": "redirect_to_url", "redirect_to_url": redirect})
    world.emit("payment_intent.requires_action", intent)


def _begin_debit(world: World, intent: Obj, method: Obj) -> None:
    charge = _charge(world, intent, method)
    world.change(charge, status="pending", outcome={**NETWORK, "seller_message": "Payment pending."})
    world.change(intent, status="processing", latest_charge=charge["id"], next_action=None)
    world.emit("charge.pending", charge)
    world.emit("payment_intent.processing", intent)
    _keep_method(world, intent, method)


def _charge(world: World, intent: Obj, method: Obj) -> Obj:
    charge = make(
        world,
        "charge",
        "ch",
        amount=intent["amount"],
        amount_captured=0,
        amount_refunded=0,
        billing_details=method["billing_details"],
        calculated_statement_descriptor="SIMULATED",
        captured=False,
        currency=intent["currency"],
        customer=intent["customer"],
        description=intent["description"],
        disputed=False,
        fraud_details={},
        metadata=dict(intent["metadata"]),
        outcome=NETWORK,
        paid=False,
        payment_intent=intent["id"],
        payment_method=method["id"],
        payment_method_details=payment_methods.details(method),
        radar_options={},
        receipt_email=intent["receipt_email"],
        refunded=False,
        status="pending",
    )
    charge["receipt_url"] = f"{world.url}/receipts/{charge['id']}"
    return world.add(charge)


def _decline(world: World, intent: Obj, method: Obj, card: Card) -> ApiError:
    charge = _charge(world, intent, method)
    outcome = {**NETWORK, "network_status": "declined_by_network", "type": "issuer_declined"}
    outcome |= {"reason": card.decline_code or card.code, "seller_message": "The bank declined this payment."}
    failed = {"status": "failed", "failure_code": card.code, "failure_message": card.message, "receipt_url": None}
    world.change(charge, outcome=outcome, **failed)
    error = {"type": "card_error", "code": card.code, "decline_code": card.decline_code, "message": card.message}
    world.change(intent, latest_charge=charge["id"])
    _fail(world, intent, {**error, "charge": charge["id"], "payment_method": dict(method)})
    world.emit("charge.failed", charge)
    world.emit("payment_intent.payment_failed", intent)
    return payment_methods.declined(card, charge=charge["id"], payment_intent=dict(intent), payment_method=dict(method))


def _fail(world: World, intent: Obj, error: Obj) -> None:
    code = error["code"].replace("_", "-")
    shown = {**error, "doc_url": f"https://stripe.com/docs/error-codes/{code}"}
    fields = {"last_payment_error": shown, "payment_method": None, "next_action": None, "processing": None}
    world.change(intent, status="requires_payment_method", **fields)


def _keep_method(world: World, intent: Obj, method: Obj) -> None:
    usage = intent["setup_future_usage"]
    if usage and intent["customer"]:
        payment_methods.save(world, method, intent["customer"], set_up=usage == "off_session")


def _afterwards(world: World, intent: Obj, card: Card) -> None:
    if card.afterwards == "dispute":
        world.later("dispute", 0.0, charge=intent["latest_charge"])
