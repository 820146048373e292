"""Charges given back together after an incident: filtered, previewed, refunded once each, and told to the customers.

An incident is a list of jobs that is fixed when it begins. Whoever works on it holds it for a while; each job is
refunded in a transaction of its own together with its mark, so a process may die at any moment (R-REF3, R-REF7).
"""

import logging
import time
from collections import Counter
from collections.abc import Iterator
from dataclasses import asdict, dataclass, field
from datetime import datetime, timedelta
from typing import Any

from django.conf import settings
from django.core.mail import EmailMessage
from django.db.models import Count, Exists, F, OuterRef, Q, QuerySet, Sum
from django.template.loader import render_to_string
from django.urls import reverse
from django.utils import timezone
from django_q.tasks import async_task

from accounts.errors import Refused
from accounts.models import User
from accounts.transactions import atomically
from billing import ledger
from billing.amounts import format_credits
from billing.models import Entry, Incident, IncidentItem, IncidentMail
from generation import lifecycle
from generation.models import Exchange, Generation

State = Incident.State
Outcome = IncidentItem.Outcome
LONGEST = timedelta(days=31)
MOST = 20_000
PAGE = 500
LEASE = timedelta(seconds=60)
SLICE_SECONDS = 40.0
MAIL_ATTEMPTS = 5
LISTED = 20
logger = logging.getLogger(__name__)


# Choosing


@dataclass(frozen=True)
class Criteria:
    """Which generations: those that ended in [since, until), of a model, a customer, with words or a code of KIE's."""

    since: datetime
    until: datetime
    model: str = ""
    email: str = ""
    text: str = ""
    code: int | None = None

    def as_json(self) -> dict[str, Any]:
        return {**asdict(self), "since": self.since.isoformat(), "until": self.until.isoformat()}

    @classmethod
    def from_json(cls, values: dict[str, Any]) -> "Criteria":
        times = {name: datetime.fromisoformat(values[name]) for name in ("since", "until")}
        return cls(**{**values, **times})

    def __str__(self) -> str:
        times = [f"{timezone.localtime(at):%Y-%m-%d %H:%M}" for at in (self.since, self.until)]
        names = {"model": self.model, "customer": self.email, "words": self.text, "code": self.code}
        more = [f"{name} {value}" for name, value in names.items() if value not in ("", None)]
        return ", ".join([f"ended from {times[0]} to {times[1]}", *more])


@dataclass
class Preview:
    """What an incident would do: `chosen` are (job, user, millicredits); `excluded` says why how many are not."""

    chosen: list[tuple[str, int, int]] = field(default_factory=list)
    excluded: Counter[str] = field(default_factory=Counter)

    @property
    def total(self) -> int:
        return sum(amount for _, _, amount in self.chosen)

    @property
    def reasons(self) -> list[tuple[str, int]]:
        """Why how many are excluded, the most first. Templates would take `excluded.items` for a reason."""
        return self.excluded.most_common()

    @property
    def customers(self) -> int:
        return len({user for _, user, _ in self.chosen})

    def by_customer(self) -> list[tuple[int, int, int]]:
        """(user, how many, millicredits), the largest sum first."""
        counts: Counter[int] = Counter(user for _, user, _ in self.chosen)
        sums: Counter[int] = Counter()
        for _, user, amount in self.chosen:
            sums[user] += amount
        return [(user, counts[user], amount) for user, amount in sums.most_common()]


def find(criteria: Criteria) -> QuerySet[Generation]:
    """The generations that match, oldest first."""
    rows = Generation.objects.filter(finished_at__gte=criteria.since, finished_at__lt=criteria.until)
    if criteria.model:
        rows = rows.filter(model=criteria.model)
    if criteria.email:
        rows = rows.filter(user__email=criteria.email.lower())
    exchanges = Exchange.objects.filter(generation=OuterRef("pk"))
    if criteria.text:
        said = Exists(exchanges.filter(response__icontains=criteria.text))
        told = Q(error_message__icontains=criteria.text) | Q(error_code=criteria.text)
        rows = rows.filter(told | Q(kie_task_id=criteria.text) | said)
    if criteria.code is not None:
        named = rf'"[A-Za-z]*[cC]ode" *: *"?{criteria.code}[^0-9]'
        rows = rows.filter(Exists(exchanges.filter(Q(status=criteria.code) | Q(response__regex=named))))
    return rows.order_by("finished_at", "pk")


def preview(criteria: Criteria) -> Preview:
    """What would be given back, to how many, and what is excluded. Raises Refused for too much at once."""
    if criteria.until - criteria.since > LONGEST or criteria.since >= criteria.until:
        raise Refused("bad_span", f"From must be before until, and at most {LONGEST.days} days before it.")
    found = list(find(criteria).only("pk", "user_id", "state")[: MOST + 1])
    if len(found) > MOST:
        raise Refused("too_many", f"These are more than {MOST} generations. Narrow it down, and do it in parts.")
    result = Preview()
    for start in range(0, len(found), PAGE):
        _sort(found[start : start + PAGE], result)
    return result


def _sort(page: list[Generation], result: Preview) -> None:
    abouts = [generation.about for generation in page]
    receipts = ledger.receipts(abouts)
    listed = set(IncidentItem.objects.filter(about__in=abouts).values_list("about", flat=True))
    for generation in page:
        receipt = receipts[generation.about]
        if generation.state != Generation.State.SUCCEEDED:
            result.excluded["failed or canceled: the credits were returned then"] += 1
        elif receipt.refunded:
            result.excluded["already refunded"] += 1
        elif generation.about in listed:
            result.excluded["part of another incident"] += 1
        elif not receipt.charged:
            result.excluded["nothing was charged"] += 1
        else:
            result.chosen.append((generation.about, generation.user_id, receipt.charged))


# Beginning


@atomically
def start(
    criteria: Criteria, *, key: str, count: int, total: int, reason: str, public_text: str, author: User
) -> Incident:
    """Fix the list and begin. The same key again gives the first incident.

    `count` and `total` are what the operator has seen: Refused("changed_meanwhile") when that is not what it would be.
    """
    texts = {"reason": reason, "public_text": public_text}
    given = {"criteria": criteria.as_json(), "author": author, **texts}
    incident, new = Incident.objects.get_or_create(key=key, defaults=given)
    if not new:
        return incident
    seen = preview(criteria)
    if not seen.chosen:
        raise Refused("nothing_to_refund", "Nothing of this can be refunded.", status=409)
    _list(incident, seen)
    listed = incident.items.aggregate(count=Count("pk"), total=Sum("amount_millicredits", default=0))
    if (listed["count"], listed["total"]) != (count, total):
        raise Refused("changed_meanwhile", "This has changed since it was shown. Look at it again.", status=409)
    async_task("generation.oversight.incidents.work")
    return incident


def _list(incident: Incident, seen: Preview) -> None:
    # What someone else's incident lists at this very moment is left out, and then the numbers do not fit.
    items = [
        IncidentItem(incident=incident, about=about, user_id=user, amount_millicredits=amount)
        for about, user, amount in seen.chosen
    ]
    IncidentItem.objects.bulk_create(items, ignore_conflicts=True, batch_size=PAGE)


# Working


def work(seconds: float = SLICE_SECONDS) -> None:
    """Go on with all incidents that are not done, for a while; the rest is left to another task."""
    end = time.monotonic() + seconds
    for pk in list(Incident.objects.exclude(state=State.DONE).order_by("pk").values_list("pk", flat=True)):
        lease = _take(pk)
        if lease is None:
            continue
        if _go_on(pk, lease, end):
            async_task("generation.oversight.incidents.work")
            return


def _take(pk: int) -> datetime | None:
    """Hold an incident that nobody holds; returns until when."""
    now = timezone.now()
    free = Q(leased_until=None) | Q(leased_until__lt=now)
    rows = Incident.objects.filter(free, pk=pk).exclude(state=State.DONE)
    return now + LEASE if rows.update(leased_until=now + LEASE) else None


def _go_on(pk: int, lease: datetime, end: float) -> bool:
    """Refund, then tell. Returns whether time ran out with something left to do."""
    for _ in _steps(Incident.objects.select_related("author").get(pk=pk)):
        if time.monotonic() >= end:
            Incident.objects.filter(pk=pk, leased_until=lease).update(leased_until=None)
            return True
        if lease - timezone.now() < LEASE / 2:
            longer = timezone.now() + LEASE
            if not Incident.objects.filter(pk=pk, leased_until=lease).update(leased_until=longer):
                # Someone else took over, because this process was asleep for too long.
                return False
            lease = longer
    Incident.objects.filter(pk=pk, leased_until=lease).update(leased_until=None)
    return False


def _steps(incident: Incident) -> Iterator[None]:
    waiting = incident.items.filter(outcome=Outcome.WAITING).order_by("pk")
    while page := list(waiting.values_list("pk", flat=True)[:PAGE]):
        for pk in page:
            _refund(incident, pk)
            yield
    _begin_telling(incident)
    for mail in incident.mails.filter(sent_at=None, attempts__lt=MAIL_ATTEMPTS).select_related("user").order_by("pk"):
        _send(incident, mail)
        yield
    if not incident.mails.filter(sent_at=None, attempts__lt=MAIL_ATTEMPTS).exists():
        done = {"state": State.DONE, "finished_at": timezone.now()}
        Incident.objects.filter(pk=incident.pk, state=State.MAILING).update(**done)


@atomically
def _refund(incident: Incident, pk: int) -> None:
    """One job, with its mark, in one transaction."""
    item = IncidentItem.objects.select_for_update().filter(pk=pk, outcome=Outcome.WAITING).first()
    if item is None:
        return
    entry = _book(incident, item)
    outcome = Outcome.REFUNDED if entry else Outcome.EXCLUDED
    IncidentItem.objects.filter(pk=pk).update(outcome=outcome, entry=entry)


def _book(incident: Incident, item: IncidentItem) -> Entry | None:
    """The refund, or None when someone else has refunded the job meanwhile."""
    if Entry.objects.filter(key=f"refund:{item.about}").exists():
        return None
    began = timezone.now()
    try:
        entry = ledger.refund(item.about, item.amount_millicredits, note=incident.public_text, author=incident.author)
    except ledger.KeyReused:
        return None
    # The ledger answers a job that was refunded at this very moment by somebody else with their entry.
    ours = entry.note == incident.public_text and entry.author_id == incident.author_id and entry.created_at >= began
    if not ours:
        return None
    generation = Generation.objects.get(pk=item.about.removeprefix("generation:"))
    lifecycle.note(generation, f"refunded, {incident}", str(incident.author))
    return entry


# Telling


@atomically
def _begin_telling(incident: Incident) -> None:
    """Everything is refunded: list who is told."""
    if not Incident.objects.filter(pk=incident.pk, state=State.REFUNDING).update(state=State.MAILING):
        return
    users = incident.items.filter(outcome=Outcome.REFUNDED, user__is_active=True).values_list("user", flat=True)
    mails = [IncidentMail(incident=incident, user_id=user) for user in users.distinct().order_by("user")]
    IncidentMail.objects.bulk_create(mails, ignore_conflicts=True, batch_size=PAGE)


def _send(incident: Incident, mail: IncidentMail) -> None:
    """One mail. Its id is always the same, so that one that is sent again after a crash is known as the same."""
    unsent = IncidentMail.objects.filter(pk=mail.pk, sent_at=None, attempts=mail.attempts)
    if not unsent.update(attempts=F("attempts") + 1):
        return
    try:
        message(incident, mail.user).send()
    # Mail servers fail in many ways; each of them is a reason to try again in a minute.
    except Exception:
        logger.exception("The mail about %s to user %s was not sent", incident, mail.user_id)
        return
    IncidentMail.objects.filter(pk=mail.pk).update(sent_at=timezone.now())


def message(incident: Incident, user: User) -> EmailMessage:
    """What a customer is told."""
    items = incident.items.filter(user=user, outcome=Outcome.REFUNDED).order_by("pk")
    sums = items.aggregate(count=Count("pk"), total=Sum("amount_millicredits", default=0))
    pages = [item.about.removeprefix("generation:") for item in items[:LISTED]]
    words = {
        "text": incident.public_text,
        **sums,
        "links": [settings.PUBLIC_URL + reverse("generation", args=[pk]) for pk in pages],
        "more": sums["count"] - len(pages),
        "balance": settings.PUBLIC_URL + reverse("balance"),
    }
    body = render_to_string("billing/mail/incident.txt", words)
    host = settings.PUBLIC_URL.partition("://")[2].partition(":")[0].partition("/")[0]
    headers = {"Message-ID": f"<incident-{incident.pk}-{user.pk}@{host}>"}
    subject = f"{format_credits(sums['total'])} credits were returned to you"
    return EmailMessage(subject, body, to=[user.email], headers=headers)


# Looking


@dataclass(frozen=True)
class Progress:
    """How far an incident is; `refunded_millicredits` is read from the entries (R-REF6)."""

    items: int
    waiting: int
    refunded: int
    excluded: int
    refunded_millicredits: int
    customers: int
    mails: int
    sent: int
    given_up: int


def progress(incident: Incident) -> Progress:
    """In two queries."""
    counts = {name: Count("pk", filter=Q(outcome=name)) for name in ("waiting", "refunded", "excluded")}
    found = incident.items.aggregate(
        items=Count("pk"),
        **counts,
        refunded_millicredits=Sum("entry__available", default=0),
        customers=Count("user", distinct=True),
    )
    mails = incident.mails.aggregate(
        mails=Count("pk"),
        sent=Count("sent_at"),
        given_up=Count("pk", filter=Q(sent_at=None, attempts__gte=MAIL_ATTEMPTS)),
    )
    return Progress(**found, **mails)
