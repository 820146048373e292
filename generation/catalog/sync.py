"""Reading KIE's catalogue, slowly: one request a second over all processes, in slices that anyone may go on with.

A reading begins with the list and the price feed, which are compared at once; then one model after the other is asked
for its schema, where its row of the list changed or a week went by, and for its success rate. Where a reading stands
is in the rows, so that a process which dies loses at most the list.
"""

import time
import uuid
from collections.abc import Callable
from dataclasses import dataclass
from datetime import datetime, timedelta

from django.conf import settings
from django.db import transaction
from django.db.models import Q, QuerySet
from django.urls import reverse
from django.utils import timezone

from billing import alerts
from generation import catalog, gateway
from generation.catalog import changes, proposals, readings
from generation.catalog.models import CatalogueProposal, CatalogueSync, Listing
from generation.catalog.readings import Unreadable
from generation.kie.errors import KieError
from generation.kie.families.base import SUCCESS, Answer, Request

Stage = CatalogueSync.Stage

EVERY = timedelta(hours=24)
SCHEMAS_EVERY = timedelta(days=7)
RATES_EVERY = timedelta(hours=20)
LEASE_SECONDS = 120
TRIES = 4
# So many failures one after the other are KIE's and not the models'.
MOST_FAILURES = 5
BUSY = 429


class Taken(Exception):
    """Another process reads now."""


@dataclass
class Progress:
    """What came of a slice: "busy" (another one reads), "idle" (nothing due), "more", "done" or "failed"."""

    state: str
    requests: int = 0
    failures: int = 0
    error: str = ""


def work(seconds: float, *, now: bool = False, say: Callable[[str], None] = lambda text: None) -> Progress:
    """Go on with the reading for about so long; begin one if a day went by, or `now`."""
    CatalogueSync.objects.get_or_create(pk=CatalogueSync.ONE)
    reader = _Reader(uuid.uuid4().hex, time.monotonic() + seconds, say)
    if not reader.take():
        return Progress("busy")
    try:
        return reader.read(now)
    except Taken:
        return Progress("busy", reader.requests)
    finally:
        reader.leave()


class _Reader:
    """One slice. It holds the lease, and prolongs it with every request."""

    def __init__(self, owner: str, until: float, say: Callable[[str], None]) -> None:
        self.owner, self.until, self.say = owner, until, say
        self.requests = 0
        self.failures = 0

    # The lease

    def take(self) -> bool:
        now = timezone.now()
        free = Q(owner="") | Q(lease_until__lt=now)
        values = {"owner": self.owner, "lease_until": now + timedelta(seconds=LEASE_SECONDS)}
        return bool(CatalogueSync.objects.filter(free, pk=CatalogueSync.ONE).update(**values))

    def mine(self) -> QuerySet[CatalogueSync]:
        return CatalogueSync.objects.filter(pk=CatalogueSync.ONE, owner=self.owner)

    def leave(self) -> None:
        self.mine().update(owner="", lease_until=None)

    # The reading

    def read(self, now: bool) -> Progress:
        sync = CatalogueSync.objects.get(pk=CatalogueSync.ONE)
        if now or sync.stage == Stage.IDLE:
            if not now and sync.started_at and timezone.now() < sync.started_at + EVERY:
                return Progress("idle")
            sync.stage, sync.started_at = Stage.LIST, timezone.now()
            self.mine().update(stage=sync.stage, started_at=sync.started_at)
        started = sync.started_at or timezone.now()
        try:
            if sync.stage == Stage.LIST:
                self._list(started)
            state = "done" if self._details(started) else "more"
        except (Unreadable, KieError) as error:
            return self._failed(str(error), started)
        if state == "done":
            self._finish(started)
        _tell_of_proposals(started)
        return Progress(state, self.requests, self.failures)

    def _list(self, started: datetime) -> None:
        rows = readings.models(self.ask)
        self.say(f"{len(rows)} models are listed.")
        numbers = self._feed(rows)
        for model, row in rows.items():
            if not row["text"] and time.monotonic() < self.until:
                row["text"] = self._price(model)
        proposals.compare_lists(rows, numbers)
        self.mine().update(stage=Stage.DETAILS)

    def _feed(self, rows: dict) -> dict[str, dict[str, str]] | None:
        """The public numbers. Without them everything else still works."""
        try:
            found = readings.feed(self.ask)
        except (Unreadable, KieError) as error:
            self.mine().update(feed_error=str(error)[:300])
            month = f"{timezone.now():%Y-%m}"
            alerts.tell(f"catalogue-feed:{month}", f"KIE's public price feed cannot be read: {error}")
            return None
        self.mine().update(feed_error="")
        self.say(f"{len(found)} rows of the price feed were read.")
        return readings.by_model(found, {*rows, *(entry.id for entry in catalog.all())})

    def _price(self, model: str) -> str:
        """Prose that the list lacks. It is not worth losing the list for."""
        try:
            return readings.price(self.ask, model)
        except (Unreadable, KieError):
            return ""

    def _details(self, started: datetime) -> bool:
        """Ask for one model after the other; False when the time is over first."""
        in_a_row = 0
        while (listing := _due(started).first()) is not None:
            if time.monotonic() >= self.until:
                return False
            try:
                self._detail(listing)
                in_a_row = 0
            except (Unreadable, KieError) as error:
                self.failures, in_a_row = self.failures + 1, in_a_row + 1
                self.say(f"{listing.model}: {error}")
                if in_a_row >= MOST_FAILURES:
                    raise
            finally:
                Listing.objects.filter(pk=listing.pk).update(tried_at=timezone.now())
        return True

    def _detail(self, listing: Listing) -> None:
        now = timezone.now()
        if listing.schema_due or listing.schema_at is None or listing.schema_at < now - SCHEMAS_EVERY:
            reading = readings.document(self.ask, listing.model)
            with transaction.atomic():
                changes.lock()
                listing = Listing.objects.get(pk=listing.pk)
                proposals.compare_document(listing, reading)
                listing.schema_due, listing.schema_at = False, now
                listing.save(update_fields=["seen", "agreed", "schema_due", "schema_at"])
        if listing.rate_at is None or listing.rate_at < now - RATES_EVERY:
            rate = readings.success_rate(self.ask, listing.model)
            Listing.objects.filter(pk=listing.pk).update(success_rate=rate, rate_at=now)

    # The end

    def _finish(self, started: datetime) -> None:
        failed = Listing.objects.filter(listed=True, tried_at__gte=started).filter(_unread())
        names = list(failed.values_list("model", flat=True))
        error = f"{len(names)} models could not be read, such as {names[0]}" if names else ""
        self.mine().update(stage=Stage.IDLE, ended_at=timezone.now(), error=error)
        if error:
            _tell_of_failure(error)
        for model, reason in changes.broken().items():
            alerts.tell(
                f"catalogue-broken:{model}:{reason}"[:200],
                f"The accepted changes of {model} do not fit its entry any more, so it is not for sale: {reason}",
            )

    def _failed(self, error: str, started: datetime) -> Progress:
        self.mine().update(error=error[:300])
        _tell_of_failure(error)
        _tell_of_proposals(started)
        return Progress("failed", self.requests, self.failures, error)

    # One request

    def ask(self, request: Request) -> Answer:
        """KIE's answer, with code 200. Waits for its turn, and longer when KIE says that it was asked too often."""
        for attempt in range(TRIES):
            self._wait(settings.CATALOGUE_SYNC_SECONDS * 2**attempt if attempt else 0)
            self.requests += 1
            answer = gateway.client().query(request)
            if answer.code == SUCCESS:
                return answer
            if BUSY not in (answer.code, answer.status):
                break
        raise Unreadable(f"{request.path}: {answer.code or answer.status} {answer.message}"[:300])

    def _wait(self, longer: float) -> None:
        """Take the next second of KIE's, which no other process then has."""
        time.sleep(longer)
        pace = timedelta(seconds=settings.CATALOGUE_SYNC_SECONDS)
        while True:
            now = timezone.now()
            free = self.mine().filter(Q(asked_at=None) | Q(asked_at__lte=now - pace))
            if free.update(asked_at=now, lease_until=now + timedelta(seconds=LEASE_SECONDS)):
                return
            sync = self.mine().first()
            if sync is None:
                raise Taken
            left = (sync.asked_at or now) + pace - timezone.now()
            # A clock that was set back must not make us wait for it.
            time.sleep(min(max(left.total_seconds(), 0.01), pace.total_seconds()))
            CatalogueSync.objects.filter(pk=CatalogueSync.ONE, asked_at__gt=timezone.now()).update(asked_at=None)


def _unread() -> Q:
    now = timezone.now()
    schema = Q(schema_due=True) | Q(schema_at=None) | Q(schema_at__lt=now - SCHEMAS_EVERY)
    return schema | Q(rate_at=None) | Q(rate_at__lt=now - RATES_EVERY)


def _due(started: datetime) -> QuerySet[Listing]:
    """What is still to be asked in this reading, what changed first. Nothing is tried twice in one reading."""
    untried = Q(tried_at=None) | Q(tried_at__lt=started)
    return Listing.objects.filter(untried & _unread(), listed=True).order_by("-schema_due", "model")


def _tell_of_failure(error: str) -> None:
    alerts.tell(f"catalogue-sync:{timezone.now():%Y-%m-%d}", f"KIE's catalogue cannot be read: {error}")


def _tell_of_proposals(started: datetime) -> None:
    """Once for every reading that found something (R-AL1)."""
    waiting = CatalogueProposal.objects.filter(state=CatalogueProposal.State.OPEN)
    if waiting.filter(seen_at__gte=started).exists():
        url = settings.PUBLIC_URL + reverse("admin:generation_catalogueproposal_changelist")
        text = f"KIE's catalogue differs from ours. Differences that wait for a decision: {waiting.count()}, at {url}"
        alerts.tell(f"catalogue-proposals:{started:%Y-%m-%dT%H:%M}", text)
