"""Nobody sees, uses or guesses another account's conversations (R-API3)."""

import uuid

import pytest
from django.test import Client

from chat.models import Conversation, Message
from generation.models import Generation
from tests.chat_pages.conftest import browser_of, conversation, form, picture_of, refused

pytestmark = pytest.mark.django_db


def addresses(thread):
    number = thread.messages.last().pk
    return {
        "get": [f"/chat/{thread.pk}/", f"/chat/{thread.pk}/?edit={number}", f"/chat/{thread.pk}/messages/{number}/"],
        "post": [f"/chat/{thread.pk}/{verb}/" for verb in ("stop", "rename", "delete")],
    }


def unchanged(thread):
    kept = Conversation.objects.get(pk=thread.pk)
    return (kept.title, kept.messages.count()) == ("Bees", 2) and not Generation.objects.exists()


def test_eve_finds_nothing_at_any_address_of_alices_conversation(alice, eve):
    thread, stranger = conversation(alice), browser_of(eve)
    for method, paths in addresses(thread).items():
        for path in paths:
            assert getattr(stranger, method)(path, {"title": "Mine"} if method == "post" else {}).status_code == 404, (
                path
            )
    assert unchanged(thread)


def test_what_does_not_exist_looks_the_same(eve):
    stranger = browser_of(eve)
    assert stranger.get(f"/chat/{uuid.uuid4()}/").status_code == 404
    assert stranger.post(f"/chat/{uuid.uuid4()}/stop/").status_code == 404


@pytest.mark.django_db(transaction=True)
def test_eve_cannot_go_on_with_alices_conversation(alice, eve):
    thread = conversation(alice)
    question, answer = thread.messages.all()
    for fields in ({}, {"retry": answer.pk}, {"replaces": question.pk}):
        data = form("Mine", conversation=thread.pk, **fields)
        assert refused(eve, data).status_code == 404
        assert browser_of(eve).post("/chat/send/", data).status_code == 404
    assert browser_of(eve).post("/chat/hold/", form(conversation=thread.pk)).status_code == 404
    assert refused(eve, form(conversation="nothing")).status_code == 404
    assert unchanged(thread)


@pytest.mark.django_db(transaction=True)
def test_eve_cannot_attach_or_see_alices_pictures(alice, eve):
    upload = picture_of(alice)
    assert refused(eve, form(attachment=[upload.uri])).status_code == 404
    assert browser_of(eve).get(f"/chat/pictures/{upload.pk}/").status_code == 404
    assert not Message.objects.exists()
    own = browser_of(alice).get(f"/chat/pictures/{upload.pk}/")
    assert own["Content-Type"] == "image/webp"
    assert own["Content-Security-Policy"] == "default-src 'none'; sandbox"


def test_each_sees_only_their_own_list(alice, eve):
    conversation(alice, "Of bees")
    conversation(eve, "Of wasps")
    page = browser_of(eve).get("/chat/").content.decode()
    assert "Of wasps" in page
    assert "Of bees" not in page
    assert "Of bees" not in browser_of(eve).get("/chat/?q=bees", headers={"HX-Request": "true"}).content.decode()


@pytest.mark.django_db(transaction=True)
def test_a_visitor_is_led_to_the_log_in(alice):
    thread, visitor = conversation(alice), Client()
    for method, paths in addresses(thread).items():
        for path in [*paths, *(["/chat/"] if method == "get" else ["/chat/send/", "/chat/hold/"])]:
            response = getattr(visitor, method)(path)
            assert response.status_code == 302, path
            assert response["Location"].startswith("/accounts/login/"), path
    assert unchanged(thread)


@pytest.mark.django_db(transaction=True)
def test_a_form_of_another_site_is_refused(alice):
    thread = conversation(alice)
    browser = browser_of(alice, enforce_csrf_checks=True)
    for path in [*addresses(thread)["post"], "/chat/send/", "/chat/hold/"]:
        assert browser.post(path, form(title="Mine")).status_code == 403, path
    assert unchanged(thread)
