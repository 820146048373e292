"""The pages of a user's credits: what there is, and statements in which every number comes from entries (R-LED7)."""

from typing import Any

from django.conf import settings
from django.contrib import messages
from django.contrib.auth.decorators import login_required
from django.http import Http404, HttpResponse
from django.shortcuts import redirect, render
from django.utils import timezone
from django.utils.http import url_has_allowed_host_and_scheme
from django.views.decorators.cache import never_cache
from django.views.decorators.http import require_GET, require_http_methods, require_POST

from accounts.requests import SignedInRequest
from billing import ledger, lots, preferences
from billing.models import Wallet
from billing.pages import lots as lot_pages
from billing.pages.forms import PreferencesForm, ZoneForm
from billing.statements import months, statement

SHOWN_LOTS = 4


@login_required
@never_cache
@require_GET
def balance(request: SignedInRequest) -> HttpResponse:
    """Settled, held and available apart (R-UX1), what expires soon, and the entries behind it, newest first."""
    user_id = request.user.pk
    ledger.expire(user_id)
    wallet = Wallet.objects.filter(pk=user_id).first() or Wallet(user=request.user)
    own = preferences.of(user_id)
    zone = preferences.zone(own)
    open_lots = lots.open_lots(user_id)
    context = {
        "wallet": wallet,
        "settled": wallet.available + wallet.held,
        "frozen": statement.frozen(user_id) if wallet.held else 0,
        "expiring": (expiring := lots.expiring(user_id, statement.SOON)),
        "expiring_sum": sum(amount for _, amount in expiring),
        "soon_days": statement.SOON.days,
        "low": wallet.outside < 0 and wallet.available < preferences.threshold_of(own),
        "open_lots": lot_pages.shown(list(open_lots[:SHOWN_LOTS])),
        "more_lots": max(0, open_lots.count() - SHOWN_LOTS),
        "page": statement.page(user_id, request.GET.get("before", "")),
        "first_page": "before" not in request.GET,
        "zone": zone,
        "zone_chosen": bool(own.time_zone),
        "this_month": months.of(timezone.now(), zone),
    }
    return render(request, "billing/balance.html", context)


# Statements


def month_of(request: SignedInRequest, year: int, month: int) -> months.Month:
    """A month of which the user may have a statement: from the first entry to now. Any other does not exist."""
    zone = preferences.zone_of(request.user.pk)
    try:
        asked = months.Month(year, month, zone)
    except ValueError:
        raise Http404 from None
    ledger.expire(request.user.pk)
    first = statement.began_at(request.user.pk) or timezone.now()
    if asked.end <= first or asked.start > timezone.now():
        raise Http404
    return asked


@login_required
@never_cache
@require_GET
def statements(request: SignedInRequest) -> HttpResponse:
    """The months of a year, newest first, and what each adds up to."""
    user_id, zone = request.user.pk, preferences.zone_of(request.user.pk)
    ledger.expire(user_id)
    this = months.of(timezone.now(), zone)
    first = months.of(statement.began_at(user_id) or timezone.now(), zone)
    years = range(this.year, first.year - 1, -1)
    asked = request.GET.get("year", "")
    year = int(asked) if asked.isdecimal() and len(asked) <= 4 and int(asked) in years else this.year
    start = max(first, months.Month(year, 1, zone), key=lambda month: month.start)
    end = min(this, months.Month(year, 12, zone), key=lambda month: month.start)
    shown = statement.of_months(user_id, months.since(start, end))[::-1]
    context = {"months": shown, "years": years, "year": year, "zone": zone}
    return render(request, "billing/statements.html", context)


@login_required
@never_cache
@require_GET
def month(request: SignedInRequest, year: int, month: int) -> HttpResponse:
    """The statement of a month: its sum, and its entries some at a time."""
    asked, user_id = month_of(request, year, month), request.user.pk
    first = statement.began_at(user_id)
    context = {
        "month": asked,
        "totals": statement.of_period(user_id, asked.start, asked.end),
        "page": statement.page(user_id, request.GET.get("before", ""), asked.start, asked.end),
        "first_page": "before" not in request.GET,
        "zone": asked.zone,
        "earlier": asked.previous if first and first < asked.start else None,
        "later": asked.next if asked.next.start <= timezone.now() else None,
        "running": timezone.now() < asked.end,
    }
    return render(request, "billing/statement.html", context)


# Preferences


@login_required
@never_cache
@require_http_methods(["GET", "HEAD", "POST"])
def settings_page(request: SignedInRequest) -> HttpResponse:
    """The user's time zone, and whether and when a mail says that credits run low."""
    own = preferences.of(request.user.pk)
    initial = {name: getattr(own, name) for name in PreferencesForm.base_fields}
    form = PreferencesForm(request.POST or None, initial=initial)
    if request.method == "POST" and form.is_valid():
        preferences.change(request.user, **form.cleaned_data)
        messages.success(request, "Your choices are saved.")
        return redirect("balance-settings")
    context: dict[str, Any] = {"form": form, "zones": preferences.zones(), "site_zone": settings.TIME_ZONE}
    context["default_threshold"] = preferences.default_threshold()
    return render(request, "billing/settings.html", context, status=422 if form.errors else 200)


@login_required
@require_POST
def time_zone(request: SignedInRequest) -> HttpResponse:
    """Take over the time zone that the browser says it is in."""
    form = ZoneForm(request.POST)
    if form.is_valid():
        preferences.change(request.user, time_zone=form.cleaned_data["time_zone"])
    back = request.POST.get("next", "")
    safe = url_has_allowed_host_and_scheme(back, allowed_hosts={request.get_host()}, require_https=request.is_secure())
    return redirect(back if safe and back.startswith("/") else "balance")
