"""What operators type: credits as decimal strings, reasons."""

from datetime import date, datetime, time, timedelta
from typing import Any

from django import forms
from django.utils import timezone

from accounts.admin_buttons import Confirmation
from billing.amounts import format_credits, parse_credits


class CreditsField(forms.CharField):
    """A number of credits as people write it, such as 12.5; its value is an integer in millicredits, or None."""

    def prepare_value(self, value: Any) -> Any:
        return format_credits(value) if isinstance(value, int) else value

    def to_python(self, value: Any) -> int | None:  # type: ignore[override]
        text = super().to_python(value)
        if not text:
            return None
        try:
            return parse_credits(text)
        except ValueError as error:
            raise forms.ValidationError(f"This {error}.") from None

    def has_changed(self, initial: Any, data: Any) -> bool:
        return super().has_changed(self.prepare_value(initial), data)


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
