"""Accepted changes of the catalogue, laid over the shipped data (`catalog.use`), and the verbs that make them.

Every process keeps what it has read and looks for news at most every few seconds, on a connection of its own: a look
at the catalogue then costs no query, waits for no transaction and works in any kind of thread.
"""

import contextlib
import logging
import threading
import time
from collections.abc import Iterable, Mapping
from concurrent.futures import Future
from dataclasses import dataclass, field, replace
from typing import Any

from django.conf import settings
from django.db import connection, transaction
from django.db.models import Count
from django.utils import timezone

from accounts.errors import Refused
from accounts.models import User
from generation import catalog, exact_json
from generation.catalog import Entry
from generation.catalog.models import CatalogueChange, CatalogueProposal, CatalogueSync

logger = logging.getLogger(__name__)

LONGEST_WAIT_SECONDS = 2.0


@dataclass(frozen=True)
class Overlay:
    """The changed entries by id, why others cannot be used, and the state of the table when this was read."""

    version: tuple[int, int]
    entries: Mapping[str, Entry] = field(default_factory=dict)
    broken: Mapping[str, str] = field(default_factory=dict)


_current = Overlay((0, 0))
_read_at = float("-inf")
_reading = threading.Lock()


def overlay() -> Mapping[str, Entry]:
    """The changed entries by id, at most `CATALOGUE_RELOAD_SECONDS` old."""
    if time.monotonic() - _read_at >= settings.CATALOGUE_RELOAD_SECONDS:
        with _reading:
            _refresh()
    return _current.entries


def broken() -> Mapping[str, str]:
    """Models whose accepted changes do not fit the shipped data any more, with the reason: they are not for sale."""
    overlay()
    return _current.broken


def forget() -> None:
    """Look for news at the next occasion."""
    global _read_at
    _read_at = float("-inf")


def _refresh() -> None:
    """Read anew, unless another thread has done so meanwhile. What cannot be read in time stays as it was."""
    global _current, _read_at
    if time.monotonic() - _read_at < settings.CATALOGUE_RELOAD_SECONDS:
        return
    answer: Future[Overlay] = Future()

    def read() -> None:
        try:
            answer.set_result(_read(_current))
        except BaseException as error:
            answer.set_exception(error)
        finally:
            connection.close()

    threading.Thread(target=read, daemon=True).start()
    try:
        _current = answer.result(LONGEST_WAIT_SECONDS)
    except Exception as error:
        # No table before the first migration, no database in a moment of trouble: nothing can be sold then anyway.
        logger.info("the changes of the catalogue cannot be read: %r", error)
    _read_at = time.monotonic()


def _read(known: Overlay) -> Overlay:
    counted = CatalogueChange.objects.aggregate(all=Count("pk"), reverted=Count("reverted_at"))
    # Rows are only added and reverted once, so that these two numbers tell every state from every other.
    version = counted["all"], counted["reverted"]
    if version == known.version:
        return known
    by_model: dict[str, list[CatalogueChange]] = {}
    for change in CatalogueChange.objects.filter(reverted_at=None).order_by("pk"):
        by_model.setdefault(change.model, []).append(change)
    entries, reasons = {}, {}
    for model, changes in by_model.items():
        try:
            entries[model] = _entry(model, changes, set(by_model))
        except ValueError as error:
            reasons[model] = str(error)
            if shipped := catalog.shipped().get(model):
                entries[model] = replace(shipped, price=None)
    return Overlay(version, entries, reasons)


def _entry(model: str, changes: Iterable[CatalogueChange], known: set[str]) -> Entry:
    """Raises ValueError."""
    shipped = catalog.shipped().get(model)
    raw: dict[str, Any] = catalog.raw(shipped) if shipped else {}
    as_of = shipped.as_of if shipped else ""
    for change in changes:
        raw |= exact_json.loads(change.patch)
        as_of = f"{change.at:%Y-%m-%d}"
    return catalog.build(raw, as_of, known)


# The verbs


@dataclass(frozen=True)
class Current:
    """A model's entry as it is now, straight from the database, and the changes that made it. None: unknown."""

    entry: Entry | None
    changes: list[CatalogueChange]

    @property
    def version(self) -> int:
        """Tells whether somebody changed the model meanwhile."""
        return self.changes[-1].pk if self.changes else 0


def current(model: str) -> Current:
    """A model with all changes that count; where they do not fit any more, the shipped entry."""
    changes = list(CatalogueChange.objects.filter(model=model, reverted_at=None).order_by("pk"))
    entry = catalog.shipped().get(model)
    if changes:
        with contextlib.suppress(ValueError):
            entry = _entry(model, changes, _known())
    return Current(entry, changes)


def _known() -> set[str]:
    return set(CatalogueChange.objects.filter(reverted_at=None).values_list("model", flat=True))


def change(
    model: str,
    patch: dict[str, Any],
    summary: str,
    author: User,
    *,
    proposal: CatalogueProposal | None = None,
    version: int | None = None,
) -> CatalogueChange:
    """Lay `patch` over a model's entry. Raises Refused when the outcome would break a rule of the data files.

    `version` is that of the entry which the author has seen.
    """
    with transaction.atomic():
        lock()
        now = current(model)
        if version is not None and version != now.version:
            raise Refused("changed_meanwhile", "This model was changed meanwhile. Open the page again.", status=409)
        made = CatalogueChange(
            model=model, patch=exact_json.dumps(patch), summary=summary[:500], author=author, proposal=proposal
        )
        try:
            _entry(model, [*now.changes, made], _known() | {model})
        except ValueError as error:
            raise Refused("invalid_entry", f"This does not make a valid entry: {error}", status=422) from None
        made.save()
        transaction.on_commit(forget)
    return made


def lock() -> None:
    """Inside a transaction: nobody else decides about models, or compares them with KIE's, at the same time."""
    CatalogueSync.objects.get_or_create(pk=CatalogueSync.ONE)
    list(CatalogueSync.objects.select_for_update().filter(pk=CatalogueSync.ONE))


def revert(change: CatalogueChange, author: User) -> None:
    """Take the newest change of a model back. Raises Refused."""
    with transaction.atomic():
        lock()
        counting = CatalogueChange.objects.filter(model=change.model, reverted_at=None)
        if counting.filter(pk__gt=change.pk).exists():
            raise Refused("not_the_newest", "Revert the later changes of this model first.", status=409)
        reverted = counting.filter(pk=change.pk).update(reverted_at=timezone.now(), reverted_by=author)
        if not reverted:
            raise Refused("already_reverted", "This change was reverted before.", status=409)
        transaction.on_commit(forget)
