"""Gifts that come again every month, each once, however late or often this runs.

Days and months are those of the platform's time zone: a gift of the first stays one, whatever day it is in UTC.
"""

import calendar
from datetime import datetime, timedelta

from django.db.models import F
from django.utils import timezone

from accounts.models import User
from accounts.transactions import atomically
from billing import ledger
from billing.models import RecurringGrant


def due_at(gift: RecurringGrant) -> datetime | None:
    """When the gift is given next: the day of the month of its start, or the last one of a shorter month."""
    zone = timezone.get_default_timezone()
    start = timezone.make_naive(gift.starts_at, zone)
    years, month = divmod(start.month - 1 + gift.given, 12)
    year, month = start.year + years, month + 1
    day = min(start.day, calendar.monthrange(year, month)[1])
    at = timezone.make_aware(start.replace(year=year, month=month, day=day), zone)
    return at if gift.ends_at is None or at < gift.ends_at else None


def agree(gift: RecurringGrant, *, by: User) -> None:
    """Save what an operator typed; an amount higher than any before is theirs (R-AD1)."""
    if gift.amount_millicredits > gift.agreed_millicredits:
        gift.author, gift.agreed_millicredits, gift.agreed_at = by, gift.amount_millicredits, timezone.now()
    schedule(gift)


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
