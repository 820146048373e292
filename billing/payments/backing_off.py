"""What a failed recharge leads to: it waits longer each time, then stops, and tells the customer (R-PAY4)."""

from datetime import timedelta

from django.db.models import F
from django.utils import timezone

from billing.models import AutoRecharge, Payment
from billing.payments.mail import mail

# After the first and the second decline; the third stops it.
WAITS = (timedelta(hours=1), timedelta(hours=24))
CONFIRM = "authentication_required"
MUST_CONFIRM = "Your bank wants you to confirm a payment."


def declined(payment: Payment, code: str, why: str) -> None:
    """A recharge has failed; in the transaction that says so."""
    wish = AutoRecharge.objects.select_for_update(of=("self",), no_key=True).select_related("user")
    mine = wish.filter(pk=payment.user_id).first()
    if mine is None:
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


def stop(wish: AutoRecharge, why: str) -> None:
    """It waits for the customer now, who is told once."""
    if AutoRecharge.objects.filter(pk=wish.pk, stopped="").update(stopped=why, retry_at=None):
        mail(wish.user, "recharge_stopped", why=why)
