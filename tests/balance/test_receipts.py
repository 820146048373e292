"""The receipt of a generation (R-UX1)."""

import pytest

from billing import ledger, preferences
from tests.pages.conftest import browser_of, failed, requested, succeeded

pytestmark = pytest.mark.django_db


def test_a_receipt_names_quote_price_version_held_charged_returned_lots_and_times(browser, alice, olga, text_of):
    """R-UX1"""
    generation = succeeded(alice)
    ledger.refund(generation.about, 2_000, note="sorry", author=olga)
    response = browser.get(f"/generations/{generation.pk}/receipt/")
    receipt = response.context["receipt"]
    assert {line.words: line.amount for line in receipt.lines} == {
        "Held": 5_000,
        "Charged": 5_000,
        "Returned": 0,
        "Refunded": 2_000,
    }
    assert receipt.total == 3_000
    assert [(lot.source, amount) for lot, amount in receipt.lots] == [("purchase", 5_000)]
    assert receipt.times[0] == ("Requested", generation.created_at)
    assert receipt.times[-1] == ("Finished", generation.finished_at)
    page = text_of(response)
    for words in (str(generation.pk), "alice@example.com", receipt.version, "Quoted", "never expires"):
        assert words in page


def test_several_lots_pay_one_generation(browser, alice):
    """R-UX1"""
    ledger.grant(alice, 2_000, reason="gift")
    generation = succeeded(alice)
    lots = browser.get(f"/generations/{generation.pk}/").context["receipt"].lots
    assert [(lot.source, amount) for lot, amount in lots] == [("gift", 2_000), ("purchase", 3_000)]


def test_of_a_failure_nothing_was_paid(browser, alice):
    """R-REF6"""
    receipt = browser.get(f"/generations/{failed(alice).pk}/receipt/").context["receipt"]
    assert (receipt.total, receipt.returned, receipt.lots) == (0, 5_000, [])


def test_before_the_end_it_says_until_when_credits_come_back(browser, alice, text_of):
    """R-REF8"""
    generation = requested(alice)
    response = browser.get(f"/generations/{generation.pk}/receipt/")
    assert response.context["receipt"].times[-1] == ("Returned by", generation.deadline)
    assert "Paid so far" in text_of(response)


def test_times_are_those_of_the_users_zone(browser, alice, text_of):
    generation = succeeded(alice)
    preferences.change(alice, time_zone="Asia/Kathmandu")
    page = text_of(browser.get(f"/generations/{generation.pk}/receipt/"))
    local = generation.created_at.astimezone(preferences.zone_of(alice.pk))
    assert f"<dd>{local:%Y-%m-%d %H:%M:%S}</dd>" in page


def test_a_receipt_does_not_tell_the_markup(browser, alice):
    assert b"x1.25" not in browser.get(f"/generations/{succeeded(alice).pk}/receipt/").content


def test_a_receipt_is_for_its_owner(alice, eve, client):
    """R-API3"""
    generation = succeeded(alice)
    path = f"/generations/{generation.pk}/receipt/"
    assert browser_of(eve).get(path).status_code == 404
    assert client.get(path)["Location"].startswith("/accounts/login/")
