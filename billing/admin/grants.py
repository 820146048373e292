"""Gifts that come again every month, edited by operators."""

from datetime import datetime, timedelta
from typing import Any

from django import forms
from django.contrib import admin
from django.http import HttpRequest
from django.utils import timezone
from django.utils.html import format_html

from accounts.admin_buttons import Button, ButtonsAdmin, Section, admin_url
from accounts.errors import Refused
from accounts.models import User
from billing import adjustments, grants
from billing.admin.sales import more_than_nothing
from billing.amounts import format_credits
from billing.fields import CreditsField
from billing.models import Entry, RecurringGrant

SHOWN_GIFTS = 24
EARLIEST = timedelta(days=1)


class GrantForm(forms.ModelForm):
    """What may be changed of a gift that has begun, by `operator`."""

    operator: User
    amount_millicredits = CreditsField(label="Credits every month", help_text="Such as 12.5.")

    class Meta:
        model = RecurringGrant
        fields = ["amount_millicredits", "lasts_days", "note", "ends_at"]
        labels = {"lasts_days": "Usable for so many days", "note": "Reason"}
        help_texts = {
            "lasts_days": "Each gift by itself. Empty: for ever.",
            "note": "The customer reads it in the statement.",
            "starts_at": "The first gift, and the day of the month of all others.",
            "ends_at": "No gift from then on. Empty: until you end it.",
        }

    def clean_amount_millicredits(self) -> int:
        amount = more_than_nothing(self.cleaned_data["amount_millicredits"])
        if amount > self.instance.agreed_millicredits:
            self._may_agree(amount)
        return amount

    def _may_agree(self, amount: int) -> None:
        left = adjustments.left_alone(self.operator, besides=self.instance)
        if amount > left:
            why = f"nobody books more than {format_credits(adjustments.limit())} in 24 hours alone"
            more = "More needs a second person: grant it once, month by month."
            raise forms.ValidationError(f"At most {format_credits(left)} a month, because {why}. {more}")

    def clean_lasts_days(self) -> int | None:
        days = self.cleaned_data["lasts_days"]
        if days is not None and not 1 <= days <= 3660:
            raise forms.ValidationError("Between 1 and 3660 days.")
        return days

    def clean(self) -> dict[str, Any]:
        data = super().clean() or self.cleaned_data
        starts = data.get("starts_at") or self.instance.starts_at
        if data.get("ends_at") and data["ends_at"] <= starts:
            self.add_error("ends_at", "This is before the first gift.")
        return data

    def clean_ends_at(self) -> datetime | None:
        ended = self.initial.get("ends_at")
        # The months since would all be given at once.
        if "ends_at" in self.changed_data and ended and ended <= timezone.now():
            raise forms.ValidationError("This has ended already: add another.")
        return self.cleaned_data["ends_at"]


class NewGrantForm(GrantForm):
    email = forms.EmailField(label="E-mail of the customer")
    field_order = ["email"]

    class Meta(GrantForm.Meta):
        fields = ["amount_millicredits", "lasts_days", "note", "starts_at", "ends_at"]

    def clean_email(self) -> User:
        user = User.objects.filter(email=self.cleaned_data["email"].lower()).first()
        if user is None:
            raise forms.ValidationError("There is no such user.")
        self.instance.user = user
        return user

    def clean_starts_at(self) -> datetime:
        starts = self.cleaned_data["starts_at"]
        # Each month since would be given at once.
        if starts < timezone.now() - EARLIEST:
            raise forms.ValidationError("This is more than a day ago.")
        return starts


def _end(request: HttpRequest, gift: RecurringGrant, data: dict[str, Any]) -> str:
    now = timezone.now()
    if gift.ends_at and gift.ends_at <= now:
        raise Refused("already_ended", "This has ended already.", status=409)
    # One that is due and was not given yet is not given any more.
    gift.ends_at = min(now, gift.next_at or now)
    grants.schedule(gift)
    return f"Ended after {gift.given} gifts."


@admin.register(RecurringGrant)
class RecurringGrantAdmin(ButtonsAdmin):
    """None is deleted, because what it gave names it: it is ended."""

    list_display = ["user", "credits", "note", "starts_at", "ends_at", "given", "next_at", "author"]
    list_filter = ["starts_at", "ends_at"]
    list_select_related = ["user", "author"]
    search_fields = ["user__email", "note"]
    ordering = ["-pk"]
    readonly_fields = ["user", "starts_at", "given", "next_at", "author"]
    buttons = (
        Button(
            "end",
            "End now…",
            "billing.change_recurringgrant",
            _end,
            "No more gifts are given from now on; what was given stays:",
            shown=lambda gift: gift.next_at is not None,
        ),
    )

    @admin.display(description="credits every month", ordering="amount_millicredits")
    def credits(self, gift: RecurringGrant) -> str:
        return format_credits(gift.amount_millicredits)

    def get_form(self, request: HttpRequest, obj: Any = None, change: bool = False, **kwargs: Any) -> Any:
        # A class of this request's own.
        form: Any = super().get_form(request, obj, change, **{**kwargs, "form": GrantForm if obj else NewGrantForm})
        form.operator = request.user
        return form

    def get_fields(self, request: HttpRequest, obj: Any = None) -> Any:
        settable = ["amount_millicredits", "lasts_days", "note"]
        if obj is None:
            return ["email", *settable, "starts_at", "ends_at"]
        return ["user", *settable, "starts_at", "ends_at", "given", "next_at", "author"]

    def get_readonly_fields(self, request: HttpRequest, obj: Any = None) -> list[str]:
        return list(self.readonly_fields) if obj else []

    def has_delete_permission(self, request: HttpRequest, obj: Any = None) -> bool:
        return False

    def save_model(self, request: HttpRequest, obj: RecurringGrant, form: forms.ModelForm, change: bool) -> None:
        operator: Any = request.user
        grants.agree(obj, by=operator)

    def sections(self, request: HttpRequest, obj: RecurringGrant) -> list[Section]:
        given = Entry.objects.filter(key__startswith=f"recurring:{obj.pk}:").order_by("-pk")[:SHOWN_GIFTS]
        rows = [
            [entry.created_at, format_html('<a href="{}">{}</a>', admin_url(entry), format_credits(entry.available))]
            for entry in given
        ]
        return [Section("Given", ["Time", "Credits"], rows, empty="Nothing yet.")]
