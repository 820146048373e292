"""Telling operators, once. An alert has a subject, a threshold and a period; its key names all three (R-AL1)."""

import logging
import re

from django.conf import settings
from django.utils import timezone
from django_q.tasks import async_task

from accounts.models import User
from accounts.transactions import atomically
from billing.models import Alert, AlertDelivery

Severity = Alert.Severity
Channel = AlertDelivery.Channel
KEY_CHARACTERS = 200
# What a key ends with when its subject may be told again: a month, a day, an hour.
_PERIOD = re.compile(r"(.+?):(\d{4}-\d{2}[-T:.+\d]*)")
logger = logging.getLogger(__name__)


@atomically
def tell(
    key: str,
    message: str,
    *,
    severity: str = Severity.WARNING,
    subject: str = "",
    threshold: str = "",
    period: str = "",
    url: str = "",
) -> bool:
    """Raise an alert unless it was raised before; returns whether it is new.

    Without `subject` and `period` they are taken from the key, which ends with its period: `stuck:<id>:2026-11-21`.
    `url` is the path in the admin where to look. E-mail and webhook follow the commit and are tried until they arrive.
    """
    key = key[:KEY_CHARACTERS]
    if not subject:
        found = _PERIOD.fullmatch(key)
        subject, period = (found[1], period or found[2]) if found else (key, period)
    about = {"subject": subject[:200], "threshold": threshold[:60], "period": period[:60], "url": url}
    alert, new = Alert.objects.get_or_create(key=key, defaults={"message": message, "severity": severity, **about})
    if new:
        logger.warning("%s alert %s: %s", severity, key, message)
        _send(alert)
    return new


def about(subject: str, message: str, *, threshold: str = "", period: str = "", **more: str) -> bool:
    """The same for an alert whose key is put together from its parts."""
    key = ":".join(filter(None, (subject, threshold, period)))
    return tell(key, message, subject=subject, threshold=threshold, period=period, **more)


def _send(alert: Alert) -> None:
    """Put the alert on its way to all that is set up. The task commits with the rows; a schedule finds lost ones."""
    wanted = {Channel.EMAIL: bool(settings.ADMINS), Channel.WEBHOOK: bool(settings.ALERT_WEBHOOK_URL)}
    for channel in (channel for channel, on in wanted.items() if on):
        AlertDelivery.objects.create(alert=alert, channel=channel)
    if any(wanted.values()):
        async_task("generation.tasks.deliver_alerts")


def acknowledge(alert: Alert, by: User) -> bool:
    """Someone knows, and looks after it; False when someone did before."""
    rows = Alert.objects.filter(pk=alert.pk, acknowledged_at=None)
    return bool(rows.update(acknowledged_at=timezone.now(), acknowledged_by=by))


def unacknowledged() -> int:
    """How many alerts are open."""
    return Alert.objects.filter(acknowledged_at=None).count()


def today() -> str:
    """The period of alerts that are raised once a day; a day of UTC, so that it does not depend on who looks."""
    return f"{timezone.now():%Y-%m-%d}"
