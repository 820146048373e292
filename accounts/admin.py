"""Users, their API keys, and the log of what operators did."""

from typing import Any

from django import forms
from django.contrib import admin
from django.contrib.admin.models import LogEntry
from django.contrib.auth.admin import UserAdmin as DjangoUserAdmin
from django.contrib.auth.forms import AdminUserCreationForm, UserChangeForm
from django.http import HttpRequest
from django.utils import timezone
from django.utils.html import format_html

from accounts import admin_audit  # noqa: F401
from accounts.admin_buttons import Button, ButtonsAdmin, Confirmation, ReadOnlyAdmin, Section, admin_url
from accounts.errors import Refused
from accounts.models import ApiKey, User


class NewUserForm(AdminUserCreationForm):
    class Meta:
        model = User
        fields = ("email",)

    def clean_email(self) -> str:
        return self.cleaned_data["email"].lower()


class UserForm(UserChangeForm):
    class Meta:
        model = User
        fields = "__all__"
        field_classes: dict[str, type[forms.Field]] = {}


@admin.register(User)
class UserAdmin(ButtonsAdmin, DjangoUserAdmin):
    """People. Nobody is deleted, because money keeps its names: `is_active` locks someone out."""

    form = UserForm
    add_form = NewUserForm
    list_display = ["email", "is_active", "is_staff", "date_joined", "last_login"]
    list_filter = ["is_active", "is_staff", "is_superuser", "date_joined"]
    search_fields = ["email"]
    ordering = ["-date_joined", "-pk"]
    fieldsets = [
        (None, {"fields": ["email", "password", "first_name", "last_name"]}),
        (
            "Limits",
            {
                "fields": ["max_running", "requests_per_minute"],
                "description": "Empty: what the settings say. 0: no limit. They hold for all keys together.",
            },
        ),
        ("Access", {"fields": ["is_active", "is_staff", "is_superuser", "groups", "user_permissions"]}),
        ("Dates", {"fields": ["last_login", "date_joined"]}),
    ]
    add_fieldsets = [(None, {"classes": ["wide"], "fields": ["email", "usable_password", "password1", "password2"]})]

    def get_readonly_fields(self, request: HttpRequest, obj: Any = None) -> list[str]:
        if obj is None:
            return []
        # The address that someone proved to own is changed by them only; rights are given by superusers only.
        rights = ["is_staff", "is_superuser", "groups", "user_permissions"]
        return ["email", "last_login", "date_joined", *([] if request.user.is_superuser else rights)]

    def has_change_permission(self, request: HttpRequest, obj: Any = None) -> bool:
        above = obj is not None and (obj.is_staff or obj.is_superuser) and not request.user.is_superuser
        return not above and super().has_change_permission(request, obj)

    def has_delete_permission(self, request: HttpRequest, obj: Any = None) -> bool:
        return False

    def sections(self, request: HttpRequest, obj: User) -> list[Section]:
        rows = [
            [format_html('<a href="{}">{}</a>', admin_url(key), key), _status(key), key.created_at, key.last_used_at]
            for key in obj.api_keys.all()[:50]
        ]
        return [Section("API keys", ["Key", "Status", "Created", "Last used"], rows)]


def _status(key: ApiKey) -> str:
    if key.revoked_at:
        return "revoked"
    return "active" if key.usable else "expired"


def _revoke(request: HttpRequest, key: ApiKey, data: dict[str, Any]) -> str:
    if not ApiKey.objects.filter(pk=key.pk, revoked_at=None).update(revoked_at=timezone.now()):
        raise Refused("already_revoked", "This key was revoked before.", status=409)
    return f"Revoked the API key kp_{key.prefix}_… of {key.user}."


class LimitsForm(Confirmation):
    """Limits of one key. Empty: what the settings say; 0: none but the user's."""

    max_running = forms.IntegerField(
        label="Open generations", min_value=0, max_value=1_000_000, required=False, help_text="At once, with this key."
    )
    requests_per_minute = forms.IntegerField(
        label="Requests per minute", min_value=0, max_value=1_000_000, required=False
    )


def _limit(request: HttpRequest, key: ApiKey, data: dict[str, Any]) -> str:
    limits = {name: data[name] for name in ("max_running", "requests_per_minute")}
    ApiKey.objects.filter(pk=key.pk).update(**limits)
    shown = ["none of its own" if value is None else str(value) for value in limits.values()]
    return f"Limits of kp_{key.prefix}_…: open generations {shown[0]}, requests per minute {shown[1]}."


@admin.register(ApiKey)
class ApiKeyAdmin(ReadOnlyAdmin):
    list_display = ["name", "shown_prefix", "user", "status", "created_at", "last_used_at", "expires_at", "revoked_at"]
    list_filter = ["created_at", "revoked_at"]
    list_select_related = ["user"]
    search_fields = ["name", "prefix", "user__email"]
    fields = [
        *("user", "name", "shown_prefix", "status", "created_at", "last_used_at", "expires_at", "revoked_at"),
        *("max_running", "requests_per_minute"),
    ]
    buttons = (
        Button(
            "limits",
            "Limits…",
            "accounts.change_apikey",
            _limit,
            "Empty: what the settings say. 0: no limit but the user's.",
            form=LimitsForm,
            initial=lambda key: {"max_running": key.max_running, "requests_per_minute": key.requests_per_minute},
        ),
        Button(
            "revoke",
            "Revoke",
            "accounts.change_apikey",
            _revoke,
            "Requests with this key will be refused from now on. This cannot be undone.",
            shown=lambda key: key.revoked_at is None,
            bulk=True,
        ),
    )

    @admin.display(description="key", ordering="prefix")
    def shown_prefix(self, key: ApiKey) -> str:
        return f"kp_{key.prefix}_…"

    @admin.display
    def status(self, key: ApiKey) -> str:
        return _status(key)


@admin.register(LogEntry)
class LogAdmin(ReadOnlyAdmin):
    """What every operator did, and to what (R-AD1)."""

    list_display = ["action_time", "user", "content_type", "subject", "message"]
    list_filter = ["action_time", "content_type"]
    list_select_related = ["user", "content_type"]
    search_fields = ["user__email", "object_id", "object_repr", "change_message"]
    fields = ["action_time", "user", "content_type", "subject", "message"]

    @admin.display(description="object")
    def subject(self, entry: LogEntry) -> str:
        url = entry.get_admin_url()
        return format_html('<a href="{}">{}</a>', url, entry.object_repr) if url else entry.object_repr

    @admin.display(description="what was done")
    def message(self, entry: LogEntry) -> str:
        return entry.get_change_message() or entry.get_action_flag_display()
