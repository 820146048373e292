"""The prices in the admin: versions of the price list, each rehearsed before it is saved, and groups of customers."""

from typing import Any

from django import forms
from django.contrib import admin, messages
from django.contrib.admin.utils import quote
from django.core.exceptions import PermissionDenied
from django.db import models, transaction
from django.db.models import Count, QuerySet
from django.http import Http404, HttpRequest, HttpResponse, HttpResponseRedirect
from django.template.response import TemplateResponse
from django.urls import reverse
from django.utils import timezone
from django.utils.html import format_html

from accounts.admin_buttons import Button, ButtonsAdmin, Confirmation, ReadOnlyAdmin, Section, admin_url
from accounts.errors import Refused
from accounts.models import User
from billing import prices
from billing.amounts import format_credits
from billing.models import PriceGroup, PriceList
from generation import catalog
from generation.admin import price_forms
from generation.admin.gauges import Gauge
from generation.oversight import price_checks, rehearsal

SHOWN_MEMBERS = 100
MORE_LINES = 5


def _withdraw(request: HttpRequest, price_list: PriceList, data: dict[str, Any]) -> str:
    prices.withdraw(price_list)
    return f"Withdrew {price_list}, which was to take effect at {price_list.effective_from:%Y-%m-%d %H:%M %Z}."


def _coming(price_list: PriceList) -> bool:
    return price_list.effective_from > timezone.now()


@admin.register(PriceList)
class PriceListAdmin(ReadOnlyAdmin):
    """Lists are never changed: a new version starts as a copy. Only what is still to come can be taken back."""

    change_list_template = "admin/generation/generation/change_list.html"
    list_display = ["version", "when", "from_instant", "factor", "step", "number_of_lines", "reason", "author"]
    list_display_links = ["version"]
    list_select_related = ["author"]
    readonly_fields = ("version", "when", "from_instant", "factor", "step", "reason", "author", "created_at")
    fields = readonly_fields
    buttons = (
        Button(
            "withdraw",
            "Withdraw…",
            "billing.delete_pricelist",
            _withdraw,
            "It will not take effect, and is gone:",
            shown=_coming,
        ),
    )

    def has_add_permission(self, request: HttpRequest, obj: Any = None) -> bool:
        return request.user.has_perm("billing.add_pricelist")

    def get_queryset(self, request: HttpRequest) -> QuerySet[PriceList]:
        current = models.Value(prices.in_effect().pk, models.BigIntegerField())
        return super().get_queryset(request).annotate(current=current)

    # What is shown

    @admin.display(description="version", ordering="pk")
    def version(self, price_list: PriceList) -> str:
        return str(price_list).capitalize()

    @admin.display(description="state")
    def when(self, price_list: Any) -> str:
        if _coming(price_list):
            return "still to come"
        return "in effect" if price_list.pk == price_list.current else "past"

    @admin.display(description="in effect from", ordering="effective_from")
    def from_instant(self, price_list: PriceList) -> str:
        return f"{timezone.localtime(price_list.effective_from):%Y-%m-%d %H:%M:%S %Z}"

    @admin.display(description="markup", ordering="markup")
    def factor(self, price_list: PriceList) -> str:
        return f"× {prices.plain(price_list.markup)}"

    @admin.display(description="rounded up to, in credits", ordering="step_millicredits")
    def step(self, price_list: PriceList) -> str:
        return format_credits(price_list.step_millicredits)

    @admin.display(description="lines")
    def number_of_lines(self, price_list: PriceList) -> int:
        return len(price_list.overrides)

    def changelist_view(self, request: HttpRequest, extra_context: dict | None = None) -> HttpResponse:
        return super().changelist_view(request, {**(extra_context or {}), "title": "Prices", "gauges": _gauges()})

    def sections(self, request: HttpRequest, obj: PriceList) -> list[Section]:
        rows = [
            [
                line.model,
                line.group or "everyone",
                f"× {prices.plain(line.markup)}" if line.markup is not None else "",
                "" if line.price_millicredits is None else format_credits(line.price_millicredits),
            ]
            for line in prices.lines(obj)
        ]
        found = [[loss.model, loss.group or "everyone", f"{loss.ratio:.0%}"] for loss in price_checks.losses(obj)]
        return [
            Section(
                "Lines, the most specific first",
                ["Model", "For", "Markup", "Credits per unit"],
                rows,
                empty="None: the markup counts for every model and customer.",
            ),
            Section("Sold below cost", ["Model", "For", "Of its cost"], found, empty="Nothing."),
        ]

    def render_change_form(self, request: HttpRequest, context: dict[str, Any], *args: Any, **kwargs: Any) -> Any:
        response = super().render_change_form(request, context, *args, **kwargs)
        obj = context.get("original")
        if obj and self.has_add_permission(request):
            add = reverse("admin:billing_pricelist_add")
            copy = [("Make a new version", f"{add}?from={obj.pk}")]
            change = [("Change", f"{add}?replace={obj.pk}")] if _coming(obj) else []
            response.context_data["buttons"] = [*copy, *change, *response.context_data["buttons"]]
        return response

    def button_view(self, request: HttpRequest, object_id: str, name: str) -> HttpResponse:
        response = super().button_view(request, object_id, name)
        # A list that was withdrawn has no page any more.
        if response.status_code == 302 and not PriceList.objects.filter(pk=object_id).exists():
            return HttpResponseRedirect(reverse("admin:billing_pricelist_changelist"))
        return response

    # A new version

    def add_view(self, request: HttpRequest, form_url: str = "", extra_context: Any = None) -> HttpResponse:
        """The draft, its rehearsal, and saving it: a list is saved only as it was rehearsed."""
        if not self.has_add_permission(request):
            raise PermissionDenied
        replaces = self._listed(request, "replace")
        source = replaces or self._listed(request, "from") or prices.in_effect()
        data = request.POST.copy() if request.method == "POST" else None
        if data and "more" in data:
            data["line-TOTAL_FORMS"] = str(_number(data.get("line-TOTAL_FORMS", "")) + MORE_LINES)
        draft = price_forms.Draft(data, source=source, replaces=replaces)
        context: dict[str, Any] = {"draft": draft, "source": source, "query": request.GET.urlencode()}
        context["models"] = [entry.id for entry in catalog.all()]
        if data and "more" not in data and draft.is_valid():
            price_list = draft.price_list()
            if draft.check(price_list, saving="save" in data):
                try:
                    return self._save(request, price_list, replaces)
                except Refused as refused:
                    draft.form.add_error(None, refused.message)
            context |= {"rehearsal": rehearsal.rehearse(price_list), "rehearsed": draft.sign(price_list)}
        context |= {**self.admin_site.each_context(request), "opts": self.opts, "title": "New version of the prices"}
        return TemplateResponse(request, "admin/billing/prices/draft.html", context)

    def _listed(self, request: HttpRequest, name: str) -> PriceList | None:
        key = request.GET.get(name, "")
        if not key:
            return None
        found = PriceList.objects.filter(pk=_number(key)).first()
        if found is None or (name == "replace" and not _coming(found)):
            raise Http404
        return found

    def _save(self, request: HttpRequest, price_list: PriceList, replaces: PriceList | None) -> HttpResponse:
        author: Any = request.user
        instead = f" instead of {replaces}" if replaces else ""
        with transaction.atomic():
            saved = prices.issue(price_list, author=author, replaces=replaces)
            what = f"× {prices.plain(saved.markup)}, {len(saved.overrides)} lines"
            done = f"Made {saved}{instead}: {what}. {saved.reason}"
            self.log_addition(request, saved, done)
        self.message_user(request, done, messages.SUCCESS)
        return HttpResponseRedirect(admin_url(saved))


def _number(text: str) -> int:
    return int(text) if text.isascii() and text.isdecimal() and len(text) < 10 else 0


def _gauges() -> list[Gauge]:
    """What is charged now, what is to come, and what is sold below its cost."""
    current = prices.in_effect()
    url = admin_url(current) if current.pk else ""
    words = str(current) if current.pk else f"no list: PRICE_MARKUP, × {prices.plain(current.markup)}"
    coming = PriceList.objects.filter(effective_from__gt=timezone.now()).order_by("effective_from").first()
    gauges = [Gauge("In effect", words, url)]
    if coming:
        gauges.append(Gauge("Next", f"{coming} at {coming.effective_from:%Y-%m-%d %H:%M %Z}", admin_url(coming)))
    found = price_checks.losses(current)
    return [*gauges, Gauge("Sold below cost", price_checks.named(found, 3) or "nothing", wrong=bool(found))]


# Groups


class MemberForm(Confirmation):
    email = forms.EmailField(label="E-mail of the customer")

    def clean_email(self) -> User:
        user = User.objects.filter(email=self.cleaned_data["email"].lower()).first()
        if user is None:
            raise forms.ValidationError("There is no such user.")
        return user


def _add_member(request: HttpRequest, group: PriceGroup, data: dict[str, Any]) -> str:
    prices.join(data["email"], group)
    return f"{data['email']} is in {group} now."


@admin.register(PriceGroup)
class PriceGroupAdmin(ButtonsAdmin):
    """Customers who pay less than the others."""

    form = price_forms.GroupForm
    list_display = ["name", "discount_percent", "number_of_members", "note"]
    fields = ["name", "discount_percent", "below_cost", "note"]
    search_fields = ["name", "note"]
    buttons = (
        Button(
            "add-member",
            "Add a customer…",
            "billing.change_pricegroup",
            _add_member,
            "From now on the customer pays the prices of this group, and of no other:",
            form=MemberForm,
        ),
    )

    def get_queryset(self, request: HttpRequest) -> QuerySet[PriceGroup]:
        return super().get_queryset(request).annotate(number=Count("members"))

    @admin.display(description="customers", ordering="number")
    def number_of_members(self, group: Any) -> str:
        url = reverse("admin:billing_pricegroup_change", args=[quote(group.pk)])
        return format_html('<a href="{}">{}</a>', url, group.number)

    def get_readonly_fields(self, request: HttpRequest, obj: Any = None) -> list[str]:
        return ["name"] if obj else []

    def has_delete_permission(self, request: HttpRequest, obj: PriceGroup | None = None) -> bool:
        kept = obj is not None and prices.mentioned(obj.name)
        return not kept and super().has_delete_permission(request, obj)

    def save_model(self, request: HttpRequest, obj: PriceGroup, form: Any, change: bool) -> None:
        super().save_model(request, obj, form, change)
        prices.forget()

    def sections(self, request: HttpRequest, obj: PriceGroup) -> list[Section]:
        members = obj.members.select_related("user").order_by("user__email")[:SHOWN_MEMBERS]
        users = [[format_html('<a href="{}">{}</a>', admin_url(member.user), member.user)] for member in members]
        current = prices.in_effect()
        lines = [[str(line)] for line in prices.lines(current) if line.group == obj.name]
        return [
            Section("Customers", ["Customer"], users, empty="None yet."),
            Section(f"Lines in {current if current.pk else 'the prices'} now", ["Line"], lines),
        ]
