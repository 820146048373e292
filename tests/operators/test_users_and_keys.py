"""People and their API keys."""

from django.contrib.admin.models import LogEntry
from django.test import Client
from django.urls import reverse

from accounts.admin_buttons import admin_url
from accounts.models import ApiKey, User
from tests.operators.conftest import press


def test_an_operator_adds_a_user_by_address(office: Client) -> None:
    password = "correct horse battery"
    fields = {"email": "New@Example.com", "usable_password": "true", "password1": password, "password2": password}
    assert office.post(reverse("admin:accounts_user_add"), fields).status_code == 302
    assert User.objects.get(email="new@example.com").check_password(password)


def test_an_operator_locks_someone_out(office: Client, eve: User) -> None:
    assert office.post(admin_url(eve), {"first_name": "", "last_name": ""}).status_code == 302
    eve.refresh_from_db()
    assert not eve.is_active
    assert LogEntry.objects.filter(object_id=str(eve.pk)).exists()


def test_a_user_is_shown_with_wallet_and_keys(office: Client, alice: User) -> None:
    key, full = ApiKey.issue(alice, "shop")
    page = office.get(admin_url(alice)).content.decode()
    assert "<td>1000</td>" in page
    assert f"shop (kp_{key.prefix}_…)" in page
    for secret in (full, key.digest):
        assert secret not in page
        assert secret not in office.get(admin_url(key)).content.decode()


def test_revoking_a_key_ends_it(office: Client, olga: User, alice: User) -> None:
    key, _ = ApiKey.issue(alice, "shop")
    assert "Revoked the API key" in press(office, key, "revoke").content.decode()
    key.refresh_from_db()
    assert not key.usable
    assert "was revoked before" in press(office, key, "revoke").content.decode()
    assert LogEntry.objects.filter(user=olga).count() == 1


def test_the_log_is_there_to_read(office: Client, alice: User) -> None:
    """R-AD1"""
    press(office, alice.wallet, "grant", amount="1", reason="a gift for the log")
    page = office.get(reverse("admin:admin_logentry_changelist")).content.decode()
    assert "a gift for the log" in page
    assert "olga@example.com" in page
