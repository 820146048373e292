"""Caps on upstream cost per local calendar day.

A reservation is one statement in the transaction of the hold (R-BUD1). Nothing resets at midnight: usage is keyed
by the date in the budget's own time zone (R-TZ1). Amounts are KIE's millicredits.
"""

from datetime import date, datetime, time, timedelta
from zoneinfo import ZoneInfo

from django.db import connection
from django.db.models import F
from django.utils import timezone

from accounts.errors import Refused
from billing.models import Budget, BudgetDay


def local_day(time_zone: str, at: datetime) -> date:
    return at.astimezone(ZoneInfo(time_zone)).date()


def frees_at(time_zone: str, at: datetime) -> datetime:
    """When the next local day begins: 00:00 in the zone, also on the days of a daylight-saving change."""
    tomorrow = local_day(time_zone, at) + timedelta(days=1)
    return datetime.combine(tomorrow, time(), ZoneInfo(time_zone))


def today(scope: str) -> date:
    """The local day that a reservation made now is counted on."""
    return local_day(_budget(scope).time_zone, timezone.now())


def _budget(scope: str) -> Budget:
    return Budget.objects.filter(scope=scope).first() or Budget.objects.get_or_create(scope=scope)[0]


def reserve(scope: str, day: date, amount: int) -> None:
    """Count `amount` against the cap of a local day.

    Raises Refused("daily_cap_reached") with the time at which the cap frees. A use equal to the cap is allowed,
    one more is not (R-BUD4). Customers are not told the operator's numbers (R-API1).
    """
    # On PostgreSQL the conflicting row is locked first, so the condition sees what others have committed.
    sql = """
        INSERT INTO billing_budgetday (budget_id, day, used_millicredits)
        SELECT scope, %s, %s FROM billing_budget
        WHERE scope = %s AND (daily_cap_millicredits IS NULL OR daily_cap_millicredits >= %s)
        ON CONFLICT (budget_id, day) DO UPDATE
        SET used_millicredits = billing_budgetday.used_millicredits + excluded.used_millicredits
        WHERE billing_budgetday.used_millicredits + excluded.used_millicredits <= COALESCE(
            (SELECT daily_cap_millicredits FROM billing_budget WHERE scope = excluded.budget_id),
            9223372036854775807)
        RETURNING id
    """
    with connection.cursor() as cursor:
        cursor.execute(sql, [connection.ops.adapt_datefield_value(day), amount, scope, amount])
        if cursor.fetchone():
            return
    now = timezone.now()
    frees = frees_at(_budget(scope).time_zone, now)
    message = f"The platform has reached its limit for today. It frees at {frees:%Y-%m-%d %H:%M %Z}."
    wait = max(1, int((frees - now).total_seconds()))
    raise Refused("daily_cap_reached", message, status=429, frees_at=frees.isoformat(), retry_after_seconds=wait)


def correct(scope: str, day: date, change: int) -> None:
    """Replace an estimate by what is known better: adds `change`, of either sign, to the day it was counted on."""
    if change:
        rows = BudgetDay.objects.filter(budget=scope, day=day)
        rows.update(used_millicredits=F("used_millicredits") + change)
