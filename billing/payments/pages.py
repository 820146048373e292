"""The pages of payments. Each POST calls one verb; who pays is sent on to Stripe's page and comes back to ours."""

import uuid
from collections.abc import Callable
from contextlib import suppress
from functools import wraps
from typing import Any

from csp.decorators import csp_update
from django.conf import settings
from django.contrib import messages
from django.contrib.auth.decorators import login_required
from django.http import HttpRequest, HttpResponse, HttpResponseRedirect
from django.shortcuts import get_object_or_404, redirect, render
from django.views.decorators.cache import never_cache
from django.views.decorators.http import require_GET, require_http_methods, require_POST

from accounts.errors import Refused
from accounts.requests import SignedInRequest
from billing.amounts import format_credits, parse_credits
from billing.models import AutoRecharge, CreditPlan, Payment, StripeCustomer, Subscription
from billing.payments import booking, checkout, minor, recharge, redeem, saved_cards, stripe_client, subscriptions
from billing.payments.forms import CUSTOM, AutoRechargeForm, RedeemForm, TopUpForm

LISTED = 25
_hosts = [*settings.STRIPE_CHECKOUT_HOSTS]
if settings.STRIPE_API_BASE != stripe_client.HOST:
    _hosts.append(settings.STRIPE_API_BASE)
# A browser follows the answer to a form only to where the policy of the form's page allows.
to_stripe = csp_update({"form-action": _hosts})


def told(back: str) -> Callable:
    """Show a refusal of a POST as a message on the page `back`."""

    def decorate(view: Callable[..., HttpResponse]) -> Callable[..., HttpResponse]:
        @wraps(view)
        def wrapper(request: HttpRequest, *args: Any, **kwargs: Any) -> HttpResponse:
            try:
                return view(request, *args, **kwargs)
            except Refused as refused:
                messages.error(request, refused.message)
                return redirect(back)

        return wrapper

    return decorate


@login_required
@never_cache
@to_stripe
@require_http_methods(["GET", "HEAD", "POST"])
def top_up(request: SignedInRequest) -> HttpResponse:
    """Packs, a custom amount and plans; a posted choice leads to Stripe's page. `?credits=` fills in an amount."""
    form = TopUpForm(request.POST or None)
    status = 200
    if request.method == "POST":
        status = 422
        if form.is_valid():
            try:
                return _go(checkout.open_page(_begin(request, form)))
            except Refused as refused:
                form.add_error("credits" if refused.data.get("field") == "credits" else None, refused.message)
                status = refused.status
    return render(request, "billing/payments/top_up.html", _offers(request, form), status=status)


def _begin(request: SignedInRequest, form: TopUpForm) -> Payment:
    save = form.cleaned_data["save_card"]
    if form.chosen:
        return checkout.begin_pack(request.user, form.chosen, save_card=save)
    return checkout.begin_custom(request.user, form.cleaned_data["credits"], save_card=save)


def _offers(request: SignedInRequest, form: TopUpForm) -> dict[str, Any]:
    packs, allowed = checkout.packs(), checkout.limits()
    wanted = request.GET.get("credits", "")[:20]
    credits = form["credits"].value() if form.is_bound else wanted
    usual = CUSTOM if wanted or not packs else str(packs[0].pk)
    return {
        "form": form,
        "packs": packs,
        "plans": checkout.plans(),
        "subscribed": Subscription.objects.filter(user=request.user, state__in=Subscription.LIVE).first(),
        "choice": (form["choice"].value() if form.is_bound else usual) or usual,
        "credits": credits or "",
        "price": _price(credits or ""),
        "save_card": form["save_card"].value() if form.is_bound else bool(wanted),
        "limits": allowed,
        "configured": stripe_client.configured(),
        "simulated": settings.STRIPE_API_BASE != stripe_client.HOST,
    }


@login_required
@require_GET
def top_up_price(request: SignedInRequest) -> HttpResponse:
    """What a custom amount costs, for the page: the browser never computes a price (R-PR5)."""
    return HttpResponse(_price(request.GET.get("credits", "")), content_type="text/plain; charset=utf-8")


def _price(text: str) -> str:
    try:
        credits = parse_credits(str(text).strip())
    except ValueError:
        return ""
    allowed = checkout.limits()
    inside = allowed.smallest <= credits <= allowed.largest
    return minor.written(minor.price(credits), settings.CURRENCY) if inside else ""


def _go(url: str) -> HttpResponseRedirect:
    return HttpResponseRedirect(url, status=303)


@login_required
@require_POST
@told("top_up")
def subscribe(request: SignedInRequest, pk: int) -> HttpResponse:
    """Begin a monthly plan, on Stripe's page."""
    return _go(checkout.subscribe(request.user, get_object_or_404(CreditPlan, pk=pk, active=True)))


@login_required
@never_cache
@require_GET
def payment(request: SignedInRequest, pk: uuid.UUID) -> HttpResponse:
    """Where Stripe's page leads back to. It looks at Stripe itself, so that no webhook has to have come."""
    found = checkout.fresh(get_object_or_404(Payment, pk=pk, user=request.user))
    context = {"payment": found, "canceled": "canceled" in request.GET}
    return render(request, "billing/payments/payment.html", context)


@login_required
@never_cache
@require_GET
def payment_state(request: SignedInRequest, pk: uuid.UUID) -> HttpResponse:
    """The part of that page that asks again by itself."""
    found = checkout.fresh(get_object_or_404(Payment, pk=pk, user=request.user))
    return render(request, "billing/payments/_state.html", {"payment": found})


@login_required
@never_cache
@to_stripe
@require_http_methods(["GET", "HEAD", "POST"])
def payment_settings(request: SignedInRequest) -> HttpResponse:
    """The saved card, auto-recharge, the plan, and what was paid. Stripe's pages lead back here, too."""
    if request.method == "GET" and _came_back(request):
        return redirect("payment_settings")
    wish = AutoRecharge.objects.filter(user=request.user).first()
    form = AutoRechargeForm(request.POST or None, initial=_initial(wish))
    status = 200
    if request.method == "POST":
        status = 422
        if form.is_valid() and _save_wish(request, form):
            return redirect("payment_settings")
    why, until = recharge.waiting(wish) if wish else ("", None)
    context = {
        "form": form,
        "wish": wish,
        "waits": {"why": why, "until": until},
        "customer": StripeCustomer.objects.filter(user=request.user).first(),
        "subscriptions": Subscription.objects.filter(user=request.user, state__in=Subscription.LIVE),
        "payments": _history(request),
        "used": recharge.used_this_month(request.user),
        "currency": settings.CURRENCY,
        "configured": stripe_client.configured(),
    }
    return render(request, "billing/payments/settings.html", context, status=status)


def _history(request: SignedInRequest) -> list[Payment]:
    """What was paid, or nearly: a checkout that nobody finished is no payment."""
    hidden = (Payment.State.EXPIRED, Payment.State.OPEN)
    return list(Payment.objects.filter(user=request.user).exclude(state__in=hidden).order_by("-created_at")[:LISTED])


def _initial(wish: AutoRecharge | None) -> dict[str, Any]:
    if wish is None:
        smallest = checkout.limits().smallest
        return {"threshold": smallest // 2, "target": smallest * 2, "monthly_limit": minor.price(smallest) * 10}
    limits = {"threshold": wish.threshold_millicredits, "target": wish.target_millicredits}
    return {"enabled": wish.enabled, "monthly_limit": wish.monthly_limit_minor, **limits}


def _save_wish(request: SignedInRequest, form: AutoRechargeForm) -> bool:
    data = form.cleaned_data
    amounts = {"threshold": data["threshold"], "target": data["target"], "limit_minor": data["monthly_limit"]}
    try:
        recharge.save(request.user, enabled=data["enabled"], **amounts)
    except Refused as refused:
        form.add_error("enabled", refused.message)
        return False
    messages.success(request, "Auto-recharge is on." if data["enabled"] else "Auto-recharge is off.")
    return True


def _came_back(request: SignedInRequest) -> bool:
    """Whether Stripe's page led here after saving a card or beginning a plan; what came of it is read now."""
    session, plan = request.GET.get("session", ""), request.GET.get("subscription", "")
    customer = StripeCustomer.objects.filter(user=request.user).first()
    with suppress(Refused, stripe_client.Rejected):
        if session.startswith("cs_") and customer:
            saved_cards.choose_saved(customer, session)
            messages.success(request, "Your card is saved.")
        if booking.is_id(plan) and Subscription.objects.filter(pk=plan, user=request.user).exists():
            row = subscriptions.sync(plan)
            if customer:
                saved_cards.refresh(customer)
            if row.state in Subscription.LIVE:
                messages.success(request, f"Your plan “{row.plan}” has begun.")
    return bool(session or plan)


@login_required
@require_POST
@told("payment_settings")
def save_card(request: SignedInRequest) -> HttpResponse:
    """Save a card without paying, on Stripe's page."""
    return _go(checkout.save_card(request.user))


@login_required
@require_POST
@told("payment_settings")
def remove_card(request: SignedInRequest) -> HttpResponse:
    """Forget the saved card."""
    if saved_cards.remove(request.user):
        messages.success(request, "Your card was removed.")
    return redirect("payment_settings")


@login_required
@require_POST
@told("payment_settings")
def portal(request: SignedInRequest) -> HttpResponse:
    """Stripe's page for invoices, the card and ending a plan."""
    return _go(checkout.portal(request.user))


@login_required
@never_cache
@require_http_methods(["GET", "HEAD", "POST"])
def redeem_page(request: SignedInRequest) -> HttpResponse:
    """A code for credits."""
    form = RedeemForm(request.POST or None, initial={"code": request.GET.get("code", "")[:100]})
    status = 200
    if request.method == "POST":
        status = 422
        if form.is_valid():
            try:
                redeem.count_try(request.user)
                entry = redeem.redeem(request.user, form.cleaned_data["code"])
            except Refused as refused:
                form.add_error("code", refused.message)
                status = refused.status
            else:
                messages.success(request, f"{format_credits(entry.available)} credits were added.")
                return redirect("balance")
    return render(request, "billing/payments/redeem.html", {"form": form}, status=status)
