"""What operators give, take and correct: with an author, a reason, before and after, and above a limit a second person.

Each call here is asked for with a key, and counts once (R-LED9). Amounts are millicredits.
"""

from datetime import datetime, timedelta
from typing import Any

from django.conf import settings
from django.db.models import Count, Sum
from django.db.models.functions import Abs
from django.urls import reverse
from django.utils import timezone

from accounts.errors import Refused
from accounts.models import User
from accounts.transactions import atomically
from billing import alerts, ledger
from billing.amounts import format_credits, parse_credits
from billing.models import Adjustment, Entry, RecurringGrant, RedeemBatch

State = Adjustment.State
Kind = Adjustment.Kind


# What someone books alone within this time counts together, so that many small amounts are no way around the limit.
ALONE_WITHIN = timedelta(hours=24)


def limit() -> int:
    """Above so much either way a second person has to approve."""
    return parse_credits(settings.ADJUSTMENT_LIMIT_CREDITS)


def booked_alone(author: User, *, besides: RecurringGrant | None = None) -> int:
    """How much of the limit an operator has used: what they gave and took without a second person, either way.

    A gift that comes every month counts with one month, codes with all that they are worth.
    """
    since = timezone.now() - ALONE_WITHIN
    own = Adjustment.objects.filter(author=author, created_at__gt=since, needs_approval=False)
    booked = own.aggregate(total=Sum(Abs("amount_millicredits"), default=0))["total"]
    gifts = RecurringGrant.objects.filter(author=author, agreed_at__gt=since)
    others = gifts.exclude(pk=besides.pk) if besides else gifts
    agreed = others.aggregate(total=Sum("agreed_millicredits", default=0))["total"]
    batches = RedeemBatch.objects.filter(author=author, created_at__gt=since, needs_approval=False)
    worths = [batch.worth(batch.count) for batch in batches.annotate(count=Count("codes"))]
    return booked + agreed + sum(limit() if worth is None else worth for worth in worths)


def left_alone(author: User, *, besides: RecurringGrant | None = None) -> int:
    """How much an operator may still book without a second person, but for one gift that is agreed to anew.

    Call it in the transaction that books: until its end the author's other requests wait, because two at once would
    both find the limit unused.
    """
    User.objects.select_for_update(no_key=True).get(pk=author.pk)
    return max(0, limit() - booked_alone(author, besides=besides))


def before_and_after(entry: Entry) -> tuple[int, int]:
    """The millicredits that were available before and after an entry, from the entries themselves (R-LED7)."""
    earlier = Entry.objects.filter(wallet=entry.wallet_id, pk__lt=entry.pk)
    before = earlier.aggregate(total=Sum("available", default=0))["total"]
    return before, before + entry.available


@atomically
def ask(
    user: User, kind: str, amount: int, *, key: str, reason: str, author: User, expires_at: datetime | None = None
) -> Adjustment:
    """Book an adjustment or a grant, or have it wait for a second person if the author is above the limit (R-AD1).

    Raises Refused("already_done") when it was asked for before, and whatever the ledger refuses.
    """
    if Adjustment.objects.filter(key=key).exists() or Entry.objects.filter(key=key).exists():
        raise _again()
    above = abs(amount) > left_alone(author)
    what: dict[str, Any] = {"kind": kind, "amount_millicredits": amount, "reason": reason, "expires_at": expires_at}
    row = Adjustment(user=user, author=author, key=key, needs_approval=above, **what)
    created = Adjustment.objects.bulk_create([row], ignore_conflicts=True)
    row = Adjustment.objects.get(key=created[0].key)
    if row.author_id != author.pk or row.amount_millicredits != amount or row.state != State.PENDING:
        raise _again()
    if row.needs_approval:
        _tell(row)
    else:
        _book(row)
    return row


def _again() -> Refused:
    return Refused("already_done", "This was booked before, once. Look at the entries first.", status=409)


def _tell(row: Adjustment) -> None:
    what = f"{row.get_kind_display()} of {format_credits(row.amount_millicredits)} credits for {row.user}"
    message = f"{row.author} asks for a second person: {what}. {row.reason}"
    url = reverse("admin:billing_adjustment_change", args=[row.pk])
    alerts.about(f"adjustment:{row.pk}", message, severity=alerts.Severity.INFO, url=url)


def _book(row: Adjustment) -> None:
    given: dict[str, Any] = {"reason": row.key, "note": row.reason, "author": row.author}
    if row.kind == Kind.GRANT:
        entry = ledger.grant(row.user, row.amount_millicredits, expires_at=row.expires_at, **given)
    else:
        entry = ledger.adjust(row.user, row.amount_millicredits, **given)
    row.entry, row.state = entry, State.BOOKED
    row.before_millicredits, row.after_millicredits = before_and_after(entry)
    row.save(update_fields=["entry", "state", "before_millicredits", "after_millicredits"])


@atomically
def approve(row: Adjustment, *, by: User) -> Adjustment:
    """Book what waits. Raises Refused for its author, when it is decided already, and when the gift has expired."""
    if row.author_id == by.pk:
        raise Refused("second_person", "Somebody else has to approve this: you asked for it.", status=403)
    if row.expires_at and row.expires_at <= timezone.now():
        raise Refused("expired", "The credits would have expired already. Decline it.", status=409)
    # Taking the row keeps others out until this is booked; it is still pending, because only an entry makes it booked.
    _decide(row, by, state=State.PENDING)
    row.refresh_from_db()
    _book(row)
    return row


@atomically
def decline(row: Adjustment, *, by: User, answer: str) -> Adjustment:
    """Say no, for which the author may take it back, too. Raises Refused when it is decided already."""
    _decide(row, by, state=State.DECLINED, answer=answer)
    row.refresh_from_db()
    return row


def _decide(row: Adjustment, by: User, **changes: Any) -> None:
    rows = Adjustment.objects.filter(pk=row.pk, state=State.PENDING, decided_by=None, entry=None)
    if not rows.update(decided_by=by, decided_at=timezone.now(), **changes):
        raise Refused("already_decided", "This was decided before. Look at it again.", status=409)


def waiting() -> int:
    """How many wait for a second person."""
    return Adjustment.objects.filter(state=State.PENDING).count()
