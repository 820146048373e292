"""What a row of the audit log says (R-AD1)."""

from typing import Any

import pytest
from django.contrib.auth.models import Permission
from django.db import DatabaseError, connection, transaction
from django.test import Client
from django.urls import reverse

from accounts.admin_buttons import admin_url
from accounts.audit_rows import AuditRow
from accounts.models import ApiKey, User
from billing import alerts
from billing.models import Alert, Budget
from generation.models import Generation, ModelSwitch
from tests.operators.conftest import button_url, press, token_of


def latest() -> AuditRow:
    return AuditRow.objects.latest("pk")


def test_a_form_tells_what_was_there_before_and_after(office: Client, olga: User) -> None:
    budget = Budget.objects.get(scope="platform")
    before = budget.daily_cap_millicredits
    office.post(admin_url(budget), {"daily_cap_millicredits": "12.5", "time_zone": "UTC"}, REMOTE_ADDR="192.0.2.7")
    row = latest()
    assert (row.user, row.by, row.address, row.outcome) == (olga, "olga@example.com", "192.0.2.7", "done")
    assert (row.subject, row.object_id, row.action) == ("billing.budget", "platform", "change")
    assert row.changes["daily_cap_millicredits"] == [before, 12_500]


def test_a_button_tells_what_its_verb_changed(office: Client, bob: User) -> None:
    """It is read from the database before and after, so that no verb has to tell."""
    press(office, bob, "grant", amount="12.5", reason="a gift")
    row = latest()
    assert (row.action, row.object_repr) == ("grant", "bob@example.com")
    assert "0 were available, now 12.5" in row.message
    assert row.changes["wallet.available"] == [0, 12_500]


def test_an_action_on_a_selection_leaves_a_row_for_each(office: Client) -> None:
    for key in ("one", "two"):
        alerts.tell(key, "look at this")
    url = reverse("admin:billing_alert_changelist")
    chosen = {
        "action": "acknowledge",
        "_selected_action": [str(pk) for pk in Alert.objects.values_list("pk", flat=True)],
    }
    page = office.post(url, chosen)
    assert latest().outcome == "unchanged"
    office.post(url, {**chosen, "confirmed": "yes", "token": token_of(page)})
    rows = list(AuditRow.objects.filter(action="acknowledge", outcome="done"))
    assert {row.object_repr for row in rows} == {"one", "two"}
    assert all(row.changes["acknowledged_at"][0] is None for row in rows)


def test_what_is_added_is_told_with_its_values(office: Client) -> None:
    url = reverse("admin:accounts_user_add")
    password = "correct horse battery"
    fields = {"email": "new@example.com", "usable_password": "true", "password1": password, "password2": password}
    office.post(url, fields)
    row = latest()
    assert (row.action, row.subject, row.outcome) == ("add", "accounts.user", "done")
    assert row.changes["email"] == [None, "new@example.com"]


def test_what_a_button_makes_is_told_with_its_values(office: Client) -> None:
    """A model without a switch has no row before."""
    press(office, ModelSwitch(model="google/nano-banana"), "off", reason="bad results")
    row = latest()
    assert (row.action, row.object_id) == ("off", "google/nano-banana")
    assert (row.changes["enabled"], row.changes["reason"]) == ([None, False], [None, "bad results"])


def test_secrets_are_masked(office: Client, alice: User) -> None:
    """R-SEC3"""
    ApiKey.issue(alice, "shop")
    password = "another horse battery"
    url = reverse("admin:auth_user_password_change", args=[alice.pk])
    office.post(url, {"usable_password": "true", "password1": password, "password2": password})
    alice.refresh_from_db()
    assert alice.check_password(password)
    row = latest()
    assert row.changes["password"] == ["•••", "•••"]
    press(office, ApiKey.objects.get(), "revoke")
    text = str(list(AuditRow.objects.values()))
    assert password not in text and ApiKey.objects.get().digest not in text and alice.password not in text


def test_what_is_refused_is_told_too(client: Client, alice: User, queued: Generation) -> None:
    clerk = User.objects.create_user("clerk@example.com", is_staff=True)
    clerk.user_permissions.set(Permission.objects.filter(codename__startswith="view_"))
    client.force_login(clerk)
    client.post(button_url(alice, "grant"), {"amount": "1000000"})
    row = latest()
    assert (row.by, row.action, row.outcome, row.status) == ("clerk@example.com", "grant", "refused", 403)
    assert (row.subject, row.object_repr, row.changes) == ("accounts.user", "alice@example.com", {})


def test_a_form_with_mistakes_changed_nothing(office: Client) -> None:
    budget = Budget.objects.get(scope="platform")
    office.post(admin_url(budget), {"daily_cap_millicredits": "many", "time_zone": "UTC"})
    assert (latest().outcome, latest().status) == ("unchanged", 200)


def test_a_crash_is_told(office: Client) -> None:
    """A broken database, here a column that is not there any more, undoes the action, and that is told."""
    with connection.cursor() as cursor:
        cursor.execute("ALTER TABLE billing_adjustment RENAME COLUMN reason TO reason_gone")
    office.raise_request_exception = False
    user = User.objects.create_user("someone@example.com")
    url = button_url(user, "grant")
    token = token_of(office.get(url))
    try:
        with transaction.atomic():
            assert office.post(url, {"token": token, "amount": "1", "reason": "x"}).status_code == 500
            assert (latest().action, latest().outcome, latest().status) == ("grant", "failed", 500)
    finally:
        with connection.cursor() as cursor:
            cursor.execute("ALTER TABLE billing_adjustment RENAME COLUMN reason_gone TO reason")


def test_customers_leave_no_rows(client: Client, eve: User) -> None:
    client.force_login(eve)
    client.post(admin_url(eve), {"is_staff": "on"})
    assert not AuditRow.objects.exists()


@pytest.mark.parametrize("change", [lambda rows: rows.update(by="nobody"), lambda rows: rows._raw_delete(rows.db)])
def test_the_database_lets_nobody_change_or_shorten_it(change: Any, office: Client) -> None:
    """R-AD1: append-only."""
    assert AuditRow.objects.exists()
    with pytest.raises(DatabaseError), transaction.atomic():
        change(AuditRow.objects.all())
    assert AuditRow.objects.filter(by="olga@example.com").exists()


def test_nobody_edits_it_in_the_admin(office: Client) -> None:
    row = latest()
    assert office.post(admin_url(row), {"by": "nobody"}).status_code == 403
    assert office.post(admin_url(row, "delete"), {"post": "yes"}).status_code == 403
    assert office.get(reverse("admin:accounts_auditrow_add")).status_code == 403


def test_it_is_searched(office: Client, bob: User) -> None:
    press(office, bob, "grant", amount="1", reason="for the outage")
    url = reverse("admin:accounts_auditrow_changelist")
    for words in ("outage", "bob@example.com", "olga", "grant", "127.0.0.1"):
        assert "for the outage" in office.get(url, {"q": words}).content.decode(), words
    assert "for the outage" not in office.get(url, {"q": "no such words"}).content.decode()
    csv = office.get(reverse("admin:export", args=["accounts", "auditrow"]), {"q": "outage"})
    lines = b"".join(csv.streaming_content).decode().splitlines()  # type: ignore[attr-defined]
    assert sum("wallet.available" in line for line in lines) == 1


def test_operators_who_sign_in_are_told_of(client: Client, olga: User, eve: User) -> None:
    for email, password in (("olga@example.com", "wrong"), ("olga@example.com", "correct horse battery")):
        client.post(reverse("account_login"), {"login": email, "password": password}, REMOTE_ADDR="192.0.2.9")
    client.post(reverse("account_logout"))
    client.post(reverse("account_login"), {"login": "eve@example.com", "password": "correct horse battery"})
    told = list(AuditRow.objects.order_by("pk").values_list("by", "action", "outcome"))
    by = "olga@example.com"
    assert told == [(by, "sign in", "refused"), (by, "sign in", "done"), (by, "sign out", "done")]
    assert AuditRow.objects.filter(address="192.0.2.9").count() == 2
