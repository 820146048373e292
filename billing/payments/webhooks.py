"""Stripe's webhooks: an inbox in which everything is kept with its outcome, and the way from there to our books.

An event only says where to look: what happened is read at Stripe (billing.payments), so any order is right, and doing
it again changes nothing. "Seen" is not "applied": what failed answers 500 and is tried again, by Stripe and by us.
"""

import json
import logging
from collections.abc import Callable
from datetime import timedelta
from typing import Any

import stripe
from django.conf import settings
from django.db.models import F
from django.http import HttpRequest, HttpResponse
from django.utils import timezone
from django.views.decorators.csrf import csrf_exempt
from django.views.decorators.http import require_POST

from billing import alerts
from billing.models import Payment, StripeEvent
from billing.payments import booking, minor, saved_cards, stripe_client, stripe_reading, subscriptions
from billing.payments.stripe_client import Answer

Outcome = StripeEvent.Outcome
MAX_BODY_BYTES = 512 * 1024
TOLERANCE_SECONDS = 300
# What anybody can send: so many a hour are kept, with so much of their body.
UNSIGNED_PER_HOUR = 100
UNSIGNED_BODY = 2000
KEPT = timedelta(days=90)
UNSIGNED_KEPT = timedelta(days=14)
MOST_ATTEMPTS = 12
FIRST_RETRY = timedelta(minutes=1)
logger = logging.getLogger(__name__)

Result = tuple[str, str]
APPLIED: Result = (Outcome.APPLIED, "")
FOREIGN: Result = (Outcome.FOREIGN, "")


@csrf_exempt
@require_POST
def receive(request: HttpRequest) -> HttpResponse:
    """200 when applied or not for us, 400 for a bad or old signature, 413 when too large, 500 to be sent again."""
    body = request.read(MAX_BODY_BYTES + 1)
    if len(body) > MAX_BODY_BYTES:
        _keep_unsigned(Outcome.TOO_LARGE, f"{request.headers.get('Content-Length', '')} bytes", b"")
        return HttpResponse("too large", status=413)
    if outcome := _unsigned(body, request.headers.get("Stripe-Signature", "")):
        _keep_unsigned(outcome, "", body)
        return HttpResponse(Outcome(outcome).label, status=400)
    try:
        event = json.loads(body)
        row = keep(event)
    except (ValueError, KeyError, TypeError, AttributeError, RecursionError):
        _keep_unsigned(Outcome.BAD_SIGNATURE, "signed, but not an event", body)
        return HttpResponse("not an event", status=400)
    outcome = process(row)
    return HttpResponse(Outcome(outcome).label, status=500 if outcome == Outcome.FAILED else 200)


def keep(event: Answer) -> StripeEvent:
    """The inbox's row of an event, made when it comes for the first time."""
    about = event["data"]["object"]
    values = {"type": event["type"][:100], "object_id": str(about.get("id") or "")[:255], "body": json.dumps(event)}
    # What nobody gets to, because the process dies, is tried again.
    values |= {"next_at": timezone.now() + FIRST_RETRY}
    return StripeEvent.objects.get_or_create(event_id=event["id"], defaults=values)[0]


def process(row: StripeEvent, *, again: bool = False) -> str:
    """Apply an event that is not applied yet, or `again`; returns its outcome."""
    if row.outcome not in (Outcome.RECEIVED, Outcome.FAILED) and not again:
        return row.outcome
    mine = StripeEvent.objects.filter(pk=row.pk)
    mine.update(attempts=F("attempts") + 1)
    try:
        outcome, detail = _apply(json.loads(row.body))
    # Whatever it is: it is kept for the operator, and the event is not lost.
    except Exception as error:
        logger.exception("Stripe's event %s was not applied", row.event_id)
        _failed(row, error)
        return Outcome.FAILED
    mine.update(outcome=outcome, detail=detail[:500], applied_at=timezone.now(), next_at=None)
    return outcome


def replay(pk: int) -> str:
    """Apply an event of the inbox once more, whatever became of it. A task of the queue."""
    return process(StripeEvent.objects.exclude(event_id=None).get(pk=pk), again=True)


def retry(limit: int = 50) -> int:
    """Try again what failed, or was never got to; returns how many."""
    due = StripeEvent.objects.filter(next_at__lte=timezone.now()).order_by("next_at")
    return sum(bool(process(row)) for row in due[:limit])


def catch_up(since: timedelta = timedelta(hours=1)) -> int:
    """Ask Stripe for its latest events and apply those that never arrived; returns how many those were."""
    about: Any = {"created": {"gte": int((timezone.now() - since).timestamp())}}
    found = stripe_client.rows(lambda api, after: api.v1.events.list(about | stripe_client.after(after)))
    wanted = {event["id"]: event for event in reversed(found) if _handler(event["type"])}
    known = set(StripeEvent.objects.filter(event_id__in=wanted).values_list("event_id", flat=True))
    missed = [event for id, event in wanted.items() if id not in known]
    for event in missed:
        process(keep(event))
    return len(missed)


def tidy() -> int:
    """Forget what nobody needs any more; returns how many rows."""
    now = timezone.now()
    unsigned = StripeEvent.objects.filter(outcome__in=StripeEvent.UNSIGNED, received_at__lt=now - UNSIGNED_KEPT)
    old = StripeEvent.objects.filter(next_at=None, received_at__lt=now - KEPT).exclude(outcome=Outcome.FAILED)
    return unsigned.delete()[0] + old.delete()[0]


def _unsigned(body: bytes, header: str) -> str:
    """Why the signature is not good, or nothing. Several secrets are good while one is being replaced."""
    outcome: str = Outcome.BAD_SIGNATURE
    # Stripe's are hexadecimal; comparing others is a TypeError.
    if not header.isascii():
        return outcome
    for secret in settings.STRIPE_WEBHOOK_SECRETS:
        try:
            stripe.WebhookSignature.verify_header(body, header, secret)
            outcome = Outcome.OLD
            stripe.WebhookSignature.verify_header(body, header, secret, TOLERANCE_SECONDS)
            return ""
        except (stripe.SignatureVerificationError, UnicodeDecodeError):
            continue
    return outcome


def _keep_unsigned(outcome: str, detail: str, body: bytes) -> None:
    recent = StripeEvent.objects.filter(
        outcome__in=StripeEvent.UNSIGNED, received_at__gt=timezone.now() - timedelta(hours=1)
    )
    if recent.count() < UNSIGNED_PER_HOUR:
        # PostgreSQL keeps no NUL in a text.
        text = body[:UNSIGNED_BODY].decode(errors="replace").replace("\0", "�")
        StripeEvent.objects.create(outcome=outcome, detail=detail, body=text)


def _failed(row: StripeEvent, error: Exception) -> None:
    row.refresh_from_db(fields=["attempts"])
    over = row.attempts >= MOST_ATTEMPTS
    next_at = None if over else timezone.now() + FIRST_RETRY * 2 ** (row.attempts - 1)
    detail = f"{type(error).__name__}: {error}"[:500]
    StripeEvent.objects.filter(pk=row.pk).update(outcome=Outcome.FAILED, detail=detail, next_at=next_at)
    if over:
        url = f"/admin/billing/stripeevent/{row.pk}/change/"
        alerts.tell(f"stripe-event:{row.event_id}", f"Stripe's {row.type} cannot be applied: {detail}", url=url)


def _apply(event: Answer) -> Result:
    handler = _handler(event["type"])
    return handler(event["data"]["object"]) if handler else (Outcome.IGNORED, "")


def _handler(type: str) -> Callable[[Answer], Result] | None:
    return next((handler for prefix, handler in HANDLERS.items() if type.startswith(prefix)), None)


def _session(session: Answer) -> Result:
    if session["mode"] == "setup":
        return _setup(session)
    ours = session["client_reference_id"] or ""
    if session["mode"] == "subscription":
        known = booking.is_id(ours) and subscriptions.sync_known(ours, session["id"])
        return APPLIED if known else FOREIGN
    payment = Payment.objects.filter(pk=ours).first() if booking.is_id(ours) else None
    if payment is None:
        return FOREIGN
    if problem := _does_not_fit(payment, session):
        return Outcome.REFUSED, problem
    if not payment.session_id:
        Payment.objects.filter(pk=payment.pk, session_id=None).update(session_id=session["id"])
    booking.sync(payment.pk)
    return APPLIED


def _does_not_fit(payment: Payment, session: Answer) -> str:
    """Why an event about a checkout cannot be about this payment, or nothing. The operator is told."""
    found = stripe_client.code(session["currency"]), session["amount_subtotal"]
    other = payment.session_id and payment.session_id != session["id"]
    if found == (payment.currency, payment.amount_minor) and not other:
        return ""
    agreed = minor.written(payment.amount_minor, payment.currency)
    said = minor.written(found[1] or 0, found[0])
    problem = f"An event says {said} for {session['id']}; {agreed} was agreed for {payment.session_id}."
    url = f"/admin/billing/payment/{payment.pk}/change/"
    alerts.tell(f"payment-event:{payment.pk}", problem, severity=alerts.Severity.CRITICAL, url=url)
    return problem


def _setup(session: Answer) -> Result:
    """A card was saved: it is the one to charge from now on."""
    customer = saved_cards.known(stripe_client.id_of(session["customer"]))
    if customer is None:
        return FOREIGN
    saved_cards.choose_saved(customer, session["id"])
    return APPLIED


def _intent(intent: Answer) -> Result:
    return _of_payment(intent["id"], (intent.get("metadata") or {}).get("payment", ""))


def _of_charge(about: Answer) -> Result:
    """Charges, refunds and disputes name their payment intent, and that names our payment or is an invoice's."""
    intent = stripe_client.id_of(about.get("payment_intent"))
    if not intent:
        return FOREIGN
    if booking.find(payment_intent=intent):
        return _of_payment(intent, "")
    ours = (stripe_reading.intent(intent)["metadata"] or {}).get("payment", "")
    return _of_payment(intent, ours)


def _of_payment(intent: str, ours: str) -> Result:
    payment = booking.find(payment_intent=intent)
    if payment is None and booking.is_id(ours):
        payment = Payment.objects.filter(pk=ours).first()
    if payment is not None:
        booking.sync(payment.pk)
        return APPLIED
    about: Any = {"payment": {"type": "payment_intent", "payment_intent": intent}}
    made = stripe_client.call(lambda api: api.v1.invoice_payments.list(about))["data"]
    synced = [subscriptions.sync_invoice(stripe_client.id_of(each["invoice"])) for each in made]
    return APPLIED if any(synced) else FOREIGN


def _invoice(invoice: Answer) -> Result:
    return APPLIED if subscriptions.sync_invoice(invoice["id"]) else FOREIGN


def _subscription(subscription: Answer) -> Result:
    ours = (subscription.get("metadata") or {}).get("subscription", "")
    return APPLIED if subscriptions.sync_named(subscription["id"], ours) else FOREIGN


def _card(about: Answer) -> Result:
    # A card that was taken off names its customer no more.
    customer = saved_cards.known(stripe_client.id_of(about.get("customer")), about["id"])
    if customer is None:
        return FOREIGN
    saved_cards.refresh(customer)
    return APPLIED


def _customer(customer: Answer) -> Result:
    found = saved_cards.known(customer["id"])
    if found is None:
        return FOREIGN
    saved_cards.refresh(found)
    return APPLIED


# Of what type an event begins with, the first that fits.
HANDLERS: dict[str, Callable[[Answer], Result]] = {
    "checkout.session.": _session,
    "payment_intent.": _intent,
    "charge.": _of_charge,
    "refund.": _of_charge,
    "invoice.": _invoice,
    "customer.subscription.": _subscription,
    "customer.updated": _customer,
    "customer.deleted": _customer,
    "payment_method.": _card,
}
