"""Gifts that come again every month, edited by operators."""

from datetime import timedelta
from typing import Any

import pytest
from django.test import Client
from django.urls import reverse
from django.utils import timezone

from accounts.admin_buttons import admin_url
from accounts.models import User
from billing import grants
from billing.models import RecurringGrant, Wallet
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
