"""Differences between KIE's catalogue and ours: found, proposed once, and decided by an operator.

What a proposal holds in `before` and `after`:

new        after: title, provider, task_types, description, text, rows, and with a document api, method, endpoint,
           input, example
retired    nothing
returned   before: our status
schema     both: facts of the fields that changed; after: input, KIE's own schema
price      both: text, rows of the price feed
"""

import hashlib
import json
from collections.abc import Collection, Iterator, Mapping
from typing import Any

from django.db import transaction
from django.utils import timezone

from accounts.errors import Refused
from accounts.models import User
from generation import catalog
from generation.catalog import changes, differences
from generation.catalog.differences import Facts
from generation.catalog.document import Reading
from generation.catalog.models import CatalogueChange, CatalogueProposal, Listing
from generation.catalog.readings import Unreadable
from generation.models import ModelSwitch

Kind, State = CatalogueProposal.Kind, CatalogueProposal.State
# The families whose models have an id of KIE's own; the older direct endpoints are in no list of KIE's.
LISTED = ("market", "chat")
# When so much vanishes at once, it is rather the list that is broken.
MOST_VANISHED = 0.25
FEW = 5


# Finding


def compare_lists(rows: Mapping[str, dict[str, Any]], numbers: Mapping[str, dict[str, str]] | None) -> None:
    """Take KIE's list over and propose what is retired, back or priced differently.

    `numbers` are the feed's by model, None when it cannot be read. Raises Unreadable for a list that lacks too much.
    """
    with transaction.atomic():
        changes.lock()
        changes.forget()
        entries = {entry.id: entry for entry in catalog.all()}
        known = {listing.model: listing for listing in Listing.objects.all()}
        for model in _vanished(rows, known, entries):
            known.setdefault(model, Listing(model=model, schema_due=False)).listed = False
        for model, row in rows.items():
            _seen(known.setdefault(model, Listing(model=model)), row)
        _follow(known, entries)
        told = [listing for listing in known.values() if _leader(listing, known).listed]
        for listing in told:
            _price(listing, numbers, known=listing.model in entries)
        fields = ["listed", "seen", "agreed", "schema_due"]
        Listing.objects.bulk_create(
            known.values(), update_conflicts=True, unique_fields=["model"], update_fields=fields
        )
        found = {(kind, listing.model): said for listing in known.values() for kind, *said in _found(listing, entries)}
        found |= {(Kind.PRICE, listing.model): said for listing in told if (said := _priced(listing, entries))}
        listed = {model for model, listing in known.items() if listing.listed}
        for proposal in CatalogueProposal.objects.filter(state=State.OPEN).exclude(kind=Kind.SCHEMA):
            new = proposal.kind == Kind.NEW and proposal.model in listed - set(entries)
            if not new and (proposal.kind, proposal.model) not in found:
                outdate(proposal.kind, proposal.model)
        for (kind, model), (before, after) in found.items():
            propose(kind, model, before, after)


def _vanished(rows: Collection[str], known: dict[str, Listing], entries: Mapping[str, catalog.Entry]) -> set[str]:
    """The models that were listed before, or should be at first sight, and are not."""
    expected = {model for model, listing in known.items() if listing.listed}
    expected = expected or {e.id for e in entries.values() if e.api in LISTED and e.status == "live"}
    vanished = expected - set(rows)
    if len(vanished) > max(FEW, len(expected) * MOST_VANISHED):
        raise Unreadable(f"the list lacks {len(vanished)} of {len(expected)} models at once, so it was not compared")
    return vanished


def _seen(listing: Listing, row: dict[str, Any]) -> None:
    changed = listing.seen.get("row") != row
    listing.schema_due = listing.schema_due or changed or not listing.listed
    listing.listed = True
    # A price that is not told at the moment has not changed.
    listing.seen |= {"row": row, "text": row["text"] or listing.seen.get("text", "")}


def _follow(known: dict[str, Listing], entries: Mapping[str, catalog.Entry]) -> None:
    """The older endpoints cost what the models cost that took their place, so they share their prices' news."""
    for entry in entries.values():
        leader = known.get(entry.superseded_by or "")
        if entry.api not in LISTED and leader is not None:
            listing = known.setdefault(entry.id, Listing(model=entry.id, listed=False, schema_due=False))
            listing.seen |= {"text": leader.seen.get("text", ""), "leader": leader.model}


def _leader(listing: Listing, known: dict[str, Listing]) -> Listing:
    """Where KIE tells the price of a model."""
    return known.get(listing.seen.get("leader", ""), listing)


def _price(listing: Listing, numbers: Mapping[str, dict[str, str]] | None, known: bool) -> None:
    rows = None if numbers is None else numbers.get(listing.seen.get("leader", listing.model))
    if rows is not None:
        listing.seen["rows"] = rows
    if known:
        # At first sight there is nothing to compare with: our own words and numbers are arranged otherwise.
        for name in ("text", "rows"):
            if listing.seen.get(name) and not listing.agreed.get(name):
                listing.agreed[name] = listing.seen[name]
        old, new = (said.get("rows") or {} for said in (listing.agreed, listing.seen))
        if set(old) != set(new) and sorted(old.values()) == sorted(new.values()):
            # Rows that were only renamed.
            listing.agreed["rows"] = new


def _found(listing: Listing, entries: Mapping[str, catalog.Entry]) -> Iterator[tuple[str, dict, dict]]:
    """What the list shows of a known model: kind, before, after."""
    entry = entries.get(listing.model)
    if entry is None:
        return
    if entry.api in LISTED and not listing.listed and entry.status == "live":
        yield Kind.RETIRED, {}, {}
    if entry.api in LISTED and listing.listed and entry.status != "live":
        yield Kind.RETURNED, {"status": entry.status}, {}


def _priced(listing: Listing, entries: Mapping[str, catalog.Entry]) -> list[dict[str, Any]]:
    """What KIE said of a known model's price before, and says now; empty when that is the same."""
    before, after = ({name: said.get(name) for name in ("text", "rows")} for said in (listing.agreed, listing.seen))
    return [before, after] if listing.model in entries and before != after and any(after.values()) else []


def compare_document(listing: Listing, reading: Reading | None) -> None:
    """Take a model's document over and propose a new model, or what is different in the schema of a known one."""
    if reading:
        document = {"api": reading.api, "method": reading.method, "endpoint": reading.endpoint}
        listing.seen["document"] = document | {"input": reading.input, "example": reading.example}
        listing.seen["facts"] = differences.facts(reading.input)
    entry = changes.current(listing.model).entry
    if entry is None:
        _propose_new(listing)
        return
    if not reading:
        return
    seen: Facts = listing.seen["facts"]
    agreed = listing.agreed.setdefault("facts", _first_sight(entry, seen))
    changed = {d.path for d in differences.differences(agreed, seen)}
    if not changed:
        outdate(Kind.SCHEMA, listing.model)
        return
    before, after = ({p: a for p, a in said.items() if _within(p, changed)} for said in (agreed, seen))
    propose(Kind.SCHEMA, listing.model, {"facts": before}, {"facts": after}, {"input": reading.input})


def _within(path: str, changed: set[str]) -> bool:
    return any(path == outer or path.startswith((f"{outer}.", f"{outer}[")) for outer in changed)


def _first_sight(entry: catalog.Entry, seen: Facts) -> Facts:
    """Our own schema, but for the fields of which it says itself that their facts are not KIE's schema's."""
    ours = {name.partition("[")[0].partition(".")[0] for name in entry.field_sources}

    def own(path: str) -> bool:
        return path.partition("[")[0].partition(".")[0] in ours

    kept = {path: about for path, about in differences.facts(entry.schema).items() if not own(path)}
    return kept | {path: about for path, about in seen.items() if own(path)}


def _propose_new(listing: Listing) -> None:
    row, document = listing.seen["row"], listing.seen.get("document", {})
    told = {"text": listing.seen.get("text", ""), "rows": listing.seen.get("rows") or {}}
    fresh = {name: value for name, value in row.items() if name != "text"}
    propose(Kind.NEW, listing.model, {}, {**told, **document}, fresh)


# Proposing


def propose(
    kind: str, model: str, before: dict[str, Any], after: dict[str, Any], besides: Mapping[str, Any] | None = None
) -> bool:
    """Propose a difference unless the same was proposed before; returns whether operators have something new to see.

    `besides` is stored with `after` and does not tell one difference from another. An accepted change starts anew: the
    same step may be proposed again after it was taken back by a later one.
    """
    accepted = CatalogueChange.objects.filter(model=model, proposal__kind=kind, reverted_at=None).order_by("pk").last()
    said = [kind, model, before, after, accepted.pk if accepted else 0]
    fingerprint = hashlib.sha256(json.dumps(said, sort_keys=True).encode()).hexdigest()
    outdate(kind, model, but=fingerprint)
    values = {"kind": kind, "model": model, "before": before, "after": {**after, **(besides or {})}}
    known, new = CatalogueProposal.objects.get_or_create(fingerprint=fingerprint, defaults=values)
    if known.state == State.OUTDATED:
        CatalogueProposal.objects.filter(pk=known.pk).update(state=State.OPEN, seen_at=timezone.now())
    return new or known.state == State.OUTDATED


def outdate(kind: str, model: str, but: str = "") -> None:
    """Withdraw what is open of a kind, because KIE says something else now."""
    stale = CatalogueProposal.objects.filter(kind=kind, model=model, state=State.OPEN).exclude(fingerprint=but)
    stale.update(state=State.OUTDATED)


# Deciding


def accept(proposal: CatalogueProposal, patch: dict[str, Any], summary: str, author: User, version: int) -> str:
    """Take a difference over, as `patch` says; returns what became of it in a sentence. Raises Refused."""
    with transaction.atomic():
        _decide(proposal, State.ACCEPTED, author)
        changes.change(proposal.model, patch, summary, author, proposal=proposal, version=version)
        _agree(proposal, proposal.before, proposal.after)
        return summary + (_switched_off(proposal.model) if proposal.kind == Kind.RETIRED else "")


def dismiss(proposal: CatalogueProposal, reason: str, author: User) -> None:
    """Leave our catalogue as it is; the same difference is not proposed again. Raises Refused."""
    _decide(proposal, State.DISMISSED, author, reason)


def revert(change: CatalogueChange, author: User) -> None:
    """Take an accepted change back; its proposal waits again. Raises Refused."""
    with transaction.atomic():
        changes.revert(change, author)
        if proposal := change.proposal:
            _agree(proposal, proposal.after, proposal.before)
            newer = CatalogueProposal.objects.filter(kind=proposal.kind, model=proposal.model, state=State.OPEN)
            proposal.state = State.OUTDATED if newer.exists() else State.OPEN
            proposal.decided_at = proposal.decided_by = None
            proposal.save(update_fields=["state", "decided_at", "decided_by"])


def _decide(proposal: CatalogueProposal, state: str, author: User, reason: str = "") -> None:
    values = {"state": state, "decided_at": timezone.now(), "decided_by": author, "reason": reason}
    if not CatalogueProposal.objects.filter(pk=proposal.pk, state=State.OPEN).update(**values):
        raise Refused("already_decided", "This was decided before, or KIE says something else by now.", status=409)


def _agree(proposal: CatalogueProposal, before: Mapping[str, Any], after: Mapping[str, Any]) -> None:
    """From now on KIE is compared with what was accepted."""
    listing = Listing.objects.select_for_update().filter(model=proposal.model).first()
    if listing is None:
        return
    agreed = listing.agreed
    if proposal.kind == Kind.NEW:
        agreed = {name: after[name] for name in ("text", "rows") if name in after}
        if "input" in after:
            agreed["facts"] = differences.facts(after["input"])
    elif proposal.kind == Kind.PRICE:
        agreed |= {name: after[name] for name in ("text", "rows") if after.get(name) is not None}
    elif proposal.kind == Kind.SCHEMA:
        agreed["facts"] = differences.merge(agreed.get("facts", {}), before["facts"], after["facts"])
    listing.agreed = agreed
    listing.save(update_fields=["agreed"])


def _switched_off(model: str) -> str:
    """An operator's older decision that the model is on must not outlive KIE's model."""
    values = {"enabled": False, "reason": "KIE does not list it any more"}
    switched = ModelSwitch.objects.filter(model=model, enabled=True).update(**values)
    return " Its switch was set to off." if switched else ""
