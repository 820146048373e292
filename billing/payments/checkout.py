"""Starting to pay: a row of ours first, then a page at Stripe. No card ever comes near us."""

from collections.abc import Iterator
from contextlib import contextmanager, suppress
from dataclasses import dataclass
from datetime import datetime, timedelta
from typing import Any
from urllib.parse import urljoin

from django.conf import settings
from django.core.cache import cache
from django.db.models import F, Q, QuerySet
from django.urls import reverse
from django.utils import timezone

from accounts.errors import Refused
from accounts.models import User
from accounts.transactions import atomically
from billing import alerts
from billing.amounts import format_credits, parse_credits
from billing.models import CreditPack, CreditPlan, Payment, StripeCustomer, Subscription
from billing.payments import booking, minor, saved_cards, stripe_client, subscriptions

# Stripe allows from half an hour to a day; a minute more, because clocks differ.
LASTS = timedelta(hours=1)
SHORTEST = timedelta(minutes=31)
OPEN_AT_ONCE = 20
# However often a page asks, Stripe is asked about a payment this seldom.
LOOK_SECONDS = 2


@dataclass(frozen=True)
class Limits:
    """The smallest and the largest custom amount, in millicredits."""

    smallest: int
    largest: int


def limits() -> Limits:
    """What the settings say, and no more than one charge can be."""
    largest = min(parse_credits(settings.TOP_UP_MAX_CREDITS), minor.affordable(minor.LARGEST))
    return Limits(parse_credits(settings.TOP_UP_MIN_CREDITS), largest)


def packs() -> list[CreditPack]:
    """What can be bought, in the operator's order."""
    return list(CreditPack.objects.filter(active=True))


def plans() -> list[CreditPlan]:
    """The monthly plans, in the operator's order."""
    return list(CreditPlan.objects.filter(active=True))


def begin_pack(user: User, pack: CreditPack, *, save_card: bool = False) -> Payment:
    """The row of a pack that is about to be paid; `open_page` makes its page."""
    if not pack.active:
        raise Refused("pack_not_sold", "This pack is not sold any more.", status=409)
    about = {"kind": Payment.Kind.PACK, "pack": pack, "label": pack.name, "lasts_days": pack.lasts_days}
    return _begin(user, pack.total_millicredits, pack.price_minor, pack.currency, save_card=save_card, **about)


def begin_custom(user: User, credits_millicredits: int, *, save_card: bool = False) -> Payment:
    """The same for a custom amount. Raises Refused("amount_out_of_range")."""
    allowed = limits()
    if not allowed.smallest <= credits_millicredits <= allowed.largest:
        smallest, largest = format_credits(allowed.smallest), format_credits(allowed.largest)
        message = f"Buy between {smallest} and {largest} credits at a time."
        raise Refused("amount_out_of_range", message, status=422, field="credits", smallest=smallest, largest=largest)
    label = f"{format_credits(credits_millicredits)} credits"
    price, code = minor.price(credits_millicredits), settings.CURRENCY
    return _begin(user, credits_millicredits, price, code, save_card=save_card, kind=Payment.Kind.CUSTOM, label=label)


def _begin(user: User, credits: int, price: int, code: str, **about: Any) -> Payment:
    stripe_client.refuse_unless_configured()
    _refuse_many(Payment.objects.filter(user=user, state=Payment.State.OPEN))
    about |= {"credits_millicredits": credits, "amount_minor": price, "currency": code}
    return Payment.objects.create(user=user, **about, **_times())


def _refuse_many(begun: QuerySet[Any]) -> None:
    """Raise Refused("too_many_checkouts") when too many of these rows have not ended yet."""
    now = timezone.now()
    waiting = begun.filter(ends_at__gt=now)
    if waiting.count() >= OPEN_AT_ONCE:
        message = "You have begun many payments and finished none. Finish one, or wait until they have ended."
        frees = waiting.earliest("ends_at").ends_at
        seconds = max(1, round((frees - now).total_seconds()))
        raise Refused("too_many_checkouts", message, status=429, limit=OPEN_AT_ONCE, retry_after_seconds=seconds)


def _times() -> dict[str, datetime]:
    now = timezone.now()
    return {"ends_at": now + LASTS, "check_at": now + booking.FIRST_CHECK}


def open_page(payment: Payment) -> str:
    """The address of the page at Stripe where a payment is paid; the same one however often it is asked for.

    Raises Refused("checkout_expired") when its time is over and it never had one.
    """
    if payment.url:
        return payment.url
    if payment.state != Payment.State.OPEN or payment.ends_at <= timezone.now():
        message = "This checkout ended before its page could be opened. Nothing was charged; begin another."
        raise Refused("checkout_expired", message, status=409)
    session = _heard_again(payment) or _create(_session_of(payment), _key(payment))
    Payment.objects.filter(pk=payment.pk).update(session_id=session["id"], url=session["url"])
    return session["url"]


def _key(payment: Payment) -> str:
    return f"checkout-{payment.pk}-{payment.ends_at:%Y%m%d%H%M%S}"


def _heard_again(payment: Payment) -> stripe_client.Answer | None:
    """The page whose answer was lost, of a payment with too little time left to make one; None when one can be made."""
    if payment.ends_at - timezone.now() >= SHORTEST:
        return None
    with suppress(stripe_client.Rejected):
        return _ask(_session_of(payment), _key(payment))
    # Stripe never made it: it gets a new hour, and with it another key. Of many that try, one changes the row.
    unchanged = Payment.objects.filter(pk=payment.pk, state=Payment.State.OPEN, ends_at=payment.ends_at, url="")
    unchanged.update(**_times(), version=F("version") + 1)
    payment.refresh_from_db(fields=["ends_at", "version"])
    return None


def fresh(payment: Payment) -> Payment:
    """A payment as it is at Stripe, if it is not finished; as we know it when Stripe does not answer."""
    if payment.state not in Payment.UNFINISHED or not cache.add(f"payment-look:{payment.pk}", 1, LOOK_SECONDS):
        return payment
    with suppress(Refused, stripe_client.Rejected):
        payment = booking.sync(payment.pk)
        customer = StripeCustomer.objects.filter(user=payment.user).first()
        if payment.save_card and payment.state == Payment.State.PAID and customer:
            saved_cards.refresh(customer)
    return payment


def subscribe(user: User, plan: CreditPlan) -> str:
    """The address of the page at Stripe where a plan is begun: one page at a time, so that no two plans are paid.

    Raises Refused("already_subscribed", "too_many_checkouts").
    """
    stripe_client.refuse_unless_configured()
    if not plan.active:
        raise Refused("plan_not_sold", "This plan is not offered any more.", status=409)
    subscriptions.sync_open(user)
    row = _begin_plan(user, plan)
    if row.url:
        return row.url
    _close_other_pages(row)
    session = _create(_session_of_plan(row), f"subscription-{row.pk}")
    Subscription.objects.filter(pk=row.pk).update(session_id=session["id"], url=session["url"])
    return session["url"]


@atomically
def _begin_plan(user: User, plan: CreditPlan) -> Subscription:
    """The row of a plan that is about to be paid: the one that waits already, if it is the same."""
    # Two that begin at once wait for each other here.
    User.objects.select_for_update(no_key=True).get(pk=user.pk)
    _refuse_second(user)
    agreed: dict[str, Any] = {"credits_millicredits": plan.credits_millicredits, "amount_minor": plan.price_minor}
    agreed |= {"user": user, "plan": plan, "currency": plan.currency, "rollover": plan.rollover}
    unpaid = Subscription.objects.filter(user=user, subscription_id=None)
    usable = Q(ends_at__gt=timezone.now() + SHORTEST) | ~Q(url="")
    waits = unpaid.filter(usable, **agreed, state=Subscription.State.OPEN, ends_at__gt=timezone.now())
    if found := waits.order_by("-created_at").first():
        return found
    _refuse_many(unpaid)
    return Subscription.objects.create(**agreed, **_times())


def _refuse_second(user: User) -> None:
    # One that is open and known to Stripe is being paid.
    begun = Q(state__in=Subscription.LIVE) | Q(state=Subscription.State.OPEN, subscription_id__isnull=False)
    if Subscription.objects.filter(begun, user=user).exists():
        message = "You have a plan already. End it first, in the customer portal."
        raise Refused("already_subscribed", message, status=409)


def _close_other_pages(row: Subscription) -> None:
    """Let no page of another plan be paid any more, ours or one whose answer was lost."""
    about: Any = {"customer": saved_cards.customer_of(row.user).customer_id, "status": "open"}
    with _told():
        pages = stripe_client.rows(lambda api, after: api.v1.checkout.sessions.list(about | stripe_client.after(after)))
    for page in pages:
        ours = page["client_reference_id"] or ""
        if page["mode"] == "subscription" and ours != str(row.pk):
            if booking.is_id(ours):
                # If its answer was lost: asked again for that plan, Stripe would repeat a page that is closed.
                Subscription.objects.filter(pk=ours, session_id=None).update(session_id=page["id"])
            _close(page["id"])
    subscriptions.sync_open(row.user)
    _refuse_second(row.user)


def _close(session_id: str) -> None:
    # What cannot be closed has just been paid.
    with suppress(stripe_client.Rejected):
        stripe_client.call(lambda api: api.v1.checkout.sessions.expire(session_id))


def save_card(user: User) -> str:
    """The address of the page at Stripe where a card is saved without paying anything."""
    customer = saved_cards.customer_of(user)
    back = _url("payment_settings")
    about = {
        "mode": "setup",
        "customer": customer.customer_id,
        "currency": settings.CURRENCY.lower(),
        "success_url": f"{back}?session={{CHECKOUT_SESSION_ID}}",
        "cancel_url": back,
    }
    return _create(about)["url"]


def portal(user: User) -> str:
    """The address of Stripe's page where a customer sees invoices, changes the card and ends a plan."""
    customer = saved_cards.customer_of(user)
    about: Any = {"customer": customer.customer_id, "return_url": _url("payment_settings")}
    with _told():
        return stripe_client.call(lambda api: api.v1.billing_portal.sessions.create(about))["url"]


def _create(about: dict[str, Any], key: str = "") -> stripe_client.Answer:
    with _told():
        return _ask(about, key)


@contextmanager
def _told() -> Iterator[None]:
    """A refusal of Stripe's is told to the operator; the customer reads that there is one."""
    try:
        yield
    except (stripe_client.Rejected, stripe_client.Declined) as refusal:
        alerts.tell(f"stripe-refuses:{alerts.today()}", f"Stripe refuses to open a page: {refusal}")
        message = "The payment page could not be opened. Nothing was charged; the operator has been told."
        raise Refused("payments_unavailable", message, status=503) from refusal


def _ask(about: dict[str, Any], key: str) -> stripe_client.Answer:
    params: Any = about
    options: Any = {"idempotency_key": key} if key else {}
    return stripe_client.call(lambda api: api.v1.checkout.sessions.create(params, options))


def _session_of(payment: Payment) -> dict[str, Any]:
    metadata = {"payment": str(payment.pk)}
    back = _url("payment", payment.pk)
    intent: dict[str, Any] = {"metadata": metadata, "description": payment.label}
    if payment.save_card:
        intent["setup_future_usage"] = "off_session"
    return {
        **_common(payment.user, payment.ends_at),
        "mode": "payment",
        "client_reference_id": str(payment.pk),
        "metadata": metadata,
        "line_items": [_item(payment.label, payment.amount_minor, payment.currency)],
        "payment_intent_data": intent,
        "invoice_creation": {"enabled": True, "invoice_data": {"metadata": metadata}},
        "success_url": back,
        "cancel_url": f"{back}?canceled=1",
    }


def _session_of_plan(row: Subscription) -> dict[str, Any]:
    metadata = {"subscription": str(row.pk)}
    back = _url("payment_settings")
    words = f"{row.plan.name}: {format_credits(row.credits_millicredits)} credits a month"
    return {
        **_common(row.user, row.ends_at),
        "mode": "subscription",
        "client_reference_id": str(row.pk),
        "metadata": metadata,
        "line_items": [_item(words, row.amount_minor, row.currency, recurring={"interval": "month"})],
        "subscription_data": {"metadata": metadata},
        "success_url": f"{back}?subscription={row.pk}",
        "cancel_url": _url("top_up"),
    }


def _common(user: User, ends_at: Any) -> dict[str, Any]:
    about: dict[str, Any] = {
        "customer": saved_cards.customer_of(user).customer_id,
        "allow_promotion_codes": True,
        "expires_at": int(ends_at.timestamp()),
    }
    if settings.STRIPE_TAX:
        # Where the customer lives decides the tax, so their address is asked for and kept.
        about |= {"automatic_tax": {"enabled": True}, "customer_update": {"address": "auto", "name": "auto"}}
        about |= {"billing_address_collection": "required", "tax_id_collection": {"enabled": True}}
    return about


def _item(name: str, amount_minor: int, code: str, **price: Any) -> dict[str, Any]:
    data = {"currency": code.lower(), "unit_amount": amount_minor, "product_data": {"name": name}, **price}
    return {"quantity": 1, "price_data": data}


def _url(name: str, *arguments: Any) -> str:
    return urljoin(settings.PUBLIC_URL, reverse(name, args=arguments))
