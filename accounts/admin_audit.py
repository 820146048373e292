"""The audit log to read, search and take away."""

import json
from typing import Any

from django.contrib import admin
from django.contrib.admin.utils import quote
from django.http import HttpRequest
from django.urls import NoReverseMatch, reverse
from django.utils.html import format_html, format_html_join

from accounts import exports
from accounts.admin_buttons import ReadOnlyAdmin, Section
from accounts.audit_rows import AuditRow


def _words(value: Any) -> str:
    return "–" if value in (None, "") else str(value)


@admin.register(AuditRow)
class AuditAdmin(ReadOnlyAdmin):
    """Who did what, to what, what changed, and from where. The database keeps it as it is (R-AD1)."""

    list_display = ["at", "by", "action", "outcome", "thing", "what", "changed", "address"]
    list_filter = ["outcome", "at", "action", "subject"]
    list_per_page = 50
    date_hierarchy = "at"
    search_fields = ["by", "action", "object_id", "object_repr", "message", "address", "path"]
    ordering = ["-at", "-pk"]
    fields = ["at", "by", "address", "action", "outcome", "status", "thing", "message", "path"]

    @admin.display(description="object", ordering="subject")
    def thing(self, row: AuditRow) -> str:
        if not row.subject:
            return row.object_repr or "–"
        words = f"{row.subject.partition('.')[2]} {row.object_repr}"
        try:
            url = reverse(f"admin:{row.subject.replace('.', '_')}_change", args=[quote(row.object_id)])
        except NoReverseMatch:
            return words
        return format_html('<a href="{}">{}</a>', url, words)

    @admin.display(description="what was done", ordering="message")
    def what(self, row: AuditRow) -> str:
        return row.message

    @admin.display(description="before → after")
    def changed(self, row: AuditRow) -> str:
        pairs = [(name, _words(before), _words(after)) for name, (before, after) in list(row.changes.items())[:4]]
        more = f" … and {len(row.changes) - 4} more" if len(row.changes) > 4 else ""
        return format_html("{}{}", format_html_join("; ", "{}: {} → {}", pairs), more)

    def sections(self, request: HttpRequest, obj: AuditRow) -> list[Section]:
        rows = [[name, _words(before), _words(after)] for name, (before, after) in obj.changes.items()]
        return [Section("What changed", ["Field", "Before", "After"], rows, empty="Nothing that is kept with it.")]


exports.register(
    AuditRow,
    [
        ("at", lambda row: row.at),
        ("by", lambda row: row.by),
        ("address", lambda row: row.address),
        ("action", lambda row: row.action),
        ("outcome", lambda row: row.outcome),
        ("status", lambda row: row.status),
        ("subject", lambda row: row.subject),
        ("object_id", lambda row: row.object_id),
        ("object", lambda row: row.object_repr),
        ("message", lambda row: row.message),
        ("changes", lambda row: json.dumps(row.changes, ensure_ascii=False)),
        ("path", lambda row: row.path),
    ],
)
