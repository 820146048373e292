"""Gifts that come again every month, each once, however late or often this runs."""

import calendar
from datetime import datetime, timedelta

from django.db.models import F
from django.utils import timezone

from accounts.transactions import atomically
from billing import ledger
from billing.models import RecurringGrant


def due_at(gift: RecurringGrant) -> datetime | None:
    """When the gift is given next: the day of the month of its start, or the last one of a shorter month."""
    year, month = divmod(gift.starts_at.month - 1 + gift.given, 12)
    year, month = gift.starts_at.year + year, month + 1
    at = gift.starts_at.replace(
        year=year, month=month, day=min(gift.starts_at.day, calendar.monthrange(year, month)[1])
    )
    return at if gift.ends_at is None or at < gift.ends_at else None


def schedule(gift: RecurringGrant) -> None:
    """Save a new or changed gift with the time of its next turn."""
    gift.next_at = due_at(gift)
    gift.save()


def run(limit: int = 500) -> int:
    """Give what is due, oldest first; returns how many gifts were given. Missed months are made up for one by one."""
    given = 0
    for pk in list(
        RecurringGrant.objects.filter(next_at__lte=timezone.now())
        .order_by("next_at")
        .values_list("pk", flat=True)[:limit]
    ):
        while _give(pk):
            given += 1
    return given


@atomically
def _give(pk: int) -> bool:
    gift = RecurringGrant.objects.select_for_update(of=("self",)).select_related("user", "author").get(pk=pk)
    now = timezone.now()
    if gift.next_at is None or gift.next_at > now:
        return False
    expires = gift.next_at + timedelta(days=gift.lasts_days) if gift.lasts_days else None
    # A month that was missed for so long that its gift has expired already is let go.
    if expires is None or expires > now:
        reason = f"recurring:{gift.pk}:{gift.given}"
        ledger.grant(
            gift.user, gift.amount_millicredits, reason=reason, note=gift.note, author=gift.author, expires_at=expires
        )
    gift.given += 1
    RecurringGrant.objects.filter(pk=pk).update(given=F("given") + 1, next_at=due_at(gift))
    return True
