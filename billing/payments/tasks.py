"""What looks after payments every minute: whatever a lost webhook, a lost task or a killed process has left behind."""

import logging
from collections.abc import Callable
from datetime import timedelta

from django.utils import timezone

from billing.payments import booking, recharge, refunds, stripe_client, subscriptions, webhooks

# Stripe is asked for missed events this often, far enough back that two missed turns lose nothing.
CATCH_UP_MINUTES = 10
logger = logging.getLogger(__name__)


def look() -> None:
    """One turn of everything; a part that fails keeps none of the others."""
    if not stripe_client.configured():
        return
    turns: list[Callable[[], int]] = [
        webhooks.retry,
        booking.look,
        subscriptions.look,
        refunds.send_asked,
        recharge.run,
    ]
    if timezone.now().minute % CATCH_UP_MINUTES == 0:
        turns += [lambda: webhooks.catch_up(timedelta(minutes=3 * CATCH_UP_MINUTES)), webhooks.tidy]
    for turn in turns:
        try:
            turn()
        # One minute later it is tried again; what goes wrong for long has an alert of its own.
        except Exception:
            logger.exception("A turn of looking after payments has failed")
