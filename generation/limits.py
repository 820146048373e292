"""What bounds the generations of a customer and of a budget: open ones, identical ones, and what they cost upstream."""

from collections.abc import Iterator
from datetime import date, datetime, timedelta
from typing import Any
from zoneinfo import ZoneInfo

from django.conf import settings
from django.db import connection, transaction
from django.db.models import QuerySet, Sum
from django.db.models.functions import Coalesce, TruncDate
from django.utils import timezone

from accounts.errors import Refused
from accounts.models import ApiKey, User
from billing.models import Budget
from billing.upstream import budgets
from generation.models import Generation

State = Generation.State


# Open generations


def check_running(generation: Generation) -> None:
    """Refuse the generation that is one more than its user, or its key, may have open at once.

    Whoever calls has inserted it and locked the wallet since, as a hold does: all requests of a user come here one
    after the other, and each sees those before it. Raises Refused("too_many_running").
    """
    user, key = generation.user, generation.api_key
    limits = {"user": user_limit(user), "key": key_limit(key)}
    if not any(limits.values()):
        return
    # Every request passes here, and an aggregate of the ORM takes as long to put together as it takes to run.
    sql = """SELECT COUNT(CASE WHEN api_key_id = %s THEN 1 END), COUNT(*)
        FROM generation_generation WHERE user_id = %s AND finished_at IS NULL"""
    with connection.cursor() as cursor:
        cursor.execute(sql, [generation.api_key_id, generation.user_id])
        open_now = dict(zip(("key", "user"), cursor.fetchone(), strict=True))
    for name, count in open_now.items():
        if limits[name] and count > limits[name]:
            raise _too_many(name, limits[name], count - 1)


def user_limit(user: User) -> int:
    """How many generations a user may have open; 0 for any number."""
    return settings.MAX_RUNNING_PER_USER if user.max_running is None else user.max_running


def key_limit(key: ApiKey | None) -> int:
    """The same for a key, beyond what its user may; 0 for as many as the user."""
    if key is None:
        return 0
    return settings.MAX_RUNNING_PER_KEY if key.max_running is None else key.max_running


def _too_many(name: str, limit: int, running: int) -> Refused:
    whose = "This API key" if name == "key" else "Your account"
    message = (
        f"{whose} may have {limit} generations open at once, and {running} are. "
        "The next one is possible as soon as one of them has ended."
    )
    data = {"limit": name, "max_running": limit, "running": running}
    return Refused("too_many_running", message, status=429, retry_after_seconds=5, **data)


# Identical requests


def check_identical(generation: Generation) -> None:
    """Refuse what the same user requested a moment ago; `twin` then finds that one. Called like `check_running`."""
    if twin(generation):
        raise Refused("identical_request", "Exactly this was requested a moment ago.", status=409)


def twin(generation: Generation) -> Generation | None:
    """The generation of an identical request within `DUPLICATE_WINDOW_SECONDS` before, unless that one came to nothing.

    Identical is: the same user, model and normalised input, and what a program attached to it.
    """
    since = generation.created_at - timedelta(seconds=settings.DUPLICATE_WINDOW_SECONDS)
    rows = Generation.objects.filter(user=generation.user_id, model=generation.model, created_at__gt=since)
    rows = rows.exclude(pk=generation.pk).exclude(state__in=[State.FAILED, State.CANCELED])
    found = (row for row in rows.order_by("created_at") if _asked(row) == _asked(generation))
    return next(found, None)


def _asked(generation: Generation) -> Any:
    return generation.input, generation.metadata


# Budgets


def scopes(generation: Generation) -> list[str]:
    """The names of the budgets that a generation counts in, if there are such budgets."""
    key = [f"key:{generation.api_key_id}"] if generation.api_key_id else []
    return [*key, f"user:{generation.user_id}", f"model:{generation.model}", Budget.PLATFORM]


def counted_in(budget: Budget) -> QuerySet[Generation]:
    """The generations that a budget counts."""
    field = {"key": "api_key", "user": "user", "model": "model"}.get(budget.kind)
    rows = Generation.objects.filter(**{field: budget.subject} if field else {})
    return rows.filter(created_at__gte=budget.counted_from) if budget.counted_from else rows


def cost_by_day(budget: Budget, rows: QuerySet[Generation]) -> Iterator[tuple[date, int]]:
    """What generations cost on each local day of a budget: as far as known, else as estimated (R-BUD2)."""
    day = TruncDate("created_at", tzinfo=ZoneInfo(budget.time_zone))
    cost = Sum(Coalesce("cost_millicredits", "cost_estimate_millicredits"))
    yield from rows.annotate(day=day).values_list("day").annotate(cost=cost).order_by("day")


@transaction.atomic
def recount(budget: Budget, at: datetime | None = None) -> None:
    """Fill a budget that is new, or has another zone, from the generations of its local month (R-BUD2)."""
    budgets.stop_counting()
    since = budgets.month_began(budget.time_zone, at or timezone.now())
    budget.counted_from = since
    budgets.replace(budget, since, list(cost_by_day(budget, counted_in(budget))))
