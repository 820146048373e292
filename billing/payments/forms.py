"""What customers type on the pages of payments; every amount is refused at its field."""

from typing import Any

from django import forms
from django.conf import settings

from billing.amounts import format_credits
from billing.fields import CreditsField
from billing.models import CreditPack
from billing.payments import checkout, minor

CUSTOM = "custom"


class MoneyField(forms.CharField):
    """An amount of money in the site's currency; its value is an integer in minor units, or None."""

    def prepare_value(self, value: Any) -> Any:
        return minor.plain(value, settings.CURRENCY) if isinstance(value, int) else value

    def to_python(self, value: Any) -> int | None:  # type: ignore[override]
        text = super().to_python(value)
        if not text:
            return None
        try:
            return minor.parse(text, settings.CURRENCY)
        except ValueError as error:
            raise forms.ValidationError(f"This {error}.") from None


class TopUpForm(forms.Form):
    """A pack, or a custom amount of credits. `chosen` is the pack, None for a custom amount."""

    choice = forms.CharField(max_length=20, error_messages={"required": "Choose what to buy."})
    credits = CreditsField(label="Credits", required=False)
    save_card = forms.BooleanField(label="Save my card for next time", required=False)
    chosen: CreditPack | None = None

    def clean_choice(self) -> str:
        choice = self.cleaned_data["choice"]
        if choice != CUSTOM:
            sold = CreditPack.objects.filter(active=True)
            number = int(choice) if choice.isdecimal() and len(choice) < 10 else 0
            self.chosen = sold.filter(pk=number).first()
            if self.chosen is None:
                raise forms.ValidationError("This pack is not sold any more.")
        return choice

    def clean(self) -> dict[str, Any]:
        data = super().clean() or self.cleaned_data
        if data.get("choice") == CUSTOM and "credits" not in self.errors:
            allowed, credits = checkout.limits(), data.get("credits")
            if credits is None or not allowed.smallest <= credits <= allowed.largest:
                smallest, largest = format_credits(allowed.smallest), format_credits(allowed.largest)
                self.add_error("credits", f"Buy between {smallest} and {largest} credits at a time.")
        elif data.get("choice") != CUSTOM:
            # What stands in the field of the other choice does not matter.
            self.errors.pop("credits", None)
        return data


class AutoRechargeForm(forms.Form):
    """When to buy credits by themselves, up to what, and how much in a month at most."""

    enabled = forms.BooleanField(label="Buy credits automatically", required=False)
    threshold = CreditsField(label="When fewer than", help_text="credits are available,")
    target = CreditsField(label="buy up to", help_text="credits,")
    monthly_limit = MoneyField(label="and spend at most", help_text="in a month.")

    def clean_threshold(self) -> int:
        if self.cleaned_data["threshold"] < 0:
            raise forms.ValidationError("This must not be negative.")
        return self.cleaned_data["threshold"]

    def clean_target(self) -> int:
        target, largest = self.cleaned_data["target"], checkout.limits().largest
        if not self.cleaned_data.get("threshold", 0) < target <= largest:
            raise forms.ValidationError(
                f"This must be more than the first amount, and {format_credits(largest)} at most."
            )
        return target

    def clean_monthly_limit(self) -> int:
        smallest = minor.price(checkout.limits().smallest)
        if self.cleaned_data["monthly_limit"] < smallest:
            raise forms.ValidationError(
                f"The least that can be bought costs {minor.written(smallest, settings.CURRENCY)}."
            )
        return self.cleaned_data["monthly_limit"]


class RedeemForm(forms.Form):
    """A code, however it is written."""

    code = forms.CharField(max_length=100, error_messages={"required": "Type the code."})
