"""Gifts that come again every month."""

from datetime import UTC, datetime, timedelta
from functools import partial
from typing import Any

import pytest
import time_machine
from django.utils import timezone

from accounts.models import User
from billing import grants
from billing.models import Entry, Lot, RecurringGrant
from tests.billing.test_concurrency import all_at_once


def make(user: User, author: User, **fields: Any) -> RecurringGrant:
    gift = RecurringGrant(user=user, author=author, amount_millicredits=100, note="Monthly", **fields)
    grants.schedule(gift)
    return gift


def given_on() -> list[str]:
    return [f"{entry.created_at:%Y-%m-%d}" for entry in Entry.objects.filter(kind="grant").order_by("id")]


def test_it_comes_on_the_same_day_of_every_month_or_the_last_one(bob: User, olga: User) -> None:
    with time_machine.travel(datetime(2027, 12, 31, 9, tzinfo=UTC), tick=False) as clock:
        make(bob, olga, starts_at=timezone.now())
        for _ in range(120):
            grants.run()
            clock.shift(timedelta(days=1))
    assert given_on() == ["2027-12-31", "2028-01-31", "2028-02-29", "2028-03-31"]


def test_it_ends_and_its_credits_expire(bob: User, olga: User) -> None:
    start = datetime(2026, 1, 10, tzinfo=UTC)
    with time_machine.travel(start, tick=False) as clock:
        make(bob, olga, starts_at=start, ends_at=datetime(2026, 3, 10, tzinfo=UTC), lasts_days=30)
        for _ in range(100):
            grants.run()
            clock.shift(timedelta(days=1))
    assert given_on() == ["2026-01-10", "2026-02-10"]
    assert Lot.objects.first().expires_at == start + timedelta(days=30)


def test_missed_months_are_made_up_for_unless_their_credits_have_expired(bob: User, olga: User) -> None:
    start = datetime(2026, 1, 10, tzinfo=UTC)
    make(bob, olga, starts_at=start)
    make(bob, olga, starts_at=start, lasts_days=30)
    with time_machine.travel(datetime(2026, 4, 20, tzinfo=UTC), tick=False):
        assert grants.run() == 8
        assert grants.run() == 0
    assert Entry.objects.filter(kind="grant").count() == 4 + 1


@pytest.mark.django_db(transaction=True)
def test_several_workers_at_once_give_it_once(bob: User, olga: User) -> None:
    """R-LED9"""
    make(bob, olga, starts_at=timezone.now())
    all_at_once([partial(grants.run) for _ in range(8)])
    assert Entry.objects.filter(kind="grant").count() == 1
