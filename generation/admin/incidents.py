"""Incidents for operators: filter, preview, begin, and see how far it is."""

import uuid
from datetime import timedelta
from typing import Any

from django import forms
from django.contrib import admin, messages
from django.core import signing
from django.core.exceptions import PermissionDenied
from django.db import transaction
from django.http import HttpRequest, HttpResponse, HttpResponseRedirect
from django.template.response import TemplateResponse
from django.urls import reverse
from django.utils import timezone
from django.utils.html import format_html

from accounts.admin_buttons import PAGE_SECONDS, ReadOnlyAdmin, Section, admin_url
from accounts.errors import Refused
from accounts.models import User
from billing.amounts import format_credits
from billing.models import Incident, IncidentItem
from generation import catalog
from generation.oversight import incidents
from generation.oversight.incidents import Criteria, Preview

SALT = "generation.admin_incidents"
SHOWN_CUSTOMERS = 50
MINUTES = "%Y-%m-%dT%H:%M"


def _moment(label: str, help_text: str) -> forms.DateTimeField:
    widget = forms.DateTimeInput(attrs={"type": "datetime-local"}, format=MINUTES)
    formats = [MINUTES, "%Y-%m-%dT%H:%M:%S", "%Y-%m-%d %H:%M:%S", "%Y-%m-%d %H:%M"]
    return forms.DateTimeField(label=label, widget=widget, input_formats=formats, help_text=help_text)


class FilterForm(forms.Form):
    """Which generations."""

    since = _moment("Ended from", "In the platform's time zone.")
    until = _moment("until", "Without this minute itself; not in the future.")
    model = forms.CharField(
        required=False, max_length=120, widget=forms.TextInput(attrs={"list": "models", "class": "vTextField"})
    )
    email = forms.EmailField(label="Customer", required=False, help_text="An e-mail address. Empty: everyone.")
    text = forms.CharField(
        label="Words", required=False, max_length=200, help_text="In KIE's answers, our error, or KIE's task id."
    )
    code = forms.IntegerField(
        label="KIE's code",
        required=False,
        min_value=0,
        max_value=99_999,
        help_text="In one of KIE's answers, such as 501.",
    )

    def clean_model(self) -> str:
        model = self.cleaned_data["model"]
        if model and not any(entry.id == model for entry in catalog.all()):
            raise forms.ValidationError("There is no such model.")
        return model

    def clean_email(self) -> str:
        email = self.cleaned_data["email"].lower()
        if email and not User.objects.filter(email=email).exists():
            raise forms.ValidationError("There is no such user.")
        return email

    def clean_until(self) -> Any:
        # What ends later could not have been seen in the preview.
        return min(self.cleaned_data["until"], timezone.now())

    def criteria(self) -> Criteria:
        return Criteria(**self.cleaned_data)


class StartForm(forms.Form):
    """What is told. `seen` is the preview that was shown, signed."""

    reason = forms.CharField(
        max_length=300,
        widget=forms.TextInput(attrs={"class": "vTextField"}),
        help_text="For the books; only operators read it.",
    )
    public_text = forms.CharField(
        label="Text for the customers",
        max_length=500,
        widget=forms.Textarea(attrs={"rows": 3, "class": "vLargeTextField"}),
        help_text="In the e-mail, the statement and the receipt of each generation.",
    )
    seen = forms.CharField(widget=forms.HiddenInput)

    def clean_seen(self) -> dict[str, Any]:
        try:
            return signing.loads(self.cleaned_data["seen"], salt=SALT, max_age=PAGE_SECONDS)
        except signing.BadSignature:
            raise forms.ValidationError("This page is too old. Open it again.") from None


def sign(criteria: Criteria, seen: Preview) -> str:
    """What was shown, so that exactly that is done, and done once."""
    values = {"key": uuid.uuid4().hex, "criteria": criteria.as_json(), "count": len(seen.chosen), "total": seen.total}
    return signing.dumps(values, salt=SALT)


@admin.register(Incident)
class IncidentAdmin(ReadOnlyAdmin):
    """Refunds after an incident, with their author, reason and outcome."""

    list_display = ["created_at", "name", "state", "how_far", "refunded", "author", "reason"]
    list_display_links = ["name"]
    list_filter = ["state", "created_at"]
    list_select_related = ["author"]
    search_fields = ["reason", "public_text", "author__email"]
    ordering = ["-pk"]
    fields = [
        *("state", "how_far", "refunded", "told", "author", "reason", "public_text", "which"),
        *("created_at", "finished_at"),
    ]

    def has_add_permission(self, request: HttpRequest, obj: Any = None) -> bool:
        return request.user.has_perm("billing.add_incident")

    @admin.display(description="incident", ordering="pk")
    def name(self, incident: Incident) -> str:
        return str(incident).capitalize()

    @admin.display(description="progress")
    def how_far(self, incident: Incident) -> str:
        at = incidents.progress(incident)
        return f"{at.refunded} of {at.items} refunded, {at.excluded} excluded, {at.waiting} waiting"

    @admin.display(description="credits given back")
    def refunded(self, incident: Incident) -> str:
        return format_credits(incidents.progress(incident).refunded_millicredits)

    @admin.display(description="customers told")
    def told(self, incident: Incident) -> str:
        at = incidents.progress(incident)
        return f"{at.sent} of {at.mails}" + (f", {at.given_up} could not be reached" if at.given_up else "")

    @admin.display(description="which generations")
    def which(self, incident: Incident) -> str:
        return str(Criteria.from_json(incident.criteria))

    def sections(self, request: HttpRequest, obj: Incident) -> list[Section]:
        items = obj.items.select_related("user").order_by("pk")[:SHOWN_CUSTOMERS]
        rows = [[_link(item), item.user, format_credits(item.amount_millicredits), item.outcome] for item in items]
        more = f"{reverse('admin:billing_incidentitem_changelist')}?incident__id__exact={obj.pk}"
        return [Section("Generations", ["Generation", "Customer", "Credits", "Outcome"], rows, more)]

    def change_view(self, request: HttpRequest, object_id: str, *args: Any, **kwargs: Any) -> HttpResponse:
        response = super().change_view(request, object_id, *args, **kwargs)
        if response.status_code == 200 and Incident.objects.filter(pk=object_id).exclude(state="done").exists():
            # The page shows the progress by being asked for again, without a script.
            response.headers["Refresh"] = "3"
        return response

    def add_view(self, request: HttpRequest, form_url: str = "", extra_context: Any = None) -> HttpResponse:
        """The filter and its preview are addresses; beginning is a POST of exactly what was shown."""
        if not self.has_add_permission(request):
            raise PermissionDenied
        start = StartForm(request.POST) if request.method == "POST" else None
        if start and start.is_valid():
            try:
                return self._begin(request, start.cleaned_data)
            except Refused as refused:
                start.add_error(None, refused.message)
        now = timezone.localtime()
        shown = {"since": f"{now - timedelta(days=1):{MINUTES}}", "until": f"{now:{MINUTES}}"}
        chosen = FilterForm(request.GET) if "since" in request.GET else FilterForm(initial=shown)
        context: dict[str, Any] = {"filter": chosen, "start": start, "models": [entry.id for entry in catalog.all()]}
        if chosen.is_bound and chosen.is_valid():
            try:
                context |= self._preview(chosen.criteria(), start)
            except Refused as refused:
                chosen.add_error(None, refused.message)
        context |= {**self.admin_site.each_context(request), "opts": self.opts, "title": "Refund an incident"}
        return TemplateResponse(request, "admin/dashboard/incident.html", context)

    def _preview(self, criteria: Criteria, start: StartForm | None) -> dict[str, Any]:
        seen = incidents.preview(criteria)
        largest = seen.by_customer()[:SHOWN_CUSTOMERS]
        names = dict(User.objects.filter(pk__in=[user for user, _, _ in largest]).values_list("pk", "email"))
        customers = [(names[user], number, amount) for user, number, amount in largest]
        form = start or StartForm()
        return {"preview": seen, "customers": customers, "start": form, "seen": sign(criteria, seen)}

    def _begin(self, request: HttpRequest, data: dict[str, Any]) -> HttpResponse:
        author: Any = request.user
        seen = data["seen"]
        texts = {name: data[name] for name in ("reason", "public_text")}
        shown = {"key": seen["key"], "count": seen["count"], "total": seen["total"]}
        with transaction.atomic():
            incident = incidents.start(Criteria.from_json(seen["criteria"]), **shown, **texts, author=author)
            total = format_credits(seen["total"])
            done = f"{str(incident).capitalize()}: {seen['count']} generations, {total} credits. {incident.reason}"
            self.log_addition(request, incident, done)
        self.message_user(request, done, messages.SUCCESS)
        return HttpResponseRedirect(admin_url(incident))


def _link(item: IncidentItem) -> str:
    pk = item.about.removeprefix("generation:")
    return format_html('<a href="{}">{}</a>', reverse("admin:generation_generation_change", args=[pk]), pk)


@admin.register(IncidentItem)
class IncidentItemAdmin(ReadOnlyAdmin):
    """The generations of incidents."""

    list_display = ["generation", "incident", "user", "credits", "outcome"]
    list_display_links = None
    list_filter = ["outcome", "incident"]
    list_select_related = ["incident", "user"]
    search_fields = ["about", "user__email"]
    ordering = ["-pk"]
    fields = ["generation", "incident", "user", "credits", "outcome", "entry"]

    @admin.display(description="generation")
    def generation(self, item: IncidentItem) -> str:
        return _link(item)

    @admin.display(description="credits", ordering="amount_millicredits")
    def credits(self, item: IncidentItem) -> str:
        return format_credits(item.amount_millicredits)
