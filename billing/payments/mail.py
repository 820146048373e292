"""What customers are told by e-mail about their payments. A task sends it, which commits with what it tells."""

from typing import Any

from django.conf import settings
from django.core.mail import send_mail
from django.template.loader import render_to_string
from django.utils import timezone
from django_q.tasks import async_task

from accounts.models import User
from billing.models import Payment

SUBJECTS = {
    "payment_failed": "Your payment did not go through",
    "recharge_declined": "Your auto-recharge was declined",
    "recharge_confirm": "Your bank wants you to confirm a payment",
    "recharge_limit": "Your auto-recharge has reached its monthly limit",
    "recharge_stopped": "Your auto-recharge has stopped",
}


def mail(user: User, what: str, **about: Any) -> None:
    """Have one of SUBJECTS sent, with what its template says."""
    async_task("billing.payments.mail.send", user.pk, what, **about)


def send(user_id: int, what: str, **about: Any) -> None:
    """Send it now; a failure makes the queue try again."""
    user = User.objects.get(pk=user_id)
    payment = Payment.objects.get(pk=about["payment"]) if "payment" in about else None
    context = {**about, "payment": payment, "public_url": settings.PUBLIC_URL, "now": timezone.now()}
    body = render_to_string(f"billing/payments/mail/{what}.txt", context)
    send_mail(SUBJECTS[what], body, None, [user.email])
