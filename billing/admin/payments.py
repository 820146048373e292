"""Payments for operators: what was paid, and Stripe's events with their outcome."""

import json
from typing import Any

from django import forms
from django.contrib import admin
from django.http import HttpRequest
from django.utils.html import format_html
from django_q.tasks import async_task

from accounts.admin_buttons import Button, ReadOnlyAdmin, Section, admin_url
from accounts.errors import Refused
from billing.admin.forms import ReasonForm
from billing.admin.sales import in_credits, in_money
from billing.amounts import format_credits
from billing.models import AutoRecharge, Payment, StripeEvent, Subscription
from billing.payments import minor, refunds

SHOWN = 50


class RefundForm(ReasonForm):
    amount = forms.CharField(
        max_length=20, help_text="At most what is left of the payment. Credits go back in proportion."
    )
    field_order = ["amount", "reason"]


def _refund(request: HttpRequest, payment: Payment, data: dict[str, Any]) -> str:
    try:
        amount = minor.parse(data["amount"].strip(), payment.currency)
    except ValueError as error:
        raise Refused("invalid_amount", f"The amount {error}.") from None
    author: Any = request.user
    refunds.ask(payment, amount, key=f"refund:{data['token']}", reason=data["reason"], author=author)
    return f"A refund of {minor.written(amount, payment.currency)} is on its way to Stripe: {data['reason']}"


def _read_again(request: HttpRequest, payment: Payment, data: dict[str, Any]) -> str:
    async_task("billing.payments.booking.sync", str(payment.pk))
    return "The payment is read at Stripe now."


@admin.register(Payment)
class PaymentAdmin(ReadOnlyAdmin):
    list_display = [
        *("created_at", "user", "label", "state"),
        in_money("amount_minor", "price"),
        in_money("paid_minor", "paid"),
        in_money("refunded_minor", "refunded"),
        in_credits("credits_millicredits"),
        "kind",
    ]
    list_filter = ["state", "kind", "created_at"]
    list_select_related = ["user"]
    search_fields = ["=id", "user__email", "=payment_intent", "=session_id", "=invoice_id"]
    ordering = ["-created_at"]
    readonly_fields = (
        *("id", "user", "kind", "label", "state", "failure"),
        in_credits("credits_millicredits"),
        in_money("amount_minor", "price"),
        in_money("paid_minor", "paid in all"),
        in_money("tax_minor", "of that tax"),
        in_money("discount_minor", "discount"),
        in_money("refunded_minor", "refunded"),
        in_money("lost_minor", "lost in disputes"),
        *("method", "receipt_url", "invoice_url", "session_id", "payment_intent", "invoice_id"),
        *("subscription", "created_at", "paid_at", "ends_at", "check_at"),
    )
    fields = readonly_fields
    buttons = (
        Button(
            "refund",
            "Refund…",
            "billing.change_payment",
            _refund,
            "The money goes back the way it came, and the credits with it. What was spent of them is owed:",
            form=RefundForm,
            initial=lambda payment: {"amount": minor.plain(refunds.refundable(payment), payment.currency)},
            shown=lambda payment: bool(payment.payment_intent) and refunds.refundable(payment) > 0,
        ),
        Button(
            "read",
            "Read again at Stripe",
            "billing.change_payment",
            _read_again,
            "What Stripe says now is brought into our books:",
            bulk=True,
        ),
    )

    def sections(self, request: HttpRequest, obj: Payment) -> list[Section]:
        return [_entries(obj), _refunds(obj), _disputes(obj), _events(obj)]


def _entries(payment: Payment) -> Section:
    rows = [
        [e.created_at, e.get_kind_display(), *map(format_credits, (e.available, -e.owed)), _link(e, e.key), e.note]
        for e in (made.entry for made in payment.entries.select_related("entry").order_by("pk"))
    ]
    return Section("Credits", ["Time", "Kind", "Available", "Debt", "Key", "Note"], rows)


def _refunds(payment: Payment) -> Section:
    rows = [
        [
            refund.created_at,
            minor.written(refund.amount_minor, payment.currency),
            refund.get_state_display(),
            refund.refund_id,
            refund.author or "in Stripe's dashboard",
            refund.reason or refund.failure,
        ]
        for refund in payment.refunds.select_related("author").order_by("pk")
    ]
    return Section("Refunds", ["Time", "Amount", "State", "At Stripe", "By", "Why"], rows)


def _disputes(payment: Payment) -> Section:
    rows = [
        [d.created_at, minor.written(d.amount_minor, payment.currency), d.get_state_display(), d.dispute_id, d.reason]
        for d in payment.disputes.order_by("pk")
    ]
    return Section("Disputes", ["Time", "Amount", "State", "At Stripe", "Reason"], rows)


def _events(payment: Payment) -> Section:
    ids = [payment.session_id, payment.payment_intent, payment.invoice_id]
    ids += [*payment.refunds.values_list("refund_id", flat=True)]
    ids += [*payment.disputes.values_list("dispute_id", flat=True)]
    found = StripeEvent.objects.filter(object_id__in=[id for id in ids if id]).order_by("-received_at")[:SHOWN]
    rows = [[e.received_at, e.type, e.get_outcome_display(), _link(e, e.event_id or e.pk), e.detail] for e in found]
    return Section("Stripe's events", ["Time", "Type", "Outcome", "Event", "Detail"], rows)


def _link(obj: Any, text: Any) -> str:
    return format_html('<a href="{}">{}</a>', admin_url(obj), text)


@admin.register(Subscription)
class SubscriptionAdmin(ReadOnlyAdmin):
    list_display = ["created_at", "user", "plan", "state", "period_ends_at", "cancels_at"]
    list_filter = ["state", "plan"]
    list_select_related = ["user", "plan"]
    search_fields = ["user__email", "=subscription_id"]
    ordering = ["-created_at"]

    def sections(self, request: HttpRequest, obj: Subscription) -> list[Section]:
        rows = [
            [p.created_at, _link(p, p.label), minor.written(p.paid_minor, p.currency), p.get_state_display()]
            for p in obj.payments.order_by("-created_at")[:SHOWN]
        ]
        return [Section("Invoices", ["Time", "Payment", "Paid", "State"], rows)]


@admin.register(AutoRecharge)
class AutoRechargeAdmin(ReadOnlyAdmin):
    list_display = [
        *("user", "enabled", "stopped", "failures", "retry_at"),
        in_credits("threshold_millicredits", "below"),
        in_credits("target_millicredits", "up to"),
        in_money("monthly_limit_minor", "monthly limit"),
    ]
    list_filter = ["enabled"]
    list_select_related = ["user"]
    search_fields = ["user__email"]
    ordering = ["user"]


# Stripe's events


def _replay(request: HttpRequest, event: StripeEvent, data: dict[str, Any]) -> str:
    if event.event_id is None:
        raise Refused("unsigned", "This was not signed by Stripe, so it cannot be applied.", status=409)
    async_task("billing.payments.webhooks.replay", event.pk)
    return f"{event.event_id} is applied once more."


@admin.register(StripeEvent)
class StripeEventAdmin(ReadOnlyAdmin):
    list_display = ["received_at", "type", "outcome", "event_id", "object_id", "detail", "attempts"]
    list_display_links = ["received_at", "type"]
    list_filter = ["outcome", "received_at", "type"]
    search_fields = ["=event_id", "=object_id"]
    ordering = ["-received_at"]
    readonly_fields = (
        *("received_at", "type", "outcome", "detail", "event_id", "object_id"),
        *("attempts", "applied_at", "next_at", "pretty"),
    )
    fields = readonly_fields
    buttons = (
        Button(
            "replay",
            "Apply again",
            "billing.change_stripeevent",
            _replay,
            "What it is about is read at Stripe and brought into our books; what was booked is not booked twice:",
            shown=lambda event: event.event_id is not None,
            bulk=True,
        ),
    )

    @admin.display(description="body")
    def pretty(self, event: StripeEvent) -> str:
        try:
            return format_html("<pre>{}</pre>", json.dumps(json.loads(event.body), indent=2))
        except ValueError:
            return event.body
