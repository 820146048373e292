"""Whether the books are right, kept and told; and the gauges."""

import re
from datetime import timedelta
from typing import Any

import pytest
from django.db import connection
from django.test import Client
from django.urls import reverse
from django.utils import timezone
from django_q.models import OrmQ

from accounts.admin_buttons import admin_url
from accounts.models import User
from billing import alerts, ledger
from billing.models import Alert, MoneyCheck
from billing.upstream import account, breaker
from generation.models import Generation
from generation.oversight import health
from tests.verify.conftest import unguarded

__all__ = ["unguarded"]
TOKEN = "a-token-for-tests"


@pytest.fixture
def broken(alice: User, unguarded: None) -> None:
    """One wallet has a credit too many."""
    with connection.cursor() as cursor:
        cursor.execute("UPDATE billing_wallet SET available = available + 1000 WHERE user_id = %s", [alice.pk])


def gauges(client: Client) -> dict[str, str]:
    answer = client.get(reverse("metrics"), headers={"Authorization": f"Bearer {TOKEN}"})
    assert answer.status_code == 200
    assert answer.headers["Content-Type"].startswith("text/plain; version=0.0.4")
    lines = [line for line in answer.content.decode().splitlines() if not line.startswith("#")]
    return dict(line.rsplit(" ", 1) for line in lines)


def test_books_that_are_right_are_kept_as_such(succeeded: Generation, queued: Generation) -> None:
    result = health.run()
    assert (result.violations, result.found, result.entries) == (0, [], 4)
    assert len(result.counts) == len(health.checks())
    assert health.last() == result
    assert not Alert.objects.filter(subject="books").exists()


def test_books_that_are_wrong_are_told_once_a_day(broken: None, office: Client) -> None:
    """R-AL1"""
    result = health.run()
    health.run()
    assert result.violations >= 1
    assert any(name == "wallets_equal_their_entries" for _, name, _ in result.found)
    alert = Alert.objects.get(subject="books")
    assert (alert.severity, alert.url) == ("critical", admin_url(result))
    page = office.get(admin_url(result)).content.decode()
    assert "available is 1001000, its entries add up to 1000000" in page
    assert "violations" in office.get(reverse("money")).content.decode()


def test_old_results_are_let_go(db: Any) -> None:
    old = health.run()
    MoneyCheck.objects.filter(pk=old.pk).update(started_at=timezone.now() - timedelta(days=91))
    new = health.run()
    assert list(MoneyCheck.objects.all()) == [new]


def test_the_button_has_the_queue_check(office: Client) -> None:
    office.post(reverse("money-check"))
    assert any(task.func() == "generation.oversight.health.run" for task in OrmQ.objects.all())


def test_without_a_token_there_is_no_such_page(client: Client, db: Any, settings: Any) -> None:
    assert client.get(reverse("metrics")).status_code == 404
    settings.METRICS_TOKEN = TOKEN
    for given in ("", "Bearer ", "Bearer wrong", f"Bearer {TOKEN}x"):
        assert client.get(reverse("metrics"), headers={"Authorization": given}).status_code == 401
    assert client.post(reverse("metrics")).status_code == 405


def test_the_gauges_say_how_things_stand(
    client: Client, settings: Any, queued: Generation, succeeded: Generation
) -> None:
    """R-REF8: holds past their deadline are 0."""
    settings.METRICS_TOKEN = TOKEN
    account.record_balance(987_654_321_987)
    health.run()
    now = gauges(client)
    assert now["kieplatform_holds_past_deadline"] == "0"
    assert now["kieplatform_holds_open"] == now['kieplatform_queue_length{state="queued"}'] == "1"
    assert now['kieplatform_credits_millicredits{bucket="available"}'] == "990000"
    assert now['kieplatform_credits_millicredits{bucket="held"}'] == "5000"
    assert now["kieplatform_kie_balance_millicredits"] == "987654321987"
    assert now['kieplatform_budget_used_millicredits{period="day"}'] == "8000"
    assert now["kieplatform_paused"] == "0"
    violations = {name: value for name, value in now.items() if name.startswith("kieplatform_violations{")}
    assert len(violations) == len(health.checks()) and set(violations.values()) == {"0"}
    Generation.objects.filter(pk=queued.pk).update(deadline=timezone.now())
    alerts.tell("test", "look")
    breaker.pause("no credits")
    later = gauges(client)
    assert later["kieplatform_holds_past_deadline"] == "1"
    assert (later["kieplatform_alerts_open"], later["kieplatform_paused"]) == ("2", "1")


def test_the_gauges_tell_of_violations(client: Client, settings: Any, broken: None) -> None:
    settings.METRICS_TOKEN = TOKEN
    health.run()
    name = 'kieplatform_violations{invariant="1",check="wallets_equal_their_entries"}'
    assert gauges(client)[name] == "1"


def test_every_line_is_of_the_format(client: Client, settings: Any, alice: User) -> None:
    settings.METRICS_TOKEN = TOKEN
    ledger.grant(alice, 1, reason="test:one")
    health.run()
    answer = client.get(reverse("metrics"), headers={"Authorization": f"Bearer {TOKEN}"}).content.decode()
    line = re.compile(r'(# (HELP|TYPE) kieplatform_[a-z_]+ .+|kieplatform_[a-z_]+(\{([a-z]+="[^"]*",?)+\})? -?[0-9.]+)')
    assert answer.endswith("\n")
    assert [text for text in answer.splitlines() if not line.fullmatch(text)] == []
