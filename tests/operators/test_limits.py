"""Budgets, the breaker and alerts."""

import pytest
from django.contrib.admin.models import LogEntry
from django.test import Client
from django.urls import reverse

from accounts.admin_buttons import admin_url
from accounts.errors import Refused
from accounts.models import ApiKey, User
from billing import alerts
from billing.models import Alert, Breaker, Budget
from billing.upstream import breaker, budgets
from generation import lifecycle
from generation.models import Generation
from generation.oversight import verify
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


@pytest.mark.parametrize("name", ["daily_cap_millicredits", "monthly_cap_millicredits"])
@pytest.mark.parametrize(
    ("value", "message"),
    [
        ("-1", "must not be negative"),
        ("many", "must be a number of credits"),
        ("NaN", "must be a number of credits"),
        ("0.0005", "must be a number of credits"),
        ("1e3", "must be a number of credits"),
        (str(10**18), "must be a number of credits"),
        (str(10**12 + 1), "more credits than can be counted"),
    ],
)
def test_a_wrong_cap_is_explained_at_its_field(office: Client, name: str, value: str, message: str) -> None:
    before = budget()
    answer = office.post(admin_url(before), {"time_zone": "UTC", name: value})
    assert message in str(answer.context["adminform"].form.errors[name])
    assert budget() == before and budget().daily_cap_millicredits == before.daily_cap_millicredits


@pytest.mark.parametrize("zone", ["Berlin", "Europe/Atlantis", "UTC+25", "../etc/passwd", ""])
def test_a_time_zone_that_does_not_exist_is_refused_at_its_field(office: Client, zone: str) -> None:
    answer = office.post(admin_url(budget()), {"daily_cap_millicredits": "1", "time_zone": zone})
    assert list(answer.context["adminform"].form.errors) == ["time_zone"]
    assert budget().time_zone == "UTC"


def test_a_cap_of_zero_stops_everything(office: Client, alice: User) -> None:
    """R-BUD3, and R-API1: nobody is told the operator's number."""
    office.post(admin_url(budget()), {"daily_cap_millicredits": "0", "time_zone": "UTC"})
    with pytest.raises(Refused) as refused:
        lifecycle.request(alice, "google/nano-banana", {"prompt": "a fox"})
    assert refused.value.code == "daily_cap_reached" and "cap" not in refused.value.data
    assert not Generation.objects.exists()


ADD = "admin:billing_budget_add"


def test_a_budget_of_a_user_a_key_or_a_model_counts_from_this_month(
    office: Client, alice: User, queued: Generation
) -> None:
    """R-BUD2"""
    key, _ = ApiKey.issue(alice, "shop")
    names = {"user": "Alice@Example.com", "key": f"kp_{key.prefix}_…", "model": "google/nano-banana"}
    for kind, name in names.items():
        fields = {"kind": kind, "name": name, "monthly_cap_millicredits": "9", "time_zone": "Asia/Tokyo"}
        assert office.post(reverse(ADD), fields).status_code == 302
    made = {f"user:{alice.pk}": 4_000, f"key:{key.pk}": 0, "model:google/nano-banana": 4_000}
    for scope, use in made.items():
        one = Budget.objects.get(scope=scope)
        assert (one.monthly_cap_millicredits, set(budgets.used(one).values())) == (9_000, {use})
    page = office.get(reverse("admin:billing_budget_changelist")).content.decode()
    assert "alice@example.com" in page and "shop" in page


@pytest.mark.parametrize(
    ("kind", "name", "message"),
    [
        ("user", "nobody@example.com", "There is no user"),
        ("key", "kp_00000000", "There is no API key"),
        ("model", "no/such", "There is no model"),
    ],
)
def test_a_budget_of_nothing_is_refused(office: Client, kind: str, name: str, message: str) -> None:
    answer = office.post(reverse(ADD), {"kind": kind, "name": name, "time_zone": "UTC"})
    assert message in str(answer.context["adminform"].form.errors["name"])


def test_nothing_has_two_budgets(office: Client, alice: User) -> None:
    fields = {"kind": "user", "name": alice.email, "time_zone": "UTC"}
    assert office.post(reverse(ADD), fields).status_code == 302
    assert "has a budget already" in office.post(reverse(ADD), fields).content.decode()


def test_another_time_zone_counts_anew(office: Client, queued: Generation) -> None:
    """R-BUD2, R-TZ1"""
    for zone in ("Pacific/Kiritimati", "Pacific/Pago_Pago"):
        office.post(admin_url(budget()), {"time_zone": zone})
        day = budgets.local_day(zone, queued.created_at).isoformat()
        assert budgets.used(budget(), queued.created_at)[day] == 4_000
        assert list(verify.budgets_equal_their_generations()) == []


def test_limits_of_a_user_and_of_a_key(office: Client, alice: User) -> None:
    key, _ = ApiKey.issue(alice, "shop")
    press(office, key, "limits", max_running="3", requests_per_minute="")
    key.refresh_from_db()
    assert (key.max_running, key.requests_per_minute) == (3, None)
    page = office.get(admin_url(alice)).content.decode()
    assert 'name="max_running"' in page and 'name="requests_per_minute"' in page


def test_the_use_of_today_and_of_the_month_is_shown(office: Client, queued: Generation) -> None:
    page = office.get(admin_url(budget())).content.decode()
    assert '<div class="readonly">4, 4</div>' in page
    assert "<td>4</td>" in page


def test_budgets_are_not_deleted(office: Client) -> None:
    assert office.post(admin_url(budget(), "delete"), {"post": "yes"}).status_code == 403


def test_pause_and_resume(office: Client, olga: User) -> None:
    """R-BRK2"""
    press(office, BREAKER, "pause", reason="maintenance")
    assert breaker.paused()
    assert "by olga@example.com: maintenance" in Breaker.objects.get().reason
    assert "Resumed" in press(office, BREAKER, "resume").content.decode()
    assert not breaker.paused()
    assert "is not paused" in press(office, BREAKER, "resume").content.decode()
    assert LogEntry.objects.filter(user=olga).count() == 2


def test_the_list_of_breakers_is_its_page(office: Client) -> None:
    assert office.get(reverse("admin:billing_breaker_changelist"), follow=True).status_code == 200


def test_who_may_not_see_the_breaker_is_not_led_to_it(db: None, client: Client) -> None:
    """R-API3: as on every other list."""
    client.force_login(User.objects.create_user("clerk@example.com", is_staff=True))
    assert client.get(reverse("admin:billing_breaker_changelist")).status_code == 403


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
