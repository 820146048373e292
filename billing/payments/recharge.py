"""Auto-recharge (R-PAY4): who asked for it has credits bought by themselves when few are left, with the saved card.

It buys up to a target and never more in a month than was allowed. After a decline it waits and then stops
(billing.payments.backing_off). The database allows one unfinished recharge per customer, however many processes look.
"""

from datetime import datetime, timedelta
from typing import Any

from django.conf import settings
from django.db.models import Exists, F, OuterRef, Q, QuerySet, Sum
from django.utils import timezone

from accounts.errors import Refused
from accounts.models import User
from accounts.transactions import atomically
from billing import alerts
from billing.amounts import format_credits
from billing.models import AutoRecharge, Payment, StripeCustomer, Wallet
from billing.payments import backing_off, booking, checkout, minor, saved_cards, stripe_client
from billing.payments.mail import mail

State = Payment.State
NO_CARD = "There is no saved card."
CARD_GONE = "The saved card cannot be charged any more."
LIMIT_TOO_LOW = "The monthly limit is lower than the smallest amount that can be bought."


def save(user: User, *, enabled: bool, threshold: int, target: int, limit_minor: int) -> AutoRecharge:
    """What a customer wishes, in millicredits and minor units; saving it starts what had stopped.

    Raises Refused("no_card") when there is no card to charge.
    """
    if enabled and not StripeCustomer.objects.filter(user=user).exclude(payment_method="").exists():
        raise Refused("no_card", "Save a card first: it is what would be charged.", status=409)
    wish = {"enabled": enabled, "threshold_millicredits": threshold, "target_millicredits": target}
    wish |= {"monthly_limit_minor": limit_minor, "currency": settings.CURRENCY}
    fresh: dict[str, Any] = {"failures": 0, "retry_at": None, "stopped": ""}
    return AutoRecharge.objects.update_or_create(user=user, defaults=wish | fresh)[0]


def run(limit: int = 50) -> int:
    """Recharge whoever is below their threshold; returns how many were tried."""
    started = [payment for user in list(_due()[:limit]) if (payment := _begin(user))]
    return stripe_client.for_each(started, _pay)


def used_this_month(user: User) -> int:
    """What auto-recharge has charged since the first of the month in the site's zone, or may yet, in minor units."""
    counted = Payment.objects.filter(user=user, kind=Payment.Kind.RECHARGE, created_at__gte=_month()[0])
    lapsed = Q(state__in=(State.FAILED, State.EXPIRED))
    return counted.exclude(lapsed).aggregate(total=Sum("amount_minor", default=0))["total"]


def waiting(wish: AutoRecharge) -> tuple[str, datetime | None]:
    """What keeps it from buying though it is on, in words for its owner, and until when; empty when nothing does."""
    if Wallet.objects.filter(pk=wish.pk, owed__gt=0).exists():
        return "credits are owed, and what you buy next pays them first", None
    if Payment.objects.filter(user=wish.pk, state=State.DISPUTED).exists():
        return "a payment is disputed", None
    if wish.retry_at is None or wish.retry_at <= timezone.now():
        return "", None
    if wish.retry_at == _month()[1]:
        return "the month’s limit is reached", wish.retry_at
    return "the last payment was declined" if wish.failures else "the payment could not be made", wish.retry_at


def _due() -> QuerySet[AutoRecharge, int]:
    now = timezone.now()
    waiting = AutoRecharge.objects.filter(enabled=True, stopped="", currency=settings.CURRENCY)
    waiting = waiting.filter(Q(retry_at=None) | Q(retry_at__lte=now))
    low = waiting.filter(user__wallet__available__lt=F("threshold_millicredits"), user__is_active=True)
    # What is owed is not paid with the card of who owes it without asking; credits that are set aside for a dispute are
    # no reason to buy more.
    low = low.filter(user__wallet__owed=0)
    low = low.exclude(Exists(Payment.objects.filter(user=OuterRef("pk"), state=State.DISPUTED)))
    return low.order_by("pk").values_list("pk", flat=True)


@atomically
def _begin(user_id: int) -> Payment | None:
    """The row of a recharge that is due now and allowed; None when it is not."""
    # Asked for again with the row locked: it may have been done, or turned off, meanwhile.
    AutoRecharge.objects.select_for_update(no_key=True).get(pk=user_id)
    wish = AutoRecharge.objects.filter(pk__in=_due(), pk=user_id).select_related("user__wallet").first()
    if wish is None or Payment.objects.filter(_unfinished(user_id)).exists():
        return None
    if not StripeCustomer.objects.filter(user=user_id).exclude(payment_method="").exists():
        backing_off.stop(wish, NO_CARD)
        return None
    credits = _credits(wish)
    if credits is None:
        return None
    now = timezone.now()
    agreed = {"credits_millicredits": credits, "amount_minor": minor.price(credits), "currency": settings.CURRENCY}
    about = {"kind": Payment.Kind.RECHARGE, "label": f"{format_credits(credits)} credits (auto-recharge)"}
    times = {"created_at": now, "ends_at": now + checkout.LASTS, "check_at": now + booking.FIRST_CHECK}
    return Payment.objects.create(user=wish.user, **about, **agreed, **times)


def _unfinished(user_id: int) -> Q:
    return Q(user=user_id, kind=Payment.Kind.RECHARGE, state__in=Payment.UNFINISHED)


def _credits(wish: AutoRecharge) -> int | None:
    """How many millicredits are bought: up to the target, within the month's limit; None when nothing can be."""
    allowed = checkout.limits()
    wanted = min(max(wish.target_millicredits - wish.user.wallet.available, allowed.smallest), allowed.largest)
    if minor.price(allowed.smallest) > wish.monthly_limit_minor:
        backing_off.stop(wish, LIMIT_TOO_LOW)
        return None
    left = wish.monthly_limit_minor - used_this_month(wish.user)
    if minor.price(wanted) <= left:
        return wanted
    if minor.price(allowed.smallest) <= left:
        # Whole credits, so that rounding the price up cannot pass the limit.
        return min(wanted, minor.affordable(left) // 1000 * 1000)
    until = _month()[1]
    AutoRecharge.objects.filter(pk=wish.pk).update(retry_at=until)
    limit = minor.written(wish.monthly_limit_minor, wish.currency)
    mail(wish.user, "recharge_limit", limit=limit, until=f"{timezone.localtime(until):%Y-%m-%d}")
    return None


def _month() -> tuple[datetime, datetime]:
    """The current month in the site's zone, half open."""
    first = timezone.localtime().replace(day=1, hour=0, minute=0, second=0, microsecond=0, fold=0)
    later = (first + timedelta(days=32)).replace(day=1)
    return timezone.make_aware(first.replace(tzinfo=None)), timezone.make_aware(later.replace(tzinfo=None))


def _pay(payment: Payment) -> None:
    """Charge the saved card, with nobody there to help; our books follow what Stripe then says."""
    customer = saved_cards.customer_of(payment.user)
    about: Any = {
        "amount": payment.amount_minor,
        "currency": payment.currency.lower(),
        "customer": customer.customer_id,
        "payment_method": customer.payment_method,
        "off_session": True,
        "confirm": True,
        "description": payment.label,
        "metadata": {"payment": str(payment.pk)},
    }
    options: Any = {"idempotency_key": f"recharge-{payment.pk}"}
    try:
        made = stripe_client.call(lambda api: api.v1.payment_intents.create(about, options))
    except stripe_client.Declined as declined:
        made = {"id": declined.payment_intent}
        if not made["id"]:
            booking.fail(payment.pk, str(declined))
            return
    except stripe_client.Rejected as refusal:
        _refused(payment, refusal)
        return
    except Refused:
        # It may have been charged: the payment stays open, and who looks next finds out.
        return
    Payment.objects.filter(pk=payment.pk).update(payment_intent=made["id"])
    booking.sync(payment.pk)


def _refused(payment: Payment, refusal: stripe_client.Rejected) -> None:
    """No charge was made. A card that is gone is the customer's to see to; anything else the operator's (R-API1)."""
    if refusal.about.startswith("payment_method"):
        booking.fail(payment.pk, CARD_GONE)
        return
    what = f"Stripe refuses the auto-recharge of {payment.user}: {refusal}"
    alerts.about("stripe-refuses", what, threshold="recharge", period=alerts.today())
    booking.give_up(payment.pk)
