"""Lots to read, and what billing's lists look like as CSV: amounts are decimal credits."""

from typing import Any

from django.contrib import admin
from django.http import HttpRequest
from django.utils import timezone
from django.utils.html import format_html

from accounts import exports
from accounts.admin_buttons import ReadOnlyAdmin, Section, admin_url
from accounts.exports import Column
from billing.amounts import format_credits
from billing.models import BUCKETS, Entry, Lot, Wallet

SHOWN_CHANGES = 50


class OpenFilter(admin.SimpleListFilter):
    title = "open"
    parameter_name = "open"

    def lookups(self, request: HttpRequest, model_admin: Any) -> list[tuple[str, str]]:
        return [("yes", "Something is left"), ("no", "Used up or expired")]

    def queryset(self, request: HttpRequest, queryset: Any) -> Any:
        return {"yes": queryset.filter(remaining__gt=0), "no": queryset.filter(remaining=0)}.get(
            self.value() or "", queryset
        )


@admin.register(Lot)
class LotAdmin(ReadOnlyAdmin):
    """Credits that came in together, and where they went."""

    list_display = ["id", "customer", "source", "came_in", "left", "expires_at", "created_at"]
    list_filter = ["source", OpenFilter, "expires_at", "created_at"]
    list_select_related = ["wallet__user"]
    search_fields = ["wallet__user__email"]
    ordering = ["-pk"]
    fields = ["customer", "source", "came_in", "left", "priority", "expires_at", "created_at"]

    @admin.display(description="customer", ordering="wallet__user__email")
    def customer(self, lot: Lot) -> str:
        return format_html('<a href="{}">{}</a>', admin_url(lot.wallet), lot.wallet.user)

    @admin.display(description="credits", ordering="amount")
    def came_in(self, lot: Lot) -> str:
        return format_credits(lot.amount)

    @admin.display(description="left", ordering="remaining")
    def left(self, lot: Lot) -> str:
        return format_credits(lot.remaining)

    def sections(self, request: HttpRequest, obj: Lot) -> list[Section]:
        changes = obj.changes.select_related("entry").order_by("-pk")[:SHOWN_CHANGES]
        rows = [
            [
                change.entry and change.entry.created_at,
                change.entry and format_html('<a href="{}">{}</a>', admin_url(change.entry), change.entry),
                format_credits(change.amount),
            ]
            for change in changes
        ]
        return [Section("What came and went, the latest first", ["Time", "Entry", "Credits"], rows)]


def credits(name: str) -> Column:
    """A column of millicredits as decimal credits."""
    return name.removesuffix("_millicredits"), lambda obj: format_credits(getattr(obj, name))


def plain(*names: str) -> list[Column]:
    """Columns as they are."""
    return [(name, lambda obj, name=name: getattr(obj, name)) for name in names]  # type: ignore[misc]


exports.endings["_millicredits"] = ("credits", format_credits)
exports.register(
    Entry,
    [
        ("id", lambda entry: entry.pk),
        *plain("created_at"),
        ("customer", lambda entry: entry.wallet.user.email),
        *plain("kind", "key", "about"),
        *(credits(name) for name in BUCKETS),
        *plain("note", "author"),
    ],
)
exports.register(
    Wallet,
    [
        ("customer", lambda wallet: wallet.user.email),
        ("since", lambda wallet: wallet.user.date_joined),
        *(credits(name) for name in (*BUCKETS, "overdraft_limit")),
    ],
)
exports.register(
    Lot,
    [
        ("id", lambda lot: lot.pk),
        ("customer", lambda lot: lot.wallet.user.email),
        *plain("source"),
        *(credits(name) for name in ("amount", "remaining")),
        *plain("priority", "expires_at", "created_at"),
        ("expired", lambda lot: bool(lot.expires_at and lot.expires_at <= timezone.now())),
    ],
)
