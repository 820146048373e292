"""Operators see that there are conversations, whose and what they cost, and not what was said."""

import pytest
from django.test import Client

from accounts.admin_buttons import admin_url
from tests.chat_pages.conftest import browser_of, conversation
from tests.pages.conftest import requested

pytestmark = pytest.mark.django_db
LIST = "/admin/chat/conversation/"


def test_operators_see_who_and_how_much_but_nothing_that_was_said(alice, olga):
    paid = requested(alice)
    thread = conversation(alice, "A secret title", generation=paid, text="A secret answer", thought="A secret thought")
    office = browser_of(olga)
    for path in (LIST, f"{LIST}?q=alice", admin_url(thread)):
        page = office.get(path).content.decode()
        assert "alice@example.com" in page
        assert "ecret" not in page
        assert "What do bees eat?" not in page
    page = office.get(admin_url(thread)).content.decode()
    assert admin_url(paid) in page
    assert "0 credits" in page


def test_operators_cannot_change_or_delete_them(alice, olga):
    thread = conversation(alice)
    assert browser_of(olga).post(admin_url(thread, "delete"), {"post": "yes"}).status_code == 403
    assert browser_of(olga).get(f"{LIST}add/").status_code == 403


def test_customers_see_none_of_it(alice, eve):
    """R-API3"""
    thread = conversation(alice)
    for browser in (Client(), browser_of(eve)):
        for path in (LIST, admin_url(thread)):
            assert browser.get(path).status_code in (302, 403)
