"""R-LED7: every number of the dashboard is summed up from entries, and leads to the rows behind it."""

import csv
import io
from datetime import UTC, datetime, timedelta
from decimal import Decimal
from typing import Any
from urllib.parse import urlsplit

import pytest
from django.contrib.auth.models import Permission
from django.db import connection
from django.test import Client
from django.test.utils import CaptureQueriesContext
from django.urls import reverse
from django.utils import timezone

from accounts.models import User
from billing import ledger
from billing.models import Entry, RedeemBatch, Wallet
from billing.payments import redeem
from billing.upstream import account
from generation import lifecycle
from generation.models import Generation
from generation.oversight import dashboard
from tests.operators.conftest import succeed

MODELS = ("google/nano-banana", "gpt4o-image/generate")


def made(user: User) -> Generation:
    return succeed(lifecycle.request(user, "google/nano-banana", {"prompt": "a fox"}))


@pytest.fixture
def business(alice: User, eve: User, olga: User) -> None:
    """Some of everything: 2000 sold, 15 charged, 4 refunded, 5 returned, 20 granted, −3 adjusted, 7 expired, 1 owed."""
    for user in (alice, alice, eve):
        made(user)
    refunded = Generation.objects.filter(user=alice).first()
    assert refunded
    ledger.refund(refunded.about, 4_000, note="poor", author=olga)
    lifecycle.fail(lifecycle.request(eve, "google/nano-banana", {"prompt": "x"}), by="olga")
    ledger.grant(eve, 13_000, reason="test:gift", author=olga)
    ledger.grant(eve, 7_000, reason="test:expiring", expires_at=timezone.now() + timedelta(milliseconds=1))
    ledger.expire(eve.pk)
    while not Entry.objects.filter(kind="expire").exists():
        ledger.expire(eve.pk)
    ledger.adjust(eve, -3_000, reason="test:adjust", note="oops", author=olga)
    ledger.adjust(alice, -988_000, reason="test:spend", note="oops", author=olga)
    ledger.reverse("test:alice", 7_000, reason="test:dispute")


def today() -> dashboard.Report:
    return dashboard.report(dashboard.span(1))


def test_the_totals_are_those_of_the_entries(business: None) -> None:
    moved = today().movements
    assert (moved.sold, moved.taken_back, moved.owed) == (2_000_000, 7_000, 1_000)
    assert (moved.spent, moved.returned, moved.refunded) == (15_000, 5_000, 4_000)
    assert (moved.granted, moved.adjusted, moved.expired) == (20_000, -991_000, 7_000)
    has = sum(wallet.available + wallet.held - wallet.owed for wallet in Wallet.objects.all())
    assert has == (
        moved.sold + moved.granted + moved.adjusted + moved.refunded - moved.taken_back - moved.spent - moved.expired
    )


def test_the_margin_is_money_against_money(business: None, settings: Any) -> None:
    settings.CREDIT_USD, settings.KIE_CREDIT_USD = Decimal("0.01"), Decimal("0.005")
    sales = today().sales
    assert (sales.number, sales.spent, sales.refunded, sales.cost) == (4, 15_000, 4_000, 12_000)
    assert (sales.revenue_usd, sales.cost_usd) == (Decimal("0.11"), Decimal("0.06"))
    assert (sales.margin_usd, round(sales.margin_percent or 0, 1)) == (Decimal("0.05"), Decimal("45.5"))


def test_models_and_customers_add_up_to_all(business: None, alice: User, eve: User) -> None:
    Generation.objects.filter(pk=Generation.objects.filter(user=eve).first().pk).update(model=MODELS[1])  # type: ignore[union-attr]
    report = today()
    assert {sale.name for sale in report.models} == set(MODELS)
    assert [(sale.name, sale.revenue) for sale in report.customers] == [(alice.email, 6_000), (eve.email, 5_000)]
    for lines in (report.models, report.customers, report.sales_by_part):
        for name in ("number", "spent", "refunded", "cost"):
            assert sum(getattr(line, name) for line in lines) == getattr(report.sales, name), name


def test_a_cost_that_is_not_known_is_counted_as_such(business: None) -> None:
    Generation.objects.filter(state="succeeded").update(cost_millicredits=None)
    assert (today().sales.cost, today().sales.unknown) == (0, 3)


@pytest.mark.parametrize(
    ("zone", "day", "hours"),
    [
        ("Europe/Berlin", datetime(2026, 3, 29, 12, tzinfo=UTC), 23),
        ("Europe/Berlin", datetime(2026, 10, 25, 12, tzinfo=UTC), 25),
        ("Asia/Kolkata", datetime(2026, 3, 29, 12, tzinfo=UTC), 24),
    ],
)
def test_a_day_begins_at_midnight_of_the_platform(zone: str, day: datetime, hours: int, settings: Any) -> None:
    """R-TZ1: also on both days on which the clock changes."""
    settings.TIME_ZONE = zone
    timezone.get_default_timezone.cache_clear()
    try:
        span = dashboard.span(1, day)
        assert len(span.parts) == hours
        assert [timezone.localtime(at).hour for at in (span.since, span.until)] == [0, 0]
        week = dashboard.span(7, day)
        assert {timezone.localtime(since).hour for since, _ in week.parts} == {0}
        assert week.until == span.until
        assert all(a[1] == b[0] for a, b in zip(week.parts, week.parts[1:], strict=False))
    finally:
        timezone.get_default_timezone.cache_clear()


def test_days_are_half_open(alice: User) -> None:
    """R-LED8: what happens at midnight belongs to the day that begins."""
    span = dashboard.span(7)
    midnight = span.parts[3][0]
    for at, name in ((midnight - timedelta(microseconds=1), "before"), (midnight, "at")):
        Entry.objects.bulk_create(
            [Entry(wallet_id=alice.pk, kind="top_up", key=name, outside=-1_000, available=1_000, created_at=at)]
        )
    sold = [each.sold for each in dashboard.report(span).movements_by_part]
    assert sold[2:4] == [1_000, 1_000]


def test_the_page_shows_it_and_brings_no_scripts_or_styles(office: Client, business: None) -> None:
    """R-SEC6"""
    for reading in (900_000, 850_000):
        account.record_balance(reading)
    for days in (1, 7, 30):
        page = office.get(reverse("money"), {"days": days}).content.decode()
        for text in ("2000", "alice@example.com", "google/nano-banana", "never checked", "<rect", "<polyline"):
            assert text in page, text
        for inline in (" style=", "<style", " onclick=", "<script>"):
            assert inline not in page
    assert office.get(reverse("money"), {"days": "8"}).status_code == 404


def test_every_number_leads_to_the_rows_behind_it_and_to_their_csv(office: Client, business: None) -> None:
    """What a page shows and what its CSV holds is as many as the filter finds."""
    context = office.get(reverse("money"), {"days": 7}).context
    shown = [*context["figures"], *context["standing"]]
    links = [{"url": f.url, "csv": f.csv} for f in shown]
    links += [link for _, link in [*context["models"], *context["customers"]]]
    assert len(shown) > 20 and all(link["url"] and link["csv"] for link in links)
    for link in links:
        page = office.get(link["url"], follow=True)
        assert page.status_code == 200, link
        answer = office.get(link["csv"])
        assert answer.status_code == 200, link
        rows = list(csv.reader(io.StringIO(b"".join(answer.streaming_content).decode())))[1:]  # type: ignore[attr-defined]
        if "cl" in (page.context or {}):
            assert "e=1" not in page.request["QUERY_STRING"], f"{link} is no filter of this list"
            assert page.context["cl"].result_count == len(rows), link
    sold = next(f for f in shown if f.name == "Sold")
    rows = list(csv.DictReader(io.StringIO(b"".join(office.get(sold.csv).streaming_content).decode())))  # type: ignore[attr-defined]
    assert [row["available"] for row in rows] == ["1000", "1000"]
    assert urlsplit(sold.url).query == urlsplit(sold.csv).query


def test_its_tables_are_taken_away_as_csv(office: Client, business: None) -> None:
    def table(name: str) -> list[dict[str, str]]:
        answer = office.get(reverse("money-export", args=[name]), {"days": 7})
        return list(csv.DictReader(io.StringIO(b"".join(answer.streaming_content).decode())))  # type: ignore[attr-defined]

    assert [(row["customer"], row["spent"], row["refunded"]) for row in table("customers")] == [
        ("alice@example.com", "10", "4"),
        ("eve@example.com", "5", "0"),
    ]
    assert [(row["model"], row["kie_cost"], row["margin_usd"]) for row in table("models")] == [
        ("google/nano-banana", "12", "-0.005000")
    ]
    assert len(table("days")) == 7 and table("days")[-1]["sold"] == "2000"
    assert office.get(reverse("money-export", args=["nothing"])).status_code == 404


def test_more_of_everything_costs_no_more_queries(office: Client, alice: User, olga: User) -> None:
    """Some thirty queries for the whole page, whatever there is."""

    def count() -> int:
        with CaptureQueriesContext(connection) as queries:
            assert office.get(reverse("money"), {"days": 30}).status_code == 200
        return len(queries)

    made(alice)
    account.record_balance(900_000)
    count()
    before = count()
    for number in range(5):
        user = User.objects.create_user(f"customer{number}@example.com")
        ledger.top_up(user, 100_000, payment=f"test:{number}")
        made(user)
        account.record_balance(900_000)
    assert count() == before <= 30


def test_only_who_may_see_money_sees_it(client: Client, alice: User) -> None:
    clerk = User.objects.create_user("clerk@example.com", is_staff=True)
    client.force_login(clerk)
    urls = [reverse("money"), reverse("money-export", args=["days"]), reverse("money-check")]
    assert [client.get(url).status_code for url in urls] == [403] * 3
    assert reverse("money") not in client.get(reverse("admin:index")).content.decode()
    clerk.user_permissions.add(Permission.objects.get(codename="view_money"))
    page = client.get(reverse("money"))
    assert page.status_code == 200 and "Check the books now" not in page.content.decode()
    assert client.post(reverse("money-check")).status_code == 403
    assert reverse("money") in client.get(reverse("admin:index")).content.decode()
    client.force_login(alice)
    assert client.get(reverse("money")).status_code == 302


def test_codes_that_wait_for_a_second_person_are_shown(office: Client, olga: User) -> None:
    """R-AD1"""

    def waiting() -> list[str]:
        shown = office.get(reverse("money")).context["standing"]
        return [figure.unit for figure in shown if figure.name == "Wait for a second person"]

    assert waiting() == ["adjustments"]
    redeem.issue(RedeemBatch(note="Fair", credits_millicredits=1_000, uses_per_code=None, author=olga), 1)
    assert waiting() == ["adjustments", "batch of codes"]
