"""The page of API keys."""

from django.conf import settings
from django.contrib import messages
from django.contrib.auth.decorators import login_required
from django.http import HttpResponse
from django.shortcuts import get_object_or_404, redirect, render
from django.utils import timezone
from django.views.decorators.cache import never_cache
from django.views.decorators.http import require_http_methods, require_POST

from accounts.forms import KeyForm
from accounts.models import ApiKey
from accounts.requests import SignedInRequest


@login_required
@never_cache
@require_http_methods(["GET", "HEAD", "POST"])
def keys(request: SignedInRequest) -> HttpResponse:
    """The user's keys; a posted name makes one.

    The answer to that POST is the only place that ever shows the full key, so it is no redirect (R-SEC2).
    """
    form = KeyForm(request.POST or None)
    shown, status = "", 200
    if request.method == "POST":
        status = 422
        if form.is_valid():
            _, shown = ApiKey.issue(request.user, form.cleaned_data["name"], expires_at=form.expires_at())
            form, status = KeyForm(), 201
    context = {"form": form, "shown": shown, "keys": request.user.api_keys.all(), "now": timezone.now()}
    return render(request, "accounts/keys.html", context | {"public_url": settings.PUBLIC_URL}, status=status)


@login_required
@require_POST
def revoke(request: SignedInRequest, pk: int) -> HttpResponse:
    """A revoked key opens nothing from now on."""
    key = get_object_or_404(ApiKey, pk=pk, user=request.user)
    ApiKey.objects.filter(pk=key.pk, revoked_at=None).update(revoked_at=timezone.now())
    messages.success(request, f"The key “{key.name}” was revoked.")
    return redirect("keys")
