"""The list of conversations, what can be done with one, and the limits of asking."""

from datetime import timedelta

import pytest
from django.urls import reverse
from django.utils import timezone

from chat import context, conversations, showing
from chat.conversations import Draft
from chat.models import Conversation, Message
from generation.media import uploads
from generation.models import ModelSwitch
from tests.chat_pages.conftest import CHEAP, MODEL, browser_of, conversation, form, picture_of
from tests.pages.conftest import requested
from tests.pages.test_markup import check

pytestmark = pytest.mark.django_db


def titles(response):
    return [row.title for row in response.context["page"].rows]


# The list


def test_the_newest_comes_first_and_titles_are_searched(browser, alice):
    for title in ("Of bees", "Of wasps", "Of hornets"):
        conversation(alice, title)
    Conversation.objects.filter(title="Of bees").update(updated_at=timezone.now() + timedelta(seconds=5))
    assert titles(browser.get("/chat/")) == ["Of bees", "Of hornets", "Of wasps"]
    part = browser.get("/chat/?q=HORN", headers={"HX-Request": "true"})
    assert titles(part) == ["Of hornets"]
    assert b"<html" not in part.content


def test_paging_shows_each_once_even_when_all_changed_at_the_same_moment(browser, alice):
    many = [Conversation(user=alice, title=str(i), model=MODEL) for i in range(2 * showing.LIST_PAGE + 1)]
    Conversation.objects.bulk_create(many)
    Conversation.objects.update(updated_at=timezone.now())
    found, cursor = [], ""
    while True:
        page = browser.get("/chat/", {"before": cursor}).context["page"]
        found += [row.pk for row in page.rows]
        cursor = page.older
        if not cursor:
            break
    assert sorted(found) == sorted(row.pk for row in many)


@pytest.mark.parametrize("cursor", ["x", "2026-01-01_x", "2026-13-45T00:00:00+00:00_0", "_"])
def test_a_cursor_that_is_none_shows_the_newest(browser, alice, cursor):
    conversation(alice)
    assert titles(browser.get("/chat/", {"before": cursor})) == ["Bees"]


def test_the_number_of_queries_does_not_grow_with_the_messages(browser, alice, django_assert_num_queries):
    thread = conversation(alice, generation=requested(alice))
    browser.get(f"/chat/{thread.pk}/")
    with django_assert_num_queries(12, exact=False) as few:
        browser.get(f"/chat/{thread.pk}/")
    for number in range(10):
        thread.messages.create(role="assistant", text=f"More {number}", generation=requested(alice))
    with django_assert_num_queries(len(few.captured_queries)):
        browser.get(f"/chat/{thread.pk}/")


# One conversation


def test_pages_have_nothing_inline_or_nameless(browser, alice):
    """R-SEC6"""
    text = "| a |\n|--:|\n| 1 |\n\n```sh\nls\n```\n\n<b style='color:red' onclick='x()'>raw</b>"
    thread = conversation(alice, text=text, thought="Hm.")
    question = thread.messages.first()
    Message.objects.filter(pk=question.pk).update(attachments=[picture_of(alice).uri])
    for path in ("/chat/", f"/chat/{thread.pk}/", f"/chat/{thread.pk}/?edit={question.pk}"):
        check(browser.get(path))


def test_a_conversation_is_renamed(browser, alice):
    thread = conversation(alice)
    assert browser.post(f"/chat/{thread.pk}/rename/", {"title": "  On\tbees "}).status_code == 302
    assert Conversation.objects.get().title == "On bees"
    assert browser.post(f"/chat/{thread.pk}/rename/", {"title": " "}).status_code == 422
    assert Conversation.objects.get().title == "On bees"


def test_deleting_forgets_what_was_said_and_keeps_the_receipt(browser, alice):
    paid = requested(alice)
    thread = conversation(alice, generation=paid)
    assert browser.post(f"/chat/{thread.pk}/delete/")["Location"] == "/chat/"
    assert not Message.objects.exists()
    assert browser.get(f"/chat/{thread.pk}/").status_code == 404
    assert browser.get(f"/generations/{paid.pk}/").status_code == 200


def test_the_last_question_comes_back_to_be_edited_and_no_other(browser, alice):
    thread = conversation(alice)
    first = thread.messages.first()
    page = browser.get(f"/chat/{thread.pk}/?edit={first.pk}")
    assert page.context["edited"] == first
    assert "What do bees eat?</textarea>" in page.content.decode()
    thread.messages.create(role="user", text="And wasps?")
    assert browser.get(f"/chat/{thread.pk}/?edit={first.pk}").context["edited"] is None


def test_long_conversations_show_their_end_and_all_when_asked(browser, alice):
    thread = Conversation.objects.create(user=alice, title="Long", model=MODEL)
    for number in range(showing.SHOWN_MESSAGES + 5):
        thread.messages.create(role="user", text=f"Number {number}.")
    page = browser.get(f"/chat/{thread.pk}/").content.decode()
    assert "Number 4." not in page
    assert "Show 5 earlier messages" in page
    assert "Number 4." in browser.get(f"/chat/{thread.pk}/?all=1").content.decode()


def test_another_tab_follows_an_answer_that_is_being_written(browser, alice):
    thread = conversation(alice, state="writing", text="So far")
    answer = thread.messages.last()
    page = browser.get(f"/chat/{thread.pk}/").content.decode()
    assert f'hx-get="/chat/{thread.pk}/messages/{answer.pk}/?seen=writing-6-0"' in page
    assert "data-busy" in page
    address = f"/chat/{thread.pk}/messages/{answer.pk}/"
    assert browser.get(address, {"seen": "writing-6-0"}).status_code == 204
    Message.objects.filter(pk=answer.pk).update(state="done", text="So far, so good")
    done = browser.get(address, {"seen": "writing-6-0"}, headers={"HX-Request": "true"}).content.decode()
    assert "So far, so good" in done
    assert "hx-get" not in done
    assert 'id="balance-amount" hx-swap-oob="true"' in done
    assert 'id="chat-total" hx-swap-oob="true"' in done


def test_what_a_question_says_is_text(browser, alice):
    thread = conversation(alice)
    thread.messages.filter(role="user").update(text="<script>alert(1)</script> **not bold**")
    page = browser.get(f"/chat/{thread.pk}/").content.decode()
    assert "&lt;script&gt;alert(1)&lt;/script&gt; **not bold**" in page


# Models


def test_every_chat_model_for_sale_is_offered_with_its_price_in_words(browser, alice):
    page = browser.get("/chat/", {"model": CHEAP})
    assert page.context["chosen"].id == CHEAP
    assert len(page.context["choices"]) > 30
    assert "7.5 credits per million input tokens, 37.5 per million output tokens" in page.content.decode()
    ModelSwitch.objects.create(model=CHEAP, enabled=False)
    page = browser.get("/chat/", {"model": CHEAP})
    assert CHEAP not in [choice.id for choice in page.context["choices"]]
    assert page.context["chosen"].id != CHEAP


def test_the_model_of_the_conversation_or_the_last_one_is_chosen(browser, alice):
    thread = conversation(alice)
    assert browser.get(f"/chat/{thread.pk}/").context["chosen"].id == MODEL
    assert browser.get("/chat/").context["chosen"].id == MODEL


def test_the_navigation_leads_to_the_chat(browser):
    assert f'href="{reverse("chat")}"' in browser.get("/").content.decode()


# Limits


def code_of(user, **fields):
    draft = Draft(**{"text": "Bees", "model": MODEL, **fields})
    with pytest.raises(conversations.Refused) as refused:
        conversations.ask(user, draft, conversation=None, request_id="")
    return refused.value.code


def test_what_is_asked_has_limits(alice, monkeypatch):
    assert code_of(alice, text=" \n") == "empty_message"
    assert code_of(alice, text="x" * (conversations.TEXT_LIMIT + 1)) == "message_too_long"
    assert code_of(alice, effort="enormous") == "unknown_effort"
    pictures = tuple(picture_of(alice).uri for _ in range(conversations.PICTURES_LIMIT + 1))
    assert code_of(alice, attachments=pictures) == "too_many_pictures"
    sound = uploads.save(alice, _sound())
    assert code_of(alice, attachments=(sound.uri,)) == "picture_type"
    monkeypatch.setattr(conversations, "QUESTIONS_PER_DAY", 0)
    assert code_of(alice) == "messages_per_day"
    assert not Message.objects.exists()


def _sound():
    from django.core.files.uploadedfile import SimpleUploadedFile

    return SimpleUploadedFile("buzz.mp3", b"ID3" + bytes(200))


def test_a_conversation_has_a_last_message(alice):
    thread = conversation(alice)
    rows = [Message(conversation=thread, role="user", text="x") for _ in range(conversations.MESSAGES_LIMIT)]
    Message.objects.bulk_create(rows)
    with pytest.raises(conversations.Refused, match="at most 400 messages"):
        conversations.ask(alice, Draft("More", MODEL), conversation=thread, request_id="")


# What is sent


def test_user_and_assistant_alternate_whatever_was_kept(alice):
    thread = Conversation.objects.create(user=alice, title="x", model=MODEL)
    for role, text in (("assistant", "Hello"), ("user", "a"), ("assistant", ""), ("user", "b"), ("assistant", "c")):
        thread.messages.create(role=role, text=text)
    answer = thread.messages.create(role="assistant", state="writing")
    assert context.before(answer) == [
        {"role": "user", "content": "a\n\nb"},
        {"role": "assistant", "content": "c"},
    ]


def test_only_the_end_of_a_long_conversation_is_sent(alice):
    thread = Conversation.objects.create(user=alice, title="x", model=MODEL)
    for number in range(8):
        thread.messages.create(role="user", text=str(number) * 40_000)
        thread.messages.create(role="assistant", text="yes")
    answer = thread.messages.create(role="assistant", state="writing")
    sent = context.before(answer)
    assert sum(len(turn["content"]) for turn in sent) <= context.CHARACTERS
    assert sent[0]["role"] == "user"
    assert sent[-2]["content"].startswith("7")


def test_pictures_go_out_as_small_jpegs_and_only_the_newest(alice):
    thread = Conversation.objects.create(user=alice, title="x", model=MODEL)
    for _ in range(3):
        uris = [picture_of(alice, (3000, 1500)).uri for _ in range(3)]
        thread.messages.create(role="user", text="", attachments=uris)
        thread.messages.create(role="assistant", text="yes")
    answer = thread.messages.create(role="assistant", state="writing")
    parts = [part for turn in context.before(answer) if isinstance(turn["content"], list) for part in turn["content"]]
    assert len(parts) == context.PICTURES
    assert all(part["image_url"]["url"].startswith("data:image/jpeg;base64,") for part in parts)
    assert all(len(part["image_url"]["url"]) < 400_000 for part in parts)


def test_a_bad_form_is_answered_with_what_is_wrong(alice):
    response = browser_of(alice).post("/chat/send/", form(" "), headers={"accept": "text/event-stream"})
    assert response.status_code == 422
    assert "Write something first." in response.json()["html"]
