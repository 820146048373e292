"""Our account at KIE: its balance as measured and as expected, top-ups, costs and what the price sentinel found."""

from datetime import timedelta
from typing import Any, ClassVar

from django import forms
from django.contrib import admin
from django.core.exceptions import PermissionDenied
from django.db.models import Count, F, Q, QuerySet, Sum
from django.http import HttpRequest, HttpResponse, HttpResponseRedirect
from django.http.response import HttpResponseBase
from django.urls import path, reverse
from django.utils import timezone
from django.utils.html import format_html

from accounts import exports
from accounts.admin_buttons import Button, ButtonsAdmin, ReadOnlyAdmin, Section, admin_url
from accounts.errors import Refused
from billing.admin.forms import ReasonForm
from billing.admin.wallets import amount
from billing.amounts import format_credits
from billing.fields import CreditsField
from billing.models import UpstreamBalance, UpstreamTopUp
from billing.upstream import account
from generation.admin import balance_chart
from generation.models import CostDeviation, Generation
from generation.oversight import reconciliation

DRAWN = 300
COMPARED = timedelta(days=30)
Source = Generation.CostSource


def _trust(request: HttpRequest, reading: UpstreamBalance, data: dict[str, Any]) -> str:
    operator: Any = request.user
    account.trust(reading, by=operator, note=data["reason"])
    return f"{format_credits(reading.millicredits)} KIE credits are taken for right: {data['reason']}"


@admin.register(UpstreamBalance)
class UpstreamBalanceAdmin(ReadOnlyAdmin):
    """The readings, and above them what was measured and expected as a picture."""

    change_list_template = "admin/billing/upstreambalance/change_list.html"
    list_display = [
        *("read", amount("millicredits", "measured (KIE credits)")),
        *("expected", "drift", "unsure", "trusted", "note"),
    ]
    list_filter = ["trusted", "read_at"]
    list_per_page = 100
    ordering = ["-read_at", "-pk"]
    readonly_fields = (
        *("read_at", amount("millicredits", "measured (KIE credits)"), "expected", "drift", "unsure"),
        *(amount("charged_low", "charged in all, for sure"), amount("charged_high", "charged in all, at most")),
        *("trusted", "trusted_by", "note"),
    )
    fields = readonly_fields
    buttons = (
        Button(
            "trust",
            "Take for right…",
            "billing.change_upstreambalance",
            _trust,
            "From this balance on everything is expected anew, and what drifted until then is given up:",
            form=ReasonForm,
            shown=lambda reading: not reading.trusted and reading.charged_low is not None,
        ),
    )

    @admin.display(description="read at", ordering="read_at")
    def read(self, reading: UpstreamBalance) -> str:
        return f"{timezone.localtime(reading.read_at):%Y-%m-%d\u00a0%H:%M}"

    @admin.display(description="expected")
    def expected(self, reading: UpstreamBalance) -> str | None:
        if reading.expected_low is None or reading.expected_high is None:
            return None
        low, high = format_credits(reading.expected_low), format_credits(reading.expected_high)
        return low if low == high else f"{low}\u00a0to\u00a0{high}"

    @admin.display(description="drift")
    def drift(self, reading: UpstreamBalance) -> str | None:
        if reading.drift is None:
            return None
        shown = f"{'+' if reading.drift > 0 else ''}{format_credits(reading.drift)}"
        return format_html("<strong>{}</strong>", shown) if account.drifted(reading) else shown

    @admin.display(description="under way")
    def unsure(self, reading: UpstreamBalance) -> str | None:
        """What KIE may have charged for what ran at that moment."""
        if reading.charged_low is None or reading.charged_high is None:
            return None
        return format_credits(reading.charged_high - reading.charged_low)

    def sections(self, request: HttpRequest, obj: UpstreamBalance) -> list[Section]:
        rows = [
            [
                format_html('<a href="{}">{}</a>', admin_url(candidate.generation), candidate.generation.pk),
                *(candidate.generation.model, candidate.generation.state, candidate.why),
                *(format_credits(candidate.millicredits), candidate.generation.created_at),
            ]
            for candidate in (reconciliation.candidates(obj) if obj.drift else [])
        ]
        columns = ["Generation", "Model", "State", "Why", "About (KIE credits)", "Requested"]
        return [Section("What may be the cause of the drift", columns, rows)]

    def changelist_view(self, request: HttpRequest, extra_context: dict | None = None) -> HttpResponse:
        latest = list(UpstreamBalance.objects.order_by("-read_at", "-pk")[:DRAWN])[::-1]
        more = {
            "title": "KIE's balance, measured and expected",
            "chart": balance_chart.balances(latest),
            "pace": account.pace(),
            "hours_left": account.hours_left(),
            "latest": latest[-1] if latest else None,
            "drifting": account.drifting(),
        }
        return super().changelist_view(request, {**(extra_context or {}), **more})


# Top-ups at KIE


class TopUpForm(ReasonForm):
    """The amount that was really bought; 0 when it was none."""

    amount = CreditsField(label="KIE credits", help_text="What was bought; 0 if it was no top-up.")
    field_order = ["amount", "reason"]

    def clean_amount(self) -> int:
        if self.cleaned_data["amount"] < 0:
            raise forms.ValidationError("This must not be negative.")
        return self.cleaned_data["amount"]


class NewTopUpForm(forms.ModelForm):
    millicredits = CreditsField(label="KIE credits", help_text="What was bought, such as 1000.")

    class Meta:
        model = UpstreamTopUp
        fields = ["millicredits", "at", "note"]
        help_texts = {"at": "When KIE had it.", "note": "For the books, such as the number of the invoice."}

    def clean_millicredits(self) -> int:
        if self.cleaned_data["millicredits"] <= 0:
            raise forms.ValidationError("This must be more than nothing.")
        return self.cleaned_data["millicredits"]


def _correct(request: HttpRequest, top_up: UpstreamTopUp, data: dict[str, Any]) -> str:
    operator: Any = request.user
    account.correct_top_up(top_up, data["amount"], by=operator, note=data["reason"])
    before, after = format_credits(top_up.millicredits), format_credits(data["amount"])
    return f"The top-up at KIE is {after} credits, {before} before: {data['reason']}"


@admin.register(UpstreamTopUp)
class UpstreamTopUpAdmin(ButtonsAdmin):
    """What we bought at KIE. New ones can be entered; those that are there are corrected by a button."""

    form = NewTopUpForm
    list_display = ["at", amount("millicredits", "KIE credits"), "source", "author", "note"]
    list_filter = ["source", "at"]
    list_select_related = ["author"]
    ordering = ["-at"]
    readonly_fields = (amount("millicredits", "KIE credits"), "source", "author")
    buttons = (
        Button(
            "correct",
            "Confirm or correct…",
            "billing.change_upstreamtopup",
            _correct,
            "The amount that KIE was really paid for:",
            form=TopUpForm,
            initial=lambda top_up: {"amount": top_up.millicredits, "reason": top_up.note},
        ),
    )

    def get_fields(self, request: HttpRequest, obj: Any = None) -> Any:
        return ["millicredits", "at", "note"] if obj is None else [*self.readonly_fields, "at", "note"]

    def get_readonly_fields(self, request: HttpRequest, obj: Any = None) -> Any:
        return () if obj is None else self.readonly_fields

    def has_change_permission(self, request: HttpRequest, obj: Any = None) -> bool:
        return False

    def has_delete_permission(self, request: HttpRequest, obj: Any = None) -> bool:
        return False

    def save_model(self, request: HttpRequest, obj: UpstreamTopUp, form: Any, change: bool) -> None:
        operator: Any = request.user
        entered = account.enter_top_up(obj.millicredits, obj.at, by=operator, note=obj.note)
        obj.pk, obj._state.adding = entered.pk, False

    def add_view(self, request: HttpRequest, form_url: str = "", extra_context: dict | None = None) -> HttpResponse:
        try:
            return super().add_view(request, form_url, extra_context)
        except Refused as refused:
            self.message_user(request, refused.message, "ERROR")
            return HttpResponseRedirect(reverse("admin:billing_upstreamtopup_changelist"))


# Costs


def compared(since: Any) -> QuerySet:
    """Expected and actual cost per model of the successes since a moment; what costs most comes first (R-PR2)."""
    reported = Q(cost_source__in=[Source.REPORTED, Source.ENTERED])
    found = Generation.objects.filter(state=Generation.State.SUCCEEDED, created_at__gte=since)
    return (
        found.values("model")
        .annotate(
            successes=Count("pk"),
            estimated=Count("pk", filter=Q(cost_source=Source.ESTIMATED)),
            expected=Sum("cost_estimate_millicredits", filter=reported, default=0),
            actual=Sum("cost_millicredits", filter=reported, default=0),
            deviations=Count("deviation"),
        )
        .annotate(difference=F("actual") - F("expected"))
        .order_by("-actual", "model")
    )


@admin.register(CostDeviation)
class CostDeviationAdmin(ReadOnlyAdmin):
    """What the price sentinel found, and above it all models: expected and actual cost."""

    change_list_template = "admin/generation/costdeviation/change_list.html"
    list_display = [
        *("at", "model", "link"),
        amount("expected_millicredits", "expected (KIE credits)"),
        amount("actual_millicredits", "actual (KIE credits)"),
        amount("charged_millicredits", "charged (our credits)"),
    ]
    list_filter = ["at"]
    search_fields = ["model", "^generation__id"]
    ordering = ["-at"]
    readonly_fields: ClassVar[Any] = tuple(list_display)
    fields = readonly_fields

    @admin.display(description="generation")
    def link(self, deviation: CostDeviation) -> str:
        url = reverse("admin:generation_generation_change", args=[deviation.generation_id])
        return format_html('<a href="{}">{}</a>', url, deviation.generation_id)

    def changelist_view(self, request: HttpRequest, extra_context: dict | None = None) -> HttpResponse:
        found = compared(timezone.now() - COMPARED)
        more = {"title": "Costs at KIE, expected and actual", "compared": found, "days": COMPARED.days}
        return super().changelist_view(request, {**(extra_context or {}), **more})

    def get_urls(self) -> list:
        view = self.admin_site.admin_view(self.costs)
        return [path("costs.csv", view, name="generation_costs"), *super().get_urls()]

    def costs(self, request: HttpRequest) -> HttpResponseBase:
        """Every generation of the last 30 days with its cost and how that is known, as CSV."""
        if not self.has_view_permission(request):
            raise PermissionDenied
        recent = Generation.objects.filter(created_at__gte=timezone.now() - COMPARED).order_by("created_at", "pk")
        export = exports.of(Generation)
        return exports.stream("costs", [name for name, _ in export.columns], exports.rows(recent, export))
