"""What the chat page shows of conversations, messages and models; costs are read from the ledger (R-REF6, R-LED7)."""

import uuid
from collections.abc import Iterable, Sequence
from dataclasses import dataclass
from typing import Any

from django.db.models import Q, QuerySet
from django.template.loader import render_to_string
from django.utils.safestring import SafeString

from accounts import given
from accounts.models import User
from billing import ledger, prices
from billing.amounts import format_credits
from billing.models import Wallet
from chat import conversations, markdown
from chat.models import Conversation, Message
from generation import catalog, offers, pricing
from generation.models import Generation, Upload
from generation.pages import forms

LIST_PAGE = 30
SHOWN_MESSAGES = 60


# Models


@dataclass(frozen=True)
class Choice:
    """A model of the picker."""

    id: str
    title: str
    vendor: str
    price: str


def choices(user: User) -> list[Choice]:
    """Every chat model that is for sale, with what the user pays, by vendor and title."""
    offered, tariffs = offers.enabled(), prices.tariffs(user.pk)
    entries = [entry for entry in catalog.all() if entry.chat and offered[entry.id]]
    return [
        Choice(entry.id, entry.title, entry.vendor, pricing.describe(entry, tariffs.of(entry.id))) for entry in entries
    ]


def chosen(found: Sequence[Choice], *wanted: str) -> Choice | None:
    """The first wanted model that is for sale, else the cheapest."""
    by_id = {choice.id: choice for choice in found}
    if known := next((by_id[model] for model in wanted if model in by_id), None):
        return known
    return min(found, key=lambda choice: _rate(choice.id), default=None)


def _rate(model: str) -> Any:
    """KIE credits for a million tokens of an answer, which is what most of a chat costs."""
    return (catalog.get(model).price or {}).get("output_credits", 0)


# Messages


@dataclass(frozen=True)
class Shown:
    """A message as the page shows it; amounts in millicredits, `cost` None while it is not known or there is none."""

    message: Message
    title: str
    html: SafeString
    thought: SafeString
    pictures: list[Upload]
    cost: int | None
    held: int

    @property
    def mine(self) -> bool:
        return self.message.role == Message.Role.USER

    @property
    def settling(self) -> bool:
        """Whether the answer is there, but what it cost is not known yet."""
        generation = self.message.generation
        return not self.message.open and generation is not None and not generation.terminal

    @property
    def live(self) -> bool:
        """Whether the page has to look again."""
        return self.message.open or self.settling

    @property
    def version(self) -> str:
        """Changes with everything that is shown."""
        size = len(self.message.text) + len(self.message.thought)
        return f"{self.message.state}-{size}-{int(self.settling)}"


def messages(user: User, rows: Iterable[Message]) -> list[Shown]:
    """Rows with what belongs to them, in a fixed number of queries."""
    rows = list(rows)
    uploads = conversations.pictures(user, [uri for row in rows for uri in row.attachments])
    receipts = ledger.receipts([row.generation.about for row in rows if row.generation])
    return [_shown(row, uploads, receipts) for row in rows]


def _shown(row: Message, uploads: dict[str, Upload], receipts: dict[str, ledger.Receipt]) -> Shown:
    receipt = receipts[row.generation.about] if row.generation else ledger.Receipt()
    ended = row.generation is not None and row.generation.terminal
    answer = row.role == Message.Role.ASSISTANT
    return Shown(
        message=row,
        title=forms.title(row.model) if answer else "",
        html=markdown.render(row.text) if answer else SafeString(),
        thought=markdown.render(row.thought),
        pictures=[uploads[uri] for uri in row.attachments if uri in uploads],
        cost=receipt.charged - receipt.refunded if ended else None,
        held=receipt.held,
    )


def message_html(user: User, row: Message, **context: Any) -> str:
    """One message as HTML."""
    (shown,) = messages(user, [row])
    return render_to_string("chat/_message.html", {"shown": shown, **context})


def total(conversation: Conversation) -> int:
    """What the conversation has cost in millicredits, with the answers that were replaced."""
    calls = Generation.objects.filter(chat_messages__conversation=conversation).only("id")
    receipts = ledger.receipts([call.about for call in calls])
    return sum(receipt.charged - receipt.refunded for receipt in receipts.values())


def money(user: User, conversation: Conversation) -> dict[str, str]:
    """What the page says of money after an answer: `balance` in credits, and the conversation's total as HTML."""
    wallet = Wallet.objects.filter(pk=user.pk).first() or Wallet(user=user)
    html = render_to_string("chat/_total.html", {"total": total(conversation)})
    return {"balance": format_credits(wallet.available), "total_html": html}


# The list


@dataclass(frozen=True)
class Page:
    rows: list[Conversation]
    older: str


def listed(user: User, q: str, before: str) -> Page:
    """A page of the user's conversations, the newest first; `older` is the cursor of the next."""
    rows = Conversation.objects.filter(user=user)
    if q:
        rows = rows.filter(title__icontains=q)
    found = list(_older_than(rows, before).order_by("-updated_at", "-id")[: LIST_PAGE + 1])
    last = found[LIST_PAGE - 1] if len(found) > LIST_PAGE else None
    return Page(found[:LIST_PAGE], f"{last.updated_at.isoformat()}_{last.pk}" if last else "")


def _older_than(rows: QuerySet[Conversation], cursor: str) -> QuerySet[Conversation]:
    moment, _, key = cursor.partition("_")
    try:
        at, pk = given.moment(moment), uuid.UUID(key)
    except ValueError:
        return rows
    return rows.filter(Q(updated_at__lt=at) | Q(updated_at=at, pk__lt=pk)) if at else rows
