"""Conversations for operators: that there are any, whose, with which model, and what they cost; not what was said."""

from typing import Any, ClassVar

from django.contrib import admin
from django.db.models import Count, QuerySet
from django.http import HttpRequest
from django.utils.html import format_html

from accounts.admin_buttons import ReadOnlyAdmin, Section, admin_url
from billing import ledger
from billing.amounts import format_credits
from chat import showing
from chat.models import Conversation, Message

SHOWN_ANSWERS = 50


@admin.register(Conversation)
class ConversationAdmin(ReadOnlyAdmin):
    list_display = ["id", "user", "model", "answers", "created_at", "updated_at"]
    list_filter = ["updated_at"]
    list_select_related = ["user"]
    list_per_page = 50
    search_fields = ["^id", "user__email", "model"]
    ordering = ["-updated_at", "-pk"]
    fields: ClassVar[Any] = ["id", "user", "model", "created_at", "updated_at", "cost"]
    readonly_fields = fields

    def get_queryset(self, request: HttpRequest) -> QuerySet:
        return super().get_queryset(request).annotate(counted=Count("messages__generation"))

    @admin.display(description="paid calls", ordering="counted")
    def answers(self, conversation: Any) -> int:
        return conversation.counted

    @admin.display(description="cost")
    def cost(self, conversation: Conversation) -> str:
        return f"{format_credits(showing.total(conversation))} credits"

    def sections(self, request: HttpRequest, obj: Conversation) -> list[Section]:
        newest = obj.messages.filter(role=Message.Role.ASSISTANT).select_related("generation").order_by("-id")
        rows = list(newest[:SHOWN_ANSWERS])
        receipts = ledger.receipts([row.generation.about for row in rows if row.generation])
        return [
            Section(
                "Answers, the newest first",
                ["Time", "Model", "State", "Error", "Generation", "Charged"],
                [_answer(row, receipts) for row in rows],
            )
        ]


def _answer(row: Message, receipts: dict[str, ledger.Receipt]) -> list[Any]:
    link, charged = "", ""
    if row.generation:
        link = format_html('<a href="{}">{}</a>', admin_url(row.generation), str(row.generation.pk)[:8])
        charged = format_credits(receipts[row.generation.about].charged)
    state = f"{row.state}, replaced" if row.replaced_at else row.state
    return [f"{row.created_at:%Y-%m-%d %H:%M:%S}", row.model, state, row.error_code, link, charged]
