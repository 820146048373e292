"""Statements add up: on the page, by month, as CSV and as PDF (R-LED7)."""

import csv
import io
from datetime import UTC, datetime, timedelta
from decimal import Decimal
from zoneinfo import ZoneInfo

import pytest
import time_machine
from pypdf import PdfReader

from billing import ledger, preferences
from billing.models import Entry, Wallet
from billing.statements import as_pdf, months, statement
from billing.statements.as_csv import MARK, cell
from tests.balance.booking import at, many, spend
from tests.pages.conftest import browser_of, succeeded

pytestmark = pytest.mark.django_db
MARCH = datetime(2026, 3, 1, tzinfo=UTC)
NOW = datetime(2026, 5, 20, 12, tzinfo=UTC)
BERLIN = ZoneInfo("Europe/Berlin")


@pytest.fixture
def now():
    with time_machine.travel(NOW, tick=False):
        yield


@pytest.fixture
def history(bob, olga):
    """Two months of everything that can happen to credits."""
    at(MARCH, ledger.top_up, bob, 100_000, payment="stripe:1", note="Pack")
    at(MARCH, ledger.grant, bob, 20_000, reason="gift", expires_at=MARCH + timedelta(days=40))
    at(MARCH + timedelta(days=3), spend, bob, 12_500, "a")
    at(MARCH + timedelta(days=4), ledger.hold, bob.pk, 5_000, about="b")
    at(MARCH + timedelta(days=4), ledger.settle, "b", 0)
    at(MARCH + timedelta(days=5), ledger.refund, "a", 2_500, note="sorry", author=olga)
    at(MARCH + timedelta(days=32), ledger.adjust, bob, -1_000, reason="fix", note="=1+1", author=olga)
    at(MARCH + timedelta(days=41), ledger.expire, bob.pk)
    at(MARCH + timedelta(days=42), ledger.freeze, bob.pk, 30_000, dispute="dp")
    at(MARCH + timedelta(days=43), ledger.unfreeze, "dp")
    at(MARCH + timedelta(days=44), spend, bob, 60_000, "c")
    at(MARCH + timedelta(days=45), ledger.reverse, "stripe:1", 100_000, reason="lost")
    at(MARCH + timedelta(days=46), ledger.top_up, bob, 90_000, payment="stripe:2")
    return bob


def rows_of(response) -> list[dict[str, str]]:
    text = b"".join(response.streaming_content).decode()
    assert text.startswith(MARK)
    return list(csv.DictReader(io.StringIO(text.removeprefix(MARK))))


def number(text: str) -> Decimal:
    return Decimal(text or 0)


def net(bob, end: datetime) -> int:
    """The balance at a moment, added up by hand."""
    rows = Entry.objects.filter(wallet=bob.pk, created_at__lt=end).values_list("outside", "spent", "expired")
    return -sum(sum(row) for row in rows)


def test_every_month_adds_up_and_goes_on_where_the_last_one_ended(history, now):
    """R-LED7"""
    shown = browser_of(history).get("/balance/statements/").context["months"]
    assert [str(month) for month, _ in shown] == ["2026-05", "2026-04", "2026-03"]
    closing = 0
    for month, totals in reversed(shown):
        assert totals.opening == closing
        assert (
            totals.opening + totals.came_in - totals.out - totals.expired == totals.closing == net(history, month.end)
        )
        closing = totals.closing
    wallet = Wallet.objects.get(pk=history.pk)
    assert closing == wallet.available + wallet.held - wallet.owed
    march, april = shown[2][1], shown[1][1]
    assert (march.came_in, march.out, march.expired) == (122_500, 12_500, 0)
    assert (april.came_in, april.out, april.expired) == (90_000, 161_000, 9_000)


def test_the_page_of_a_month_is_its_line_in_the_year(history, now):
    """R-LED7"""
    browser = browser_of(history)
    for month, totals in browser.get("/balance/statements/").context["months"]:
        context = browser.get(f"/balance/{month.year}/{month.month}/").context
        of_page = context["totals"]
        names = ("opening", "came_in", "out", "expired", "closing")
        assert [getattr(of_page, name) for name in names] == [getattr(totals, name) for name in names]
        assert sum(amount for _, amount in of_page.lines) == of_page.closing - of_page.opening
        assert [row.after for row in context["page"].rows][:1] in ([], [of_page.closing])


def test_debts_count_as_minus_and_the_next_payment_pays_them(history, now):
    """R-LED7, R-PAY7"""
    page = browser_of(history).get("/balance/2026/4/").context["page"]
    paid, lost = page.rows[0], page.rows[1]
    assert (lost.change, lost.after, lost.entry.owed) == (-100_000, -60_000, 60_000)
    assert (paid.change, paid.after, paid.entry.available) == (90_000, 30_000, 30_000)
    assert lost.words.before == "Payment taken back; 60 of it is owed"
    assert paid.words.before == "Top-up; 60 of it paid what was owed"


def test_the_csv_of_a_month_adds_up_and_its_rows_run(history, now):
    """R-LED7"""
    browser = browser_of(history)
    opening_of_next = None
    for month in (3, 4, 5):
        rows = rows_of(browser.get(f"/balance/2026/{month}/statement.csv"))
        opening, *middle, closing = rows
        assert (opening["kind"], closing["kind"]) == ("opening", "closing")
        assert opening_of_next in (None, opening["balance"])
        balance = number(opening["balance"])
        for row in middle:
            balance += number(row["in"]) - number(row["out"]) - number(row["expired"])
            assert number(row["balance"]) == balance
        for column in ("in", "out", "expired"):
            assert sum(number(row[column]) for row in middle) == number(closing[column])
        assert number(closing["balance"]) == balance
        held = sum(number(row["held"]) for row in middle)
        assert held == 0
        opening_of_next = closing["balance"]
    assert opening_of_next == "30"


def test_the_csv_has_every_entry_once_in_order(history, now):
    rows = rows_of(browser_of(history).get("/balance/2026/3/statement.csv"))[1:-1]
    entries = Entry.objects.filter(wallet=history.pk, created_at__lt=MARCH + timedelta(days=31)).order_by(
        "created_at", "id"
    )
    assert [int(row["entry"]) for row in rows] == [entry.pk for entry in entries]
    assert [row["kind"] for row in rows] == [entry.kind for entry in entries]


def test_no_cell_is_a_formula(history, now):
    rows = rows_of(browser_of(history).get("/balance/2026/4/statement.csv"))
    assert "'=1+1" in [row["note"] for row in rows]


@pytest.mark.parametrize("text", ["=1", "+1", "-1", "@x", "\t=1", "\r=1", "\n=1", " =1", "＝1", "＠x"])
def test_a_cell_that_could_be_a_formula_is_made_a_text(text):
    assert cell(text) == f"'{text}"


@pytest.mark.parametrize("text", ["", "a=1", "12.5", "Nano Banana", "水墨画 + mehr"])
def test_a_harmless_cell_stays_as_it_is(text):
    assert cell(text) == text


def test_amounts_below_zero_stay_numbers(bob, now):
    at(MARCH, ledger.top_up, bob, 10_000, payment="stripe:1")
    at(MARCH, spend, bob, 10_000)
    at(MARCH, ledger.reverse, "stripe:1", 10_000, reason="lost")
    assert rows_of(browser_of(bob).get("/balance/2026/3/statement.csv"))[-1]["balance"] == "-10"


def text_of_pdf(response) -> str:
    pages = PdfReader(io.BytesIO(response.content)).pages
    return "\n".join(page.extract_text() for page in pages)


def test_the_pdf_of_a_month_says_the_same_sum(history, now):
    """R-LED7"""
    browser = browser_of(history)
    for month in (3, 4, 5):
        totals = browser.get(f"/balance/2026/{month}/").context["totals"]
        response = browser.get(f"/balance/2026/{month}/statement.pdf")
        assert response["Content-Type"] == "application/pdf"
        words = text_of_pdf(response).split()
        for amount in (totals.opening, totals.came_in, totals.out, totals.expired, totals.closing):
            assert as_pdf.format_credits(amount) in words
        assert "bob@example.com" in words


def test_the_lines_of_the_pdf_add_up(history, now):
    """R-LED7"""
    april = months.Month(2026, 4, ZoneInfo("UTC"))
    opening = statement.of_period(history.pk, april.start, april.end).opening
    lines, by_day = as_pdf._lines(history.pk, april, lambda abouts: {}, opening)
    balance = Decimal(opening) / 1000
    for line in lines:
        balance += number(line[2]) - number(line[3]) - number(line[4])
        assert number(line[5]) == balance
    assert not by_day
    assert balance == 30


def test_a_pdf_prints_every_script(bob, now):
    note = "水墨画 한글 あ Ωж नमस्ते ไทย 🚀 ½"
    at(MARCH, ledger.grant, bob, 1_000, reason="gift", note=note)
    printed = text_of_pdf(browser_of(bob).get("/balance/2026/3/statement.pdf"))
    for word in ("水墨画", "한글", "あ", "Ωж", "🚀", "½"):
        assert word in printed
    assert as_pdf.MISSING not in printed


def test_text_from_right_to_left_is_printed(bob, now):
    at(MARCH, ledger.grant, bob, 1_000, reason="gift", note="مرحبا שלום")
    assert browser_of(bob).get("/balance/2026/3/statement.pdf").content.startswith(b"%PDF")


def test_what_no_font_has_is_marked_and_lines_are_one():
    assert as_pdf.printable("a\U0010fffdb\r\nc\0\u202e") == "a\ufffdb c"


# Months


def test_a_moment_belongs_to_the_month_of_the_users_own_calendar(bob, now):
    """R-LED8: half open, in the user's zone."""
    before = datetime(2026, 4, 1, tzinfo=BERLIN) - timedelta(microseconds=1)
    at(before, ledger.grant, bob, 1_000, reason="march")
    at(before + timedelta(microseconds=1), ledger.grant, bob, 2_000, reason="april")
    browser = browser_of(bob)
    assert browser.get("/balance/2026/3/").context["totals"].came_in == 3_000
    preferences.change(bob, time_zone="Europe/Berlin")
    assert browser.get("/balance/2026/3/").context["totals"].came_in == 1_000
    assert browser.get("/balance/2026/4/").context["totals"].came_in == 2_000
    rows = rows_of(browser.get("/balance/2026/3/statement.csv"))
    assert [row["time"] for row in rows[::2]] == ["2026-03-01T00:00:00+01:00", "2026-04-01T00:00:00+02:00"]


@pytest.mark.parametrize("zone", ["Europe/Berlin", "America/Havana", "Asia/Kathmandu", "Pacific/Apia", "UTC"])
def test_months_follow_each_other_without_gap_or_overlap(zone):
    """R-TZ1: also where midnight does not exist on the day on which clocks change."""
    month = months.Month(2025, 1, ZoneInfo(zone))
    for _ in range(24):
        assert month.end == month.next.start
        assert months.of(month.start, month.zone) == month
        assert months.of(month.end.astimezone(UTC) - timedelta(microseconds=1), month.zone) == month
        month = month.next


def test_entries_of_one_moment_at_the_edge_are_each_in_one_month(bob, now):
    """R-LED8"""
    many(bob, 90, datetime(2026, 4, 1, tzinfo=UTC))
    browser = browser_of(bob)
    assert browser.get("/balance/2026/3/").status_code == 404
    seen, query = [], ""
    while True:
        page = browser.get(f"/balance/2026/4/{query}").context["page"]
        seen += [row.entry.pk for row in page.rows]
        totals = page.totals
        assert totals.opening + totals.came_in - totals.out - totals.expired == totals.closing == page.rows[0].after
        if not page.older:
            break
        query = f"?before={page.older}".replace("+", "%2B")
    assert sorted(seen) == sorted(set(seen))
    assert len(seen) == 90


@pytest.mark.parametrize("month", ["2026/2", "2026/6", "2026/13", "2026/0", "0/1", "99999999999999999999/1", "1999/12"])
def test_months_that_there_are_not_do_not_exist(history, now, month):
    for path in ("", "statement.csv", "statement.pdf"):
        assert browser_of(history).get(f"/balance/{month}/{path}").status_code == 404


def test_a_month_without_movement_keeps_the_balance(history, now):
    totals = browser_of(history).get("/balance/2026/5/").context["totals"]
    assert (totals.opening, totals.came_in, totals.out, totals.closing) == (30_000, 0, 0, 30_000)


def test_years_are_shown_one_at_a_time(bob, now):
    at(datetime(2024, 11, 5, tzinfo=UTC), ledger.grant, bob, 1_000, reason="old")
    browser = browser_of(bob)
    context = browser.get("/balance/statements/", {"year": "2024"}).context
    assert list(context["years"]) == [2026, 2025, 2024]
    assert [str(month) for month, _ in context["months"]] == ["2024-12", "2024-11"]
    assert len(browser.get("/balance/statements/", {"year": "2025"}).context["months"]) == 12
    for odd in ("x", "²", "-1", "99999", "2023"):
        assert browser.get("/balance/statements/", {"year": odd}).context["year"] == 2026


def test_what_is_due_to_expire_is_booked_before_a_statement_is_shown(bob, now):
    """R-LED4: exact although it is booked late."""
    at(MARCH, ledger.grant, bob, 7_000, reason="gift", expires_at=NOW - timedelta(seconds=1))
    context = browser_of(bob).get("/balance/2026/5/").context
    assert (context["totals"].expired, context["totals"].closing) == (7_000, 0)


def test_generations_have_their_names_in_the_csv(alice):
    generation = succeeded(alice)
    today = generation.created_at
    rows = rows_of(browser_of(alice).get(f"/balance/{today.year}/{today.month}/statement.csv"))
    assert "Charged 5 for Nano Banana" in [row["description"] for row in rows]
    assert f"generation:{generation.pk}" in [row["about"] for row in rows]
