"""Redeem codes for operators: issued by adding a batch, shown once, revoked together."""

from typing import Any

from django import forms
from django.contrib import admin
from django.http import HttpRequest, HttpResponse
from django.template.response import TemplateResponse
from django.utils import timezone

from accounts.admin_buttons import Button, ButtonsAdmin, Confirmation, Section, admin_url
from accounts.errors import Refused
from billing import adjustments
from billing.admin.sales import days, in_credits, more_than_nothing
from billing.fields import CreditsField
from billing.models import RedeemBatch
from billing.payments import redeem

SHOWN = 50


class BatchForm(forms.ModelForm):
    credits_millicredits = CreditsField(label="Credits", help_text="What each use is worth.")
    count = forms.IntegerField(label="How many codes", min_value=1, max_value=redeem.LARGEST_BATCH, initial=1)

    class Meta:
        model = RedeemBatch
        fields = ["note", "credits_millicredits", "uses_per_code", "uses_per_user", "expires_at", "lasts_days"]
        help_texts = {
            "uses_per_code": "1: the first who types it has it. Empty: any number of people.",
            "uses_per_user": "How many of this batch one customer may use. Empty: any number.",
            "expires_at": "From then on the codes cannot be used.",
            "lasts_days": "How many days the credits can be used. Empty: for ever.",
        }

    def clean_credits_millicredits(self) -> int:
        return more_than_nothing(self.cleaned_data["credits_millicredits"])

    def clean_uses_per_code(self) -> int | None:
        return self._at_least_one("uses_per_code")

    def clean_uses_per_user(self) -> int | None:
        return self._at_least_one("uses_per_user")

    def clean_lasts_days(self) -> int | None:
        return days(self.cleaned_data["lasts_days"])

    def clean_expires_at(self) -> Any:
        at = self.cleaned_data["expires_at"]
        if at and at <= timezone.now():
            raise forms.ValidationError("This has passed already.")
        return at

    def _at_least_one(self, name: str) -> int | None:
        if self.cleaned_data[name] == 0:
            raise forms.ValidationError("At least 1, or empty.")
        return self.cleaned_data[name]


def _revoke(request: HttpRequest, batch: RedeemBatch, data: dict[str, Any]) -> str:
    if not redeem.revoke(batch):
        raise Refused("already_revoked", "These codes were revoked before.", status=409)
    return "Revoked: none of these codes can be used any more."


def _approve(request: HttpRequest, batch: RedeemBatch, data: dict[str, Any]) -> str:
    operator: Any = request.user
    redeem.approve(batch, by=operator)
    return f"Issued by {batch.author}, approved by {operator}: these codes can be used now."


@admin.register(RedeemBatch)
class RedeemBatchAdmin(ButtonsAdmin):
    """Codes are issued by adding a batch, and shown on the page that answers, once."""

    form = BatchForm
    list_display = [
        "created_at",
        "note",
        in_credits("credits_millicredits"),
        "codes",
        "used",
        "expires_at",
        "revoked_at",
        "second_person",
    ]
    list_display_links = ["created_at", "note"]
    list_filter = ["needs_approval"]
    list_select_related = ["approved_by"]
    ordering = ["-created_at"]
    buttons = (
        Button(
            "approve",
            "Approve…",
            "billing.approve_adjustment",
            _approve,
            "These codes can be used from now on, with your name:",
            shown=lambda batch: batch.waits and batch.revoked_at is None,
        ),
        Button(
            "revoke",
            "Revoke",
            "billing.change_redeembatch",
            _revoke,
            "None of these codes can be used from now on:",
            form=Confirmation,
            shown=lambda batch: batch.revoked_at is None,
        ),
    )

    def get_fields(self, request: HttpRequest, obj: RedeemBatch | None = None) -> Any:
        if obj is None:
            return ["note", "credits_millicredits", "count", *BatchForm.Meta.fields[2:]]
        shown = ["note", in_credits("credits_millicredits"), "codes", "used", *BatchForm.Meta.fields[2:]]
        return [*shown, "author", "created_at", "second_person", "approved_at", "revoked_at"]

    def get_readonly_fields(self, request: HttpRequest, obj: RedeemBatch | None = None) -> Any:
        return self.get_fields(request, obj) if obj else []

    def has_change_permission(self, request: HttpRequest, obj: RedeemBatch | None = None) -> bool:
        return False

    def has_delete_permission(self, request: HttpRequest, obj: RedeemBatch | None = None) -> bool:
        return False

    @admin.display(description="codes")
    def codes(self, batch: RedeemBatch) -> int:
        return batch.codes.count()

    @admin.display(description="used")
    def used(self, batch: RedeemBatch) -> int:
        return batch.redemptions.count()

    @admin.display(description="second person")
    def second_person(self, batch: RedeemBatch) -> Any:
        return "awaited" if batch.waits else batch.approved_by

    def save_model(self, request: Any, obj: RedeemBatch, form: Any, change: bool) -> None:
        obj.author = request.user
        # On the request, for this object serves every thread.
        request.issued_codes = redeem.issue(obj, form.cleaned_data["count"])

    def response_add(self, request: Any, obj: RedeemBatch, post_url_continue: str | None = None) -> HttpResponse:
        """The only page that ever shows the codes, so it is no redirect."""
        context = {**self.admin_site.each_context(request), "title": "Redeem codes", "opts": self.opts}
        context |= {"batch": obj, "codes": request.issued_codes, "back": admin_url(obj)}
        context |= {"limit_millicredits": adjustments.limit()}
        return TemplateResponse(request, "admin/redeem_codes.html", context)

    def sections(self, request: HttpRequest, obj: RedeemBatch) -> list[Section]:
        used = obj.redemptions.select_related("user", "code").order_by("-pk")[:SHOWN]
        rows = [[each.created_at, each.user, str(each.code)] for each in used]
        return [Section("Uses", ["Time", "User", "Code"], rows)]
