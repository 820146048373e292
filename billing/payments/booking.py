"""What a payment does to our books. Effects follow from the state at Stripe, so events may come in any order, or never.

`sync` reads a payment's state at Stripe and books what is missing: the credits when it is paid, less what was refunded
or lost in disputes; what is disputed is set aside. The credits are what our row promised (R-PAY1, 6, 7).
"""

import logging
import uuid
from datetime import datetime, timedelta

from django.conf import settings
from django.db.models import F, Q, QuerySet, Sum
from django.utils import timezone

from accounts.models import User
from accounts.transactions import atomically
from billing import alerts, ledger
from billing.amounts import format_credits
from billing.models import Entry, Payment, PaymentDispute, PaymentEntry, PaymentRefund
from billing.payments import backing_off, minor, stripe_client, stripe_reading
from billing.payments.mail import mail
from billing.payments.stripe_reading import Seen

State = Payment.State
Key = uuid.UUID | str
logger = logging.getLogger(__name__)
# What never was, or no longer is, the customer's.
_GONE = (PaymentRefund.State.PENDING, PaymentRefund.State.DONE)
# A month's credits outlast it by so much: Stripe charges a renewal an hour after the month has ended, and its news may
# come another hour later. Without them auto-recharge would buy what is on its way.
RENEWAL_GRACE = timedelta(hours=6)
# An open checkout is looked at after so long, then at twice the age; a pending payment takes days.
FIRST_CHECK = timedelta(minutes=2)
PENDING_CHECK = timedelta(hours=1)
CHARGED_REASONS = ("subscription_create", "subscription_cycle")
_SAVED = (
    *("state", "failure", "session_id", "payment_intent", "invoice_id", "receipt_url", "invoice_url", "method"),
    *("paid_minor", "tax_minor", "discount_minor", "refunded_minor", "lost_minor", "paid_at", "check_at", "version"),
)


def sync(pk: Key) -> Payment:
    """Bring our books to what Stripe says about a payment now. Never inside a transaction. Any number may run at once.

    A reading counts only if no other was booked since it began. After two others were, the second of them began later
    than this call, so that there is nothing left to do.
    """
    for _ in range(2):
        payment = Payment.objects.select_related("user").get(pk=pk)
        if _book(payment.pk, payment.version, stripe_reading.read(payment)):
            break
    return Payment.objects.get(pk=pk)


def pending(user: User) -> QuerySet[Payment]:
    """Payments that the customer has made and the bank has not yet: newest first."""
    return Payment.objects.filter(user=user, state=State.PENDING).order_by("-created_at")


def find(payment_intent: str = "", invoice_id: str = "") -> Payment | None:
    """The payment that a Stripe object belongs to, if we know that yet."""
    wanted = Q()
    if payment_intent:
        wanted |= Q(payment_intent=payment_intent)
    if invoice_id:
        wanted |= Q(invoice_id=invoice_id)
    return Payment.objects.filter(wanted).first() if wanted else None


def is_id(text: str) -> bool:
    """Whether this has the form of an id of ours."""
    try:
        return str(uuid.UUID(text)) == text
    except ValueError:
        return False


@atomically
def _book(pk: Key, version: int, seen: Seen) -> bool:
    """Book what was read when the payment had this version; False when it has another by now."""
    payment = Payment.objects.select_for_update(of=("self",), no_key=True).select_related("user").get(pk=pk)
    if payment.version != version:
        return False
    before, refunded, questioned = payment.state, payment.refunded_minor, _questioned(payment)
    _note(payment, seen)
    credited = payment.entries.exists()
    if seen.state == State.PAID and not credited and not (problem := _misfit(payment, seen)):
        _credit(payment, seen)
        credited = True
    if credited:
        _unfreeze(payment)
        _level(payment)
        _freeze(payment)
        payment.state = _state(payment)
    elif seen.state == State.PAID:
        payment.state, payment.failure = State.MISMATCH, problem[:300]
    else:
        payment.state = seen.state
    payment.check_at = _next_check(payment)
    payment.version = F("version") + 1
    payment.save(update_fields=_SAVED)
    if payment.state != before:
        _tell(payment, seen)
    if _questioned(payment) - questioned:
        backing_off.taken_back(payment.user, backing_off.DISPUTED)
    elif payment.kind == Payment.Kind.RECHARGE and payment.refunded_minor > refunded:
        backing_off.taken_back(payment.user, backing_off.REFUNDED)
    return True


def _questioned(payment: Payment) -> set[tuple[str, str]]:
    """The disputes that are open or lost, by id and state."""
    against = payment.disputes.filter(state__in=(PaymentDispute.State.OPEN, PaymentDispute.State.LOST))
    return set(against.values_list("dispute_id", "state"))


def _note(payment: Payment, seen: Seen) -> None:
    """Write down what does not move credits."""
    for name in ("session_id", "payment_intent", "invoice_id"):
        if value := getattr(seen, name):
            setattr(payment, name, value)
    for name in ("receipt_url", "invoice_url", "method"):
        if value := getattr(seen, name):
            setattr(payment, name, value)
    payment.failure = seen.failure
    payment.paid_minor = seen.paid_minor if seen.state == State.PAID else 0
    payment.tax_minor, payment.discount_minor = seen.tax_minor, seen.discount_minor
    for refund in seen.refunds:
        _note_refund(payment, refund)
    for dispute in seen.disputes:
        values = {"amount_minor": dispute.amount_minor, "state": dispute.state, "reason": dispute.reason[:100]}
        PaymentDispute.objects.update_or_create(
            dispute_id=dispute.id, defaults=values, create_defaults=values | {"payment": payment}
        )
    payment.refunded_minor = _total(payment.refunds.filter(state__in=_GONE).exclude(refund_id=None))
    payment.lost_minor = _total(payment.disputes.filter(state=PaymentDispute.State.LOST))


def _note_refund(payment: Payment, seen: stripe_reading.SeenRefund) -> None:
    asked = payment.refunds.filter(refund_id=None, pk=int(seen.asked)) if seen.asked.isdecimal() else None
    if asked and asked.exists():
        asked.update(refund_id=seen.id)
    values = {"amount_minor": seen.amount_minor, "state": seen.state, "failure": seen.failure[:300]}
    row, new = PaymentRefund.objects.get_or_create(refund_id=seen.id, defaults=values | {"payment": payment})
    if row.state != PaymentRefund.State.FAILED and seen.state == PaymentRefund.State.FAILED and not new:
        amount = minor.written(seen.amount_minor, payment.currency)
        message = f"A refund of {amount} to {payment.user} has failed: {seen.failure or 'no reason given'}."
        alerts.tell(f"refund-failed:{seen.id}", message, url=f"/admin/billing/payment/{payment.pk}/change/")
    PaymentRefund.objects.filter(pk=row.pk).update(**values)


def _total(rows: QuerySet) -> int:
    return rows.aggregate(total=Sum("amount_minor", default=0))["total"]


def _misfit(payment: Payment, seen: Seen) -> str:
    """Why a payment that Stripe calls paid is not ours to credit, or nothing."""
    if seen.about != str(payment.pk):
        return f"Stripe names another payment: {seen.about or 'none'}."
    if seen.currency != payment.currency:
        return f"Paid in {seen.currency}, agreed in {payment.currency}."
    if seen.subtotal_minor != payment.amount_minor:
        found, agreed = (
            minor.written(amount, payment.currency) for amount in (seen.subtotal_minor, payment.amount_minor)
        )
        return f"Priced at {found}, agreed at {agreed}."
    if payment.kind == Payment.Kind.SUBSCRIPTION:
        return "" if seen.reason in CHARGED_REASONS else f"An invoice of another kind: {seen.reason}."
    if seen.paid_minor != seen.total_minor:
        found, due = (minor.written(amount, payment.currency) for amount in (seen.paid_minor, seen.total_minor))
        return f"Paid {found} of {due}."
    return ""


def _credit(payment: Payment, seen: Seen) -> None:
    now = timezone.now()
    payment.paid_at = now
    ends = now + timedelta(days=payment.lasts_days) if payment.lasts_days else None
    if payment.subscription and not payment.subscription.rollover:
        ends = seen.period_ends_at + RENEWAL_GRACE if seen.period_ends_at else None
    _top_up(payment, payment.credits_millicredits, payment.key, payment.label, ends)
    if payment.save_card or payment.kind == Payment.Kind.RECHARGE:
        backing_off.works(payment.user)


def _top_up(payment: Payment, amount: int, key: str, note: str, ends: datetime | None) -> None:
    if ends and ends <= timezone.now():
        # News that come late must not bring credits that are over already.
        ends = timezone.now() + timedelta(days=settings.REFUND_LASTS_DAYS)
    entry = ledger.top_up(payment.user, amount, payment=key, note=note, expires_at=ends)
    PaymentEntry.objects.create(payment=payment, entry=entry)


def _level(payment: Payment) -> None:
    """Take back what was refunded or lost, or give it back should that have failed: by the delta (R-PAY6)."""
    gone = payment.refunded_minor + payment.lost_minor
    due = minor.credits_left(payment.credits_millicredits, payment.paid_minor, gone)
    entries = list(payment.entries.values_list("entry__key", "entry__kind", "entry__outside"))
    delta = due + sum(outside for _, _, outside in entries)
    number = len(entries)
    if delta > 0:
        note = f"{payment.label}, given again"
        _top_up(payment, delta, f"{payment.key}:{number}", note, _reopened_until(payment))
    # What came in several parts goes the same way, the last one first.
    for key, kind, outside in reversed(entries):
        if delta < 0 and kind == Entry.Kind.TOP_UP:
            taken = Entry.objects.filter(about=key, kind=Entry.Kind.REVERSAL).aggregate(s=Sum("outside", default=0))
            if amount := min(-delta, -outside - taken["s"]):
                _take(payment, key, amount, number)
                delta += amount
                number += 1


def _take(payment: Payment, key: str, amount: int, number: int) -> None:
    words = "Lost in a dispute" if payment.lost_minor else "Refunded"
    entry = ledger.reverse(key, amount, reason=f"{payment.key}:{number}", note=f"{words}: {payment.label}")
    PaymentEntry.objects.create(payment=payment, entry=entry)


def _reopened_until(payment: Payment) -> datetime | None:
    first = payment.entries.order_by("pk").values("entry__lot_changes__lot__expires_at").first()
    return first["entry__lot_changes__lot__expires_at"] if first else None


def _unfreeze(payment: Payment) -> None:
    closed = payment.disputes.filter(state__in=(PaymentDispute.State.WON, PaymentDispute.State.LOST))
    for dispute in closed.exclude(frozen_at=None):
        ledger.unfreeze(dispute.dispute_id, won=dispute.state == PaymentDispute.State.WON)


def _freeze(payment: Payment) -> None:
    """Set aside what open disputes may take, once each; what is bought afterwards is not touched (R-PAY7)."""
    for dispute in payment.disputes.filter(state=PaymentDispute.State.OPEN, frozen_at=None):
        left = -sum(payment.entries.values_list("entry__outside", flat=True))
        kept = minor.credits_left(payment.credits_millicredits, payment.paid_minor, dispute.amount_minor)
        short = 0
        if amount := min(left, payment.credits_millicredits - kept):
            entry = ledger.freeze(payment.user_id, amount, dispute=dispute.dispute_id)
            short = min(amount - (entry.held if entry else 0), ledger.held_by_jobs(payment.user_id))
        frozen = {"frozen_at": timezone.now(), "short_millicredits": short}
        PaymentDispute.objects.filter(pk=dispute.pk).update(**frozen)


def _state(payment: Payment) -> str:
    if payment.disputes.filter(state=PaymentDispute.State.OPEN).exists():
        return State.DISPUTED
    gone = payment.refunded_minor + payment.lost_minor
    if payment.paid_minor and gone >= payment.paid_minor:
        return State.LOST if payment.lost_minor else State.REFUNDED
    return State.PAID


def _next_check(payment: Payment) -> datetime | None:
    now = timezone.now()
    if payment.state == State.PENDING:
        return now + PENDING_CHECK
    if payment.state == State.OPEN:
        age = max(now - payment.created_at, FIRST_CHECK)
        # Once more after its end, when Stripe has closed it.
        return min(now + age, payment.ends_at + FIRST_CHECK) if now < payment.ends_at else now + FIRST_CHECK
    return None


def _tell(payment: Payment, seen: Seen) -> None:
    """Customers hear of what they would otherwise wait for, operators of what needs them."""
    url = f"/admin/billing/payment/{payment.pk}/change/"
    amount = minor.written(payment.amount_minor, payment.currency)
    credits = f"{format_credits(payment.credits_millicredits)} credits"
    logger.info("payment %s: %s, %s for %s", payment.pk, payment.state, credits, amount)
    if payment.state == State.MISMATCH:
        message = f"A payment of {payment.user} ({amount} for {credits}) is not credited. {payment.failure}"
        alerts.tell(f"payment-mismatch:{payment.pk}", message, severity=alerts.Severity.CRITICAL, url=url)
    if payment.state == State.DISPUTED:
        message = f"The payment of {amount} by {payment.user} is disputed. Answer it in Stripe's dashboard in time."
        alerts.tell(f"payment-disputed:{payment.pk}", message, url=url)
    if payment.state == State.FAILED and payment.kind == Payment.Kind.RECHARGE:
        backing_off.declined(payment, seen.declined, payment.failure)
    elif payment.state == State.FAILED:
        mail(payment.user, "payment_failed", payment=str(payment.pk))


@atomically
def fail(pk: Key, why: str) -> None:
    """Stripe refused to charge this card at all, so that there is nothing to read; `why` is for the customer."""
    if payment := _ended(pk, State.FAILED, why):
        _tell(payment, Seen(State.FAILED))


@atomically
def give_up(pk: Key) -> None:
    """Stripe would not hear of this recharge, and that is no fault of the customer's."""
    if payment := _ended(pk, State.EXPIRED):
        backing_off.not_taken(payment)


def _ended(pk: Key, state: str, why: str = "") -> Payment | None:
    """A payment that never was at Stripe and is over; None when something was heard of it."""
    payment = Payment.objects.select_for_update(of=("self",), no_key=True).select_related("user").get(pk=pk)
    if payment.state != State.OPEN:
        return None
    payment.state, payment.failure, payment.check_at = state, why[:300], None
    payment.version = F("version") + 1
    payment.save(update_fields=_SAVED)
    return payment


def look(limit: int = 50) -> int:
    """Re-read payments whose time has come: webhooks get lost. Returns how many."""
    due = Payment.objects.filter(check_at__lte=timezone.now()).order_by("check_at").values_list("pk", flat=True)
    return stripe_client.for_each(list(due[:limit]), _look_at)


def _look_at(pk: Key) -> None:
    # Whatever happens to this one, it is not asked about all the time.
    Payment.objects.filter(pk=pk).update(check_at=timezone.now() + FIRST_CHECK)
    sync(pk)
