"""Giving money back: an operator asks, which is a row; a task sends it; our books follow what Stripe then says."""

from datetime import timedelta
from typing import Any

from django.db.models import Sum
from django.utils import timezone
from django_q.tasks import async_task

from accounts.errors import Refused
from accounts.models import User
from accounts.transactions import atomically
from billing import alerts
from billing.models import Payment, PaymentRefund
from billing.payments import booking, minor, stripe_client

State = PaymentRefund.State
LONG = timedelta(hours=1)


def refundable(payment: Payment) -> int:
    """How much of a payment can still be given back, in minor units."""
    asked = payment.refunds.filter(state=State.ASKED).aggregate(total=Sum("amount_minor", default=0))["total"]
    return max(0, payment.paid_minor - payment.refunded_minor - payment.lost_minor - asked)


@atomically
def ask(payment: Payment, amount_minor: int, *, reason: str, author: User, key: str | None = None) -> PaymentRefund:
    """Have money given back, once for each `key`; None: by a caller who never asks twice.

    Raises Refused: already_done, refund_too_large.
    """
    # With the payment locked, of two at once the second finds what the first has asked for.
    locked = Payment.objects.select_for_update(no_key=True).get(pk=payment.pk)
    if key and PaymentRefund.objects.filter(key=key).exists():
        raise Refused("already_done", "This was asked for before, once. Look at the refunds first.", status=409)
    if not locked.payment_intent or not 0 < amount_minor <= refundable(locked):
        left = minor.written(refundable(locked), locked.currency)
        raise Refused("refund_too_large", f"At most {left} can be refunded.", status=409)
    what: Any = {"amount_minor": amount_minor, "reason": reason, "author": author, "key": key}
    refund = PaymentRefund.objects.create(payment=locked, **what)
    async_task("billing.payments.refunds.send", refund.pk)
    return refund


def send(pk: int) -> None:
    """Tell Stripe, once however often this runs, and bring our books to the answer."""
    refund = PaymentRefund.objects.select_related("payment").get(pk=pk)
    if refund.state != State.ASKED or refund.refund_id:
        return
    about: Any = {
        "payment_intent": refund.payment.payment_intent,
        "amount": refund.amount_minor,
        "reason": "requested_by_customer",
        "metadata": {"refund": str(pk), "payment": str(refund.payment_id)},
    }
    options: Any = {"idempotency_key": f"refund-{pk}"}
    try:
        stripe_client.call(lambda api: api.v1.refunds.create(about, options))
    except (stripe_client.Rejected, stripe_client.Declined) as refusal:
        _failed(refund, str(refusal))
    except Refused:
        # It may have been done: Stripe repeats a lost answer's error to the same key. What is there, is found below.
        booking.sync(refund.payment_id)
        if not PaymentRefund.objects.filter(pk=pk).exclude(refund_id=None).exists():
            raise
        return
    booking.sync(refund.payment_id)


def _failed(refund: PaymentRefund, why: str) -> None:
    PaymentRefund.objects.filter(pk=refund.pk, refund_id=None).update(state=State.FAILED, failure=why[:300])
    amount = minor.written(refund.amount_minor, refund.payment.currency)
    url = f"/admin/billing/payment/{refund.payment_id}/change/"
    alerts.tell(f"refund-refused:{refund.pk}", f"Stripe refuses a refund of {amount}: {why}", url=url)


def send_asked(limit: int = 50) -> int:
    """Send what a lost task has left behind; returns how many."""
    waiting = PaymentRefund.objects.filter(state=State.ASKED, created_at__lte=timezone.now() - booking.FIRST_CHECK)
    for refund in waiting.filter(created_at__lte=timezone.now() - LONG)[:limit]:
        url = f"/admin/billing/payment/{refund.payment_id}/change/"
        alerts.tell(f"refund-waits:{refund.pk}", "A refund could not be sent to Stripe for an hour.", url=url)
    return stripe_client.for_each(list(waiting.values_list("pk", flat=True)[:limit]), send)
