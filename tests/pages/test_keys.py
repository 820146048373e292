import re
from datetime import timedelta

import pytest
from django.utils import timezone

from accounts.models import ApiKey
from tests.pages.conftest import browser_of

pytestmark = pytest.mark.django_db


def test_a_new_key_works_and_is_shown_once(browser, client):
    response = browser.post("/keys/", {"name": "Web shop"})
    assert response.status_code == 201
    assert "no-store" in response["Cache-Control"]
    full = re.search(r'value="(kp_[^"]+)"', response.content.decode())[1]
    assert client.get("/api/v1/balance", headers={"Authorization": f"Bearer {full}"}).status_code == 200
    later = browser.get("/keys/").content.decode()
    assert "Web shop" in later
    assert full not in later
    assert full not in str(dict(browser.session))


def test_a_key_can_expire(browser):
    browser.post("/keys/", {"name": "For a month", "days": "30"})
    assert ApiKey.objects.get().expires_at - timezone.now() > timedelta(days=29)


@pytest.mark.parametrize("data", [{"name": ""}, {"name": "x" * 101}, {"name": "x", "days": "7"}])
def test_a_key_that_is_badly_asked_for_is_not_made(browser, data):
    assert browser.post("/keys/", data).status_code == 422
    assert not ApiKey.objects.exists()


def test_a_revoked_key_opens_nothing(browser, alice, client, text_of):
    key, full = ApiKey.issue(alice, "Old")
    assert "was revoked" in text_of(browser.post(f"/keys/{key.pk}/revoke/", follow=True))
    answer = client.get("/api/v1/balance", headers={"Authorization": f"Bearer {full}"})
    assert answer.status_code == 401
    assert browser.get(f"/keys/{key.pk}/revoke/").status_code == 405


def test_nobody_elses_keys_can_be_seen_or_revoked(alice, eve, client):
    key, _ = ApiKey.issue(alice, "Alice's own")
    assert key.prefix not in browser_of(eve).get("/keys/").content.decode()
    assert browser_of(eve).post(f"/keys/{key.pk}/revoke/").status_code == 404
    key.refresh_from_db()
    assert key.usable
    assert client.get("/keys/").status_code == 302


def test_the_pages_show_how_to_call_the_api(browser, settings):
    settings.PUBLIC_URL = "https://shop.example"
    for path in ("/keys/", "/api/"):
        assert b"curl https://shop.example/api/v1/" in browser.get(path).content
