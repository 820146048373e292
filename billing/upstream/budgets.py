"""Caps on upstream cost per local calendar day and month, for the platform, a model, a user and an API key.

A reservation of all that apply is one statement in the transaction of the hold (R-BUD1). Nothing resets at midnight:
use is keyed by the date, and the month, in the budget's own time zone (R-TZ1). Amounts are KIE's millicredits.
"""

# ruff: noqa: S608 - what is put into the statements are placeholders.

from collections.abc import Iterable, Sequence
from datetime import UTC, date, datetime, time, timedelta
from typing import Any
from zoneinfo import ZoneInfo

from django.db import connection, transaction
from django.db.models import F
from django.utils import timezone

from accounts.errors import Refused
from billing.amounts import format_credits
from billing.models import Budget, BudgetUse

# How often a reservation is made anew when operators change budgets at that very moment.
ATTEMPTS = 5
_NAMES = {"key": "This API key", "user": "Your account", "model": "This model", "platform": "The platform"}
# Whose numbers customers may know: their own (R-API1).
_OWN = ("key", "user")


# Days and months


def local_day(time_zone: str, at: datetime) -> date:
    return at.astimezone(ZoneInfo(time_zone)).date()


def periods(time_zone: str, at: datetime) -> tuple[str, str]:
    """The local day and month of a moment, as use is keyed by them: ("2026-11-21", "2026-11")."""
    return periods_of(local_day(time_zone, at))


def periods_of(day: date) -> tuple[str, str]:
    """A local day, and its month, as use is keyed by them."""
    return day.isoformat(), day.isoformat()[:7]


def frees_at(time_zone: str, period: str) -> datetime:
    """When the day or month after `period` begins: 00:00 in the zone, also on the days of a daylight-saving change."""
    if len(period) == 10:
        first = date.fromisoformat(period) + timedelta(days=1)
    else:
        first = (date.fromisoformat(f"{period}-28") + timedelta(days=4)).replace(day=1)
    return _midnight(time_zone, first)


def month_began(time_zone: str, at: datetime) -> datetime:
    """When the local month of a moment began."""
    return _midnight(time_zone, local_day(time_zone, at).replace(day=1))


def _midnight(time_zone: str, day: date) -> datetime:
    # By way of UTC, because some days have no midnight: where clocks go from 24:00 to 01:00, they begin at 01:00.
    return datetime.combine(day, time(), ZoneInfo(time_zone)).astimezone(UTC).astimezone(ZoneInfo(time_zone))


# Reading


def cap(budget: Budget, period: str) -> int | None:
    """The cap that holds for a day or a month."""
    return budget.daily_cap_millicredits if len(period) == 10 else budget.monthly_cap_millicredits


def used(budget: Budget, at: datetime | None = None) -> dict[str, int]:
    """What the local day and month of a moment, now unless given, have used: {"2026-11-21": 5000, "2026-11": 90000}."""
    return used_of([budget], at)[budget.scope]


def used_of(budgets: Iterable[Budget], at: datetime | None = None) -> dict[str, dict[str, int]]:
    """The same of many budgets, by scope, with one query."""
    both = {budget.scope: periods(budget.time_zone, at or timezone.now()) for budget in budgets}
    rows = BudgetUse.objects.filter(budget__in=both, period__in={period for pair in both.values() for period in pair})
    found = {(use.budget_id, use.period): use.used_millicredits for use in rows}
    return {scope: {period: found.get((scope, period), 0) for period in pair} for scope, pair in both.items()}


def counted(budget: Budget) -> dict[str, int]:
    """What each day and month has used since the budget is counted, by period."""
    uses = BudgetUse.objects.filter(budget=budget)
    if budget.counted_from:
        uses = uses.filter(period__gte=_month(budget, budget.counted_from))
    return dict(uses.values_list("period", "used_millicredits"))


def _month(budget: Budget, at: datetime) -> str:
    return periods(budget.time_zone, at)[1]


def next_periods(budget: Budget) -> list[datetime]:
    """When the caps of today and of this month free."""
    return [frees_at(budget.time_zone, period) for period in periods(budget.time_zone, timezone.now())]


def _budgets(scopes: Sequence[str]) -> list[Budget]:
    """The budgets there are among `scopes`, from the least to the most shared one; the platform's always is."""
    found = list(Budget.objects.filter(scope__in=scopes))
    if Budget.PLATFORM in scopes and not any(budget.scope == Budget.PLATFORM for budget in found):
        found.append(Budget.objects.get_or_create(scope=Budget.PLATFORM)[0])
    return sorted(found, key=lambda budget: Budget.KINDS.index(budget.kind))


# Counting

_UNCHANGED = "(SELECT COALESCE(SUM(version), 0) FROM billing_budget WHERE scope IN ({scopes})) = %s"
_CAP = """COALESCE(
    CASE LENGTH({period}) WHEN 10 THEN b.daily_cap_millicredits ELSE b.monthly_cap_millicredits END,
    9223372036854775807)"""


@transaction.atomic(savepoint=False)
def reserve(scopes: Sequence[str], at: datetime, amount: int) -> None:
    """Count `amount` against the caps of the local days and months of `at`, in every budget among `scopes`.

    Raises Refused("daily_cap_reached" or "monthly_cap_reached") with the time at which the cap frees, and undoes the
    transaction around it. A use equal to the cap is allowed, one more is not (R-BUD4). Customers are told no numbers
    but their own (R-API1).
    """
    for _ in range(ATTEMPTS):
        budgets = _budgets(scopes)
        wanted = [(budget, period) for budget in budgets for period in periods(budget.time_zone, at)]
        counted = _add(scopes, _versions(budgets), wanted, amount) if wanted else set()
        missing = [(budget, period) for budget, period in wanted if (budget.scope, period) not in counted]
        if not missing:
            return
        if counted or _versions(_budgets(scopes)) == _versions(budgets):
            raise _refusal(missing, amount)
    raise Refused("temporarily_unavailable", "Please try again.", status=503, retry_after_seconds=1)


def _versions(budgets: Iterable[Budget]) -> int:
    return sum(budget.version for budget in budgets)


def _add(
    scopes: Sequence[str], versions: int, wanted: Sequence[tuple[Budget, str]], amount: int
) -> set[tuple[str, str]]:
    """Add to each row whose cap allows it, in the order of `wanted`; nothing when a budget was changed meanwhile."""
    # On PostgreSQL a conflicting row is locked first, so the condition sees what others have committed.
    sql = f"""
        INSERT INTO billing_budgetuse (budget_id, period, used_millicredits)
        SELECT b.scope, p.column3, %s
        FROM (VALUES {", ".join(["(%s, %s, %s)"] * len(wanted))}) AS p JOIN billing_budget b ON b.scope = p.column2
        WHERE {_unchanged(scopes)} AND %s <= {_CAP.format(period="p.column3")}
        ORDER BY p.column1
        ON CONFLICT (budget_id, period) DO UPDATE
        SET used_millicredits = billing_budgetuse.used_millicredits + excluded.used_millicredits
        WHERE billing_budgetuse.used_millicredits + excluded.used_millicredits <=
            (SELECT {_CAP.format(period="excluded.period")} FROM billing_budget b WHERE b.scope = excluded.budget_id)
        RETURNING budget_id, period
    """
    rows = [value for number, (budget, period) in enumerate(wanted) for value in (number, budget.scope, period)]
    with connection.cursor() as cursor:
        cursor.execute(sql, [amount, *rows, *scopes, versions, amount])
        return set(cursor.fetchall())


def _unchanged(scopes: Sequence[str]) -> str:
    """SQL for: no budget among `scopes` was added or counted anew since it was read."""
    return _UNCHANGED.format(scopes=", ".join(["%s"] * len(scopes)))


def _refusal(missing: Sequence[tuple[Budget, str]], amount: int) -> Refused:
    """What to tell: a cap that no waiting helps against, else of several that are reached the one that frees last."""
    never = [one for one in missing if (value := cap(*one)) is not None and amount > value]
    if never:
        return _never(*never[0])
    budget, period = max(missing, key=lambda one: frees_at(one[0].time_zone, one[1]))
    frees, span = frees_at(budget.time_zone, period), "today" if len(period) == 10 else "this month"
    message = f"{_NAMES[budget.kind]} has reached its limit{_of(budget, period)} for {span}."
    seconds = max(1, int((frees - timezone.now()).total_seconds()))
    when = {"frees_at": frees.isoformat(), "retry_after_seconds": seconds}
    return _refused(budget, period, f"{message} It frees at {frees:%Y-%m-%d %H:%M %Z}.", **when)


def _never(budget: Budget, period: str) -> Refused:
    """A cap of zero, or one that a single request exceeds: no time at which it frees would be true."""
    span = "day" if len(period) == 10 else "month"
    message = f"{_NAMES[budget.kind]} has a limit{_of(budget, period)} for a {span}, and this request alone is more."
    return _refused(budget, period, message)


def _of(budget: Budget, period: str) -> str:
    value = _told(budget, period)
    return "" if value is None else f" of {format_credits(value)} upstream credits"


def _told(budget: Budget, period: str) -> int | None:
    """The cap, where customers may know it."""
    return cap(budget, period) if budget.kind in _OWN else None


def _refused(budget: Budget, period: str, message: str, **when: Any) -> Refused:
    daily, value = len(period) == 10, _told(budget, period)
    own = {} if value is None else {"cap": format_credits(value)}
    data = {"limit": budget.kind, "period": "day" if daily else "month", **own, **when}
    return Refused("daily_cap_reached" if daily else "monthly_cap_reached", message, status=429, **data)


def correct(scopes: Sequence[str], at: datetime, change: int) -> None:
    """Replace an estimate by what is known better: adds `change`, of either sign, where `at` was counted (R-BUD2)."""
    if not change:
        return
    for _ in range(ATTEMPTS):
        budgets = _budgets(scopes)
        if _change(scopes, budgets, at, change) or _versions(_budgets(scopes)) == _versions(budgets):
            return
    raise RuntimeError("budgets change all the time")


def _change(scopes: Sequence[str], budgets: Sequence[Budget], at: datetime, change: int) -> int:
    """How many rows were corrected; none when a budget was changed meanwhile."""
    counting = [budget for budget in budgets if budget.counted_from is None or at >= budget.counted_from]
    keys = [value for budget in counting for p in periods(budget.time_zone, at) for value in (budget.scope, p)]
    if not keys:
        return 0
    rank = " ".join(f"WHEN '{kind[0]}' THEN {number}" for number, kind in enumerate(Budget.KINDS))
    lock = "FOR NO KEY UPDATE" if connection.features.has_select_for_no_key_update else ""
    # In the order in which a reservation takes the rows: the least shared budget first, the day before the month.
    sql = f"""
        UPDATE billing_budgetuse SET used_millicredits = used_millicredits + %s WHERE id IN (
            SELECT id FROM billing_budgetuse
            WHERE (budget_id, period) IN (VALUES {", ".join(["(%s, %s)"] * (len(keys) // 2))}) AND {_unchanged(scopes)}
            ORDER BY CASE SUBSTR(budget_id, 1, 1) {rank} END, LENGTH(period) DESC {lock})
    """
    with connection.cursor() as cursor:
        cursor.execute(sql, [change, *keys, *scopes, _versions(budgets)])
        return cursor.rowcount


# Counting anew


def stop_counting() -> None:
    """Make everybody who counts wait until this transaction ends, and see then what it did.

    Whoever has counted already is waited for. SQLite has one writer, so its transactions do that by themselves.
    """
    if connection.vendor == "postgresql":
        with connection.cursor() as cursor:
            cursor.execute("LOCK TABLE billing_budgetuse IN SHARE ROW EXCLUSIVE MODE")


@transaction.atomic
def replace(budget: Budget, since: datetime, by_day: Iterable[tuple[date, int]]) -> None:
    """Let a budget's use, from the local month on that begins at `since`, be what local days have used (R-BUD2).

    Only between `stop_counting` and the end of that transaction is the sum of anything the truth. What was counted
    for earlier months stays to be looked at.
    """
    sums: dict[str, int] = {}
    for day, amount in by_day:
        for period in periods_of(day):
            sums[period] = sums.get(period, 0) + amount
    BudgetUse.objects.filter(budget=budget, period__gte=_month(budget, since)).delete()
    BudgetUse.objects.bulk_create([BudgetUse(budget=budget, period=p, used_millicredits=n) for p, n in sums.items()])
    Budget.objects.filter(pk=budget.pk).update(version=F("version") + 1, counted_from=since)
    budget.refresh_from_db()
