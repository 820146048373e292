"""Where a user's credits come from: lots, what each paid, and when it expires."""

from dataclasses import dataclass
from typing import Any

from django.contrib.auth.decorators import login_required
from django.core.paginator import Paginator
from django.db.models import Q, Sum
from django.http import Http404, HttpResponse
from django.shortcuts import render
from django.views.decorators.cache import never_cache
from django.views.decorators.http import require_GET

from accounts import given
from accounts.requests import SignedInRequest
from billing import ledger, lots
from billing.models import Entry, Lot, LotChange

PAGE = 25
CHANGES = 50
Kind = Entry.Kind
INCOME = (Kind.TOP_UP, Kind.GRANT, Kind.ADJUST)
# What was frozen when its lot ended goes on in another lot.
GONE = (Kind.REVERSAL, Kind.ADJUST, Kind.REPAY, Kind.UNFREEZE)


@dataclass(frozen=True)
class Shown:
    """A lot and where it went: amount = remaining + used + expired + taken_back. `note` says how it came."""

    lot: Lot
    used: int
    expired: int
    taken_back: int
    note: str

    @property
    def percent(self) -> dict[str, int]:
        """How much of it is left, was used, and is lost; for a picture."""
        left, lost = (n * 100 // self.lot.amount for n in (self.lot.remaining, self.expired + self.taken_back))
        return {"left": left, "used": 100 - left - lost, "lost": lost}


def shown(found: list[Lot]) -> list[Shown]:
    """Lots with where they went, read from their changes with two queries. What paid an overdraft was used."""
    came = LotChange.objects.filter(lot__in=found, amount__gt=0, entry__kind__in=INCOME)
    notes = dict(came.values_list("lot", "entry__note"))
    changes = LotChange.objects.filter(lot__in=found).values_list("lot")
    expired = Sum("amount", filter=Q(entry__kind=Kind.EXPIRE), default=0)
    taken = Sum("amount", filter=Q(entry__kind__in=GONE, amount__lt=0), default=0)
    sums = {pk: (-lapse, -back) for pk, lapse, back in changes.annotate(expired=expired, taken=taken)}
    result = []
    for lot in found:
        lapse, back = sums.get(lot.pk, (0, 0))
        result.append(Shown(lot, lot.amount - lot.remaining - lapse - back, lapse, back, notes.get(lot.pk, "")))
    return result


@login_required
@never_cache
@require_GET
def index(request: SignedInRequest) -> HttpResponse:
    """The open lots in the order in which they are used, or with `all=1` every lot, newest first."""
    user_id, everything = request.user.pk, bool(request.GET.get("all"))
    ledger.expire(user_id)
    rows = Lot.objects.filter(wallet=user_id).order_by("-created_at", "-id") if everything else lots.open_lots(user_id)
    page = Paginator(rows, PAGE).get_page(request.GET.get("page"))
    context = {
        "lots": shown(list(page)),
        "page": page,
        "everything": everything,
        "left": lots.open_lots(user_id).aggregate(left=Sum("remaining", default=0))["left"],
    }
    return render(request, "billing/lots.html", context)


@login_required
@never_cache
@require_GET
def detail(request: SignedInRequest, pk: int) -> HttpResponse:
    """One lot and what each of its changes left, newest first. Anybody else's does not exist (R-API3)."""
    ledger.expire(request.user.pk)
    lot = Lot.objects.filter(wallet=request.user.pk, pk=pk).first()
    if lot is None:
        raise Http404
    return render(
        request, "billing/lot.html", {"shown": shown([lot])[0]} | _changes(lot, request.GET.get("before", ""))
    )


def _changes(lot: Lot, cursor: str) -> dict[str, Any]:
    rows = LotChange.objects.filter(lot=lot)
    if before := given.number(cursor):
        rows = rows.filter(pk__lt=before)
    page = list(rows.select_related("entry").order_by("-id")[: CHANGES + 1])
    more, page = len(page) > CHANGES, page[:CHANGES]
    left, changes = 0, []
    if page:
        left = LotChange.objects.filter(lot=lot, pk__lt=page[-1].pk).aggregate(left=Sum("amount", default=0))["left"]
    for change in reversed(page):
        left += change.amount
        changes.append({"change": change, "entry": change.entry, "after": left})
    abouts = [change.entry.about for change in page if change.entry]
    return {"changes": changes[::-1], "older": page[-1].pk if more else "", "abouts": abouts}
