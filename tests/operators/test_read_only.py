"""What the admin cannot do: edit, add or delete what only verbs may change."""

from typing import Any

import pytest
from django.contrib.auth.models import Permission
from django.test import Client
from django.urls import reverse

from accounts.admin_buttons import admin_url
from accounts.models import ApiKey, User
from billing.models import Entry, Wallet
from generation.models import Generation
from tests.operators.conftest import button_url


def test_nothing_is_edited_deleted_or_added(office: Client, alice: User, succeeded: Generation) -> None:
    key, _ = ApiKey.issue(alice, "shop")
    before = list(Entry.objects.order_by("pk").values()), Wallet.objects.filter(pk=alice.pk).values().get()
    for obj in (alice.wallet, Entry.objects.first(), succeeded, key):
        assert office.post(admin_url(obj), {"available": "1", "note": "x", "state": "failed"}).status_code == 403
        assert office.post(admin_url(obj, "delete"), {"post": "yes"}).status_code == 403
        name = f"admin:{obj._meta.app_label}_{obj._meta.model_name}_add"
        assert office.post(reverse(name), {}).status_code == 403
    assert office.post(admin_url(alice, "delete"), {"post": "yes"}).status_code == 403
    assert (list(Entry.objects.order_by("pk").values()), Wallet.objects.filter(pk=alice.pk).values().get()) == before


@pytest.fixture
def clerk(db: Any) -> Client:
    """A browser of someone who may look at everything and do nothing."""
    user = User.objects.create_user("clerk@example.com", is_staff=True)
    user.user_permissions.set(Permission.objects.filter(codename__startswith="view_"))
    client = Client()
    client.force_login(user)
    return client


def test_who_may_only_look_gets_no_buttons(clerk: Client, queued: Generation, alice: User) -> None:
    page = clerk.get(admin_url(queued))
    assert page.status_code == 200
    assert "/do/" not in page.content.decode()
    for obj, name in ((queued, "fail"), (queued, "refund"), (alice.wallet, "grant"), (alice, "adjust")):
        assert clerk.get(button_url(obj, name)).status_code == 403
        assert clerk.post(button_url(obj, name), {"token": "x"}).status_code == 403
    actions = {"action": "fail", "_selected_action": str(queued.pk), "confirmed": "yes", "token": "x"}
    clerk.post(reverse("admin:generation_generation_changelist"), actions)
    assert Generation.objects.get(pk=queued.pk).state == "queued"


def test_who_may_edit_users_cannot_make_operators(clerk: Client, alice: User, olga: User) -> None:
    user = User.objects.get(email="clerk@example.com")
    user.user_permissions.add(Permission.objects.get(codename="change_user"))
    clerk.post(admin_url(alice), {"is_active": "on", "is_staff": "on", "is_superuser": "on", "email": "x@example.com"})
    alice.refresh_from_db()
    assert (alice.email, alice.is_staff, alice.is_superuser) == ("alice@example.com", False, False)
    assert clerk.post(admin_url(olga), {"is_active": ""}).status_code == 403
    assert clerk.get(f"/admin/accounts/user/{olga.pk}/password/").status_code == 403


def test_a_button_or_an_object_that_is_not_there_is_not_found(office: Client, queued: Generation) -> None:
    assert office.get(button_url(queued, "explode")).status_code == 404
    assert office.get(button_url(Generation(), "fail")).status_code == 404
