"""Budgets: caps on upstream cost, set here; what is used of them is counted by the verbs alone.

Here and not in billing, because a new budget is filled from the generations that it counts.
"""

from typing import Any
from zoneinfo import available_timezones

from django import forms
from django.contrib import admin
from django.db.models import QuerySet
from django.http import HttpRequest
from django.utils.html import format_html

from accounts.admin_buttons import ButtonsAdmin, Section, admin_url
from accounts.models import ApiKey, User
from billing.admin.wallets import amount
from billing.amounts import format_credits
from billing.fields import CreditsField
from billing.models import Budget
from billing.upstream import budgets
from generation import catalog, limits

SHOWN_PERIODS = 45
KINDS = {"user": "a user", "key": "an API key", "model": "a model"}


class BudgetForm(forms.ModelForm):
    daily_cap_millicredits = CreditsField(
        label="Daily cap, in KIE credits", required=False, help_text="Such as 20000. Empty: no cap. 0: nothing at all."
    )
    monthly_cap_millicredits = CreditsField(
        label="Monthly cap, in KIE credits", required=False, help_text="Of a calendar month. Empty: no cap."
    )

    class Meta:
        model = Budget
        fields = ["daily_cap_millicredits", "monthly_cap_millicredits", "time_zone"]
        help_texts = {"time_zone": "An IANA name, such as Europe/Berlin. Days and months start at 00:00 there."}

    def clean_daily_cap_millicredits(self) -> int | None:
        return _not_negative(self.cleaned_data["daily_cap_millicredits"])

    def clean_monthly_cap_millicredits(self) -> int | None:
        return _not_negative(self.cleaned_data["monthly_cap_millicredits"])

    def clean_time_zone(self) -> str:
        name = self.cleaned_data["time_zone"]
        if name not in available_timezones():
            raise forms.ValidationError(f"There is no time zone {name!r}; use an IANA name such as Europe/Berlin.")
        return name


def _not_negative(cap: int | None) -> int | None:
    if cap is not None and cap < 0:
        raise forms.ValidationError("This must not be negative.")
    return cap


class NewBudgetForm(BudgetForm):
    """A budget of something; the platform's is there from the start."""

    kind = forms.ChoiceField(label="Of", choices=list(KINDS.items()))
    name = forms.CharField(
        label="Which", max_length=254, help_text="The user's e-mail address, kp_… of the key, or the model's id."
    )
    field_order = ["kind", "name"]

    def clean(self) -> dict[str, Any]:
        data = super().clean() or self.cleaned_data
        if data.get("kind") and data.get("name"):
            try:
                self.instance.scope = _scope(data["kind"], data["name"].strip())
            except LookupError as error:
                self.add_error("name", str(error.args[0]))
            else:
                if Budget.objects.filter(scope=self.instance.scope).exists():
                    self.add_error("name", "This has a budget already.")
        return data


def _scope(kind: str, name: str) -> str:
    """The scope of what is named. Raises LookupError with words for the operator."""
    if kind == "model":
        try:
            return f"model:{catalog.get(name).id}"
        except catalog.UnknownModel:
            raise LookupError(f"There is no model {name!r}.") from None
    if kind == "user":
        found: User | ApiKey | None = User.objects.filter(email__iexact=name).first()
    else:
        prefix = name.removeprefix("kp_").split("_")[0]
        found = ApiKey.objects.filter(prefix=prefix).first()
    if found is None:
        raise LookupError(f"There is no {'user' if kind == 'user' else 'API key'} {name!r}.")
    return f"{kind}:{found.pk}"


def _subjects(found: list[Budget]) -> dict[str, User | ApiKey]:
    """The users and keys that budgets are of, by scope."""
    subjects: dict[str, User | ApiKey] = {}
    for kind, model in (("user", User), ("key", ApiKey)):
        ids = [budget.subject for budget in found if budget.kind == kind]
        rows: QuerySet[Any] = model.objects.filter(pk__in=ids) if ids else model.objects.none()
        subjects |= {f"{kind}:{row.pk}": row for row in rows}
    return subjects


@admin.register(Budget)
class BudgetAdmin(ButtonsAdmin):
    form = BudgetForm
    list_display = [
        "scope",
        "subject_of",
        amount("daily_cap_millicredits", "daily cap (KIE credits)"),
        amount("monthly_cap_millicredits", "monthly cap (KIE credits)"),
        *("time_zone", "used", "frees"),
    ]
    search_fields = ["scope"]
    readonly_fields = ["scope", "subject_of", "used", "frees", "counted_from"]

    def get_fields(self, request: HttpRequest, obj: Any = None) -> Any:
        settable = ["daily_cap_millicredits", "monthly_cap_millicredits", "time_zone"]
        if obj is None:
            return ["kind", "name", *settable]
        return ["scope", "subject_of", *settable, "used", "frees", "counted_from"]

    def get_form(self, request: HttpRequest, obj: Any = None, change: bool = False, **kwargs: Any) -> Any:
        return super().get_form(request, obj, change, **({} if obj else {"form": NewBudgetForm}), **kwargs)

    def has_delete_permission(self, request: HttpRequest, obj: Any = None) -> bool:
        return False

    def save_model(self, request: HttpRequest, obj: Budget, form: forms.ModelForm, change: bool) -> None:
        super().save_model(request, obj, form, change)
        if not change or "time_zone" in form.changed_data:
            limits.recount(obj)

    def get_changelist_instance(self, request: HttpRequest) -> Any:
        changes = super().get_changelist_instance(request)
        found = list(changes.result_list)
        subjects, uses = _subjects(found), budgets.used_of(found)
        for budget in found:
            budget.named, budget.uses_now = subjects.get(budget.scope), uses[budget.scope]
        changes.result_list = found
        return changes

    @admin.display(description="of")
    def subject_of(self, budget: Budget) -> str:
        named = budget.named if hasattr(budget, "named") else _subjects([budget]).get(budget.scope)
        if named is not None:
            return format_html('<a href="{}">{}</a>', admin_url(named), named)
        return budget.subject or "everything"

    @admin.display(description="used today, this month (KIE credits)")
    def used(self, budget: Budget) -> str:
        uses = budget.uses_now if hasattr(budget, "uses_now") else budgets.used(budget)
        return ", ".join(format_credits(amount) for amount in uses.values())

    @admin.display(description="frees at")
    def frees(self, budget: Budget) -> str:
        return ", ".join(f"{at:%Y-%m-%d %H:%M %Z}" for at in budgets.next_periods(budget))

    def sections(self, request: HttpRequest, obj: Budget) -> list[Section]:
        uses = obj.uses.order_by("-period")[:SHOWN_PERIODS]
        rows = [[use.period, format_credits(use.used_millicredits)] for use in uses]
        return [Section("Days and months", ["Local day or month", "Used (KIE credits)"], rows)]
