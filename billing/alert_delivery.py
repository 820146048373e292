"""Bringing alerts to where operators look: by e-mail and to a webhook, tried until they arrive.

A webhook is signed as Standard Webhooks describes, its `webhook-id` stays the same in every try, and every try is kept
(R-WH1). The address is the operator's own setting, so it may be a private one; redirects are not followed.
"""

import json
import time
from collections.abc import Callable
from datetime import datetime, timedelta
from typing import Any
from urllib.parse import urlsplit

from django.conf import settings
from django.core.mail import mail_admins
from django.utils import timezone
from standardwebhooks import Webhook

from accounts.errors import Refused
from billing import alerts
from billing.models import Alert, AlertAttempt, AlertDelivery

# After each failed try; about a day and a half in all. Then an operator may send it again.
WAITS = [timedelta(seconds=s) for s in (60, 5 * 60, 30 * 60, 2 * 3600, 5 * 3600, 10 * 3600, 16 * 3600)]
# A process that dies with a delivery gives it back by then; longer than any try takes.
LEASE = timedelta(minutes=2)
BATCH = 50
SLACK = "slack"
SLACK_HOST = "hooks.slack.com"
ICONS = {"info": ":information_source:", "warning": ":warning:", "critical": ":rotating_light:"}

# Sends a POST (address, headers, body) and gives the status of the answer; raises OSError when there is none.
Post = Callable[[str, dict[str, str], bytes], int]


def deliver_due(post: Post) -> int:
    """Try what is due; returns how many were tried."""
    due = AlertDelivery.objects.filter(next_at__lte=timezone.now()).order_by("next_at")
    return sum(_deliver(delivery, post) for delivery in due.select_related("alert")[:BATCH])


def _deliver(delivery: AlertDelivery, post: Post) -> bool:
    """One try; False when another process has taken it."""
    claim = AlertDelivery.objects.filter(pk=delivery.pk, next_at=delivery.next_at)
    if not claim.update(next_at=timezone.now() + LEASE, attempts=delivery.attempts + 1):
        return False
    delivery.attempts += 1
    started, status, error = time.monotonic(), None, ""
    try:
        status = _send(delivery, post)
    # Mail servers and receivers fail in many ways; each of them is a reason to try again.
    except Exception as failure:
        error = repr(failure)[:300]
    milliseconds = round((time.monotonic() - started) * 1000)
    AlertAttempt.objects.create(delivery=delivery, status=status, error=error, milliseconds=milliseconds)
    arrived = not error and (status is None or 200 <= status < 300)
    _done(delivery) if arrived else _later(delivery)
    return True


def _send(delivery: AlertDelivery, post: Post) -> int | None:
    """The status of the answer, None by e-mail, which has none."""
    if delivery.channel == AlertDelivery.Channel.EMAIL:
        # A line break in a subject is refused by every mail server, and a key may quote somebody's words.
        mail_admins(" ".join(delivery.alert.key.split()), text(delivery.alert))
        return None
    body = payload(delivery.alert)
    return post(settings.ALERT_WEBHOOK_URL, headers(delivery, body, timezone.now()), body)


def _done(delivery: AlertDelivery) -> None:
    AlertDelivery.objects.filter(pk=delivery.pk).update(next_at=None, delivered_at=timezone.now())


def _later(delivery: AlertDelivery) -> None:
    """Try again after a while that grows; one that never arrives is told by the other ways, once a day."""
    over = delivery.attempts > len(WAITS)
    next_at = None if over else timezone.now() + WAITS[delivery.attempts - 1]
    AlertDelivery.objects.filter(pk=delivery.pk).update(next_at=next_at)
    if over:
        message = f"Alerts do not arrive by {delivery.get_channel_display()}; the log of deliveries says why."
        alerts.about(f"undeliverable:{delivery.channel}", message, period=alerts.today())


def again(delivery: AlertDelivery) -> None:
    """Send a delivery once more, with the same id, whatever became of it. Raises Refused while it is being tried."""
    rows = AlertDelivery.objects.filter(pk=delivery.pk, next_at=delivery.next_at)
    if not rows.update(next_at=timezone.now(), attempts=0, delivered_at=None):
        raise Refused("delivery_busy", "This delivery is being tried at this moment.", status=409)


# What is sent


def slack() -> bool:
    """Whether the webhook wants Slack's shape: by its address, or because the settings say so."""
    chosen = settings.ALERT_WEBHOOK_FORMAT
    return chosen == SLACK or (not chosen and urlsplit(settings.ALERT_WEBHOOK_URL).hostname == SLACK_HOST)


def text(alert: Alert) -> str:
    """The alert for people, with the address where to look."""
    url = f"\n{settings.PUBLIC_URL}{alert.url}" if alert.url else ""
    return f"{alert.message}{url}"


def payload(alert: Alert) -> bytes:
    """The body of the webhook: the alert as `alert.raised`, or `{"text"}` for Slack."""
    if slack():
        icon = ICONS.get(alert.severity, "")
        return json.dumps({"text": f"{icon} {_escaped(text(alert))}"}).encode()
    fields = ("key", "subject", "threshold", "period", "severity", "message")
    data: dict[str, Any] = {name: getattr(alert, name) for name in fields}
    data["url"] = f"{settings.PUBLIC_URL}{alert.url}" if alert.url else ""
    event = {"type": "alert.raised", "timestamp": alert.raised_at.isoformat(), "data": data}
    return json.dumps(event).encode()


def _escaped(words: str) -> str:
    """As Slack wants its three special characters."""
    return words.replace("&", "&amp;").replace("<", "&lt;").replace(">", "&gt;")


def message_id(delivery: AlertDelivery) -> str:
    """The `webhook-id`, the same in every try, by which a receiver knows what it has seen."""
    return f"msg_{delivery.pk.hex}"


def headers(delivery: AlertDelivery, body: bytes, at: datetime) -> dict[str, str]:
    """The headers of one try. Raises ValueError without a secret, unless it goes to Slack, which checks none."""
    key = message_id(delivery)
    found = {"content-type": "application/json", "webhook-id": key, "webhook-timestamp": str(int(at.timestamp()))}
    if settings.ALERT_WEBHOOK_SECRET:
        found["webhook-signature"] = Webhook(settings.ALERT_WEBHOOK_SECRET).sign(key, at, body.decode())
    elif not slack():
        raise ValueError("ALERT_WEBHOOK_SECRET is not set, and nothing is sent unsigned")
    return found
