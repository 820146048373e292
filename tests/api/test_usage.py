"""The wallet by API: balance, entries, lots, use, receipts."""

from datetime import UTC, datetime, timedelta

import pytest
import time_machine
from django.utils import timezone

from billing import ledger, preferences
from billing.models import Entry, Lot
from tests.balance.booking import at, spend
from tests.conftest import api_for
from tests.pages.conftest import BANANA, requested, succeeded

pytestmark = pytest.mark.django_db
MARCH = datetime(2026, 3, 1, tzinfo=UTC)


def test_the_balance_has_every_part_of_it(api, alice):
    """R-UX1"""
    expires = timezone.now() + timedelta(days=3)
    ledger.grant(alice, 12_500, reason="gift", expires_at=expires)
    requested(alice)
    body = api.get("/api/v1/balance").json()
    expiring = body.pop("expiring")
    assert body == {
        "available": "1007.5",
        "held": "5",
        "settled": "1012.5",
        "spent": "0",
        "expired": "0",
        "owed": "0",
    }
    assert [(row["amount"], datetime.fromisoformat(row["at"])) for row in expiring] == [("12.5", expires)]


def test_the_balance_is_exact_to_the_moment_of_expiry(bob):
    """R-LED4"""
    ledger.grant(bob, 10_000, reason="gift", expires_at=timezone.now() + timedelta(hours=1))
    assert api_for(bob).get("/api/v1/balance").json()["available"] == "10"
    with time_machine.travel(timezone.now() + timedelta(hours=1)):
        body = api_for(bob).get("/api/v1/balance").json()
    assert (body["available"], body["expired"], body["expiring"]) == ("0", "10", [])


def test_a_debt_is_told(bob):
    """R-PAY7"""
    ledger.top_up(bob, 10_000, payment="stripe:1")
    spend(bob, 7_000)
    ledger.reverse("stripe:1", 10_000, reason="lost")
    api = api_for(bob)
    assert api.get("/api/v1/balance").json()["owed"] == "7"
    entry = api.get("/api/v1/entries").json()["results"][0]
    assert (entry["kind"], entry["available"], entry["owed"], entry["generation"]) == ("reversal", "-3", "7", None)


def test_someone_without_a_wallet_has_nothing(django_user_model):
    carol = django_user_model.objects.create_user("carol@example.com")
    api = api_for(carol)
    assert api.get("/api/v1/balance").json()["settled"] == "0"
    assert api.get("/api/v1/entries").json()["results"] == api.get("/api/v1/lots").json()["results"] == []
    assert api.get("/api/v1/usage").json()["days"] == []


# Entries


def kinds(api, **query) -> list[str]:
    response = api.get("/api/v1/entries", query)
    assert response.status_code == 200, response.json()
    return [entry["kind"] for entry in response.json()["results"]]


def test_entries_of_one_kind(api, alice):
    succeeded(alice)
    assert kinds(api) == ["settle", "hold", "top_up"]
    assert kinds(api, kind="hold") == ["hold"]


def test_entries_of_a_period_are_half_open(bob):
    """R-LED8"""
    for day in range(3):
        at(MARCH + timedelta(days=day), ledger.grant, bob, 1_000 + day, reason=f"gift:{day}")
    api = api_for(bob)
    assert len(kinds(api, **{"from": "2026-03-01", "to": "2026-03-03"})) == 2
    assert len(kinds(api, **{"from": "2026-03-02T00:00:00Z"})) == 2
    assert len(kinds(api, **{"from": "2026-03-02T00:00:00.000001Z"})) == 1
    assert len(kinds(api, to="2026-03-01T01:00:00+01:00")) == 0
    assert len(kinds(api, to="2026-03-01T01:00:01+01:00")) == 1


def test_dates_begin_at_midnight_in_the_callers_zone(bob):
    """R-TZ1"""
    at(MARCH - timedelta(hours=1), ledger.grant, bob, 1_000, reason="gift")
    api = api_for(bob)
    assert kinds(api, **{"from": "2026-03-01"}) == []
    preferences.change(bob, time_zone="Europe/Berlin")
    assert kinds(api, **{"from": "2026-03-01"}) == ["grant"]


@pytest.mark.parametrize(
    ("name", "value"),
    [
        ("kind", "gift"),
        ("from", "yesterday"),
        ("from", "2026-13-01"),
        ("from", "2026-03-01T00:00:00"),
        ("to", "9999-12-31"),
        ("to", "0001-01-01T00:00:00+14:00"),
    ],
)
def test_a_filter_that_is_none_is_refused_by_its_name(api, name, value):
    response = api.get("/api/v1/entries", {name: value})
    assert response.status_code == 400
    assert [error["field"] for error in response.json()["errors"]] == [name]


def test_pages_of_a_filtered_statement_stay_filtered(api, alice):
    for number in range(5):
        spend(alice, 1_000, f"job:{number}")
    address, seen = "/api/v1/entries?kind=settle&limit=2", []
    while address:
        body = api.get(address).json()
        seen += [entry["kind"] for entry in body["results"]]
        address = body["next"]
    assert seen == ["settle"] * 5


# Lots


def test_lots_say_where_credits_come_from_and_where_they_went(bob):
    at(MARCH, ledger.grant, bob, 5_000, reason="gift", note="Welcome", expires_at=MARCH + timedelta(days=9))
    at(MARCH, ledger.top_up, bob, 10_000, payment="stripe:1")
    at(MARCH, spend, bob, 2_000)
    api = api_for(bob)
    purchase, gift = api.get("/api/v1/lots").json()["results"]
    names = ("source", "note", "amount", "remaining", "used", "expired", "taken_back")
    assert [gift[name] for name in names] == ["gift", "Welcome", "5", "0", "2", "3", "0"]
    assert [purchase[name] for name in names] == ["purchase", "", "10", "10", "0", "0", "0"]
    assert (datetime.fromisoformat(gift["expires_at"]), purchase["expires_at"]) == (MARCH + timedelta(days=9), None)
    assert [lot["id"] for lot in api.get("/api/v1/lots?open=true").json()["results"]] == [purchase["id"]]


def test_the_changes_of_a_lot_add_up_to_what_is_left(api, alice):
    generation = succeeded(alice)
    lot = Lot.objects.get(wallet=alice.pk)
    changes = api.get(f"/api/v1/lots/{lot.pk}/changes").json()["results"]
    found = [(change["kind"], change["amount"], change["generation"]) for change in changes]
    assert found == [("settle", "-5", str(generation.pk)), ("top_up", "1000", None)]


def test_pages_of_changes_show_each_once(api, alice):
    for number in range(5):
        spend(alice, 1_000, f"job:{number}")
    lot = Lot.objects.get(wallet=alice.pk)
    address, seen = f"/api/v1/lots/{lot.pk}/changes?limit=2", []
    while address:
        body = api.get(address).json()
        seen += [change["entry"] for change in body["results"]]
        address = body["next"]
    assert seen == list(lot.changes.order_by("-id").values_list("entry", flat=True))


def test_a_lot_with_an_impossible_number_does_not_exist(api):
    assert api.get(f"/api/v1/lots/{10**30}/changes").status_code == 404


# Use


def test_use_by_day_and_by_model(api, alice):
    """R-LED7"""
    succeeded(alice)
    succeeded(alice)
    body = api.get("/api/v1/usage").json()
    today = f"{timezone.now():%Y-%m-%d}"
    assert body["days"] == [{"date": today, "model": BANANA, "charged": "10", "generations": 2}]
    assert body["models"] == [{"model": BANANA, "charged": "10", "generations": 2}]
    assert (body["charged"], body["generations"], body["time_zone"], body["to"]) == ("10", 2, "UTC", today)
    spent = Entry.objects.filter(wallet=alice.pk).values_list("spent", flat=True)
    assert body["charged"] == f"{sum(spent) // 1000}"


def test_use_of_a_period_and_of_a_model(api, alice):
    succeeded(alice)
    tomorrow = timezone.now() + timedelta(days=1)
    assert api.get("/api/v1/usage", {"from": f"{tomorrow:%Y-%m-%d}", "to": f"{tomorrow:%Y-%m-%d}"}).json()["days"] == []
    assert api.get("/api/v1/usage", {"model": "no/such"}).json()["charged"] == "0"
    assert api.get("/api/v1/usage", {"model": BANANA}).json()["charged"] == "5"


@pytest.mark.parametrize(
    ("query", "field"),
    [
        ({"from": "x"}, "from"),
        ({"to": "2026-02-30"}, "to"),
        ({"from": "2026-03-02", "to": "2026-03-01"}, "from"),
        ({"from": "2020-01-01"}, "from"),
        ({"to": "0001-01-01"}, "to"),
        ({"to": "9999-12-31"}, "to"),
        ({"model": "m" * 121}, "model"),
    ],
)
def test_a_period_that_is_none_is_refused_by_its_name(api, query, field):
    response = api.get("/api/v1/usage", query)
    assert response.status_code == 400
    assert [error["field"] for error in response.json()["errors"]] == [field]


# Receipts


def test_the_receipt_has_quote_version_lots_and_times(api, alice, olga):
    """R-UX1"""
    ledger.grant(alice, 2_000, reason="gift")
    generation = succeeded(alice)
    ledger.refund(generation.about, 1_500, note="sorry", author=olga)
    body = api.get(f"/api/v1/generations/{generation.pk}/receipt").json()
    amounts = {name: body[name] for name in ("price", "held", "charged", "returned", "refunded", "paid")}
    assert amounts == dict(price="5", held="5", charged="5", returned="0", refunded="1.5", paid="3.5")
    assert [(lot["source"], lot["amount"]) for lot in body["lots"]] == [("gift", "2"), ("purchase", "3")]
    assert (body["generation"], body["model"], body["state"]) == (str(generation.pk), BANANA, "succeeded")
    assert body["price_version"] and "x1.25" not in body["price_version"]
    assert datetime.fromisoformat(body["requested_at"]) == generation.created_at
    assert datetime.fromisoformat(body["finished_at"]) == generation.finished_at
    assert (body["price_exact"], body["refund_by"]) == (True, None)


def test_the_receipt_of_an_open_generation_says_when_the_credits_come_back(api, alice):
    """R-REF8"""
    generation = requested(alice)
    body = api.get(f"/api/v1/generations/{generation.pk}/receipt").json()
    assert datetime.fromisoformat(body["refund_by"]) == generation.deadline
    assert (body["held"], body["charged"], body["lots"]) == ("5", "0", [])


def test_the_schema_describes_all_of_it(client):
    schema = client.get("/api/v1/schema/", {"format": "json"}, HTTP_ACCEPT="application/json").json()
    assert {"/api/v1/usage", "/api/v1/lots", "/api/v1/lots/{id}/changes"} <= set(schema["paths"])
    names = {parameter["name"] for parameter in schema["paths"]["/api/v1/entries"]["get"]["parameters"]}
    assert {"kind", "from", "to", "cursor", "limit"} <= names
