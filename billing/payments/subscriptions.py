"""Monthly plans. Stripe renews and charges them; each paid invoice brings its credits once, as a payment of its own."""

from dataclasses import dataclass
from datetime import timedelta
from typing import Any

from django.db.models import F
from django.utils import timezone

from accounts.models import User
from accounts.transactions import atomically
from billing import alerts
from billing.models import Payment, Subscription
from billing.payments import booking, stripe_client, stripe_reading
from billing.payments.stripe_client import Answer

State = Subscription.State
_STATES = {
    "active": State.ACTIVE,
    "trialing": State.ACTIVE,
    "past_due": State.PAST_DUE,
    "unpaid": State.PAST_DUE,
    "paused": State.PAST_DUE,
    "incomplete": State.OPEN,
    "incomplete_expired": State.ENDED,
    "canceled": State.ENDED,
}
_UNPAID = (*Payment.UNFINISHED, Payment.State.FAILED)
# Stripe finalises a renewal's invoice an hour after the period has ended.
RENEWAL = timedelta(hours=2)
DAILY = timedelta(days=1)
INVOICES = 12


def sync(pk: booking.Key) -> Subscription:
    """Bring a plan, and the payments of its invoices, to what Stripe says now. Never inside a transaction."""
    for _ in range(2):
        row = Subscription.objects.get(pk=pk)
        if _book(row.pk, row.version, _read(row)):
            break
    row = Subscription.objects.get(pk=pk)
    for invoice in _invoices(row.subscription_id) if row.subscription_id else []:
        payment = _payment_of(row, invoice)
        if payment.state in _UNPAID:
            booking.sync(payment.pk)
    return row


def sync_invoice(invoice_id: str) -> Payment | None:
    """Bring the payment of an invoice to what Stripe says now; None when the invoice is for no plan of ours."""
    if known := booking.find(invoice_id=invoice_id):
        return booking.sync(known.pk)
    invoice = stripe_reading.invoice(invoice_id)
    if row := _find(*stripe_reading.subscription_of(invoice)):
        return booking.sync(_payment_of(row, invoice).pk)
    return _of_checkout(invoice)


def sync_named(subscription_id: str, ours: str = "") -> bool:
    """The same for a plan that an event names; False when it is not ours."""
    row = _find(subscription_id, ours)
    if row is None:
        return False
    if not row.subscription_id:
        Subscription.objects.filter(pk=row.pk, subscription_id=None).update(subscription_id=subscription_id)
    sync(row.pk)
    return True


def sync_known(ours: str, session_id: str) -> bool:
    """The same for a plan of ours whose checkout an event is about."""
    row = Subscription.objects.filter(pk=ours).first()
    if row is None:
        return False
    Subscription.objects.filter(pk=row.pk, session_id=None).update(session_id=session_id)
    sync(row.pk)
    return True


def sync_open(user: User) -> None:
    """Bring every plan of a customer whose checkout is open to what Stripe says now; what fails for one is left."""
    open = Subscription.objects.filter(user=user, state=State.OPEN).values_list("pk", flat=True)
    stripe_client.for_each(list(open), sync)


def look(limit: int = 50) -> int:
    """Re-read plans whose time has come; returns how many."""
    due = Subscription.objects.filter(check_at__lte=timezone.now()).order_by("check_at").values_list("pk", flat=True)
    return stripe_client.for_each(list(due[:limit]), _look_at)


def _look_at(pk: booking.Key) -> None:
    Subscription.objects.filter(pk=pk).update(check_at=timezone.now() + booking.FIRST_CHECK)
    sync(pk)


def _find(subscription_id: str, ours: str) -> Subscription | None:
    if subscription_id and (row := Subscription.objects.filter(subscription_id=subscription_id).first()):
        return row
    # News of a plan may come before those of the checkout that began it.
    return Subscription.objects.filter(pk=ours).first() if booking.is_id(ours) else None


def _of_checkout(invoice: Answer) -> Payment | None:
    """An invoice that was made for a checkout in payment mode."""
    ours = (invoice["metadata"] or {}).get("payment", "")
    payment = Payment.objects.filter(pk=ours).first() if booking.is_id(ours) else None
    return booking.sync(payment.pk) if payment else None


@dataclass(frozen=True)
class _Seen:
    """A plan at Stripe: its id and what Stripe says of it, empty while its checkout is open; or that this is `over`."""

    id: str
    plan: Answer
    over: bool


def _read(row: Subscription) -> _Seen:
    id, over = row.subscription_id or "", row.ends_at <= timezone.now()
    if not id and row.session_id:
        session = stripe_client.call(lambda api: api.v1.checkout.sessions.retrieve(str(row.session_id)))
        id, over = stripe_client.id_of(session["subscription"]), over or session["status"] == "expired"
    return _Seen(id, stripe_client.call(lambda api: api.v1.subscriptions.retrieve(id)) if id else {}, over)


@atomically
def _book(pk: booking.Key, version: int, seen: _Seen) -> bool:
    row = Subscription.objects.select_for_update(no_key=True).get(pk=pk)
    if row.version != version:
        return False
    row.subscription_id = seen.id or None
    if plan := seen.plan:
        row.state = _STATES.get(plan["status"], State.PAST_DUE)
        row.period_ends_at = stripe_reading.moment(max(each["current_period_end"] for each in plan["items"]["data"]))
        row.cancels_at = stripe_reading.moment(plan["cancel_at"])
    elif seen.over:
        row.state = State.ENDED
    row.check_at = _next_check(row)
    row.version = F("version") + 1
    fields = ["subscription_id", "state", "period_ends_at", "cancels_at", "check_at", "version"]
    row.save(update_fields=fields)
    _tell_of_second(row)
    return True


def _tell_of_second(row: Subscription) -> None:
    """Two checkouts paid at the same moment are two plans, each charged every month; a person says which one ends."""
    live = Subscription.objects.filter(user=row.user_id, state__in=Subscription.LIVE).order_by("-created_at")[:2]
    if len(live) == 2:
        message = f"{row.user} has more than one plan at once. End one in Stripe's dashboard, and refund what was paid."
        alerts.tell(f"plan-twice:{live[0].pk}", message, url=f"/admin/billing/subscription/{live[0].pk}/change/")


def _next_check(row: Subscription) -> Any:
    now = timezone.now()
    if row.state == State.ENDED:
        return None
    if row.state == State.OPEN:
        return now + booking.FIRST_CHECK
    ends = row.period_ends_at or now
    return ends + RENEWAL if ends > now else now + DAILY


def _invoices(subscription_id: str) -> list[Answer]:
    about: Any = {"subscription": subscription_id, "limit": INVOICES}
    return stripe_client.call(lambda api: api.v1.invoices.list(about))["data"]


def _payment_of(row: Subscription, invoice: Answer) -> Payment:
    """The payment of an invoice, made at the first news of it, with what was agreed when the plan began."""
    now = timezone.now()
    agreed = {"credits_millicredits": row.credits_millicredits, "amount_minor": row.amount_minor}
    about = {"user": row.user, "subscription": row, "kind": Payment.Kind.SUBSCRIPTION, "currency": row.currency}
    about |= {"label": f"{row.plan.name} (monthly)", "ends_at": now + booking.PENDING_CHECK, **agreed}
    return Payment.objects.get_or_create(invoice_id=invoice["id"], defaults=about)[0]
