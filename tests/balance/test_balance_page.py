import pytest
from django.utils import timezone

from billing import ledger
from billing.models import Entry, Wallet
from billing.statements import statement
from tests.pages.conftest import browser_of, failed, requested, succeeded

pytestmark = pytest.mark.django_db


def test_available_held_and_settled_are_shown_apart(browser, alice, text_of):
    requested(alice)
    page = text_of(browser.get("/balance/"))
    assert '<div class="stat-label">Available</div><div class="stat-number">995</div>' in page
    assert '<div class="stat-label">Held</div><div class="stat-number">5</div>' in page
    assert '<div class="stat-label">Settled</div><div class="stat-number">1000</div>' in page


def test_a_hold_and_its_end_read_well_and_lead_to_the_generation(browser, alice, text_of):
    charged, returned = succeeded(alice), failed(alice)
    page = text_of(browser.get("/balance/"))
    assert f'Held 5 for <a href="/generations/{charged.pk}/">Nano Banana</a>' in page
    assert f'Charged 5 for <a href="/generations/{charged.pk}/">Nano Banana</a>' in page
    assert f'Returned 5 for <a href="/generations/{returned.pk}/">Nano Banana</a>' in page


def test_opening_plus_in_minus_out_minus_expired_is_closing_on_every_page(browser, alice, olga):
    """R-LED7"""
    for number in range(statement.PAGE):
        ledger.grant(alice, 100, reason=f"gift:{number}")
    ledger.refund(succeeded(alice).about, 1000, note="sorry", author=olga)
    failed(alice)
    ledger.adjust(alice, -2500, reason="fix:1", note="counted twice", author=olga)
    requested(alice)
    address, seen, opening = "/balance/", 0, None
    while address:
        page = browser.get(address).context["page"]
        totals = page.totals
        assert totals.opening + totals.came_in - totals.out - totals.expired == totals.closing == page.rows[0].after
        assert opening in (None, totals.closing)
        if opening is None:
            wallet = Wallet.objects.get(pk=alice.pk)
            assert totals.closing == wallet.available + wallet.held
        opening, seen = totals.opening, seen + len(page.rows)
        address = f"/balance/?before={page.older}".replace("+", "%2B") if page.older else ""
    assert opening == 0
    assert seen == Entry.objects.filter(wallet_id=alice.pk).count()


def test_entries_of_the_same_moment_are_each_shown_once(bob):
    """R-LED8"""
    moment = timezone.now()
    count = 2 * statement.PAGE + 1
    for number in range(count):
        values = {"available": 1000, "outside": -1000, "created_at": moment, "kind": "grant"}
        Entry.objects.create(wallet_id=bob.pk, key=f"gift:{number}", **values)
    keys, page = [], browser_of(bob).get("/balance/").context["page"]
    while True:
        keys += [row.entry.key for row in page.rows]
        if not page.older:
            break
        page = browser_of(bob).get("/balance/", {"before": page.older}).context["page"]
    assert len(keys) == count
    assert set(keys) == {f"gift:{number}" for number in range(count)}


@pytest.mark.parametrize("cursor", ["x", "_", "2026-01-01_1", "2026-13-01T00:00:00+00:00_1", "²_²"])
def test_a_cursor_that_is_none_shows_the_newest(browser, cursor):
    assert len(browser.get("/balance/", {"before": cursor}).context["page"].rows) == 1


def test_the_number_of_queries_does_not_grow(browser, alice, django_assert_num_queries):
    succeeded(alice)
    with django_assert_num_queries(15) as few:
        browser.get("/balance/")
    for _ in range(4):
        succeeded(alice)
    with django_assert_num_queries(len(few.captured_queries)):
        browser.get("/balance/")


def test_someone_without_any_movement_sees_an_empty_statement(bob, text_of):
    assert "No movement yet" in text_of(browser_of(bob).get("/balance/"))


def test_the_balance_is_for_its_owner(client):
    assert client.get("/balance/")["Location"] == "/accounts/login/?next=/balance/"
