"""Refunds (reference: Payments, Refunds)."""

from billing.stripe_simulator import balance, lists, payment_methods, schema
from billing.stripe_simulator.errors import ApiError, invalid
from billing.stripe_simulator.money import shown
from billing.stripe_simulator.shapes import make
from billing.stripe_simulator.world import Obj, World

CREATE = {
    "amount": schema.integer,
    "charge": schema.text,
    "metadata": schema.metadata,
    "payment_intent": schema.text,
    "reason": schema.one_of("duplicate", "fraudulent", "requested_by_customer"),
}
UPDATE = {"metadata": schema.metadata}
LIST = {**schema.PAGE, "charge": schema.text, "payment_intent": schema.text}
SETTLE_SECONDS = 5.0


def create(world: World, params: Obj, _ids: Obj) -> Obj:
    """Of all that is left, or of an amount."""
    charge = _charge(world, params)
    amount = _amount(charge, params.get("amount"))
    method = world.objects[charge["payment_method"]]
    fate = _fate(world, method)
    refund = make(
        world,
        "refund",
        "re",
        amount=amount,
        charge=charge["id"],
        currency=charge["currency"],
        customer=charge["customer"],
        destination_details={"type": method["type"], method["type"]: {"reference_status": "pending", "type": "refund"}},
        metadata=params.get("metadata") or {},
        payment_intent=charge["payment_intent"],
        payment_method=method["id"],
        reason=params.get("reason"),
        status="pending" if fate == "refund-pending" else "succeeded",
    )
    world.add(refund)
    world.change(refund, balance_transaction=balance.book_refund(world, refund)["id"])
    _count(world, charge, amount)
    world.emit("refund.created", refund)
    world.emit("charge.refunded", charge, {"amount_refunded": charge["amount_refunded"] - amount})
    world.later("refund", SETTLE_SECONDS, refund=refund["id"], fails=fate == "refund-fails")
    return refund


def retrieve(world: World, _params: Obj, ids: Obj) -> Obj:
    """By id."""
    return world.get("refund", ids["id"])


def update(world: World, params: Obj, ids: Obj) -> Obj:
    """Its metadata."""
    refund = world.get("refund", ids["id"])
    before = world.change(refund, metadata=schema.merged(refund["metadata"], params.get("metadata", {})))
    world.emit("refund.updated", refund, before)
    return refund


def listed(world: World, params: Obj, _ids: Obj) -> Obj:
    """By charge or payment intent."""
    equal = {name: params.get(name) for name in ("charge", "payment_intent")}
    return lists.page(world.all("refund"), params, "/v1/refunds", equal)


def settle(world: World, refund: str, fails: bool) -> None:
    """The bank has answered some time after a refund."""
    obj = world.get("refund", refund)
    if fails:
        _fail(world, obj)
        return
    kind = obj["destination_details"]["type"]
    arrived = {"reference": "4242424242", "reference_status": "available", "type": "refund"}
    details = {"type": kind, kind: arrived}
    world.emit("refund.updated", obj, world.change(obj, status="succeeded", destination_details=details))


def _fail(world: World, refund: Obj) -> None:
    back = balance.book_failed_refund(world, refund)["id"]
    reason = "expired_or_canceled_card"
    before = world.change(refund, status="failed", failure_reason=reason, failure_balance_transaction=back)
    charge = world.get("charge", refund["charge"])
    charge_before = _count(world, charge, -refund["amount"])
    world.emit("refund.updated", refund, before)
    world.emit("refund.failed", refund)
    world.emit("charge.updated", charge, charge_before)


def _charge(world: World, params: Obj) -> Obj:
    if params.get("charge"):
        charge = world.get("charge", params["charge"], "charge")
    elif params.get("payment_intent"):
        intent = world.get("payment_intent", params["payment_intent"], "payment_intent")
        if intent["status"] != "succeeded":
            message = f"This PaymentIntent ({intent['id']}) does not have a successful charge to refund."
            raise ApiError(400, "invalid_request_error", message, code="payment_intent_unexpected_state")
        charge = world.get("charge", intent["latest_charge"])
    else:
        raise invalid("One of the following params should be provided for this request: payment_intent or charge.")
    if not charge["paid"]:
        raise invalid("This charge has not been paid, so it cannot be refunded.", "charge")
    if charge["disputed"] and not _is_refundable(world, charge):
        raise invalid(f"Charge {charge['id']} has been charged back; cannot issue a refund.", "", "charge_disputed")
    if charge["refunded"]:
        raise invalid(f"Charge {charge['id']} has already been refunded.", "", "charge_already_refunded")
    return charge


def _is_refundable(world: World, charge: Obj) -> bool:
    return all(each["status"] == "won" for each in world.all("dispute") if each["charge"] == charge["id"])


def _amount(charge: Obj, asked: int | None) -> int:
    left = charge["amount"] - charge["amount_refunded"]
    if asked is None:
        return int(left)
    if asked < 1:
        raise invalid("Invalid positive integer", "amount", "parameter_invalid_integer")
    if asked > left:
        currency = charge["currency"]
        words = "unrefunded amount on charge" if charge["amount_refunded"] else "charge amount"
        message = f"Refund amount ({shown(asked, currency)}) is greater than {words} ({shown(left, currency)})"
        raise invalid(message, "amount")
    return asked


def _count(world: World, charge: Obj, amount: int) -> Obj:
    refunded = charge["amount_refunded"] + amount
    return world.change(charge, amount_refunded=refunded, refunded=refunded == charge["amount"])


def _fate(world: World, method: Obj) -> str:
    if world.armoury.for_money("refund-fails"):
        return "refund-fails"
    return payment_methods.behaviour(world, method).afterwards
