"""What a failed recharge leads to: it waits longer each time, then stops, and tells the customer (R-PAY4).

A payment that is taken back stops it at once: otherwise it would buy again what has just been given back.
"""

from datetime import timedelta

from django.db.models import F
from django.utils import timezone

from accounts.models import User
from billing.models import AutoRecharge, Payment
from billing.payments.mail import mail

# After the first and the second decline; the third stops it.
WAITS = (timedelta(hours=1), timedelta(hours=24))
CONFIRM = "authentication_required"
MUST_CONFIRM = "Your bank wants you to confirm a payment."
DISPUTED = "Your bank questions a payment of yours, or has taken it back."
REFUNDED = "A payment that it made was refunded."
# Only the customer starts these again; a card that works is no sign that they want to.
FOR_GOOD = (DISPUTED, REFUNDED)


def declined(payment: Payment, code: str, why: str) -> None:
    """A recharge has failed; in the transaction that says so."""
    wish = AutoRecharge.objects.select_for_update(of=("self",), no_key=True).select_related("user")
    mine = wish.filter(pk=payment.user_id).first()
    if mine is None or mine.stopped in FOR_GOOD:
        return
    if code == CONFIRM:
        AutoRecharge.objects.filter(pk=mine.pk).update(stopped=MUST_CONFIRM, retry_at=None)
        mail(mine.user, "recharge_confirm", payment=str(payment.pk))
    elif mine.failures >= len(WAITS):
        stop(mine, f"Your card was declined {len(WAITS) + 1} times.")
    else:
        again = timezone.now() + WAITS[mine.failures]
        AutoRecharge.objects.filter(pk=mine.pk).update(failures=F("failures") + 1, retry_at=again)
        words = f"{timezone.localtime(again):%Y-%m-%d %H:%M %Z}"
        mail(mine.user, "recharge_declined", payment=str(payment.pk), why=why, again=words)


def not_taken(payment: Payment) -> None:
    """Stripe would not even ask the card, which is the operator's trouble: it waits, and no failure is counted."""
    AutoRecharge.objects.filter(pk=payment.user_id).update(retry_at=timezone.now() + WAITS[0])


def works(user: User) -> None:
    """The saved card has just been charged: what had stopped or slowed it down because of the card is over."""
    wish = AutoRecharge.objects.filter(pk=user.pk).exclude(stopped__in=FOR_GOOD)
    wish.update(failures=0, retry_at=None, stopped="")


def taken_back(user: User, why: str) -> None:
    """A payment went back (one of FOR_GOOD says how): it stops, in the transaction that books it."""
    wish = AutoRecharge.objects.filter(pk=user.pk, enabled=True).exclude(stopped__in=FOR_GOOD)
    if wish.update(stopped=why, retry_at=None):
        mail(user, "recharge_stopped", why=why)


def stop(wish: AutoRecharge, why: str) -> None:
    """It waits for the customer now, who is told once."""
    if AutoRecharge.objects.filter(pk=wish.pk, stopped="").update(stopped=why, retry_at=None):
        mail(wish.user, "recharge_stopped", why=why)
