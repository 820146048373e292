"""Alerts until someone acknowledges them, and how they were delivered."""

from typing import Any

from django.contrib import admin
from django.db.models import QuerySet
from django.http import HttpRequest
from django.utils import timezone
from django.utils.html import format_html

from accounts.admin_buttons import Button, ReadOnlyAdmin, Section, admin_url
from accounts.errors import Refused
from billing import alert_delivery, alerts
from billing.models import Alert, AlertDelivery


class AcknowledgedFilter(admin.SimpleListFilter):
    title = "acknowledged"
    parameter_name = "acknowledged"

    def lookups(self, request: HttpRequest, model_admin: Any) -> list[tuple[str, str]]:
        return [("no", "No"), ("yes", "Yes")]

    def queryset(self, request: HttpRequest, queryset: QuerySet) -> QuerySet:
        return queryset.filter(acknowledged_at__isnull=self.value() == "no") if self.value() else queryset


def _acknowledge(request: HttpRequest, alert: Alert, data: dict[str, Any]) -> str:
    operator: Any = request.user
    if not alerts.acknowledge(alert, operator):
        raise Refused("already_acknowledged", "This alert was acknowledged before.", status=409)
    return "Acknowledged."


@admin.register(Alert)
class AlertAdmin(ReadOnlyAdmin):
    list_display = ["message", "severity", "raised", "look", "acknowledged"]
    list_filter = [AcknowledgedFilter, "severity", "raised_at"]
    list_select_related = ["acknowledged_by"]
    search_fields = ["key", "message"]
    ordering = ["-raised_at", "-pk"]
    readonly_fields = (
        *("subject", "threshold", "period", "severity", "message", "look"),
        *("raised_at", "acknowledged_at", "acknowledged_by"),
    )
    fields = readonly_fields
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

    @admin.display(description="raised", ordering="raised_at")
    def raised(self, alert: Alert) -> str:
        return f"{timezone.localtime(alert.raised_at):%Y-%m-%d\u00a0%H:%M}"

    @admin.display(description="acknowledged", ordering="acknowledged_at")
    def acknowledged(self, alert: Alert) -> str | None:
        if alert.acknowledged_at is None:
            return None
        by = f" by {alert.acknowledged_by}" if alert.acknowledged_by else ""
        return f"{timezone.localtime(alert.acknowledged_at):%Y-%m-%d %H:%M}{by}"

    @admin.display(description="look at it")
    def look(self, alert: Alert) -> str | None:
        return format_html('<a href="{}">Look at it</a>', alert.url) if alert.url else None

    def sections(self, request: HttpRequest, obj: Alert) -> list[Section]:
        rows = [
            [format_html('<a href="{}">{}</a>', admin_url(d), d.get_channel_display()), _state(d), d.attempts]
            for d in obj.deliveries.all()
        ]
        return [Section("Deliveries", ["By", "State", "Tries"], rows, empty="Nothing is set up to deliver it.")]


def _state(delivery: AlertDelivery) -> str:
    if delivery.delivered_at:
        return f"delivered {delivery.delivered_at:%Y-%m-%d %H:%M} UTC"
    return f"is tried at {delivery.next_at:%Y-%m-%d %H:%M} UTC" if delivery.next_at else "given up"


def _again(request: HttpRequest, delivery: AlertDelivery, data: dict[str, Any]) -> str:
    alert_delivery.again(delivery)
    return f"{delivery.alert} is sent again by {delivery.get_channel_display()}."


@admin.register(AlertDelivery)
class AlertDeliveryAdmin(ReadOnlyAdmin):
    list_display = ["created_at", "alert", "channel", "state", "attempts"]
    list_filter = ["channel", "created_at"]
    list_select_related = ["alert"]
    search_fields = ["alert__key"]
    ordering = ["-created_at"]
    readonly_fields = ("alert", "channel", "message_id", "state", "attempts", "created_at", "delivered_at")
    fields = readonly_fields
    buttons = (
        Button(
            "again",
            "Send again",
            "billing.change_alertdelivery",
            _again,
            "It is sent once more, under the same id:",
            bulk=True,
        ),
    )

    @admin.display
    def state(self, delivery: AlertDelivery) -> str:
        return _state(delivery)

    @admin.display(description="webhook-id")
    def message_id(self, delivery: AlertDelivery) -> str:
        return alert_delivery.message_id(delivery)

    def sections(self, request: HttpRequest, obj: AlertDelivery) -> list[Section]:
        rows = [[each.at, each.status, each.error, each.milliseconds] for each in obj.log.all()]
        return [Section("Tries", ["Time", "Status", "Error", "Milliseconds"], rows)]
