"""What Stripe says about a payment now. Reads only; billing.payments brings our books to it."""

from dataclasses import dataclass
from datetime import UTC, datetime, timedelta
from typing import Any

from django.utils import timezone

from billing.models import Payment, PaymentDispute, PaymentRefund
from billing.payments import saved_cards, stripe_client
from billing.payments.stripe_client import Answer

State = Payment.State
# A recharge that Stripe does not know after this long was never tried: a call takes seconds.
LOST_CALL = timedelta(minutes=15)

_REFUND_STATES = {
    "pending": PaymentRefund.State.PENDING,
    "requires_action": PaymentRefund.State.PENDING,
    "succeeded": PaymentRefund.State.DONE,
    "failed": PaymentRefund.State.FAILED,
    "canceled": PaymentRefund.State.FAILED,
}
_DISPUTE_STATES = {
    "warning_needs_response": PaymentDispute.State.INQUIRY,
    "warning_under_review": PaymentDispute.State.INQUIRY,
    "warning_closed": PaymentDispute.State.WON,
    "prevented": PaymentDispute.State.WON,
    "won": PaymentDispute.State.WON,
    "lost": PaymentDispute.State.LOST,
    # The money stays away while a lost dispute is appealed.
    "appeal_needs_response": PaymentDispute.State.LOST,
    "appeal_under_review": PaymentDispute.State.LOST,
}


@dataclass(frozen=True)
class SeenRefund:
    """`asked` is our own row's id when an operator asked for it here."""

    id: str
    amount_minor: int
    state: str
    asked: str
    failure: str


@dataclass(frozen=True)
class SeenDispute:
    id: str
    amount_minor: int
    state: str
    reason: str


@dataclass(frozen=True)
class Seen:
    """A payment at Stripe. `state` is one of open, pending, paid, failed, expired; amounts are in minor units.

    `about` is the payment that Stripe's object names as ours. `declined` is the code of a decline.
    """

    state: str
    currency: str = ""
    about: str = ""
    subtotal_minor: int = 0
    total_minor: int = 0
    paid_minor: int = 0
    tax_minor: int = 0
    discount_minor: int = 0
    session_id: str = ""
    payment_intent: str = ""
    invoice_id: str = ""
    receipt_url: str = ""
    invoice_url: str = ""
    method: str = ""
    failure: str = ""
    declined: str = ""
    reason: str = ""
    period_ends_at: datetime | None = None
    refunds: tuple[SeenRefund, ...] = ()
    disputes: tuple[SeenDispute, ...] = ()


def read(payment: Payment) -> Seen:
    """Ask Stripe about a payment; from one to five calls."""
    if payment.kind == Payment.Kind.SUBSCRIPTION:
        return _invoice(payment)
    if payment.kind == Payment.Kind.RECHARGE:
        return _recharge(payment)
    return _session(payment)


def moment(seconds: int | None) -> datetime | None:
    """Stripe's Unix seconds as a time."""
    return datetime.fromtimestamp(seconds, UTC) if seconds else None


def _session(payment: Payment) -> Seen:
    if not payment.session_id:
        return Seen(State.EXPIRED if payment.ends_at <= timezone.now() else State.OPEN)
    expand: Any = {"expand": ["payment_intent.latest_charge", "invoice"]}
    session = stripe_client.call(lambda api: api.v1.checkout.sessions.retrieve(str(payment.session_id), expand))
    if session["status"] != "complete":
        return Seen(State.EXPIRED if session["status"] == "expired" else State.OPEN, session_id=session["id"])
    intent = session["payment_intent"]
    details = session["total_details"] or {}
    amounts = {
        "currency": stripe_client.code(session["currency"]),
        "about": session["client_reference_id"] or "",
        "subtotal_minor": session["amount_subtotal"] or 0,
        "total_minor": session["amount_total"] or 0,
        "tax_minor": details.get("amount_tax") or 0,
        "discount_minor": details.get("amount_discount") or 0,
    }
    invoice = session["invoice"] if isinstance(session["invoice"], dict) else {}
    papers = {"invoice_id": invoice.get("id") or "", "invoice_url": invoice.get("hosted_invoice_url") or ""}
    # A promotion code may leave nothing to pay.
    facts = _intent(payment, intent) if intent else {"state": State.PAID}
    return Seen(**{**amounts, "session_id": session["id"], **papers, **facts})


def _recharge(payment: Payment) -> Seen:
    intent = _intent_of_recharge(payment)
    if intent is None:
        # Not a decline: nobody's card was asked, and the next turn makes another (R-PAY4).
        lost = payment.created_at + LOST_CALL <= timezone.now()
        return Seen(State.EXPIRED if lost else State.OPEN)
    amount = {"subtotal_minor": intent["amount"], "total_minor": intent["amount"]}
    about = {"about": intent["metadata"].get("payment", ""), "currency": stripe_client.code(intent["currency"])}
    return Seen(**{**amount, **about, **_intent(payment, intent)})


def _intent_of_recharge(payment: Payment) -> Answer | None:
    """By its id, or among the customer's when the answer that told it was lost."""
    if payment.payment_intent:
        return intent(payment.payment_intent)
    customer = payment.user.stripe_customer.customer_id
    since = int(payment.created_at.timestamp()) - 60
    about: Any = {"customer": customer, "created": {"gte": since}}
    made = stripe_client.rows(lambda api, after: api.v1.payment_intents.list(about | stripe_client.after(after)))
    found = next((each for each in made if each["metadata"].get("payment") == str(payment.pk)), None)
    return intent(found["id"]) if found else None


def intent(id: str) -> Answer:
    """A payment intent with its latest charge."""
    expand: Any = {"expand": ["latest_charge"]}
    return stripe_client.call(lambda api: api.v1.payment_intents.retrieve(id, expand))


def _intent(payment: Payment, intent: Answer) -> dict[str, Any]:
    """What a payment intent says of the payment: its state, the charge, refunds and disputes."""
    charge = intent["latest_charge"] or {}
    error = intent["last_payment_error"] or {}
    facts: dict[str, Any] = {
        "state": _state_of_intent(payment, intent),
        "payment_intent": intent["id"],
        "paid_minor": intent["amount_received"],
        "failure": str(error.get("message") or "")[:300],
        "declined": error.get("code") or "",
        "receipt_url": charge.get("receipt_url") or "",
    }
    if method := charge.get("payment_method_details"):
        facts["method"] = saved_cards.named(method)
    if facts["state"] == State.PAID:
        facts |= {"failure": "", "declined": ""}
        known = payment.refunds.exclude(refund_id=None).exists()
        if known or charge.get("amount_refunded"):
            facts["refunds"] = _refunds(intent["id"])
        if charge.get("disputed") or payment.disputes.exists():
            facts["disputes"] = _disputes(intent["id"])
    return facts


def _state_of_intent(payment: Payment, intent: Answer) -> str:
    if intent["status"] == "succeeded":
        return State.PAID
    if intent["status"] == "processing":
        return State.PENDING
    if intent["status"] in ("canceled", "requires_payment_method"):
        return State.FAILED
    # requires_action of a recharge: nobody is there to act.
    return State.FAILED if payment.kind == Payment.Kind.RECHARGE else State.PENDING


def _refunds(intent: str) -> tuple[SeenRefund, ...]:
    about: Any = {"payment_intent": intent}
    found = stripe_client.rows(lambda api, after: api.v1.refunds.list(about | stripe_client.after(after)))
    return tuple(
        SeenRefund(
            each["id"],
            each["amount"],
            _REFUND_STATES.get(each["status"], PaymentRefund.State.PENDING),
            (each["metadata"] or {}).get("refund", ""),
            (each.get("failure_reason") or "").replace("_", " "),
        )
        for each in found
    )


def _disputes(intent: str) -> tuple[SeenDispute, ...]:
    about: Any = {"payment_intent": intent}
    found = stripe_client.rows(lambda api, after: api.v1.disputes.list(about | stripe_client.after(after)))
    return tuple(
        SeenDispute(
            each["id"],
            each["amount"],
            # A word that is new to us leaves the credits set aside.
            _DISPUTE_STATES.get(each["status"], PaymentDispute.State.OPEN),
            each["reason"].replace("_", " "),
        )
        for each in found
    )


def invoice(id: str) -> Answer:
    """An invoice with the payments that were made for it."""
    expand: Any = {"expand": ["payments"]}
    return stripe_client.call(lambda api: api.v1.invoices.retrieve(id, expand))


def subscription_of(invoice: Answer) -> tuple[str, str]:
    """The subscription of an invoice: Stripe's id and ours (from the subscription's metadata); empty for none."""
    details = (invoice["parent"] or {}).get("subscription_details") or {}
    return stripe_client.id_of(details.get("subscription")), (details.get("metadata") or {}).get("subscription", "")


def _invoice(payment: Payment) -> Seen:
    found = invoice(str(payment.invoice_id))
    rows = found["lines"]["data"]
    facts: dict[str, Any] = {
        "state": _state_of_invoice(found),
        "currency": stripe_client.code(found["currency"]),
        "about": str(payment.pk),
        "subtotal_minor": found["subtotal"],
        "total_minor": found["total"],
        "paid_minor": found["amount_paid"],
        "tax_minor": sum(tax["amount"] for tax in found["total_taxes"] or []),
        "discount_minor": sum(each["amount"] for each in found["total_discount_amounts"] or []),
        "reason": found["billing_reason"] or "",
        "invoice_id": found["id"],
        "invoice_url": found["hosted_invoice_url"] or "",
        "period_ends_at": moment(rows[0]["period"]["end"]) if rows else None,
    }
    for each in found["payments"]["data"]:
        if id := stripe_client.id_of(each["payment"].get("payment_intent")):
            of_intent = _intent(payment, intent(id))
            # The invoice says whether it is paid; the intent how.
            facts |= {**of_intent, "state": facts["state"], "paid_minor": facts["paid_minor"]}
    return Seen(**facts)


def _state_of_invoice(invoice: Answer) -> str:
    if invoice["status"] == "paid":
        return State.PAID
    if invoice["status"] in ("void", "uncollectible"):
        return State.EXPIRED
    return State.FAILED if invoice["attempt_count"] else State.OPEN
