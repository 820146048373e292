"""The page of differences to KIE's catalogue, and the list of what was taken over."""

from collections.abc import Callable
from typing import Any

from django.contrib import admin
from django.db.models import QuerySet
from django.http import HttpRequest, HttpResponse
from django.utils.html import format_html, format_html_join

from accounts.admin_buttons import Button, ReadOnlyAdmin, Section, admin_url
from accounts.errors import Refused
from billing.admin.forms import ReasonForm
from generation import exact_json
from generation.admin import proposals
from generation.admin.proposal_forms import NewModelForm, PatchForm, PriceForm, SchemaForm, StatusForm
from generation.catalog import changes as catalog_changes
from generation.catalog import proposals as catalog_proposals
from generation.catalog.models import CatalogueChange, CatalogueProposal
from generation.models import ModelSwitch

Kind, State = CatalogueProposal.Kind, CatalogueProposal.State
DECIDE = "generation.change_catalogueproposal"
CHANGE = "generation.change_cataloguechange"
LONGEST_SUMMARY = 300


def _accept(kind: str) -> Callable[[HttpRequest, CatalogueProposal, dict[str, Any]], str]:
    def run(request: HttpRequest, proposal: CatalogueProposal, data: dict[str, Any]) -> str:
        if proposal.kind != kind:
            raise Refused("other_kind", "This button is for differences of another kind.", status=409)
        author: Any = request.user
        return catalog_proposals.accept(proposal, data["patch"], data["summary"], author, data["version"])

    return run


def _button(kind: str, form: type[PatchForm], question: str) -> Button:
    return Button(
        f"accept-{kind}",
        "Accept…",
        DECIDE,
        _accept(kind),
        question,
        form=form,
        initial=lambda proposal: {"proposal": proposal, "model": proposal.model},
        shown=lambda proposal: proposal.kind == kind and proposal.state == State.OPEN,
    )


def _dismiss(request: HttpRequest, proposal: CatalogueProposal, data: dict[str, Any]) -> str:
    author: Any = request.user
    catalog_proposals.dismiss(proposal, data["reason"], author)
    return f"Dismissed: {data['reason']}"


def _revert(request: HttpRequest, change: CatalogueChange, data: dict[str, Any]) -> str:
    author: Any = request.user
    catalog_proposals.revert(change, author)
    return f"Reverted for {change.model}: {change.summary} {data['reason']}"


def _price(request: HttpRequest, switch: ModelSwitch, data: dict[str, Any]) -> str:
    author: Any = request.user
    catalog_changes.change(switch.model, data["patch"], data["summary"], author, version=data["version"])
    return data["summary"]


# Beside the buttons that turn a model on and off.
PRICE_BUTTON = Button(
    "price",
    "Set KIE's price…",
    CHANGE,
    _price,
    "From now on this is taken for KIE's price, and ours follows from it:",
    form=PriceForm,
    initial=lambda switch: {"model": switch.model},
)


class StateFilter(admin.SimpleListFilter):
    """Only what waits for a decision, unless asked otherwise."""

    title = "state"
    parameter_name = "state"

    def lookups(self, request: HttpRequest, model_admin: Any) -> list[tuple[str, str]]:
        return [*((state.value, state.label) for state in State), ("all", "All")]

    def value(self) -> str:
        return super().value() or State.OPEN

    def choices(self, changelist: Any) -> Any:
        for value, title in self.lookup_choices:
            query = changelist.get_query_string({self.parameter_name: value})
            yield {"selected": self.value() == value, "query_string": query, "display": title}

    def queryset(self, request: HttpRequest, queryset: QuerySet) -> QuerySet:
        return queryset if self.value() == "all" else queryset.filter(state=self.value())


@admin.register(CatalogueProposal)
class CatalogueProposalAdmin(ReadOnlyAdmin):
    """What KIE says otherwise than our catalogue, to be accepted or dismissed one by one."""

    change_list_template = "admin/generation/generation/change_list.html"
    list_display = ["model", "kind", "difference", "left", "seen_at", "state"]
    list_filter = [StateFilter, "kind", "seen_at"]
    list_per_page = 50
    search_fields = ["model"]
    ordering = ["kind", "model", "-pk"]
    fields = ["model", "kind", "difference", "left", "state", "seen_at", "decided_at", "decided_by", "reason"]
    buttons = (
        _button(
            Kind.NEW,
            NewModelForm,
            "It is added to the catalogue. With a price it is for sale at once, in all that the price covers:",
        ),
        _button(Kind.RETIRED, StatusForm, "It is retired and turned off; what runs already runs on:"),
        _button(Kind.RETURNED, StatusForm, "It is live again, and for sale if it has a price and is not switched off:"),
        _button(Kind.SCHEMA, SchemaForm, "The changes that are ticked or priced are taken over for:"),
        _button(Kind.PRICE, PriceForm, "From now on these are taken for KIE's prices, and ours follow from them:"),
        Button(
            "dismiss",
            "Dismiss…",
            DECIDE,
            _dismiss,
            "Our catalogue stays as it is, and the same difference is not proposed again:",
            form=ReasonForm,
            shown=lambda proposal: proposal.state == State.OPEN,
            bulk=True,
        ),
    )

    def get_list_display(self, request: HttpRequest) -> Any:
        return [*self.list_display, *(["decide"] if request.user.has_perm(DECIDE) else [])]

    def changelist_view(self, request: HttpRequest, extra_context: dict | None = None) -> HttpResponse:
        return super().changelist_view(request, {**(extra_context or {}), "gauges": proposals.gauges()})

    @admin.display(description="difference")
    def difference(self, proposal: CatalogueProposal) -> str:
        text = proposals.summary(proposal)
        return text if len(text) <= LONGEST_SUMMARY else f"{text[:LONGEST_SUMMARY]}…"

    @admin.display(description="margin if nothing is done")
    def left(self, proposal: CatalogueProposal) -> str:
        return proposals.worst(proposal)

    @admin.display(description="decide")
    def decide(self, proposal: CatalogueProposal) -> str:
        base = admin_url(proposal).removesuffix("change/")
        shown = [(f"{base}do/{button.name}/", button.label) for button in self.buttons if button.shown(proposal)]
        return format_html_join(" · ", '<a href="{}">{}</a>', shown)

    def sections(self, request: HttpRequest, obj: CatalogueProposal) -> list[Section]:
        changes = [[format_html('<a href="{}">{}</a>', admin_url(change), change)] for change in obj.changes.all()]
        return [*proposals.sections(obj), *([Section("Taken over as", [""], changes)] if changes else [])]


@admin.register(CatalogueChange)
class CatalogueChangeAdmin(ReadOnlyAdmin):
    """What operators laid over the shipped catalogue, and can take back."""

    list_display = ["model", "summary", "author", "at", "reverted_at", "reverted_by"]
    list_filter = ["at", ("reverted_at", admin.EmptyFieldListFilter)]
    list_select_related = ["author", "reverted_by"]
    search_fields = ["model", "summary"]
    ordering = ["-pk"]
    fields = ["model", "summary", "proposal", "author", "at", "reverted_at", "reverted_by"]
    buttons = (
        Button(
            "revert",
            "Revert…",
            CHANGE,
            _revert,
            "The entry is as it was before, from now on, and the difference waits for a decision again:",
            form=ReasonForm,
            shown=lambda change: change.reverted_at is None,
        ),
    )

    def sections(self, request: HttpRequest, obj: CatalogueChange) -> list[Section]:
        patch = exact_json.dumps(exact_json.loads(obj.patch), indent=2)
        return [Section("The keys of the entry that it sets", [], [], texts=[("As JSON", patch)])]
