"""The page of use: what was charged, by day and by model."""

from datetime import timedelta

from django.contrib.auth.decorators import login_required
from django.http import HttpResponse
from django.shortcuts import render
from django.utils import timezone
from django.views.decorators.cache import never_cache
from django.views.decorators.http import require_GET

from accounts.requests import SignedInRequest
from billing import preferences
from generation import usage
from generation.pages import forms, usage_chart

PERIODS = {7: "7 days", 30: "30 days", 90: "90 days", 365: "A year"}
USUAL = 30


@login_required
@never_cache
@require_GET
def index(request: SignedInRequest) -> HttpResponse:
    """The last days of a period, today included, in the user's time zone; of all models or of one."""
    asked, model = request.GET.get("days", ""), request.GET.get("model", "")
    days = int(asked) if asked.isdecimal() and len(asked) < 5 and int(asked) in PERIODS else USUAL
    zone = preferences.zone_of(request.user.pk)
    last = timezone.now().astimezone(zone).date()
    found = usage.of(request.user.pk, last - timedelta(days=days - 1), last, zone)
    models = sorted(((forms.title(name), name) for name, _, _ in found.by_model() if name), key=lambda row: row[0])
    shown = found.only(model) if model in dict.fromkeys(name for _, name in models) else found
    context = {
        "usage": shown,
        "chart": usage_chart.of(shown),
        "periods": PERIODS,
        "days": days,
        "models": models,
        "model": model,
        "zone": zone,
    }
    return render(request, "generation/usage.html", context)
