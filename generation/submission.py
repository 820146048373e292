"""Handing queued generations to KIE: within its rate, fairly, and never twice."""

import time
from datetime import datetime, timedelta

from django.conf import settings
from django.core.exceptions import ObjectDoesNotExist
from django.db import transaction
from django.db.models import Count, Min, QuerySet
from django.utils import timezone

from billing.upstream import breaker
from generation import catalog, gateway, inputs, lifecycle, messages, polling, trouble
from generation.kie.errors import KieError, Rejected, Unavailable, Unknown
from generation.kie.families import FAMILIES, failures
from generation.models import Generation, SubmitSlot

MAX_ATTEMPTS = 8
MAX_BACKOFF_SECONDS = 120
# For how long one task of the queue goes on submitting; the next one continues.
BUSY_SECONDS = 20.0
State = Generation.State


def submit_waiting(limit: int = 50) -> int:
    """Submit due generations, at most `limit` and for a bounded time, while KIE's rate and the breaker allow.

    Returns how many. A KIE that does not answer is given one order at a time.
    """
    until = time.monotonic() + BUSY_SECONDS
    for submitted in range(limit):
        if time.monotonic() > until or breaker.paused() or (generation := take_next()) is None:
            return submitted
        if not submit(generation):
            return submitted + 1
    return limit


def due() -> bool:
    """Whether something waits that may be submitted now."""
    return _waiting().exists() and not breaker.paused()


def _waiting() -> QuerySet[Generation]:
    now = timezone.now()
    queued = Generation.objects.filter(state=State.QUEUED, kie_files__isnull=False)
    return queued.filter(check_at__lte=now, submit_by__gt=now)


def prepare(generation: Generation) -> None:
    """Hand the input's files over to KIE while the generation is queued, so that a create is one call."""
    entry = catalog.get(generation.model)
    generation.attempts += 1
    try:
        places = inputs.hand_over(inputs.files(entry, generation.input))
    except Unknown as error:
        _put_back(generation, Unavailable(str(error)))
    except Unavailable as error:
        _put_back(generation, error)
    except Rejected as error:
        _reject(generation, error)
    else:
        queued = Generation.objects.filter(pk=generation.pk, state=State.QUEUED)
        queued.update(kie_files=places, check_at=timezone.now())


# Choosing


@transaction.atomic
def take_next() -> Generation | None:
    """Claim the fairest queued generation together with one of KIE's slots, or None.

    The state leaves `queued` before KIE is called: KIE has no idempotency key, so a crash may cost one refunded job,
    while the other order would buy the same video twice (design, section 4).
    """
    generation = _fairest()
    if generation is None:
        return None
    if not breaker.enter() or not _take_slot(generation.user_id):
        transaction.set_rollback(True)
        return None
    patience = timedelta(seconds=2 * settings.KIE_TIMEOUT_SECONDS)
    changes = {
        "started_at": timezone.now(),
        "attempts": generation.attempts + 1,
        # Should this process die now, nobody knows what KIE heard: the row waits for the bell or its deadline.
        "check_at": max(generation.deadline, timezone.now() + patience),
    }
    if not lifecycle.move(generation, State.RUNNING, "submitting", **changes):
        transaction.set_rollback(True)
        return None
    return generation


def _fairest() -> Generation | None:
    """The oldest due generation of the user who got the fewest of KIE's recent slots (R-UP6)."""
    due = _waiting()
    waiting = dict(due.values_list("user_id").annotate(since=Min("created_at")).order_by())
    if not waiting:
        return None
    window = SubmitSlot.objects.filter(used_at__gt=_window_start(timezone.now()), user__in=waiting)
    served = dict(window.values_list("user_id").annotate(n=Count("id")).order_by())
    user = min(waiting, key=lambda user: (served.get(user, 0), waiting[user]))
    locked = due.select_for_update(skip_locked=True, of=("self",)).filter(user_id=user)
    return locked.order_by("created_at").first()


def _window_start(now: datetime) -> datetime:
    return now - timedelta(seconds=settings.KIE_CREATE_WINDOW_SECONDS)


def _take_slot(user_id: int) -> bool:
    """Use one of the window's slots: each was free for a whole window, so KIE never sees more (R-UP6)."""
    if settings.KIE_CREATE_LIMIT == 0:
        return True
    now = timezone.now()
    slots = SubmitSlot.objects.select_for_update(skip_locked=True)
    slot = slots.filter(pk__lte=settings.KIE_CREATE_LIMIT, used_at__lte=_window_start(now)).order_by("used_at").first()
    if slot is None:
        return _first_use(now, user_id)
    return bool(SubmitSlot.objects.filter(pk=slot.pk).update(used_at=now, user_id=user_id))


def _first_use(now: datetime, user_id: int) -> bool:
    """Add a slot as long as there are fewer than KIE allows; two processes adding the same one: one gets it."""
    number = SubmitSlot.objects.count() + 1
    if number > settings.KIE_CREATE_LIMIT:
        return False
    with transaction.atomic():
        return bool(SubmitSlot.objects.get_or_create(pk=number, defaults={"used_at": now, "user_id": user_id})[1])


# Sending


def callback_url(generation: Generation) -> str:
    """Where KIE rings for this generation; "" with callbacks off.

    Some models are refused without an address (trap 12): a ring is only a look, so ours cannot hurt (R-CB1).
    """
    wanted = settings.KIE_CALLBACKS or catalog.get(generation.model).callback_required
    return f"{settings.PUBLIC_URL}/kie/{generation.callback_token}/" if wanted else ""


def submit(generation: Generation) -> bool:
    """Send one claimed generation to KIE and act on what comes back; False when nothing came back."""
    try:
        entry = catalog.get(generation.model)
        family = FAMILIES[entry.family]
        body = inputs.for_kie(entry, generation)
        request = family.create(entry.method, entry.endpoint, entry.id, body, callback_url(generation))
    except (LookupError, ObjectDoesNotExist) as error:
        # The model or an earlier generation that it builds upon is gone: nothing was sent.
        _reject(generation, Rejected(failures.MODEL, f"cannot be submitted: {error!r}", alert=True))
        return True
    answer, said = gateway.timed(gateway.client().create, request)
    try:
        if isinstance(answer, KieError):
            raise answer
        if task := family.created(request, answer, generation.id.hex[:8]):
            lifecycle.save_task(generation, task)
        if status := family.at_once(request, answer):
            polling.end(generation, status)
    except Unavailable as error:
        _put_back(generation, error)
    except Rejected as error:
        if not _rehosted(generation, entry, error):
            _reject(generation, error)
    except Unknown:
        lifecycle.note(generation, "no answer from KIE; waiting, never sending again")
        return False
    finally:
        gateway.record(generation, said)
    return True


def _rehosted(generation: Generation, entry: catalog.Entry, error: Rejected) -> bool:
    """KIE's models could not fetch an address: have its storage try, once, and queue again (protocol 1.5, 451)."""
    addresses = [value for value in inputs.files(entry, generation.input) if not value.startswith(inputs.UPLOAD)]
    known = generation.kie_files or {}
    if error.code != failures.UNREACHABLE or not addresses or set(addresses) & set(known):
        return False
    try:
        places = known | inputs.rehost(addresses)
    except KieError:
        return False
    changes = {"kie_files": places, "started_at": None, "check_at": timezone.now()}
    return lifecycle.move(generation, State.QUEUED, "input files copied to KIE's storage", **changes)


def _put_back(generation: Generation, error: Unavailable) -> None:
    """Nothing was started: queue again with backoff, and leave KIE alone if it is not only this request."""
    trouble.heed(error)
    # A pause for everybody is not this request's fault and does not use up its attempts; its deadline still holds.
    attempts = generation.attempts - 1 if error.pause_seconds else generation.attempts
    if attempts >= MAX_ATTEMPTS:
        lifecycle.finish(generation, State.FAILED, "too many attempts", error=messages.UNAVAILABLE, cost=0)
        return
    backoff = timedelta(seconds=min(2**attempts, MAX_BACKOFF_SECONDS))
    changes = {"attempts": attempts, "started_at": None, "check_at": timezone.now() + backoff}
    lifecycle.move(generation, State.QUEUED, f"KIE is unavailable: {error}", **changes)


def _reject(generation: Generation, error: Rejected) -> None:
    trouble.report(generation.model, error)
    lifecycle.finish(generation, State.FAILED, f"KIE refused: {error}", error=error.code, cost=0)
