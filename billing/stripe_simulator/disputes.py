"""Disputes: opened and ended by control, by test cards or by the magic words of evidence (reference: Disputes)."""

from billing.stripe_simulator import balance, lists, schema
from billing.stripe_simulator.errors import invalid
from billing.stripe_simulator.shapes import make
from billing.stripe_simulator.world import Obj, World, now

UPDATE = {"evidence": schema.anything, "metadata": schema.metadata, "submit": schema.boolean}
LIST = {**schema.PAGE, "charge": schema.text, "payment_intent": schema.text}
WEEK_SECONDS = 7 * 24 * 3600
ANSWER_SECONDS = 5.0
_EVIDENCE = """
    access_activity_log appeal billing_address cancellation_policy cancellation_policy_disclosure
    cancellation_rebuttal customer_communication customer_email_address customer_name customer_purchase_ip
    customer_signature duplicate_charge_documentation duplicate_charge_explanation duplicate_charge_id
    product_description receipt refund_policy refund_policy_disclosure refund_refusal_explanation service_date
    service_documentation shipping_address shipping_carrier shipping_date shipping_documentation
    shipping_tracking_number uncategorized_file uncategorized_text
"""


def retrieve(world: World, _params: Obj, ids: Obj) -> Obj:
    """By id."""
    return world.get("dispute", ids["id"])


def listed(world: World, params: Obj, _ids: Obj) -> Obj:
    """By charge or payment intent."""
    equal = {name: params.get(name) for name in ("charge", "payment_intent")}
    return lists.page(world.all("dispute"), params, "/v1/disputes", equal)


def update(world: World, params: Obj, ids: Obj) -> Obj:
    """Submitted evidence of `winning_evidence` or `losing_evidence` decides it a little later."""
    dispute = world.get("dispute", ids["id"])
    _must_be_open(dispute)
    evidence = dispute["evidence"] | (params.get("evidence") or {})
    details = dispute["evidence_details"] | {"has_evidence": True}
    fields = {"evidence": evidence, "metadata": schema.merged(dispute["metadata"], params.get("metadata", {}))}
    if params.get("submit", True):
        details |= {"submission_count": details["submission_count"] + 1, "submission_method": "manual"}
        fields["status"] = "under_review"
        _decide(world, dispute, evidence["uncategorized_text"])
    world.emit("charge.dispute.updated", dispute, world.change(dispute, evidence_details=details, **fields))
    return dispute


def give_up(world: World, _params: Obj, ids: Obj) -> Obj:
    """POST …/close: the dispute is accepted as lost."""
    return close(world, world.get("dispute", ids["id"]), "lost")


def open_about(world: World, charge: Obj, amount: int | None = None, reason: str = "fraudulent") -> Obj:
    """A customer tells the bank that a charge was wrong: the money is withdrawn at once, with a fee."""
    left = charge["amount"] - charge["amount_refunded"]
    amount = left if amount is None else amount
    if not charge["paid"] or charge["disputed"] or not 0 < amount <= left:
        raise invalid(f"Charge {charge['id']} cannot be disputed for {amount}", "charge")
    dispute = make(
        world,
        "dispute",
        "du",
        amount=amount,
        balance_transactions=[],
        charge=charge["id"],
        currency=charge["currency"],
        enhanced_eligibility_types=[],
        evidence={**dict.fromkeys(_EVIDENCE.split()), "enhanced_evidence": {}},
        evidence_details={
            "due_by": now() + WEEK_SECONDS,
            "enhanced_eligibility": {},
            "has_evidence": False,
            "past_due": False,
            "submission_count": 0,
            "submission_method": "not_submitted",
        },
        is_charge_refundable=False,
        metadata={},
        payment_intent=charge["payment_intent"],
        payment_method_details=_card_details(charge),
        reason=reason,
        status="needs_response",
    )
    world.add(dispute)
    world.change(charge, disputed=True)
    world.emit("charge.dispute.created", dispute)
    _move(world, dispute, balance.book_dispute(world, dispute), "charge.dispute.funds_withdrawn")
    return dispute


def close(world: World, dispute: Obj, status: str) -> Obj:
    """Won: the amount comes back, the fee does not. Lost: it is gone."""
    _must_be_open(dispute)
    if status not in ("won", "lost"):
        raise invalid(f"A dispute is won or lost, not {status}", "status")
    before = world.change(dispute, status=status)
    if status == "won":
        _move(world, dispute, balance.book_reinstated(world, dispute), "charge.dispute.funds_reinstated")
    world.emit("charge.dispute.closed", dispute, before)
    return dispute


def close_later(world: World, dispute: str, status: str) -> None:
    """The bank has decided about evidence."""
    obj = world.get("dispute", dispute)
    if obj["status"] not in ("won", "lost"):
        close(world, obj, status)


def _decide(world: World, dispute: Obj, words: str | None) -> None:
    outcome = {"winning_evidence": "won", "losing_evidence": "lost"}.get(words or "")
    if outcome:
        world.later("dispute-ends", ANSWER_SECONDS, dispute=dispute["id"], status=outcome)


def _move(world: World, dispute: Obj, transaction: Obj, event: str) -> None:
    world.change(dispute, balance_transactions=[*dispute["balance_transactions"], dict(transaction)])
    world.emit(event, dispute)


def _card_details(charge: Obj) -> Obj | None:
    card = charge["payment_method_details"].get("card")
    if card is None:
        return None
    shown = {"brand": card["brand"], "case_type": "chargeback", "network": card["brand"], "network_reason_code": "10"}
    return {"type": "card", "card": shown}


def _must_be_open(dispute: Obj) -> None:
    if dispute["status"] in ("won", "lost"):
        raise invalid("This dispute is already closed", "dispute")
