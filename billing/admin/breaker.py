"""The breaker, with the buttons that pause and resume submission to KIE."""

from typing import Any

from django.contrib import admin
from django.core.exceptions import PermissionDenied
from django.http import HttpRequest, HttpResponse, HttpResponseRedirect

from accounts.admin_buttons import Button, ReadOnlyAdmin, admin_url
from accounts.errors import Refused
from billing.admin.forms import ReasonForm
from billing.models import Breaker
from billing.upstream import breaker


def _pause(request: HttpRequest, obj: Breaker, data: dict[str, Any]) -> str:
    breaker.pause(f"by {request.user}: {data['reason']}", cause=Breaker.Cause.OPERATOR)
    return f"Paused submission to KIE: {data['reason']}"


def _resume(request: HttpRequest, obj: Breaker, data: dict[str, Any]) -> str:
    if not breaker.resume():
        raise Refused("not_paused", "Submission to KIE is not paused.", status=409)
    return "Resumed submission to KIE."


@admin.register(Breaker)
class BreakerAdmin(ReadOnlyAdmin):
    """There is one breaker, so its list is its page; its row appears with the first pause."""

    readonly_fields = ("state", "cause", "reason", "opened_at", "ends", "closed_at")
    fields = readonly_fields
    buttons = (
        Button(
            "pause",
            "Pause…",
            "billing.change_breaker",
            _pause,
            "Nothing is submitted until someone resumes, or KIE's balance is read as sufficient. Work stays queued:",
            form=ReasonForm,
            shown=lambda obj: obj.opened_at is None or obj.retry_at is not None,
        ),
        Button(
            "resume",
            "Resume",
            "billing.change_breaker",
            _resume,
            "Queued work is submitted again:",
            shown=lambda obj: obj.opened_at is not None,
        ),
    )

    @admin.display(description="submission")
    def state(self, obj: Breaker) -> str:
        if obj.trying_since:
            return f"trying: {obj.trials_left} more submissions may be made until the first have ended well"
        return "paused" if breaker.paused(obj) else "running"

    @admin.display(description="ends")
    def ends(self, obj: Breaker) -> str:
        """When, or by what, a pause ends."""
        if obj.opened_at is None:
            return "-"
        if obj.trying_since:
            return "when the trials have ended well"
        if obj.retry_at:
            return f"{obj.retry_at:%Y-%m-%d %H:%M:%S %Z}"
        if obj.cause == Breaker.Cause.ACCOUNT:
            return "when KIE's balance is read as sufficient, or by Resume"
        return "by Resume"

    def get_object(self, request: HttpRequest, object_id: str, from_field: str | None = None) -> Breaker | None:
        missing = Breaker(name=breaker.KIE) if object_id == breaker.KIE else None
        return super().get_object(request, object_id, from_field) or missing

    def changelist_view(self, request: HttpRequest, extra_context: dict | None = None) -> HttpResponse:
        if not self.has_view_permission(request):
            raise PermissionDenied
        return HttpResponseRedirect(admin_url(Breaker(name=breaker.KIE)))
