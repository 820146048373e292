"""Generations with everything that is known of them, and the models on and off."""

import json
from typing import Any, ClassVar

from django.contrib import admin
from django.db.models import QuerySet
from django.http import HttpRequest, HttpResponse
from django.template.response import TemplateResponse
from django.utils import timezone
from django.utils.html import format_html
from django.utils.timesince import timesince

from accounts.admin_buttons import Button, ReadOnlyAdmin, Section, admin_url
from accounts.errors import Refused
from billing import ledger
from billing.admin.forms import ReasonForm
from billing.admin.wallets import amount, entries_section
from billing.amounts import format_credits
from billing.models import Entry
from generation import catalog, offers
from generation.admin import buttons as admin_buttons
from generation.admin import catalogue, changes, gauges, proposals
from generation.models import Exchange, Generation, ModelSwitch
from generation.pages import files


def pretty(value: Any) -> str:
    """JSON for people. A text that is no JSON stays as it is."""
    if isinstance(value, str):
        try:
            value = json.loads(value)
        except ValueError:
            return value
    return json.dumps(value, indent=2, ensure_ascii=False)


class OverdueFilter(admin.SimpleListFilter):
    title = "past its deadline"
    parameter_name = "overdue"

    def lookups(self, request: HttpRequest, model_admin: Any) -> list[tuple[str, str]]:
        return [("yes", "Open and past its deadline")]

    def queryset(self, request: HttpRequest, queryset: QuerySet) -> QuerySet:
        overdue = {"finished_at": None, "deadline__lt": timezone.now()}
        return queryset.filter(**overdue) if self.value() == "yes" else queryset


@admin.register(Generation)
class GenerationAdmin(ReadOnlyAdmin):
    change_list_template = "admin/generation/generation/change_list.html"
    list_display = [
        *("short_id", "user", "model", "state", "age"),
        amount("price_millicredits", "price"),
        "charged",
        "cost",
        "created",
    ]
    list_filter = ["state", OverdueFilter, "kind", "created_at"]
    list_select_related = ["user"]
    list_per_page = 50
    search_fields = ["^id", "user__email", "model", "=kie_task_id"]
    date_hierarchy = "created_at"
    ordering = ["-created_at", "-pk"]
    buttons = admin_buttons.BUTTONS
    fieldsets: ClassVar[Any] = [
        (None, {"fields": ["id", "customer", "api_key", "model", "kind", "state", "error_code", "error_message"]}),
        (
            "Money",
            {
                "fields": [
                    amount("price_millicredits", "price"),
                    "price_exact",
                    "price_version",
                    amount("cost_estimate_millicredits", "estimated cost (KIE credits)"),
                    amount("cost_millicredits", "actual cost (KIE credits)"),
                    "cost_source",
                ]
            },
        ),
        (
            "Times",
            {"fields": ["created_at", "started_at", "finished_at", "deadline", "check_at", "checks", "attempts"]},
        ),
        ("KIE", {"fields": ["kie_task_id"]}),
    ]
    readonly_fields = [name for _, options in fieldsets for name in options["fields"]]

    def lookup_allowed(self, lookup: str, value: Any, request: HttpRequest) -> bool:
        return lookup == "user__id__exact" or super().lookup_allowed(lookup, value, request)

    def get_changelist_instance(self, request: HttpRequest) -> Any:
        change_list = super().get_changelist_instance(request)
        receipts = ledger.receipts([generation.about for generation in change_list.result_list])
        for generation in change_list.result_list:
            generation.receipt = receipts[generation.about]
        return change_list

    def changelist_view(self, request: HttpRequest, extra_context: dict | None = None) -> HttpResponse:
        return super().changelist_view(request, {**(extra_context or {}), "gauges": gauges.read()})

    @admin.display(description="id", ordering="pk")
    def short_id(self, generation: Generation) -> str:
        return str(generation.pk)[:8]

    @admin.display(description="charged")
    def charged(self, generation: Any) -> str:
        refunded = generation.receipt.refunded
        note = f", refunded {format_credits(refunded)}" if refunded else ""
        return format_credits(generation.receipt.charged) + note

    @admin.display(description="cost (KIE)", ordering="cost_millicredits")
    def cost(self, generation: Generation) -> str | None:
        """The actual cost; one that we only estimate is marked."""
        if generation.cost_millicredits is None:
            return None
        about = "≈ " if generation.cost_source == Generation.CostSource.ESTIMATED else ""
        return about + format_credits(generation.cost_millicredits)

    @admin.display(description="created", ordering="created_at")
    def created(self, generation: Generation) -> str:
        return f"{timezone.localtime(generation.created_at):%Y-%m-%d %H:%M}"

    @admin.display(description="age, and deadline")
    def age(self, generation: Generation) -> str:
        if generation.finished_at:
            return f"took {timesince(generation.created_at, generation.finished_at, depth=1)}"
        late = timezone.now() >= generation.deadline
        deadline = f"{timezone.localtime(generation.deadline):%H:%M}"
        return f"{timesince(generation.created_at, depth=1)}, {'PAST its deadline' if late else 'until'} {deadline}"

    @admin.display(description="user")
    def customer(self, generation: Generation) -> str:
        wallet = generation.user.wallet
        link = '<a href="{}">{}</a> (<a href="{}">wallet</a>)'
        return format_html(link, admin_url(generation.user), generation.user, admin_url(wallet))

    def sections(self, request: HttpRequest, obj: Generation) -> list[Section]:
        documents = [("Input", obj.input), ("Metadata", obj.metadata), ("Results as KIE gave them", obj.kie_results)]
        texts = [(title, pretty(value)) for title, value in documents]
        return [
            Section("Documents", [], [], texts=texts),
            _timeline(obj),
            _assets(obj),
            entries_section(Entry.objects.filter(about=obj.about).order_by("pk")),
            Section("Exchanges with KIE", [], [], texts=[_exchange(exchange) for exchange in obj.exchanges.all()]),
        ]


def _timeline(generation: Generation) -> Section:
    rows = [
        [
            f"{timezone.localtime(event.at):%Y-%m-%d %H:%M:%S}",
            event.state_to if event.state_from in ("", event.state_to) else f"{event.state_from} → {event.state_to}",
            event.why,
            event.by,
        ]
        for event in generation.events.all()
    ]
    return Section("Timeline", ["Time", "State", "Why", "By"], rows)


def _assets(generation: Generation) -> Section:
    rows = [
        [
            asset.index,
            format_html('<a href="{}">{}</a>', files.link(asset), str(asset.file).rpartition("/")[2]),
            asset.content_type,
            asset.size_bytes,
            f"{asset.width} x {asset.height}" if asset.width else None,
            pretty(asset.details),
        ]
        for asset in generation.assets.all()
    ]
    return Section("Files", ["", "File", "Type", "Bytes", "Pixels", "Details"], rows)


def _exchange(exchange: Exchange) -> tuple[str, str]:
    status = exchange.status or "no answer"
    time = f"{timezone.localtime(exchange.at):%H:%M:%S}"
    summary = f"{time} {exchange.method} {exchange.path}: {status}, {exchange.milliseconds} ms"
    return summary, f"{pretty(exchange.request)}\n\n{pretty(exchange.response)}"


def _switch_on(request: HttpRequest, switch: ModelSwitch, data: dict[str, Any]) -> str:
    if not offers.sellable(catalog.get(switch.model)):
        message = "This model cannot be sold: it has no price, or its protocol is not yet spoken here."
        raise Refused("not_sellable", message, status=409)
    return _set(switch, True, data["reason"])


def _switch_off(request: HttpRequest, switch: ModelSwitch, data: dict[str, Any]) -> str:
    return _set(switch, False, data["reason"])


def _set(switch: ModelSwitch, enabled: bool, reason: str) -> str:
    values = {"enabled": enabled, "reason": reason}
    ModelSwitch.objects.update_or_create(model=switch.model, defaults=values)
    return f"Switched {switch.model} {'on' if enabled else 'off'}: {reason}"


def _follow(request: HttpRequest, switch: ModelSwitch, data: dict[str, Any]) -> str:
    ModelSwitch.objects.filter(model=switch.model).delete()
    return f"{switch.model} follows the catalogue again."


@admin.register(ModelSwitch)
class ModelSwitchAdmin(ReadOnlyAdmin):
    """Models on and off. The list is the whole catalogue; a row of the table is an operator's decision."""

    readonly_fields = ("model", "enabled", "reason", "updated_at")
    fields = readonly_fields
    buttons = (
        Button(
            "on",
            "Switch on…",
            "generation.change_modelswitch",
            _switch_on,
            "From now on customers can buy:",
            form=ReasonForm,
            shown=lambda switch: not switch.enabled and offers.sellable(catalog.get(switch.model)),
        ),
        Button(
            "off",
            "Switch off…",
            "generation.change_modelswitch",
            _switch_off,
            "New requests are refused, and what runs already runs on, for:",
            form=ReasonForm,
            shown=lambda switch: switch.enabled,
        ),
        Button(
            "follow",
            "Follow the catalogue",
            "generation.change_modelswitch",
            _follow,
            "The switch is removed, and the catalogue decides again, for:",
            shown=lambda switch: not switch._state.adding,
        ),
        changes.PRICE_BUTTON,
    )

    def get_object(self, request: HttpRequest, object_id: str, from_field: str | None = None) -> ModelSwitch | None:
        """The switch of a model of the catalogue; where there is none, what the catalogue says."""
        enabled = offers.enabled().get(object_id)
        if enabled is None:
            return None
        switch = super().get_object(request, object_id, from_field)
        return switch or ModelSwitch(model=object_id, enabled=enabled)

    def changelist_view(self, request: HttpRequest, extra_context: dict | None = None) -> HttpResponse:
        if not self.has_view_permission(request):
            return super().changelist_view(request, extra_context)
        choices = catalogue.choices()
        chosen = {name: request.GET.get(name, "") for name in ("q", *choices)}
        context = {
            **self.admin_site.each_context(request),
            "title": "Models on and off",
            "opts": self.opts,
            "chosen": chosen,
            "choices": [(name, values, chosen[name]) for name, values in choices.items()],
            "rows": catalogue.rows(**chosen),
            "waiting": proposals.waiting(),
        }
        return TemplateResponse(request, "admin/generation/modelswitch/catalogue.html", context)
