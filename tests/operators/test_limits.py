"""Budgets, the breaker and alerts."""

from django.contrib.admin.models import LogEntry
from django.test import Client
from django.urls import reverse

from accounts.admin_buttons import admin_url
from accounts.models import User
from billing import alerts, upstream
from billing.models import Alert, Breaker, Budget
from generation.models import Generation
from tests.operators.conftest import press, token_of

BREAKER = Breaker(name="kie")


def budget() -> Budget:
    return Budget.objects.get(scope="platform")


def test_a_cap_is_set_in_kie_credits(office: Client, olga: User) -> None:
    fields = {"daily_cap_millicredits": "12.5", "time_zone": "Europe/Berlin"}
    assert office.post(admin_url(budget()), fields).status_code == 302
    assert (budget().daily_cap_millicredits, budget().time_zone) == (12_500, "Europe/Berlin")
    assert 'value="12.5"' in office.get(admin_url(budget())).content.decode()
    assert LogEntry.objects.filter(user=olga, object_id="platform").exists()


def test_an_empty_cap_is_no_cap(office: Client) -> None:
    office.post(admin_url(budget()), {"daily_cap_millicredits": "", "time_zone": "UTC"})
    assert budget().daily_cap_millicredits is None


def test_a_wrong_cap_or_time_zone_is_explained(office: Client) -> None:
    for fields, message in (
        ({"daily_cap_millicredits": "-1", "time_zone": "UTC"}, "must not be negative"),
        ({"daily_cap_millicredits": "many", "time_zone": "UTC"}, "must be a number of credits"),
        ({"daily_cap_millicredits": "1", "time_zone": "Berlin"}, "There is no time zone"),
    ):
        assert message in office.post(admin_url(budget()), fields).content.decode()
    assert budget().time_zone == "UTC"


def test_the_use_of_today_is_shown(office: Client, queued: Generation) -> None:
    page = office.get(admin_url(budget())).content.decode()
    assert '<div class="readonly">4</div>' in page
    assert "<td>4</td>" in page


def test_budgets_are_neither_added_nor_deleted(office: Client) -> None:
    assert office.get(reverse("admin:billing_budget_add")).status_code == 403
    assert office.post(admin_url(budget(), "delete"), {"post": "yes"}).status_code == 403


def test_pause_and_resume(office: Client, olga: User) -> None:
    """R-BRK2"""
    press(office, BREAKER, "pause", reason="maintenance")
    assert upstream.paused()
    assert "by olga@example.com: maintenance" in Breaker.objects.get().reason
    assert "Resumed" in press(office, BREAKER, "resume").content.decode()
    assert not upstream.paused()
    assert "is not paused" in press(office, BREAKER, "resume").content.decode()
    assert LogEntry.objects.filter(user=olga).count() == 2


def test_the_list_of_breakers_is_its_page(office: Client) -> None:
    assert office.get(reverse("admin:billing_breaker_changelist"), follow=True).status_code == 200


def test_alerts_are_acknowledged_one_by_one_or_together(office: Client) -> None:
    for key in ("one", "two", "three"):
        alerts.tell(key, "look at this")
    one, *others = Alert.objects.order_by("pk")
    assert "Acknowledged" in press(office, one, "acknowledge").content.decode()
    url = reverse("admin:billing_alert_changelist")
    chosen = {"action": "acknowledge", "_selected_action": [str(alert.pk) for alert in others]}
    page = office.post(url, chosen)
    office.post(url, {**chosen, "confirmed": "yes", "token": token_of(page)})
    assert not Alert.objects.filter(acknowledged_at=None).exists()
    assert "0 alerts" in office.get(url, {"acknowledged": "no"}).content.decode()
