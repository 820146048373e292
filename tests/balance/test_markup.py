"""Pages of credits keep what every page keeps: nothing inline, and a name for every control."""

from datetime import timedelta

import pytest
from django.utils import timezone

from billing import ledger
from billing.models import Lot
from tests.pages.conftest import browser_of, requested, succeeded
from tests.pages.test_markup import check

pytestmark = pytest.mark.django_db


def test_no_page_of_credits_has_anything_inline_or_nameless(alice, bob):
    generation = succeeded(alice)
    requested(alice)
    ledger.freeze(alice.pk, 10_000, dispute="dp")
    ledger.grant(alice, 1_000, reason="gift", expires_at=timezone.now() + timedelta(days=2))
    today, lot = timezone.now(), Lot.objects.filter(wallet=alice.pk).first()
    for path in [
        "/balance/",
        "/balance/statements/",
        f"/balance/{today.year}/{today.month}/",
        "/balance/lots/",
        "/balance/lots/?all=1",
        f"/balance/lots/{lot.pk}/",
        "/balance/settings/",
        "/usage/",
        f"/generations/{generation.pk}/receipt/",
    ]:
        for user in (alice, bob):
            response = browser_of(user).get(path)
            if response.status_code == 200:
                check(response)
            else:
                assert user == bob, path
                assert response.status_code == 404


def test_frozen_and_owed_credits_are_explained_when_there_are_any(alice, text_of):
    """R-UX1, R-PAY7"""
    browser = browser_of(alice)
    page = text_of(browser.get("/balance/"))
    assert "frozen" not in page
    assert "owed" not in page
    ledger.hold(alice.pk, 5_000, about="job")
    ledger.freeze(alice.pk, 300_000, dispute="dp")
    page = text_of(browser.get("/balance/"))
    assert "300 credits are frozen" in page
    assert "300 of it frozen" in page
    ledger.unfreeze("dp")
    ledger.settle("job", 5_000)
    ledger.reverse("test:alice", 1_000_000, reason="lost")
    page = text_of(browser.get("/balance/"))
    assert "frozen" not in page.partition("Movements")[0]
    assert "5 credits are owed" in page


def test_low_credits_are_told_on_the_page_too(alice, bob, settings, text_of):
    settings.LOW_CREDIT_ALERT_CREDITS = "1001"
    assert "Your credits run low" in text_of(browser_of(alice).get("/balance/"))
    assert "Your credits run low" not in text_of(browser_of(bob).get("/balance/"))
