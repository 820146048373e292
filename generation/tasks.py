"""What the queue runs. A task only says "look at this row": losing or doubling one changes nothing."""

import uuid

from django.utils import timezone
from django_q.tasks import async_task

from billing import upstream
from generation import catalog_sync, gateway, results, submission
from generation.kie.errors import KieError
from generation.models import Generation, Heartbeat

State = Generation.State

# Downloads wait behind a slice where there is only one worker.
CATALOGUE_SLICE_SECONDS = 45


def advance(key: str) -> None:
    """Do the next step of one generation."""
    generation = Generation.objects.get(pk=uuid.UUID(key))
    if generation.state == State.QUEUED:
        if generation.kie_files is None:
            submission.prepare(generation)
        submission.submit_waiting()
    elif generation.kie_results and generation.state in (State.STORING, State.FAILED):
        results.store(generation)
    elif generation.kie_partial and generation.state == State.RUNNING:
        results.store_partial(generation)
    beat()


def submit() -> None:
    """Submit what waits in the queue."""
    submission.submit_waiting()
    beat()


def beat() -> None:
    """Show that the queue gets on with its work: the watchdog and /readyz look at this."""
    Heartbeat.objects.update_or_create(name=Heartbeat.QUEUE, defaults={"at": timezone.now()})


def sync_catalogue() -> None:
    """Go on with reading KIE's catalogue for a while, and leave the rest to another task."""
    if catalog_sync.work(seconds=CATALOGUE_SLICE_SECONDS).state == "more":
        async_task("generation.tasks.sync_catalogue")
    beat()


def read_balance() -> None:
    """Read KIE's balance and store it; a sufficient one ends a pause for the account (R-BRK2)."""
    try:
        upstream.record_balance(gateway.client().credit())
    except KieError as error:
        upstream.balance_unreadable(str(error))
