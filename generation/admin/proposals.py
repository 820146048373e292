"""Differences between KIE's catalogue and ours in an operator's words, with what they do to our margin."""

from fractions import Fraction
from typing import Any

from django.db.models import Q
from django.urls import reverse
from django.utils import timezone
from django.utils.timesince import timesince

from accounts.admin_buttons import Section
from billing import prices
from billing.amounts import format_credits
from generation import catalog, exact_json
from generation.admin.gauges import Gauge
from generation.catalog import patches
from generation.catalog import prices as catalog_prices
from generation.catalog.models import CatalogueProposal, CatalogueSync, Listing
from generation.catalog.prices import Effect, Path

Kind = CatalogueProposal.Kind
UNKNOWN = "?"


def entry_of(proposal: CatalogueProposal) -> catalog.Entry | None:
    try:
        return catalog.get(proposal.model)
    except catalog.UnknownModel:
        return None


def summary(proposal: CatalogueProposal) -> str:
    """What is different, in a line."""
    before, after = proposal.before, proposal.after
    match proposal.kind:
        case Kind.NEW:
            about = [after.get("title") or proposal.model, after.get("provider"), ", ".join(after["task_types"])]
            return "; ".join(filter(None, [*about, after.get("text") or "no price is told"]))
        case Kind.RETIRED:
            return "KIE does not list it any more."
        case Kind.RETURNED:
            return f"KIE lists it; here it is {before['status']}."
        case Kind.SCHEMA:
            return "; ".join(map(str, patches.differences(before, after)))
    rows = [f"{name}: {old or 'new'} → {new or 'gone'}" for name, old, new in changed_rows(proposal)]
    return "; ".join(rows or [f"{before.get('text')} → {after.get('text')}"])


def changed_rows(proposal: CatalogueProposal) -> list[tuple[str, str | None, str | None]]:
    """The rows of KIE's price feed that say something else now."""
    before, after = proposal.before.get("rows") or {}, proposal.after.get("rows") or {}
    names = sorted({*before, *after})
    return [(name, before.get(name), after.get(name)) for name in names if before.get(name) != after.get(name)]


def numbers(proposal: CatalogueProposal, price: dict[str, Any]) -> dict[Path, Any] | None:
    """KIE's new numbers as far as they can be told from the feed; None where an operator has to know them."""
    before, after = proposal.before.get("rows") or {}, proposal.after.get("rows") or {}
    return catalog_prices.suggested(price, before, after) or None


def effects(proposal: CatalogueProposal) -> list[Effect]:
    """What a changed price does to each of our prices."""
    entry = entry_of(proposal)
    if proposal.kind != Kind.PRICE or entry is None or entry.price is None:
        return []
    return catalog_prices.effects(entry.price, numbers(proposal, entry.price), prices.tariff(None, entry.id))


def worst(proposal: CatalogueProposal) -> str:
    """The smallest margin if nothing is done."""
    known = [(effect.margin, effect) for effect in effects(proposal) if effect.margin is not None]
    if not known:
        return "needs your numbers" if proposal.kind == Kind.PRICE else ""
    effect = min(known, key=lambda pair: Fraction(pair[0], pair[1].price_now))[1]
    return f"{margin(effect)} left of {format_credits(effect.price_now)}, {effect.label}"


def margin(effect: Effect) -> str:
    """What is left of our price: "1.25 (20 %)"."""
    if effect.margin is None:
        return UNKNOWN
    return f"{format_credits(effect.margin)} ({effect.margin * 100 // effect.price_now} %)"


def sections(proposal: CatalogueProposal) -> list[Section]:
    """Everything that is known of a difference, as tables."""
    found = [_differences(proposal)]
    if rows := effects(proposal):
        columns = ["For", "KIE's price", "KIE's new price", "Ours", "Ours if accepted", "Left if nothing is done"]
        cells = [
            [e.label, *map(_credits, (e.cost_now, e.cost_then, e.price_now, e.price_then)), margin(e)] for e in rows
        ]
        found.append(Section("Effect on margin, in credits", columns, cells))
    documents = [("Before", proposal.before), ("As KIE says it", proposal.after)]
    texts = [(title, exact_json.dumps(value, indent=2)) for title, value in documents if value]
    return [*found, Section("Documents", [], [], texts=texts)]


def _credits(millicredits: int | None) -> str:
    return UNKNOWN if millicredits is None else format_credits(millicredits)


def _differences(proposal: CatalogueProposal) -> Section:
    before, after = proposal.before, proposal.after
    if proposal.kind == Kind.SCHEMA:
        changes = patches.differences(before, after)
        rows: list[list[Any]] = [[str(change), "only if accepted" if change.widens else ""] for change in changes]
        return Section("What changed", ["Field", "For sale"], rows)
    if proposal.kind == Kind.PRICE:
        told = [["In words", before.get("text"), after.get("text")]] if before["text"] != after["text"] else []
        rows = [*told, *map(list, changed_rows(proposal))]
        return Section("What changed", ["Price", "Before", "Now"], rows)
    names = ("title", "provider", "task_types", "description", "text", "method", "endpoint")
    rows = [[name, after[name]] for name in names if after.get(name)]
    rows += [["price", f"{name}: {credits} credits"] for name, credits in (after.get("rows") or {}).items()]
    return Section("What KIE says", ["", ""], rows, empty=summary(proposal))


def gauges() -> list[Gauge]:
    """How the reading of KIE's catalogue stands, in three queries."""
    sync = CatalogueSync.objects.filter(pk=CatalogueSync.ONE).first() or CatalogueSync()
    read = f"{timesince(sync.ended_at, depth=1)} ago" if sync.ended_at else "never"
    late = sync.ended_at is None or (timezone.now() - sync.ended_at).days >= 2
    found = [Gauge("Read to the end", read, wrong=late)]
    if sync.stage:
        left = Listing.objects.filter(listed=True).filter(Q(tried_at=None) | Q(tried_at__lt=sync.started_at)).count()
        found.append(Gauge("Reading now", f"{left} models to go at most"))
    problems = [("Trouble", sync.error), ("Price feed", sync.feed_error)]
    return found + [Gauge(name, text, wrong=True) for name, text in problems if text]


def waiting() -> Gauge:
    """The number of open differences, with the way to them."""
    number = CatalogueProposal.objects.filter(state=CatalogueProposal.State.OPEN).count()
    return Gauge(
        "Differences to KIE's catalogue", str(number), reverse("admin:generation_catalogueproposal_changelist")
    )
