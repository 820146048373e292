"""Which prices a customer pays, on the page of the user."""

from typing import Any

from django import forms
from django.http import HttpRequest

from accounts.admin_buttons import Button, Confirmation, Section
from accounts.models import User
from billing import prices
from billing.models import PriceGroup, PriceMember


class ChooseGroupForm(Confirmation):
    group = forms.ModelChoiceField(PriceGroup.objects.all(), required=False, empty_label="none")


def _choose(request: HttpRequest, user: User, data: dict[str, Any]) -> str:
    prices.join(user, data["group"])
    return f"{user} pays the prices of {data['group'] or 'everyone'} now."


def group_of(user: User) -> PriceGroup | None:
    """The group whose prices a customer pays."""
    member = PriceMember.objects.filter(user=user).select_related("group").first()
    return member.group if member else None


def section(user: User) -> Section:
    """The customer's group on the user's page."""
    group = group_of(user)
    rows = [[group.name, f"{prices.plain(group.discount_percent)} %"]] if group else []
    return Section("Price group", ["Group", "Discount"], rows, empty="None: the prices for everyone.")


BUTTONS = (
    Button(
        "price-group",
        "Price group…",
        "billing.change_pricegroup",
        _choose,
        "From now on the prices of this group count for:",
        form=ChooseGroupForm,
        initial=lambda user: {"group": group_of(user)},
    ),
)
