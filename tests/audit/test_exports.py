"""Lists as CSV: what is on the screen, all of it, page by page, and safe to open."""

import csv
import io
from typing import Any

import pytest
from django.contrib.auth.models import Permission
from django.db import connection
from django.test import Client
from django.test.utils import CaptureQueriesContext
from django.urls import reverse

from accounts import exports
from accounts.models import User
from billing import ledger
from billing.models import Entry
from generation.models import Generation


def taken(client: Client, app: str, model: str, **filters: Any) -> list[dict[str, str]]:
    answer = client.get(reverse("admin:export", args=[app, model]), filters)
    assert answer.status_code == 200
    text = b"".join(answer.streaming_content).decode()  # type: ignore[attr-defined]
    return list(csv.DictReader(io.StringIO(text)))


@pytest.mark.parametrize(
    "text",
    ["=1+1", "+1", "@SUM(A1)", "-1+1", "\t=1", "\r=1", "-2+3+cmd|' /C calc'!A0", "＝1", "＋1", " =1", "\u3000=1"],
)
def test_no_cell_is_taken_for_a_formula(text: str) -> None:
    assert exports.cell(text) == f"'{text}"


@pytest.mark.parametrize("text", ["-12.5", "-5", "0.001", "word", "a=b", ""])
def test_numbers_and_words_stay_as_they_are(text: str) -> None:
    assert exports.cell(text) == text


def test_what_customers_wrote_is_made_safe(office: Client, alice: User) -> None:
    ledger.grant(alice, 1_500, reason="test:formula", note="=HYPERLINK(1)")
    row = taken(office, "billing", "entry", kind__exact="grant")[0]
    assert (row["note"], row["available"], row["outside"]) == ("'=HYPERLINK(1)", "1.5", "-1.5")


def test_filters_search_and_order_are_those_of_the_screen(office: Client, alice: User, eve: User) -> None:
    assert {row["kind"] for row in taken(office, "billing", "entry")} == {"top_up"}
    assert taken(office, "billing", "entry", kind__exact="grant") == []
    assert [row["customer"] for row in taken(office, "billing", "entry", q="eve@")] == ["eve@example.com"]
    assert office.get(reverse("admin:export", args=["billing", "entry"]), {"nonsense__x": "1"}).status_code == 400


def test_amounts_are_decimal_credits(office: Client, succeeded: Generation) -> None:
    row = taken(office, "generation", "generation")[0]
    expected = {"price": "5", "held": "5", "charged": "5", "returned": "0", "refunded": "0", "cost": "4"}
    assert {name: row[name] for name in expected} == expected
    wallet = next(row for row in taken(office, "billing", "wallet") if row["customer"] == "alice@example.com")
    assert (wallet["available"], wallet["spent"], wallet["outside"]) == ("995", "5", "-1000")
    lot = taken(office, "billing", "lot")[0]
    assert (lot["amount"], lot["remaining"], lot["source"]) == ("1000", "995", "purchase")


def test_a_long_list_is_read_page_by_page(office: Client, alice: User) -> None:
    """Bounded memory: however many rows, only a page of them is there at a time, and each page costs the same."""
    pages: list[int] = []
    for number in range(1_201):
        ledger.grant(alice, 1, reason=f"test:{number}")
    export = exports.Export([("key", lambda entry: entry.key)], prepare=lambda page: pages.append(len(page)))
    assert sum(1 for _ in exports.rows(Entry.objects.order_by("pk"), export)) == 1_202
    assert pages == [500, 500, 202]
    with CaptureQueriesContext(connection) as many:
        assert len(taken(office, "billing", "entry")) == 1_202
    with CaptureQueriesContext(connection) as few:
        assert len(taken(office, "billing", "entry", kind__exact="top_up")) == 1
    assert len(many) == len(few)


def test_secrets_are_not_exported(office: Client, alice: User) -> None:
    """R-SEC3"""
    for app, model in (("accounts", "user"), ("accounts", "apikey")):
        text = office.get(reverse("admin:export", args=[app, model]))
        head = b"".join(text.streaming_content).decode().splitlines()[0]  # type: ignore[attr-defined]
        assert "password" not in head and "digest" not in head


def test_only_who_may_see_a_list_may_take_it_away(client: Client, alice: User) -> None:
    clerk = User.objects.create_user("clerk@example.com", is_staff=True)
    clerk.user_permissions.add(Permission.objects.get(codename="view_wallet"))
    client.force_login(clerk)
    assert client.get(reverse("admin:export", args=["billing", "wallet"])).status_code == 200
    assert client.get(reverse("admin:export", args=["billing", "entry"])).status_code == 403
    assert client.get(reverse("admin:export", args=["billing", "nothing"])).status_code == 404
    client.force_login(alice)
    assert client.get(reverse("admin:export", args=["billing", "wallet"])).status_code == 302


def test_every_list_offers_it_with_its_filters(office: Client, alice: User) -> None:
    page = office.get(reverse("admin:billing_entry_changelist"), {"kind__exact": "grant"}).content.decode()
    assert '/admin/billing/entry/export.csv?kind__exact=grant"' in page
