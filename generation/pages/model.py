"""The pages of models: what there is, the form of each, and its price. Parse, call one verb, answer."""

import re
import uuid
from dataclasses import dataclass
from typing import Any
from urllib.parse import urlencode

from django.conf import settings
from django.contrib import messages
from django.contrib.auth.decorators import login_required
from django.contrib.auth.views import redirect_to_login
from django.core.files.uploadedfile import UploadedFile
from django.http import Http404, HttpRequest, HttpResponse, JsonResponse, QueryDict
from django.shortcuts import redirect, render
from django.urls import reverse
from django.utils.cache import patch_vary_headers
from django.utils.dateparse import parse_datetime
from django.views.decorators.http import require_GET, require_http_methods, require_POST

from accounts import idempotency
from accounts.errors import Refused
from accounts.models import User
from accounts.requests import PageRequest, SignedInRequest, wants_part
from billing import prices
from billing.amounts import parse_credits
from billing.models import Wallet
from billing.upstream import breaker
from generation import catalog, followups, lifecycle, offers, pricing
from generation.media import uploads
from generation.models import Generation
from generation.pages import files, forms, history, labels

SHOWN_PROBLEMS = 3
SHOWN_UPLOADS = 24
ALREADY_ASKED = (
    "You asked for exactly this a moment ago, and here it is. "
    "For another one, press “Edit and run again”, then Generate."
)


@dataclass(frozen=True)
class Card:
    """An entry as the list of models shows it; `worth` is its price in the currency, `badge` why it cannot be used."""

    entry: catalog.Entry
    price: str
    worth: str
    badge: str

    @property
    def url(self) -> str:
        """Where the model is used: its form, or the chat."""
        return chat_address(self.entry) if self.entry.chat else reverse("model", args=[self.entry.id])


def chat_address(entry: catalog.Entry) -> str:
    return f"/chat/?{urlencode({'model': entry.id})}"


# The list


@require_GET
def models(request: PageRequest) -> HttpResponse:
    """Every model, searched and filtered; the cards alone for htmx."""
    asked = {name: request.GET.get(name, "").strip() for name in ("q", "kind", "vendor")}
    every = "all" in request.GET
    offered = offers.enabled()
    entries = [entry for entry in catalog.all() if every or _shown(entry, offered[entry.id])]
    tariffs = prices.tariffs(request.user.pk)
    found = [_card(entry, offered[entry.id], tariffs) for entry in entries if matches(entry, **asked)]
    context = asked | {
        "all": every,
        "usable": [card for card in found if not card.badge],
        "others": [card for card in found if card.badge],
        "kinds": sorted({entry.modality for entry in entries}, key=_kind_order),
        "vendors": sorted({entry.vendor for entry in entries}, key=str.lower),
        "part": wants_part(request),
    }
    template = "generation/_models.html" if context["part"] else "generation/models.html"
    response = render(request, template, context)
    patch_vary_headers(response, ["HX-Request"])
    return response


def _shown(entry: catalog.Entry, offered: bool) -> bool:
    """Without `all`: what is for sale and has no successor."""
    return not entry.superseded_by and offered


def _card(entry: catalog.Entry, offered: bool, tariffs: prices.Tariffs) -> Card:
    badge = "" if offered else _why_not(entry)
    tariff = tariffs.of(entry.id)
    return Card(entry, pricing.describe(entry, tariff), pricing.worth(entry, tariff), badge)


def _described(request: HttpRequest, entry: catalog.Entry) -> dict[str, str]:
    """The price of a model for whoever asks, in words."""
    tariff = prices.tariff(request.user.pk, entry.id)
    return {"describe": pricing.describe(entry, tariff), "worth": pricing.worth(entry, tariff)}


def _why_not(entry: catalog.Entry) -> str:
    if entry.retired:
        return "Retired"
    return "Switched off"


def _kind_order(kind: str) -> int:
    order = ["image", "video", "music", "speech", "audio", "text"]
    return order.index(kind) if kind in order else len(order)


def matches(entry: catalog.Entry, q: str = "", kind: str = "", vendor: str = "") -> bool:
    """Whether every word of `q` occurs in what an entry is called, and its kind and vendor are those asked for."""
    said = f"{entry.title} {entry.id} {entry.vendor} {entry.task} {entry.modality}".lower()
    return (
        all(word in said for word in q.lower().split())
        and kind in ("", entry.modality)
        and vendor in ("", entry.vendor)
    )


# One model


@require_http_methods(["GET", "HEAD", "POST"])
def model(request: HttpRequest, model: str) -> HttpResponse:
    """The form of a model; posting it requests a generation. One that chats has its own page."""
    try:
        entry = offers.find(model)
    except Refused as refused:
        return _not_offered(request, model, refused)
    if entry.chat:
        return redirect(chat_address(entry))
    if request.method == "POST":
        return _generate(request, entry)
    return _page(request, entry, _initial(request, entry))


def _not_offered(request: HttpRequest, model: str, refused: Refused) -> HttpResponse:
    if refused.status == 404:
        raise Http404(refused.message) from refused
    context = {"entry": catalog.get(model), "refused": refused}
    return render(request, "generation/model_off.html", context, status=refused.status)


def _initial(request: HttpRequest, entry: catalog.Entry) -> dict[str, Any]:
    """What the form starts with: an earlier generation's input, something that it made, the example, or nothing."""
    if source := request.GET.get("from"):
        return history.owned(request, source).input
    if source := request.GET.get("source"):
        return _continued(request, entry, source)
    if "example" not in request.GET:
        return {}
    # The example's earlier generations and results are nobody's.
    paths = [*catalog.generation_fields(entry), *catalog.result_fields(entry)]
    strange = {re.split(r"[.\[]", path)[0] for path in paths}
    return {name: value for name, value in entry.example.items() if name not in strange}


def _continued(request: HttpRequest, entry: catalog.Entry, source: str) -> dict[str, Any]:
    user = request.user if isinstance(request.user, User) else User()
    try:
        return followups.start(user, entry, source, request.GET.get("result", ""))
    except Refused as refused:
        raise Http404(refused.message) from refused


def _page(
    request: HttpRequest,
    entry: catalog.Entry,
    values: dict[str, Any],
    *,
    refused: Refused | None = None,
    problems: list[dict[str, str]] | None = None,
) -> HttpResponse:
    user = request.user if isinstance(request.user, User) else None
    errors = problems or (refused.data.get("errors", []) if refused else [])
    context = {
        "entry": entry,
        "form": forms.build(entry, user, values, errors),
        "refused": refused,
        "frees_at": parse_datetime(refused.data.get("frees_at", "")) if refused else None,
        **_described(request, entry),
        "next": request.get_full_path(),
        "request_id": uuid.uuid4(),
        "max_bytes": settings.UPLOAD_MAX_BYTES,
        # Whoever starts from an earlier generation wants another one, even if they change nothing.
        "again": "from" in request.GET or "again" in request.POST,
        "paused": breaker.paused(),
    }
    return render(request, "generation/model.html", context, status=refused.status if refused else 200)


def _generate(request: HttpRequest, entry: catalog.Entry) -> HttpResponse:
    if not isinstance(request.user, User):
        return redirect_to_login(request.get_full_path())
    user = request.user
    data, refused, problems = _with_uploads(request, entry, user)
    values = forms.parse(entry.schema, data)
    if refused:
        return _page(request, entry, values, refused=refused, problems=problems)
    duplicates: list[Generation] = []

    def ask() -> str:
        again = "again" in data
        generation = lifecycle.request(user, entry.id, values, max_price=_agreed(data), allow_duplicate=again)
        duplicates.extend([generation] if generation.duplicate else [])
        return str(generation.pk)

    try:
        # A form that is sent twice, by a double click or a reload, asks for one generation.
        pk = idempotency.once(user, f"form:{data.get('request_id', '')[:100] or uuid.uuid4()}", ask)
    except Refused as error:
        return _page(request, entry, values, refused=error)
    if duplicates:
        messages.info(request, ALREADY_ASKED)
    return redirect("generation", pk=pk)


def _with_uploads(
    request: HttpRequest, entry: catalog.Entry, user: User
) -> tuple[QueryDict, Refused | None, list[dict[str, str]]]:
    """The posted data with each chosen file stored and named in its field, and what was wrong with the others."""
    data, refused, problems = request.POST.copy(), None, []
    files = {name: file for name, file in request.FILES.items() if isinstance(file, UploadedFile)}
    taken = set(catalog.file_fields(entry))
    for name, file in files.items():
        if re.sub(r"\[\d+\]", "[]", name.removesuffix(forms.FILE_SUFFIX)) not in taken:
            continue
        field = name.removesuffix(forms.FILE_SUFFIX)
        try:
            data[field] = uploads.save(user, file).uri
        except Refused as error:
            refused = error
            problems.append({"field": field, "code": error.code, "message": error.message.rstrip(".")})
    return data, refused, problems


def _agreed(data: QueryDict) -> int | None:
    """The price that the page showed when the button was pressed; without scripts it showed none."""
    try:
        return parse_credits(data.get("agreed_price", ""))
    except ValueError:
        return None


@require_POST
def price(request: HttpRequest, model: str) -> HttpResponse:
    """What the form as it stands would cost, or what is still missing."""
    # Someone who is not signed in owns no file and no generation, just like a user who was never saved.
    user = request.user if isinstance(request.user, User) else User()
    try:
        entry = offers.find(model)
        quote = offers.quote(user, model, forms.parse(entry.schema, request.POST))
    except Refused as refused:
        if refused.code == "unknown_model":
            raise Http404 from refused
        return render(request, "generation/_price.html", _problems(request, model, refused))
    context: dict[str, Any] = {"quote": quote, "model": model}
    if user.pk:
        wallet = Wallet.objects.filter(pk=user.pk).first() or Wallet(user=user)
        after = wallet.available + wallet.overdraft_limit - quote.price_millicredits
        context |= {"available": wallet.available, "after": after, "missing": max(0, -after)}
    return render(request, "generation/_price.html", context)


def _problems(request: HttpRequest, model: str, refused: Refused) -> dict[str, Any]:
    entry = catalog.get(model)
    order = list(entry.schema["properties"])
    errors = sorted(refused.data.get("errors", []), key=lambda error: _position(order, error["field"]))
    said = [labels.sentence(entry, error) for error in errors] or [refused.message]
    context = {"problems": said[:SHOWN_PROBLEMS], "more": max(0, len(said) - SHOWN_PROBLEMS)}
    return context | _described(request, entry)


def _position(order: list[str], field: str) -> int:
    name = re.split(r"[.\[]", field)[0]
    return order.index(name) if name in order else -1


@login_required
@require_POST
def upload(request: SignedInRequest) -> HttpResponse:
    """Store one input file: `{uri, name, preview}`, or `{message}` with the status of the refusal."""
    file = request.FILES.get("file")
    if not isinstance(file, UploadedFile):
        return JsonResponse({"message": "Choose a file."}, status=400)
    try:
        stored = uploads.save(request.user, file)
    except Refused as refused:
        return JsonResponse({"message": refused.message}, status=refused.status)
    preview = files.upload_link(stored, thumbnail=True) if uploads.pictured(stored) else ""
    return JsonResponse({"uri": stored.uri, "name": stored.name, "preview": preview}, status=201)


@login_required
@require_GET
def recent_uploads(request: SignedInRequest) -> HttpResponse:
    """The user's newest files of a kind, to be picked again; a part of the form's page."""
    kind = request.GET.get("kind", "any")
    newest = uploads.of(request.user, kind)[:SHOWN_UPLOADS] if kind in forms.ACCEPT else []
    found = [(one, files.upload_link(one, thumbnail=True) if uploads.pictured(one) else "") for one in newest]
    return render(request, "generation/_recent_uploads.html", {"found": found})


@require_GET
def api(request: HttpRequest) -> HttpResponse:
    """How to use the API, for people."""
    context = {"public_url": settings.PUBLIC_URL, "schema_url": "/api/docs/", "keys_url": reverse("keys")}
    return render(request, "generation/api.html", context)
