"""A hundred thousand entries of one user: few queries, little memory, and the sum is still right."""

import csv
import time
from collections.abc import Iterator
from datetime import UTC, datetime
from decimal import Decimal
from typing import Any

import pytest
import time_machine
from django.db import connection
from django.test import Client
from django.test.utils import CaptureQueriesContext

from billing import ledger
from billing.models import Entry
from billing.statements import statement
from billing.statements.as_csv import MARK
from tests.balance.booking import flood
from tests.balance.test_statements import text_of_pdf
from tests.pages.conftest import browser_of, succeeded

pytestmark = pytest.mark.django_db
THIRDS = 33_333
APRIL = datetime(2026, 4, 1, tzinfo=UTC)


@pytest.fixture
def much(bob) -> Iterator[Client]:
    """A hundred thousand entries in the first 23 days of April, one in twenty seconds."""
    with time_machine.travel(APRIL.replace(year=2025)):
        ledger.top_up(bob, 100_000, payment="stripe:1")
        about = succeeded(bob).about
    flood(bob, THIRDS, APRIL, seconds=20, about=about)
    assert Entry.objects.filter(wallet=bob.pk, created_at__gte=APRIL).count() == 99_999
    with time_machine.travel(datetime(2026, 5, 2, tzinfo=UTC)):
        yield browser_of(bob)


def test_pages_csv_and_pdf_of_a_hundred_thousand_entries(much):
    """R-LED7. One test, because making so many entries takes longer than most tests."""
    for path in ("/balance/", "/balance/statements/", "/balance/2026/4/", "/balance/lots/", "/usage/"):
        check_page(much, path)
    totals = much.get("/balance/2026/4/").context["totals"]
    assert (totals.came_in, totals.out) == (1000 * THIRDS, 500 * THIRDS)
    assert much.get("/usage/?days=90").context["usage"].charged == 500 * THIRDS
    check_csv(much, totals)
    check_pdf(much, totals)


def check_page(browser: Client, path: str) -> None:
    started = time.monotonic()
    with CaptureQueriesContext(connection) as queries:
        assert browser.get(path).status_code == 200
    assert len(queries) <= 16, path
    assert time.monotonic() - started < 5, path


def check_csv(browser: Client, totals: statement.Totals) -> None:
    """It is read while it is sent, some entries at a time."""
    parts: Any = browser.get("/balance/2026/4/statement.csv").streaming_content
    with CaptureQueriesContext(connection) as queries:
        text = [next(parts), next(parts)]
    assert len(queries) < 5
    with CaptureQueriesContext(connection) as queries:
        text += parts
    assert max(map(len, text)) < 1_000_000
    assert len(queries) < 2 * 100_000 / statement.BATCH + 5
    opening, *rows, closing = csv.DictReader(b"".join(text).decode().removeprefix(MARK).splitlines())
    balance = Decimal(opening["balance"])
    for row in rows:
        balance += Decimal(row["in"] or 0) - Decimal(row["out"] or 0)
        assert Decimal(row["balance"]) == balance
    assert len(rows) == 3 * THIRDS
    assert Decimal(closing["balance"]) == balance == Decimal(totals.closing) / 1000


def check_pdf(browser: Client, totals: statement.Totals) -> None:
    """It has a line for each day, and is made in a moment."""
    started = time.monotonic()
    text = text_of_pdf(browser.get("/balance/2026/4/statement.pdf"))
    assert time.monotonic() - started < 10
    assert "each line is a day" in text
    assert str(Decimal(totals.closing) / 1000) in text
    assert "2026-04-23" in text
