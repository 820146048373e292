"""What operators type: amounts, days, reasons."""

from datetime import date, datetime, time, timedelta
from typing import Any

from django import forms
from django.utils import timezone

from accounts.admin_buttons import Confirmation
from billing.fields import CreditsField


class ReasonForm(Confirmation):
    """An action that has to be explained."""

    reason = forms.CharField(max_length=300, help_text="For the books; operators can read it.")


# What is booked stands in the customer's statement with its reason.
SEEN = "For the books; the customer reads it in the statement."


class GiftForm(ReasonForm):
    """An amount to give, more than nothing."""

    reason = forms.CharField(max_length=300, help_text=SEEN)
    amount = CreditsField(label="Credits", help_text="Such as 12.5.")
    field_order = ["amount", "reason"]

    def clean_amount(self) -> int:
        amount = self.cleaned_data["amount"]
        if amount <= 0:
            raise forms.ValidationError("This must be more than nothing.")
        return amount


class GrantForm(GiftForm):
    """A gift, which may end."""

    last_day = forms.DateField(
        label="Usable until",
        required=False,
        widget=forms.DateInput(attrs={"type": "date"}),
        help_text="The last day, in the platform's time zone. Empty: for ever.",
    )
    field_order = ["amount", "last_day", "reason"]

    def clean_last_day(self) -> date | None:
        day = self.cleaned_data["last_day"]
        if day and day < timezone.localdate():
            raise forms.ValidationError("This day is over.")
        if day and day.year > 9000:
            raise forms.ValidationError("This is too far away.")
        return day

    def clean(self) -> dict[str, Any]:
        """Adds `expires_at`, the first moment at which the credits cannot be used any more."""
        data = super().clean() or self.cleaned_data
        day = data.get("last_day")
        midnight = day and datetime.combine(day + timedelta(days=1), time())
        return {**data, "expires_at": timezone.make_aware(midnight) if midnight else None}


class CorrectionForm(ReasonForm):
    """An amount of either sign."""

    reason = forms.CharField(max_length=300, help_text=SEEN)
    amount = CreditsField(label="Credits", help_text="Such as 12.5, or -12.5 to take credits away.")
    field_order = ["amount", "reason"]

    def clean_amount(self) -> int:
        if not self.cleaned_data["amount"]:
            raise forms.ValidationError("This must not be nothing.")
        return self.cleaned_data["amount"]
