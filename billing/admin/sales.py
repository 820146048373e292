"""What is sold, for operators: packs and plans; and how admin pages write money and credits."""

from typing import Any

from django import forms
from django.contrib import admin
from django.http import HttpRequest

from billing.amounts import format_credits
from billing.fields import CreditsField
from billing.models import CreditPack, CreditPlan
from billing.payments import minor

CURRENCY_HINT = "Three letters, such as USD."


def in_money(name: str, description: str = "") -> Any:
    """A column, or field, of minor units in the object's currency."""

    @admin.display(description=description or name.removesuffix("_minor"), ordering=name)
    def show(obj: Any) -> str:
        return minor.written(getattr(obj, name), obj.currency)

    return show


def in_credits(name: str, description: str = "") -> Any:
    """A column, or field, of millicredits."""

    @admin.display(description=description or name.removesuffix("_millicredits"), ordering=name)
    def show(obj: Any) -> str:
        return format_credits(getattr(obj, name))

    return show


class OfferForm(forms.ModelForm):
    """Amounts as people write them: credits, and a price in the offer's currency."""

    credits_millicredits = CreditsField(label="Credits")
    price = forms.CharField(max_length=20, help_text="In the currency below, such as 25.00.")

    def __init__(self, *args: Any, **kwargs: Any) -> None:
        super().__init__(*args, **kwargs)
        if self.instance.pk:
            self.initial["price"] = minor.plain(self.instance.price_minor, self.instance.currency)

    def clean_credits_millicredits(self) -> int:
        return more_than_nothing(self.cleaned_data["credits_millicredits"])

    def clean_currency(self) -> str:
        code = self.cleaned_data["currency"].upper()
        if len(code) != 3 or not code.isascii() or not code.isalpha():
            raise forms.ValidationError(CURRENCY_HINT)
        return code

    def clean(self) -> dict[str, Any]:
        data = super().clean() or self.cleaned_data
        if "price" in data and "currency" in data:
            try:
                self.instance.price_minor = more_than_nothing(minor.parse(data["price"], data["currency"]))
            except ValueError as error:
                self.add_error("price", f"This {error}.")
            except forms.ValidationError as error:
                self.add_error("price", error)
        return data


class PackForm(OfferForm):
    bonus_millicredits = CreditsField(label="Bonus credits", initial="0", help_text="They come on top, for free.")

    class Meta:
        model = CreditPack
        fields = ["name", "credits_millicredits", "bonus_millicredits", "currency", "lasts_days", "position", "active"]
        help_texts = {
            "lasts_days": "How many days the credits can be used. Empty: for ever.",
            "currency": CURRENCY_HINT,
        }

    def clean_bonus_millicredits(self) -> int:
        if self.cleaned_data["bonus_millicredits"] < 0:
            raise forms.ValidationError("This must not be negative.")
        return self.cleaned_data["bonus_millicredits"]

    def clean_lasts_days(self) -> int | None:
        return days(self.cleaned_data["lasts_days"])


class PlanForm(OfferForm):
    class Meta:
        model = CreditPlan
        fields = ["name", "credits_millicredits", "currency", "rollover", "position", "active"]
        help_texts = {"currency": CURRENCY_HINT}


def more_than_nothing(amount: int) -> int:
    """For the `clean_…` of a form."""
    if amount <= 0:
        raise forms.ValidationError("This must be more than nothing.")
    return amount


def days(days: int | None) -> int | None:
    """A lifetime in days, or None for ever; for the `clean_…` of a form."""
    if days is not None and not 0 < days <= 3650:
        raise forms.ValidationError("From 1 to 3650 days.")
    return days


@admin.register(CreditPack)
class CreditPackAdmin(admin.ModelAdmin):
    form = PackForm
    list_display = [
        "name",
        in_credits("credits_millicredits"),
        in_credits("bonus_millicredits", "bonus"),
        in_money("price_minor"),
        "lasts_days",
        "position",
        "active",
    ]
    fields = [
        *("name", "credits_millicredits", "bonus_millicredits", "price", "currency"),
        *("lasts_days", "position", "active"),
    ]
    list_editable = ["position", "active"]


@admin.register(CreditPlan)
class CreditPlanAdmin(admin.ModelAdmin):
    """A changed plan holds for who begins it from now on: the others keep what they agreed to."""

    form = PlanForm
    list_display = [
        "name",
        in_credits("credits_millicredits"),
        in_money("price_minor"),
        "rollover",
        "position",
        "active",
    ]
    fields = ["name", "credits_millicredits", "price", "currency", "rollover", "position", "active"]

    def has_delete_permission(self, request: HttpRequest, obj: CreditPlan | None = None) -> bool:
        unused = obj is None or not obj.subscriptions.exists()
        return unused and super().has_delete_permission(request, obj)
