"""Gifts that come again every month, edited by operators."""

from datetime import UTC, datetime, timedelta
from typing import Any
from zoneinfo import ZoneInfo

import pytest
from django.test import Client
from django.urls import reverse
from django.utils import timezone

from accounts.admin_buttons import admin_url
from accounts.models import User
from billing import adjustments, grants
from billing.models import RecurringGrant, Wallet
from tests.conftest import person
from tests.operators.conftest import press

ADD = "admin:billing_recurringgrant_add"


def fields(**more: Any) -> dict[str, Any]:
    now = timezone.localtime()
    given = {"email": "bob@example.com", "amount_millicredits": "12.5", "note": "partner", "lasts_days": ""}
    return (
        given
        | {"starts_at_0": f"{now:%Y-%m-%d}", "starts_at_1": f"{now:%H:%M:%S}", "ends_at_0": "", "ends_at_1": ""}
        | more
    )


def test_it_is_set_up_and_given(office: Client, olga: User, bob: User) -> None:
    """R-AD1"""
    assert office.post(reverse(ADD), fields()).status_code == 302
    gift = RecurringGrant.objects.get()
    assert (gift.user, gift.amount_millicredits, gift.author, gift.note) == (bob, 12_500, olga, "partner")
    assert grants.run() == 1
    assert Wallet.objects.get(pk=bob.pk).available == 12_500
    assert "12.5" in office.get(admin_url(gift)).content.decode()


def test_it_is_changed_and_ended(office: Client, bob: User) -> None:
    office.post(reverse(ADD), fields())
    gift = RecurringGrant.objects.get()
    office.post(admin_url(gift), fields(amount_millicredits="20", note="better partner"))
    gift.refresh_from_db()
    assert (gift.amount_millicredits, gift.note, gift.user) == (20_000, "better partner", bob)
    assert "Ended after 0 gifts" in press(office, gift, "end").content.decode()
    gift.refresh_from_db()
    assert (gift.next_at, grants.run()) == (None, 0)
    assert office.post(admin_url(gift, "delete"), {"post": "yes"}).status_code == 403


@pytest.mark.parametrize(
    ("changed", "name"),
    [
        *(({"amount_millicredits": text}, "amount_millicredits") for text in ("0", "-1", "NaN", "0.0005", "9" * 18)),
        ({"amount_millicredits": "1000.001"}, "amount_millicredits"),
        ({"email": "nobody@example.com"}, "email"),
        ({"note": ""}, "note"),
        ({"lasts_days": "0"}, "lasts_days"),
        ({"ends_at_0": "2020-01-01", "ends_at_1": "00:00"}, "ends_at"),
        ({"starts_at_0": "2006-11-21"}, "starts_at"),
    ],
)
def test_what_is_wrong_is_refused_at_its_field(changed: dict[str, str], name: str, office: Client, bob: User) -> None:
    answer = office.post(reverse(ADD), fields(**changed))
    assert list(answer.context["adminform"].form.errors) == [name]
    assert not RecurringGrant.objects.exists()


def test_a_start_to_come_waits(office: Client, bob: User) -> None:
    later = timezone.localtime() + timedelta(days=3)
    office.post(reverse(ADD), fields(starts_at_0=f"{later:%Y-%m-%d}"))
    assert grants.run() == 0


def test_a_start_of_yesterday_is_given_at_once(office: Client, bob: User) -> None:
    earlier = timezone.localtime() - timedelta(hours=23)
    start = {"starts_at_0": f"{earlier:%Y-%m-%d}", "starts_at_1": f"{earlier:%H:%M:%S}"}
    assert office.post(reverse(ADD), fields(**start)).status_code == 302
    assert grants.run() == 1


def test_gifts_count_towards_what_their_author_books_alone(office: Client, alice: User, olga: User) -> None:
    """R-AD1: with one month each, and together with adjustments."""
    assert office.post(reverse(ADD), fields(email="alice@example.com", amount_millicredits="600")).status_code == 302
    answer = office.post(reverse(ADD), fields(email="alice@example.com", amount_millicredits="400.001"))
    assert "At most 400 a month" in str(answer.context["adminform"].form.errors["amount_millicredits"])
    assert adjustments.ask(alice, "grant", 400_001, key="test:1", reason="x", author=olga).state == "pending"
    office.post(reverse(ADD), fields(email="alice@example.com", amount_millicredits="400"))
    assert RecurringGrant.objects.count() == 2
    RecurringGrant.objects.update(agreed_at=timezone.now() - adjustments.ALONE_WITHIN)
    assert adjustments.ask(alice, "grant", 400_001, key="test:2", reason="x", author=olga).state == "booked"


def test_an_amount_that_rises_counts_anew_for_who_raises_it(office: Client, olga: User, bob: User) -> None:
    """R-AD1: and lowering it, after it was given, makes no room for another."""
    max_ = person("max", is_staff=True, is_superuser=True)
    office.post(reverse(ADD), fields(amount_millicredits="600"))
    gift = RecurringGrant.objects.get()
    grants.run()
    office.post(admin_url(gift), fields(amount_millicredits="1"))
    assert adjustments.booked_alone(olga) == 600_000
    office.post(admin_url(gift), fields(amount_millicredits="600"))
    assert (adjustments.booked_alone(olga), RecurringGrant.objects.get().author) == (600_000, olga)
    adjustments.ask(bob, "grant", 300_000, key="test:1", reason="x", author=max_)
    other = Client()
    other.force_login(max_)
    answer = other.post(admin_url(gift), fields(amount_millicredits="700.001"))
    assert list(answer.context["adminform"].form.errors) == ["amount_millicredits"]
    other.post(admin_url(gift), fields(amount_millicredits="700"))
    assert (adjustments.booked_alone(olga), adjustments.booked_alone(max_)) == (0, 1_000_000)
    assert RecurringGrant.objects.get().author == max_


def test_what_has_ended_does_not_go_on(office: Client, bob: User) -> None:
    """All months since would be given at once. The rest of it can still be changed."""
    earlier = timezone.localtime() - timedelta(hours=1)
    start = {"starts_at_0": f"{earlier:%Y-%m-%d}", "starts_at_1": f"{earlier:%H:%M:%S}"}
    office.post(reverse(ADD), fields(**start))
    gift = RecurringGrant.objects.get()
    grants.run()
    press(office, gift, "end")
    gift.refresh_from_db()
    answer = office.post(admin_url(gift), fields())
    assert list(answer.context["adminform"].form.errors) == ["ends_at"]
    ended = timezone.localtime(gift.ends_at)
    same = {"ends_at_0": f"{ended:%Y-%m-%d}", "ends_at_1": f"{ended:%H:%M:%S}"}
    page = office.post(admin_url(gift), fields(note="over", **same))
    assert page.status_code == 302
    assert (RecurringGrant.objects.get().note, grants.run()) == ("over", 0)


@pytest.mark.parametrize("zone", ["Europe/Berlin", "America/Los_Angeles", "Asia/Tokyo", "UTC"])
def test_a_gift_of_the_first_stays_one_in_any_zone(zone: str, bob: User, olga: User, settings: Any) -> None:
    settings.TIME_ZONE = zone
    start = timezone.make_aware(datetime(2026, 7, 1), ZoneInfo(zone))
    gift = RecurringGrant(user=bob, author=olga, amount_millicredits=1, note="x", starts_at=start.astimezone(UTC))
    due = []
    for gift.given in range(12):
        at = grants.due_at(gift)
        assert at
        due.append(f"{timezone.localtime(at):%Y-%m-%d %H:%M}")
    months = [*((2026, month) for month in range(7, 13)), *((2027, month) for month in range(1, 7))]
    assert due == [f"{year}-{month:02}-01 00:00" for year, month in months]
