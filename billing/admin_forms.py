"""What operators type: credits as decimal strings, reasons, time zones."""

from typing import Any
from zoneinfo import available_timezones

from django import forms

from accounts.admin_buttons import Confirmation
from billing.amounts import format_credits, parse_credits
from billing.models import Budget


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


class GiftForm(ReasonForm):
    """An amount to give, more than nothing."""

    amount = CreditsField(label="Credits", help_text="Such as 12.5.")
    field_order = ["amount", "reason"]

    def clean_amount(self) -> int:
        amount = self.cleaned_data["amount"]
        if amount <= 0:
            raise forms.ValidationError("This must be more than nothing.")
        return amount


class CorrectionForm(ReasonForm):
    """An amount of either sign."""

    amount = CreditsField(label="Credits", help_text="Such as 12.5, or -12.5 to take credits away.")
    field_order = ["amount", "reason"]

    def clean_amount(self) -> int:
        if not self.cleaned_data["amount"]:
            raise forms.ValidationError("This must not be nothing.")
        return self.cleaned_data["amount"]


class BudgetForm(forms.ModelForm):
    daily_cap_millicredits = CreditsField(
        label="Daily cap, in KIE credits", required=False, help_text="Such as 20000. Empty: no cap; use is counted."
    )

    class Meta:
        model = Budget
        fields = ["daily_cap_millicredits", "time_zone"]
        help_texts = {"time_zone": "An IANA name, such as Europe/Berlin. A day starts at 00:00 there."}

    def clean_daily_cap_millicredits(self) -> int | None:
        cap = self.cleaned_data["daily_cap_millicredits"]
        if cap is not None and cap < 0:
            raise forms.ValidationError("This must not be negative.")
        return cap

    def clean_time_zone(self) -> str:
        name = self.cleaned_data["time_zone"]
        if name not in available_timezones():
            raise forms.ValidationError(f"There is no time zone {name!r}; use an IANA name such as Europe/Berlin.")
        return name
