"""What the queue runs. A task only says "look at this row": losing or doubling one changes nothing."""

import uuid

from django.utils import timezone
from django_q.tasks import async_task

from billing import alert_delivery, grants, ledger
from generation import results, submission
from generation.catalog import sync
from generation.models import Generation, Heartbeat
from generation.oversight import alert_post, reconciliation, watch

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
    if sync.work(seconds=CATALOGUE_SLICE_SECONDS).state == "more":
        async_task("generation.tasks.sync_catalogue")
    beat()


def read_balance() -> None:
    """Read KIE's balance and compare it with the books; a sufficient one ends a pause for the account (R-BRK2)."""
    reconciliation.read()


def deliver_alerts() -> None:
    """Bring alerts to where operators look, and try again what did not arrive."""
    alert_delivery.deliver_due(alert_post.post)


def look() -> None:
    """See whether caps fill up, and whether spending or failures are far above their usual."""
    watch.look()


def tend_wallets() -> None:
    """Book what has expired, and give the gifts that come again every month."""
    ledger.expire_all()
    grants.run()
