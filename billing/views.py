"""The balance and its statement: every number is computed from the ledger's entries (R-LED7)."""

from dataclasses import dataclass
from datetime import datetime
from typing import Any

from django.contrib.auth.decorators import login_required
from django.db.models import Q, QuerySet, Sum
from django.http import HttpRequest, HttpResponse
from django.shortcuts import render
from django.utils.dateparse import parse_datetime
from django.views.decorators.http import require_GET

from billing.models import Entry

PAGE = 50


@dataclass(frozen=True)
class Row:
    """An entry in a statement: `change` of the settled balance and `after`, the settled balance it left."""

    entry: Entry
    change: int
    after: int


@login_required
@require_GET
def balance(request: HttpRequest) -> HttpResponse:
    """Settled, held and available apart (R-UX1), and the entries behind them, newest first."""
    entries = Entry.objects.filter(wallet_id=request.user.pk)
    page = list(_older_than(entries, request.GET.get("before", "")).order_by("-created_at", "-id")[: PAGE + 1])
    more, page = len(page) > PAGE, page[:PAGE]
    context = {
        "statement": statement(entries, page),
        "abouts": [entry.about for entry in page],
        "older": f"{page[-1].created_at.isoformat()}_{page[-1].pk}" if more else "",
        "first_page": "before" not in request.GET,
    }
    return render(request, "billing/balance.html", context)


def _older_than(entries: QuerySet[Entry], cursor: str) -> QuerySet[Entry]:
    moment, _, number = cursor.partition("_")
    at = _moment(moment)
    if at is None or not number.isdecimal() or len(number) > 18:
        return entries
    return entries.filter(_before(at, int(number)))


def _moment(text: str) -> datetime | None:
    try:
        at = parse_datetime(text)
    except ValueError:
        return None
    return at if at and at.tzinfo else None


def _before(at: datetime, pk: int) -> Q:
    return Q(created_at__lt=at) | Q(created_at=at, pk__lt=pk)


def statement(entries: QuerySet[Entry], page: list[Entry]) -> dict[str, Any]:
    """The rows of a page, newest first, with opening + in − out − expired = closing in millicredits."""
    opening = _settled(entries.filter(_before(page[-1].created_at, page[-1].pk))) if page else 0
    rows: list[Row] = []
    running = opening
    for entry in reversed(page):
        change = entry.available + entry.held
        running += change
        rows.append(Row(entry, change, running))
    expired = sum(entry.expired for entry in page)
    changes = [row.change for row in rows]
    return {
        "rows": rows[::-1],
        "opening": opening,
        "in": sum(change for change in changes if change > 0),
        "out": -sum(change for change in changes if change < 0) - expired,
        "expired": expired,
        "closing": running,
        "since": page[-1].created_at if page else None,
        "until": page[0].created_at if page else None,
    }


def _settled(entries: QuerySet[Entry]) -> int:
    total = entries.aggregate(available=Sum("available", default=0), held=Sum("held", default=0))
    return total["available"] + total["held"]
