"""Where credits come from, what expires when, and what each paid."""

from datetime import UTC, datetime, timedelta

import pytest
import time_machine
from django.utils import timezone

from billing import ledger
from billing.models import Entry, Lot, LotChange
from billing.pages import lots
from tests.balance.booking import at, spend
from tests.pages.conftest import browser_of, succeeded

pytestmark = pytest.mark.django_db
MARCH = datetime(2026, 3, 1, tzinfo=UTC)


@pytest.fixture
def now():
    with time_machine.travel(MARCH + timedelta(days=60), tick=False):
        yield


@pytest.fixture
def bobs(bob, olga, now):
    """A gift that was used in part and expired, a purchase that is used next, one that was taken back in part."""
    at(MARCH, ledger.grant, bob, 50_000, reason="gift", note="Welcome", expires_at=MARCH + timedelta(days=10))
    at(MARCH, ledger.top_up, bob, 100_000, payment="stripe:1")
    at(MARCH, ledger.top_up, bob, 30_000, payment="stripe:2", expires_at=MARCH + timedelta(days=70))
    at(MARCH + timedelta(days=1), spend, bob, 20_000, "a")
    at(MARCH + timedelta(days=2), ledger.refund, "a", 5_000, note="sorry", author=olga)
    at(MARCH + timedelta(days=20), spend, bob, 10_000, "b")
    at(MARCH + timedelta(days=21), ledger.reverse, "stripe:1", 40_000, reason="refund:1")
    return bob


def test_open_lots_stand_in_the_order_in_which_they_are_used(bobs):
    """R-LED8"""
    context = browser_of(bobs).get("/balance/lots/").context
    found = [(shown.lot.source, shown.lot.remaining) for shown in context["lots"]]
    assert found == [("purchase", 20_000), ("purchase", 60_000)]
    assert context["left"] == 80_000


def test_of_every_lot_what_came_in_is_left_used_expired_or_taken_back(bobs):
    context = browser_of(bobs).get("/balance/lots/?all=1").context
    found = {}
    for shown in context["lots"]:
        lot = shown.lot
        assert lot.amount == lot.remaining + shown.used + shown.expired + shown.taken_back
        found[lot.pk] = (lot.amount, lot.remaining, shown.used, shown.expired, shown.taken_back)
    assert list(found.values()) == [
        (30_000, 20_000, 10_000, 0, 0),
        (100_000, 60_000, 0, 0, 40_000),
        (50_000, 0, 15_000, 35_000, 0),
    ]


def test_a_lot_that_paid_an_overdraft_was_used_for_it(bob):
    bob.wallet.overdraft_limit = 10_000
    bob.wallet.save(update_fields=["overdraft_limit"])
    spend(bob, 10_000)
    ledger.top_up(bob, 30_000, payment="stripe:1")
    [shown] = lots.shown(list(Lot.objects.all()))
    assert (shown.lot.remaining, shown.used) == (20_000, 10_000)


def test_the_page_of_a_lot_says_what_it_paid_and_its_rows_run(bobs):
    lot = Lot.objects.get(source="gift")
    context = browser_of(bobs).get(f"/balance/lots/{lot.pk}/").context
    changes = [(row["entry"].kind, row["change"].amount, row["after"]) for row in context["changes"]]
    assert changes == [
        ("expire", -35_000, 0),
        ("refund", 5_000, 35_000),
        ("settle", -20_000, 30_000),
        ("grant", 50_000, 50_000),
    ]


def test_a_lot_leads_to_the_generations_that_it_paid(alice, text_of):
    generation = succeeded(alice)
    lot = Lot.objects.get(wallet=alice.pk)
    page = text_of(browser_of(alice).get(f"/balance/lots/{lot.pk}/"))
    assert f'Paid for <a href="/generations/{generation.pk}/">Nano Banana</a>' in page


def test_the_changes_of_a_lot_are_shown_some_at_a_time(alice):
    lot = Lot.objects.get(wallet=alice.pk)
    for number in range(2 * lots.CHANGES):
        spend(alice, 1_000, f"job:{number}")
    browser, seen, older = browser_of(alice), [], ""
    while True:
        context = browser.get(f"/balance/lots/{lot.pk}/", {"before": older}).context
        seen += [row["change"].pk for row in context["changes"]]
        older = context["older"]
        if not older:
            break
    assert seen == list(LotChange.objects.order_by("-id").values_list("pk", flat=True))


@pytest.mark.parametrize("query", ["?page=x", "?page=99", "?page=-1", "?all=1&page=0"])
def test_an_odd_page_is_one_of_those_there_are(bobs, query):
    assert browser_of(bobs).get(f"/balance/lots/{query}").status_code == 200


def test_lots_that_do_not_exist(alice):
    for pk in (0, 10**6, 10**30):
        assert browser_of(alice).get(f"/balance/lots/{pk}/").status_code == 404


def test_what_was_there_before_there_were_lots_is_an_opening_balance(alice, text_of):
    lot = Lot.objects.create(wallet_id=alice.pk, source="opening", amount=5_000, created_at=timezone.now())
    LotChange.objects.create(lot=lot, amount=5_000)
    assert "Opening balance" in text_of(browser_of(alice).get(f"/balance/lots/{lot.pk}/"))


def test_the_balance_says_what_expires_soon_and_only_of_what_is_left(bobs, text_of):
    """R-LED8"""
    context = browser_of(bobs).get("/balance/").context
    assert context["expiring"] == [(MARCH + timedelta(days=70), 20_000)]
    spend(bobs, 20_000, "c")
    assert browser_of(bobs).get("/balance/").context["expiring"] == []


def test_what_expires_later_than_soon_is_not_told(bob):
    ledger.grant(bob, 1_000, reason="late", expires_at=timezone.now() + timedelta(days=31))
    assert browser_of(bob).get("/balance/").context["expiring"] == []


def test_opening_the_balance_books_what_has_expired(bob):
    """R-LED4"""
    moment = timezone.now()
    at(moment - timedelta(days=2), ledger.grant, bob, 1_000, reason="g", expires_at=moment - timedelta(days=1))
    context = browser_of(bob).get("/balance/").context
    assert (context["wallet"].available, context["settled"]) == (0, 0)
    assert Entry.objects.filter(wallet=bob.pk, kind="expire").count() == 1
