"""The pages of generations: the history, and one generation with its results and receipt."""

import re
import uuid
from datetime import timedelta
from typing import Any

from django.contrib.auth.decorators import login_required
from django.core.exceptions import ValidationError
from django.db.models import Prefetch, Q, QuerySet
from django.http import Http404, HttpRequest, HttpResponse
from django.shortcuts import redirect, render
from django.utils import timezone
from django.utils.cache import patch_vary_headers
from django.views.decorators.http import require_GET, require_POST
from django_htmx.http import HttpResponseClientRefresh

from accounts import given
from accounts.errors import Refused
from accounts.requests import SignedInRequest, wants_part
from billing import preferences
from generation import catalog, lifecycle, receipts
from generation.media import content
from generation.models import Asset, Generation
from generation.pages import asked, display, files, forms

PAGE = 24
FAST_SECONDS = 60
State = Generation.State

FILTERS = {
    "open": ("In progress", Generation.OPEN),
    "succeeded": ("Finished", (State.SUCCEEDED,)),
    "failed": ("Failed", (State.FAILED,)),
    "canceled": ("Canceled", (State.CANCELED,)),
}


def owned(request: HttpRequest, pk: Any) -> Generation:
    """The signed-in user's generation; anybody else's does not exist (R-API3)."""
    try:
        return Generation.objects.get(pk=pk, user_id=request.user.pk or 0)
    except (Generation.DoesNotExist, ValidationError, ValueError):
        raise Http404 from None


# The history


@login_required
@require_GET
def generations(request: SignedInRequest) -> HttpResponse:
    """The user's generations, newest first, a page at a time; the cards alone for htmx."""
    wanted = {name: request.GET.get(name, "").strip() for name in ("q", "state", "kind")}
    rows = _filtered(Generation.objects.filter(user=request.user), **wanted)
    rows = _older_than(rows, request.GET.get("before", ""))
    # What is in the results may be long, and tiles show the beginning of some only.
    assets = Prefetch("assets", Asset.objects.defer("data"))
    page = list(rows.prefetch_related(assets).order_by("-created_at", "-id")[: PAGE + 1])
    query = request.GET.copy()
    if len(page) > PAGE:
        query["before"] = _cursor(page[PAGE - 1])
    said = display.excerpts(page[:PAGE])
    context = wanted | {
        "tiles": [_tile(row, said.get(row.pk, "")) for row in page[:PAGE]],
        "older": query.urlencode() if len(page) > PAGE else "",
        "states": {name: words for name, (words, _) in FILTERS.items()},
        "kinds": ["image", "video", "music", "speech", "audio", "text"],
        "filtered": any(wanted.values()) or "before" in request.GET,
    }
    template = "generation/_generations.html" if wants_part(request) else "generation/generations.html"
    response = render(request, template, context)
    patch_vary_headers(response, ["HX-Request"])
    return response


def _filtered(rows: QuerySet[Generation], q: str, state: str, kind: str) -> QuerySet[Generation]:
    if state in FILTERS:
        rows = rows.filter(state__in=FILTERS[state][1])
    if kind:
        rows = rows.filter(kind=kind)
    if q:
        named = [entry.id for entry in catalog.all() if q.lower() in entry.title.lower()]
        rows = rows.filter(Q(model__in=named) | Q(model__icontains=q))
    return rows


def _cursor(row: Generation) -> str:
    return f"{row.created_at.isoformat()}_{row.pk}"


def _older_than(rows: QuerySet[Generation], cursor: str) -> QuerySet[Generation]:
    """What comes after the cursor's row, also where several were created at the same moment."""
    moment, _, key = cursor.partition("_")
    try:
        at, pk = given.moment(moment), uuid.UUID(key)
    except ValueError:
        return rows
    return rows.filter(Q(created_at__lt=at) | Q(created_at=at, pk__lt=pk)) if at else rows


def _tile(row: Generation, said: str) -> dict[str, Any]:
    """`icon` is what the first result is, which may be another kind of thing than the model is known for."""
    assets = list(row.assets.all())
    pictured = next((asset for asset in assets if asset.preview), None)
    first = assets[0] if assets else None
    named = next((asset for asset in assets if asset.details.get("title")), None)
    return {
        "generation": row,
        "title": forms.title(row.model),
        "preview": files.link(pictured, preview=True) if pictured else "",
        "more": len(assets) - 1,
        "icon": _ICONS.get(content.kind_of(first), row.kind) if first else row.kind,
        "said": said,
        "duration": _duration(named) if named else "",
        "ready": display.readiness(row, len(assets)),
        "excerpt": named.details["title"] if named and named.view in _NAMED else _excerpt(row),
    }


_ICONS = {
    "track": "music",
    "stem": "stems",
    "notes": "piano",
    "persona": "user",
    "voice": "speech",
    "character": "user",
    "phrase": "speech",
    "word_timings": "text",
    "transcript": "text",
    "lyrics": "text",
    "object": "code",
}


# Views whose title says more than what was asked for
_NAMED = ("track", "persona", "voice", "character")


def _duration(asset: Asset) -> str:
    seconds = asset.details.get("duration_seconds")
    return content.clock(seconds) if asset.view == "track" and isinstance(seconds, int | float) else ""


def _excerpt(row: Generation) -> str:
    words = next((row.input[name] for name in ("prompt", "text", "title", "lyrics") if row.input.get(name)), "")
    return words[:160] if isinstance(words, str) else ""


# One generation


@login_required
@require_GET
def generation(request: SignedInRequest, pk: uuid.UUID) -> HttpResponse:
    return render(request, "generation/generation.html", _context(owned(request, pk)))


@require_GET
def card(request: SignedInRequest, pk: uuid.UUID) -> HttpResponse:
    """What is new on the page since `seen`; nothing (204) while it still is what the browser shows.

    Results that are there already are not sent again, so that one that plays goes on playing. Once the visitor is
    signed out, the whole page is loaded anew, which leads to the log-in.
    """
    if not request.user.is_authenticated:
        return HttpResponseClientRefresh()
    row = owned(request, pk)
    seen = request.GET.get("seen", "")
    if not row.terminal and seen == _version(row):
        return HttpResponse(status=204)
    context, shown = _context(row), _shown(seen)
    context["new"] = [result for result in context["results"] if result.asset.index not in shown]
    context["old"] = [result for result in context["results"] if result.asset.index in shown]
    # 286 tells htmx to stop asking.
    return render(request, "generation/_news.html", context, status=286 if row.terminal else 200)


@login_required
@require_POST
def cancel(request: SignedInRequest, pk: uuid.UUID) -> HttpResponse:
    """Cancel while queued; a refusal is shown on the page."""
    row = owned(request, pk)
    try:
        lifecycle.cancel(row)
    except Refused as refused:
        return render(
            request, "generation/generation.html", _context(row) | {"refused": refused}, status=refused.status
        )
    return redirect("generation", pk=pk)


def _pace(row: Generation) -> int:
    """Seconds between two looks: what has taken long will take longer."""
    return 1 if timezone.now() - row.created_at < timedelta(seconds=FAST_SECONDS) else 2


def _version(row: Generation) -> str:
    """Everything that the live parts of the page depend on, and last the places of the results that it shows."""
    places = "_".join(str(index) for index in row.assets.values_list("index", flat=True))
    return f"{row.state}-{row.attempts}-{_pace(row)}-{places}"


def _shown(version: str) -> set[int]:
    """The places of the results that a page of this version shows."""
    return {int(place) for place in version.rpartition("-")[2].split("_") if re.fullmatch(r"[0-9]{1,4}", place)}


def _context(row: Generation) -> dict[str, Any]:
    version, next_models = _version(row), display.offered(row)
    results = display.results(row, next_models)
    return {
        "generation": row,
        "title": forms.title(row.model),
        "offered": display.known_entry(row.model),
        "pace": _pace(row),
        "seen": version,
        "results": results,
        "ready": display.readiness(row, len(results)),
        "next_steps": display.next_steps(row, next_models),
        "receipt": receipts.of(row),
        "timeline": timeline(row),
        "inputs": asked.rows(row),
    }


# The receipt


@login_required
@require_GET
def printed_receipt(request: SignedInRequest, pk: uuid.UUID) -> HttpResponse:
    """The receipt alone, for paper, with times in the user's zone."""
    row = owned(request, pk)
    context = {
        "generation": row,
        "title": forms.title(row.model),
        "receipt": receipts.of(row),
        "timeline": timeline(row),
    }
    return render(request, "generation/receipt.html", context | {"zone": preferences.zone_of(request.user.pk)})


# The timeline

_STEPS: dict[str, str] = {
    State.QUEUED: "Waiting in line again",
    State.RUNNING: "Submitted to the model",
    State.STORING: "The model finished; results are being saved",
    State.SUCCEEDED: "Results saved, credits charged",
    State.FAILED: "Failed, credits returned",
    State.CANCELED: "Canceled, credits returned",
}


def timeline(row: Generation) -> list[dict[str, Any]]:
    """The changes of state in our words; the reasons on the rows are for operators (R-API1)."""
    changes = [event for event in row.events.all() if event.state_from != event.state_to]
    return [
        {
            "words": _STEPS.get(event.state_to, event.state_to) if event.state_from else "Requested, credits held",
            "at": event.at,
            "state": event.state_to,
        }
        for event in changes
    ]
