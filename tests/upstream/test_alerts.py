"""Alerts are told once, by e-mail and by webhook, until they arrive; they stand until someone acknowledges them."""

import json
from datetime import timedelta
from typing import Any

import pytest
import time_machine
from django.core import mail
from django.db import transaction
from django.test import Client
from django.urls import reverse
from django.utils import timezone
from standardwebhooks import Webhook, WebhookVerificationError

from accounts.models import User
from billing import alert_delivery, alerts
from billing.models import Alert, AlertAttempt, AlertDelivery
from generation import tasks
from generation.oversight import alert_post, verify
from tests.operators.conftest import press
from tests.upstream.receiver import Receiver

SECRET = "whsec_c2VjcmV0LW9mLXRoZS1yZWNlaXZlcg=="


def deliver() -> int:
    return alert_delivery.deliver_due(alert_post.post)


def let_it_be_due() -> None:
    AlertDelivery.objects.filter(next_at__isnull=False).update(next_at=timezone.now())


# Once


def test_an_alert_is_raised_once_per_subject_threshold_and_period(db: None) -> None:
    """R-AL1"""
    first = {"threshold": "10", "period": "2026-11-21"}
    assert alerts.about("balance-low", "low", **first)
    assert not alerts.about("balance-low", "low again", **first)
    assert alerts.about("balance-low", "lower", threshold="5", period="2026-11-21")
    assert alerts.about("balance-low", "low", threshold="10", period="2026-11-22")
    assert Alert.objects.count() == 3
    assert Alert.objects.earliest("pk").message == "low"


@pytest.mark.parametrize(
    ("key", "subject", "period"),
    [
        ("stuck:7f3a:2026-11-21", "stuck:7f3a", "2026-11-21"),
        ("breaker:account:2026-11-21T16", "breaker:account", "2026-11-21T16"),
        ("catalogue-proposals:2026-11-21T16:30", "catalogue-proposals", "2026-11-21T16:30"),
        ("catalogue-feed:2026-11", "catalogue-feed", "2026-11"),
        ("result-refused:7f3a", "result-refused:7f3a", ""),
    ],
)
def test_a_key_says_its_subject_and_period(db: None, key: str, subject: str, period: str) -> None:
    """R-AL1"""
    alerts.tell(key, "look at this")
    alert = Alert.objects.get()
    assert (alert.key, alert.subject, alert.period) == (key, subject, period)


def test_an_alert_of_a_transaction_that_is_undone_is_not_sent(db: None, receiver: Receiver) -> None:
    with pytest.raises(RuntimeError), transaction.atomic():
        alerts.tell("one", "look at this")
        raise RuntimeError
    assert deliver() == 0
    assert receiver.got == []


# By webhook


def test_a_webhook_is_signed_as_standard_webhooks_asks(db: None, receiver: Receiver) -> None:
    """R-WH1: another's library verifies it."""
    alerts.about("balance-low", "7 credits <left>", threshold="10", severity="critical", url="/admin/")
    tasks.deliver_alerts()
    ((headers, body),) = receiver.got
    event = Webhook(SECRET).verify(body, headers)
    assert event["type"] == "alert.raised"
    assert event["data"] | {"url": ""} == {
        "key": "balance-low:10",
        "subject": "balance-low",
        "threshold": "10",
        "period": "",
        "severity": "critical",
        "message": "7 credits <left>",
        "url": "",
    }
    assert event["data"]["url"] == "http://127.0.0.1:8000/admin/"
    with pytest.raises(WebhookVerificationError):
        Webhook(SECRET).verify(body.replace(b"7", b"8"), headers)


def test_a_webhook_is_tried_again_under_the_same_id_until_it_arrives(db: None, receiver: Receiver) -> None:
    """R-WH1"""
    receiver.answers = [500, 429, 302]
    alerts.tell("one", "look at this")
    for _ in range(6):
        deliver()
        let_it_be_due()
    assert [headers["webhook-id"] for headers, _ in receiver.got] == [receiver.got[0][0]["webhook-id"]] * 4
    assert set(receiver.paths) == {"/"}, "a redirect was followed"
    delivery = AlertDelivery.objects.get()
    assert (delivery.attempts, delivery.next_at, delivery.delivered_at is not None) == (4, None, True)
    assert list(delivery.log.values_list("status", flat=True)) == [500, 429, 302, 200]


def test_the_waits_between_tries_grow(db: None, receiver: Receiver) -> None:
    """R-WH1"""
    receiver.answers = [500] * 20
    alerts.tell("one", "look at this")
    waits = []
    for number in range(len(alert_delivery.WAITS)):
        started = timezone.now()
        assert deliver() == 1
        assert deliver() == 0
        waits.append(AlertDelivery.objects.get(attempts=number + 1).next_at - started)
        let_it_be_due()
    for wait, expected in zip(waits, alert_delivery.WAITS, strict=True):
        assert timedelta() <= wait - expected < timedelta(seconds=10)


def test_what_never_arrives_is_given_up_and_told_once(db: None, receiver: Receiver) -> None:
    receiver.answers = [500] * 50
    alerts.tell("one", "look at this")
    for _ in range(len(alert_delivery.WAITS) + 3):
        deliver()
        let_it_be_due()
    first = AlertDelivery.objects.get(alert__key="one")
    assert (first.attempts, first.next_at, first.delivered_at) == (len(alert_delivery.WAITS) + 1, None, None)
    assert Alert.objects.filter(subject="undeliverable:webhook").count() == 1


def test_no_answer_is_a_failed_try_too(db: None, settings: Any) -> None:
    """Nobody listens on this port."""
    settings.ALERT_WEBHOOK_URL, settings.ALERT_WEBHOOK_SECRET = "http://127.0.0.1:9/", SECRET
    alerts.tell("one", "look at this")
    assert deliver() == 1
    attempt = AlertAttempt.objects.get()
    assert attempt.status is None and "no answer" in attempt.error


def test_nothing_is_sent_unsigned(db: None, receiver: Receiver, settings: Any) -> None:
    settings.ALERT_WEBHOOK_SECRET = ""
    alerts.tell("one", "look at this")
    deliver()
    assert receiver.got == []
    assert "ALERT_WEBHOOK_SECRET is not set" in AlertAttempt.objects.get().error


def test_slack_gets_its_own_shape(db: None, receiver: Receiver, settings: Any) -> None:
    settings.ALERT_WEBHOOK_FORMAT, settings.ALERT_WEBHOOK_SECRET = "slack", ""
    alerts.tell("one", "5 < 10 & falling", severity="critical", url="/admin/")
    deliver()
    assert json.loads(receiver.got[0][1]) == {
        "text": ":rotating_light: 5 &lt; 10 &amp; falling\nhttp://127.0.0.1:8000/admin/"
    }
    settings.ALERT_WEBHOOK_FORMAT, settings.ALERT_WEBHOOK_URL = "", "https://hooks.slack.com/services/T/B/X"
    assert alert_delivery.slack()


def test_a_delivery_that_was_being_made_when_its_process_died_is_made_again(db: None, receiver: Receiver) -> None:
    alerts.tell("one", "look at this")
    AlertDelivery.objects.update(next_at=timezone.now() + alert_delivery.LEASE, attempts=1)
    assert deliver() == 0
    with time_machine.travel(timezone.now() + alert_delivery.LEASE + timedelta(seconds=1)):
        assert deliver() == 1
    assert len(receiver.got) == 1


# By e-mail


def test_an_email_that_the_server_refuses_is_tried_again(db: None, settings: Any) -> None:
    """Nobody listens on this port; then the server is back."""
    settings.ADMINS = [("olga", "olga@example.com")]
    settings.EMAIL_BACKEND = "django.core.mail.backends.smtp.EmailBackend"
    settings.EMAIL_HOST, settings.EMAIL_PORT = "127.0.0.1", 9
    alerts.tell("a key\nwith a line break", "look at this", url="/admin/")
    deliver()
    assert "Refused" in AlertAttempt.objects.get().error
    settings.EMAIL_BACKEND = "django.core.mail.backends.locmem.EmailBackend"
    let_it_be_due()
    deliver()
    (message,) = mail.outbox
    assert message.subject.endswith("a key with a line break")
    assert message.body == "look at this\nhttp://127.0.0.1:8000/admin/"


def test_without_anywhere_to_send_it_an_alert_stands_in_the_admin_alone(db: None) -> None:
    alerts.tell("one", "look at this")
    assert Alert.objects.exists() and not AlertDelivery.objects.exists()


# In the admin


def test_an_alert_stands_until_someone_acknowledges_it(office: Client, olga: User) -> None:
    for key in ("one", "two"):
        alerts.tell(key, "look at this", url=reverse("admin:index"))
    index = reverse("admin:index")
    assert "Alerts: <strong>2</strong>" in office.get(index).content.decode()
    press(office, Alert.objects.get(key="one"), "acknowledge")
    assert "Alerts: <strong>1</strong>" in office.get(index).content.decode()
    alert = Alert.objects.get(key="one")
    assert (alert.acknowledged_by, alert.acknowledged_at is not None) == (olga, True)
    assert not alerts.tell("one", "look at this")
    assert alerts.unacknowledged() == 1


def test_a_delivery_is_sent_again_by_a_button(office: Client, receiver: Receiver) -> None:
    """R-WH1"""
    alerts.tell("one", "look at this")
    deliver()
    delivery = AlertDelivery.objects.get()
    press(office, delivery, "again")
    deliver()
    first, second = (headers["webhook-id"] for headers, _ in receiver.got)
    assert first == second == alert_delivery.message_id(delivery)
    page = office.get(reverse("admin:billing_alertdelivery_change", args=[delivery.pk])).content.decode()
    assert page.count("<td>200</td>") == 2
    assert office.get(reverse("admin:billing_alertdelivery_changelist")).status_code == 200
    assert office.get(reverse("admin:billing_alert_change", args=[delivery.alert_id])).status_code == 200


def test_customers_see_no_alerts(client: Client, eve: User) -> None:
    """R-API3"""
    client.force_login(eve)
    for name in ("alert", "alertdelivery", "upstreambalance", "upstreamtopup"):
        assert client.get(reverse(f"admin:billing_{name}_changelist"), follow=True).status_code == 403
    assert client.get(reverse("admin:generation_costs"), follow=True).status_code == 403


def test_a_delivery_that_nobody_makes_is_found(db: None, receiver: Receiver) -> None:
    """R-INV11"""
    alerts.tell("one", "look at this")
    AlertDelivery.objects.update(next_at=timezone.now() - timedelta(minutes=4))
    assert not [line for line in verify.nothing_is_older_than_its_deadline() if "delivery" in line]
    AlertDelivery.objects.update(next_at=timezone.now() - timedelta(minutes=6))
    (line,) = [line for line in verify.nothing_is_older_than_its_deadline() if "delivery" in line]
    assert "of an alert waits since" in line
