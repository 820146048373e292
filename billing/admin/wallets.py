"""Wallets and the ledger to read, with buttons for what operators may book."""

from typing import Any

from django.contrib import admin
from django.db.models import QuerySet
from django.http import HttpRequest
from django.urls import reverse
from django.utils.html import format_html

from accounts.admin import UserAdmin
from accounts.admin_buttons import ReadOnlyAdmin, Section, admin_url
from accounts.models import User
from billing.admin import money, prices
from billing.amounts import format_credits
from billing.models import BUCKETS, Entry, Wallet

SHOWN_ENTRIES = 20


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
    buttons = money.BUTTONS

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
        return format_credits(money.before_and_after(entry)[0])

    @admin.display(description="available after")
    def after(self, entry: Entry) -> str:
        return format_credits(money.before_and_after(entry)[1])

    def sections(self, request: HttpRequest, obj: Entry) -> list[Section]:
        return [money.trail(obj)] if obj.kind in ("grant", "adjust") else []


admin.site.unregister(User)


@admin.register(User)
class CustomerAdmin(UserAdmin):
    """A user with a wallet and a price group: accounts knows nothing of money, so the money is added here."""

    list_display = [*UserAdmin.list_display, "available", "held"]
    list_select_related = ["wallet"]
    buttons = (*money.BUTTONS, *prices.BUTTONS)

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
        wallet = Section("Wallet", ["", *BUCKETS[1:]], rows)
        return [wallet, prices.section(obj), *super().sections(request, obj)]
