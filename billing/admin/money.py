"""The buttons that give, take and correct credits, and what they asked for (R-AD1)."""

from collections.abc import Callable
from typing import Any

from django.contrib import admin
from django.http import HttpRequest
from django.utils.html import format_html

from accounts.admin_buttons import Button, ReadOnlyAdmin, Section, admin_url
from accounts.errors import Refused
from accounts.models import User
from billing import adjustments, ledger
from billing.adjustments import before_and_after
from billing.admin.forms import CorrectionForm, GrantForm, ReasonForm
from billing.amounts import format_credits
from billing.models import Adjustment, Entry, Wallet

PERMISSION = "billing.add_entry"
APPROVE = "billing.approve_adjustment"
State = Adjustment.State


def booked(entry: Entry, what: str) -> str:
    """What an entry did, with before and after."""
    before, after = (format_credits(amount) for amount in before_and_after(entry))
    amount = format_credits(entry.available)
    return f"{what} {amount} credits for {entry.wallet.user}: {before} were available, now {after}. {entry.note}"


def once(key: str, book: Callable[[], Entry]) -> Entry:
    """Book; a page that is sent again is refused and told what it did the first time."""
    again = Refused("already_done", "This was booked before, once. Look at the entries first.", status=409)
    if Entry.objects.filter(key=key).exists():
        raise again
    try:
        return book()
    except ledger.KeyReused:
        raise again from None


def _user(obj: User | Wallet) -> User:
    return obj.user if isinstance(obj, Wallet) else obj


def _ask(kind: str, what: str) -> Callable[[HttpRequest, User | Wallet, dict[str, Any]], str]:
    def run(request: HttpRequest, obj: User | Wallet, data: dict[str, Any]) -> str:
        author: Any = request.user
        more = {"reason": data["reason"], "author": author, "expires_at": data.get("expires_at")}
        row = adjustments.ask(_user(obj), kind, data["amount"], key=f"{kind}:admin:{data['token']}", **more)
        return _done(row, what)

    return run


def _done(row: Adjustment, what: str) -> str:
    if row.entry:
        return booked(row.entry, what)
    amounts = f"{format_credits(row.amount_millicredits)} credits for {row.user}"
    why = f"nobody books more than {format_credits(adjustments.limit())} in 24 hours alone"
    return f"Nothing is booked yet: {amounts} wait for a second person, because {why}. {row.reason}"


BUTTONS = (
    Button(
        "grant",
        "Grant…",
        PERMISSION,
        _ask(Adjustment.Kind.GRANT, "Granted"),
        "Credits are given away to:",
        form=GrantForm,
    ),
    Button(
        "adjust",
        "Adjust…",
        PERMISSION,
        _ask(Adjustment.Kind.ADJUST, "Adjusted by"),
        "The available credits are corrected for:",
        form=CorrectionForm,
    ),
)


# What was asked for


def _approve(request: HttpRequest, row: Adjustment, data: dict[str, Any]) -> str:
    operator: Any = request.user
    row = adjustments.approve(row, by=operator)
    assert row.entry, "what is approved is booked"
    return f"Asked for by {row.author}, approved by {operator}. {booked(row.entry, 'Booked')}"


def _decline(request: HttpRequest, row: Adjustment, data: dict[str, Any]) -> str:
    operator: Any = request.user
    adjustments.decline(row, by=operator, answer=data["reason"])
    return f"Declined by {operator}: {data['reason']}"


def _credits(millicredits: int | None) -> str | None:
    return None if millicredits is None else format_credits(millicredits)


def _waits(row: Adjustment) -> bool:
    return row.state == State.PENDING


@admin.register(Adjustment)
class AdjustmentAdmin(ReadOnlyAdmin):
    """Who gave or took what, why, and who approved it."""

    list_display = [
        "created_at",
        "user",
        "kind",
        "amount",
        "state",
        "author",
        "decided_by",
        "before",
        "after",
        "reason",
    ]
    list_filter = ["state", "kind", "needs_approval", "created_at"]
    list_select_related = ["user", "author", "decided_by"]
    search_fields = ["user__email", "author__email", "decided_by__email", "reason"]
    ordering = ["-created_at", "-pk"]
    readonly_fields = (
        *("customer", "kind", "amount", "available_now", "expires_at", "reason", "state", "needs_approval"),
        *("author", "created_at", "decided_by", "decided_at", "answer", "before", "after", "booked_as"),
    )
    fields = readonly_fields
    buttons = (
        Button("approve", "Approve…", APPROVE, _approve, "The credits are booked, with your name:", shown=_waits),
        Button("decline", "Decline…", APPROVE, _decline, "Nothing is booked for:", form=ReasonForm, shown=_waits),
    )

    @admin.display(description="user")
    def customer(self, row: Adjustment) -> str:
        return format_html('<a href="{}">{}</a>', admin_url(row.user), row.user)

    @admin.display(description="credits", ordering="amount_millicredits")
    def amount(self, row: Adjustment) -> str:
        return format_credits(row.amount_millicredits)

    @admin.display(description="available now")
    def available_now(self, row: Adjustment) -> str | None:
        wallet = Wallet.objects.filter(pk=row.user_id).first()
        return _credits(wallet.available if wallet else 0)

    @admin.display(description="available before")
    def before(self, row: Adjustment) -> str | None:
        return _credits(row.before_millicredits)

    @admin.display(description="available after")
    def after(self, row: Adjustment) -> str | None:
        return _credits(row.after_millicredits)

    @admin.display(description="entry")
    def booked_as(self, row: Adjustment) -> str | None:
        return format_html('<a href="{}">{}</a>', admin_url(row.entry), row.entry) if row.entry else None


def trail(entry: Entry) -> Section:
    """Who asked for an entry, and who approved it."""
    rows = [
        [
            format_html('<a href="{}">{}</a>', admin_url(row), row),
            row.author,
            row.created_at,
            row.decided_by,
            row.reason,
        ]
        for row in Adjustment.objects.filter(entry=entry).select_related("author", "decided_by")
    ]
    columns = ["Adjustment", "Asked for by", "At", "Approved by", "Reason"]
    return Section("Who decided", columns, rows, empty="No adjustment.")
