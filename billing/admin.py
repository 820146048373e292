"""Wallets and the ledger to read, with buttons for what operators may book; budgets, the breaker, alerts."""

from typing import Any

from django.contrib import admin
from django.db.models import QuerySet
from django.http import HttpRequest, HttpResponse, HttpResponseRedirect
from django.urls import reverse
from django.utils import timezone
from django.utils.html import format_html

from accounts.admin import UserAdmin
from accounts.admin_buttons import Button, ButtonsAdmin, ReadOnlyAdmin, Section, admin_url
from accounts.errors import Refused
from accounts.models import User
from billing import admin_money, budgets, upstream
from billing.admin_forms import BudgetForm, ReasonForm
from billing.amounts import format_credits
from billing.models import BUCKETS, Alert, Breaker, Budget, BudgetDay, Entry, UpstreamBalance, Wallet

SHOWN_ENTRIES = 20
SHOWN_DAYS = 31


def amount(name: str, description: str = "") -> Any:
    """A column, or field, of millicredits shown as credits."""

    @admin.display(description=description or name, ordering=name)
    def show(obj: Any) -> str | None:
        value = getattr(obj, name)
        return None if value is None else format_credits(value)

    return show


def entries_section(entries: QuerySet[Entry], more: str = "") -> Section:
    """Movements of credits as a table."""
    columns = ["Time", "Kind", "Available", "Held", "Spent", "Key", "Note", "Author"]
    rows = [
        [
            entry.created_at,
            entry.get_kind_display(),
            *(format_credits(value) for value in (entry.available, entry.held, entry.spent)),
            format_html('<a href="{}">{}</a>', admin_url(entry), entry.key),
            entry.note,
            entry.author,
        ]
        for entry in entries.select_related("author")
    ]
    return Section("Entries", columns, rows, more)


@admin.register(Wallet)
class WalletAdmin(ReadOnlyAdmin):
    list_display = ["user", *(amount(name) for name in BUCKETS[1:])]
    list_select_related = ["user"]
    search_fields = ["user__email"]
    ordering = ["-available"]
    readonly_fields = (
        "owner",
        *(amount(name) for name in BUCKETS),
        amount("overdraft_limit", "overdraft limit"),
        "generations",
    )
    fields = readonly_fields
    buttons = admin_money.BUTTONS

    @admin.display(description="user")
    def owner(self, wallet: Wallet) -> str:
        return format_html('<a href="{}">{}</a>', admin_url(wallet.user), wallet.user)

    @admin.display(description="generations")
    def generations(self, wallet: Wallet) -> str:
        url = reverse("admin:generation_generation_changelist")
        return format_html('<a href="{}?user__id__exact={}">All of this user</a>', url, wallet.pk)

    def sections(self, request: HttpRequest, obj: Wallet) -> list[Section]:
        latest = obj.entries.order_by("-created_at", "-pk")[:SHOWN_ENTRIES]
        url = reverse("admin:billing_entry_changelist")
        return [entries_section(latest, f"{url}?wallet__user__exact={obj.pk}")]


@admin.register(Entry)
class EntryAdmin(ReadOnlyAdmin):
    list_display = ["created_at", "wallet_user", "kind", "key", *(amount(name) for name in BUCKETS), "note", "author"]
    list_display_links = ["created_at", "key"]
    list_filter = ["kind", "created_at"]
    list_select_related = ["wallet__user", "author"]
    search_fields = ["=key", "=about", "wallet__user__email", "note"]
    ordering = ["-pk"]
    readonly_fields = (
        *("created_at", "wallet_user", "kind", "key", "about"),
        *(amount(name) for name in BUCKETS),
        *("before", "after", "note", "author"),
    )
    fields = readonly_fields

    def lookup_allowed(self, lookup: str, value: Any, request: HttpRequest) -> bool:
        return lookup == "wallet__user__exact" or super().lookup_allowed(lookup, value, request)

    @admin.display(description="wallet", ordering="wallet__user__email")
    def wallet_user(self, entry: Entry) -> str:
        return format_html('<a href="{}">{}</a>', admin_url(entry.wallet), entry.wallet.user)

    @admin.display(description="available before")
    def before(self, entry: Entry) -> str:
        return format_credits(admin_money.before_and_after(entry)[0])

    @admin.display(description="available after")
    def after(self, entry: Entry) -> str:
        return format_credits(admin_money.before_and_after(entry)[1])


@admin.register(Budget)
class BudgetAdmin(ButtonsAdmin):
    """Caps are set here; the days of use are counted by the verbs alone."""

    form = BudgetForm
    list_display = ["scope", amount("daily_cap_millicredits", "daily cap (KIE credits)"), "time_zone", "used", "frees"]
    fields = ["scope", "daily_cap_millicredits", "time_zone", "used", "frees"]
    readonly_fields = ["scope", "used", "frees"]

    def has_add_permission(self, request: HttpRequest) -> bool:
        return False

    def has_delete_permission(self, request: HttpRequest, obj: Any = None) -> bool:
        return False

    @admin.display(description="used today (KIE credits)")
    def used(self, budget: Budget) -> str:
        today = budgets.local_day(budget.time_zone, timezone.now())
        day = BudgetDay.objects.filter(budget=budget, day=today).first()
        return format_credits(day.used_millicredits if day else 0)

    @admin.display(description="frees at")
    def frees(self, budget: Budget) -> str:
        return f"{budgets.frees_at(budget.time_zone, timezone.now()):%Y-%m-%d %H:%M %Z}"

    def sections(self, request: HttpRequest, obj: Budget) -> list[Section]:
        days = obj.days.order_by("-day")[:SHOWN_DAYS]
        rows = [[day.day, format_credits(day.used_millicredits)] for day in days]
        return [Section("Days", ["Local day", "Used (KIE credits)"], rows)]


def _pause(request: HttpRequest, breaker: Breaker, data: dict[str, Any]) -> str:
    upstream.pause(f"by {request.user}: {data['reason']}", cause=Breaker.Cause.OPERATOR)
    return f"Paused submission to KIE: {data['reason']}"


def _resume(request: HttpRequest, breaker: Breaker, data: dict[str, Any]) -> str:
    if not upstream.resume():
        raise Refused("not_paused", "Submission to KIE is not paused.", status=409)
    return "Resumed submission to KIE."


@admin.register(Breaker)
class BreakerAdmin(ReadOnlyAdmin):
    """There is one breaker, so its list is its page; its row appears with the first pause."""

    readonly_fields = ("state", "reason", "opened_at", "retry_at")
    fields = readonly_fields
    buttons = (
        Button(
            "pause",
            "Pause…",
            "billing.change_breaker",
            _pause,
            "Nothing is submitted until someone resumes, or KIE's balance is read as sufficient. Work stays queued:",
            form=ReasonForm,
            shown=lambda breaker: breaker.opened_at is None or breaker.retry_at is not None,
        ),
        Button(
            "resume",
            "Resume",
            "billing.change_breaker",
            _resume,
            "Queued work is submitted again:",
            shown=lambda breaker: breaker.opened_at is not None,
        ),
    )

    @admin.display(description="submission")
    def state(self, breaker: Breaker) -> str:
        return "paused" if upstream.paused() else "running"

    def get_object(self, request: HttpRequest, object_id: str, from_field: str | None = None) -> Breaker | None:
        missing = Breaker(name=upstream.KIE) if object_id == upstream.KIE else None
        return super().get_object(request, object_id, from_field) or missing

    def changelist_view(self, request: HttpRequest, extra_context: dict | None = None) -> HttpResponse:
        return HttpResponseRedirect(admin_url(Breaker(name=upstream.KIE)))


class AcknowledgedFilter(admin.SimpleListFilter):
    title = "acknowledged"
    parameter_name = "acknowledged"

    def lookups(self, request: HttpRequest, model_admin: Any) -> list[tuple[str, str]]:
        return [("no", "No"), ("yes", "Yes")]

    def queryset(self, request: HttpRequest, queryset: QuerySet) -> QuerySet:
        return queryset.filter(acknowledged_at__isnull=self.value() == "no") if self.value() else queryset


def _acknowledge(request: HttpRequest, alert: Alert, data: dict[str, Any]) -> str:
    if not Alert.objects.filter(pk=alert.pk, acknowledged_at=None).update(acknowledged_at=timezone.now()):
        raise Refused("already_acknowledged", "This alert was acknowledged before.", status=409)
    return "Acknowledged."


@admin.register(Alert)
class AlertAdmin(ReadOnlyAdmin):
    list_display = ["key", "message", "raised_at", "acknowledged_at"]
    list_filter = [AcknowledgedFilter, "raised_at"]
    search_fields = ["key", "message"]
    ordering = ["-raised_at"]
    buttons = (
        Button(
            "acknowledge",
            "Acknowledge",
            "billing.change_alert",
            _acknowledge,
            "Someone knows, and looks after it:",
            shown=lambda alert: alert.acknowledged_at is None,
            bulk=True,
        ),
    )


@admin.register(UpstreamBalance)
class UpstreamBalanceAdmin(ReadOnlyAdmin):
    list_display = ["read_at", amount("millicredits", "KIE credits")]
    list_filter = ["read_at"]
    ordering = ["-read_at"]
    readonly_fields = ("read_at", amount("millicredits", "KIE credits"))
    fields = readonly_fields


admin.site.unregister(User)


@admin.register(User)
class CustomerAdmin(UserAdmin):
    """A user with a wallet: accounts knows nothing of money, so the money is added here."""

    list_display = [*UserAdmin.list_display, "available", "held"]
    list_select_related = ["wallet"]
    buttons = admin_money.BUTTONS

    @admin.display(description="available", ordering="wallet__available")
    def available(self, user: User) -> str | None:
        return format_credits(user.wallet.available) if hasattr(user, "wallet") else None

    @admin.display(description="held", ordering="wallet__held")
    def held(self, user: User) -> str | None:
        return format_credits(user.wallet.held) if hasattr(user, "wallet") else None

    def sections(self, request: HttpRequest, obj: User) -> list[Section]:
        rows = []
        if hasattr(obj, "wallet"):
            link = format_html('<a href="{}">Wallet</a>', admin_url(obj.wallet))
            rows = [[link, *(format_credits(getattr(obj.wallet, name)) for name in BUCKETS[1:])]]
        return [Section("Wallet", ["", *BUCKETS[1:]], rows), *super().sections(request, obj)]
