"""Asking on the chat page: what streams, what is kept, and what it costs."""

from datetime import timedelta

import pytest
from django.utils import timezone

from billing import ledger
from billing.models import Entry, Wallet
from billing.upstream import breaker
from chat import conversations
from chat.models import Conversation, Message
from generation.models import Generation
from tests.chat_pages.conftest import (
    CHEAP,
    THINKER,
    browser_of,
    conversation,
    form,
    last,
    listen,
    picture_of,
    refused,
    said,
    settled,
    until,
)

pytestmark = [pytest.mark.django_db(transaction=True), pytest.mark.simulator]


def names(events):
    return [name for name, _ in events]


def sent(kie):
    """The bodies of the chat calls that KIE was asked for, the oldest first."""
    return [chat["body"] for chat in reversed(kie.chats())]


def test_an_answer_streams_and_is_kept_with_its_receipt(alice, kie, browser):
    events = said(alice)
    assert names(events)[0] == "started"
    assert names(events)[-1] == "ended"
    assert names(events).count("text") > 3
    answer = last()
    assert answer.state == "done"
    assert "What do bees eat?" in answer.text
    assert "".join(data["text"] for name, data in events if name == "text") == answer.text
    charged = ledger.receipts([answer.generation.about])[answer.generation.about].charged
    assert charged > 0
    assert Generation.objects.get().kind == "chat"
    ended = events[-1][1]
    assert f"/generations/{answer.generation_id}/" in ended["html"]
    assert "<strong>What do bees eat?</strong>" in ended["html"]
    wallet = Wallet.objects.get(pk=alice.pk)
    assert wallet.held == 0
    assert ended["balance"] == f"{wallet.available / 1000:.3f}".rstrip("0").rstrip(".")
    page = browser.get(events[0][1]["url"]).content.decode()
    assert "<strong>What do bees eat?</strong>" in page


def test_complete_paragraphs_come_as_html_while_the_rest_is_written(alice, kie):
    blocks = [data for name, data in said(alice, "Bees sim:tokens=2000") if name == "block"]
    assert blocks
    assert blocks[0]["html"].startswith("<p>You wrote: <strong>Bees</strong></p>")


def test_reasoning_is_kept_apart_from_the_answer(alice, kie):
    events = said(alice, "Bees", model=THINKER)
    assert "thought" in names(events)
    answer = last()
    assert "The user wrote about" in answer.thought
    assert "The user wrote about" not in answer.text


def test_a_form_that_is_sent_twice_is_one_call(alice, kie):
    """R-API2: a double click, or a reload, buys nothing twice."""
    data = form()
    listen(alice, data, None)
    again = refused(alice, data)
    assert again.status_code == 200
    assert again.json() == {"url": f"/chat/{Conversation.objects.get().pk}/"}
    assert Generation.objects.count() == 1
    assert Message.objects.count() == 2


def test_one_answer_at_a_time_is_written_in_a_conversation(alice, kie):
    thread = conversation(alice, state="writing")
    response = refused(alice, form("More", conversation=thread.pk))
    assert response.status_code == 409
    assert response.json()["code"] == "answer_running"
    assert thread.messages.count() == 2
    assert Generation.objects.count() == 0


def test_stopping_keeps_what_came_and_the_call_is_charged_by_what_kie_reports(alice, kie, browser):
    """R-CH1"""

    async def stop_at_the_first_words(event, client):
        if event[0] == "text" and not stopped:
            stopped.append(event)
            response = await client.post(f"/chat/{(await Conversation.objects.aget()).pk}/stop/")
            assert response.status_code == 302
        return True

    stopped = []
    events = listen(alice, form("Bees sim:tokens=4000"), stop_at_the_first_words)
    assert names(events)[-1] == "ended"
    answer = last()
    assert answer.state == "stopped"
    assert answer.text.startswith("You wrote: **Bees**")
    assert settled(answer).state == "succeeded"
    assert ledger.receipts([answer.generation.about])[answer.generation.about].charged > 0
    assert "You stopped this answer" in browser.get(f"/chat/{answer.conversation_id}/").content.decode()


def test_an_answer_is_finished_and_kept_when_its_reader_is_gone(alice, kie):
    async def leave_at_the_first_words(event, client):
        return event[0] != "text"

    events = listen(alice, form("Bees sim:tokens=300"), leave_at_the_first_words)
    assert "ended" not in names(events)
    answer = last()
    assert answer.text.endswith("without losing something.") or len(answer.text) > 600
    assert answer.state == "done"
    assert answer.generation.state == "succeeded"


def test_another_answer_replaces_the_last_and_both_are_paid(alice, kie, browser):
    said(alice)
    first = last()
    said(alice, "", conversation=first.conversation_id, retry=first.pk, model=CHEAP)
    second = last()
    assert second.pk != first.pk
    assert second.model == CHEAP
    assert Message.objects.get(pk=first.pk).replaced_at
    assert Message.objects.filter(role="user").count() == 1
    receipts = ledger.receipts([first.generation.about, second.generation.about])
    total = sum(receipt.charged for receipt in receipts.values())
    page = browser.get(f"/chat/{first.conversation_id}/")
    assert page.context["total"] == total > receipts[second.generation.about].charged


def test_only_the_last_answer_can_be_written_anew(alice, kie):
    thread = conversation(alice)
    old = thread.messages.last()
    assert refused(alice, form("", conversation=thread.pk, retry=old.pk - 1)).status_code == 409
    assert Generation.objects.count() == 0


def test_an_edited_question_takes_the_place_of_the_last(alice, kie):
    said(alice, "Tell me of wasps")
    thread, question = last().conversation, last("user")
    said(alice, "Tell me of bees", conversation=thread.pk, replaces=question.pk)
    shown = [message.text for message in conversations.visible(thread)]
    assert len(shown) == 2
    assert shown[0] == "Tell me of bees"
    assert thread.messages.count() == 4
    assert "wasps" not in str(sent(kie)[-1])


def test_what_was_said_before_is_sent_along(alice, kie):
    said(alice, "Tell me of bees")
    said(alice, "And wasps?", conversation=last().conversation_id)
    messages = sent(kie)[-1]["messages"]
    assert [message["role"] for message in messages] == ["user", "assistant", "user"]
    assert "Tell me of bees" in str(messages[0]["content"])


def test_pictures_are_shown_to_the_model(alice, kie):
    upload = picture_of(alice, (40, 30))
    said(alice, "What is this?", model=CHEAP, attachment=[upload.uri])
    assert "an image of 40 × 30 pixels" in last().text


def test_without_credits_the_question_is_kept_and_the_way_to_the_balance_is_shown(bob, kie):
    """R-BUD3, R-UX2: KIE hears nothing, and the refusal says what is needed and what is there."""
    events = said(bob)
    answer = last()
    assert (answer.state, answer.error_code) == ("failed", "insufficient_credits")
    assert 'href="/balance/"' in events[-1][1]["html"]
    assert "0 are available" in events[-1][1]["html"]
    assert not Generation.objects.exists()
    assert not Entry.objects.exists()
    assert sent(kie) == []


def test_a_question_without_an_answer_can_be_tried_again(alice, bob, kie):
    said(bob)
    failed = last()
    ledger.top_up(bob, 100_000, payment="test:late")
    said(bob, "", conversation=failed.conversation_id, retry=failed.pk)
    assert last().state == "done"


def test_a_model_that_fails_costs_nothing_and_says_so(alice, kie):
    """R-REF1"""
    events = said(alice, "Bees sim:500")
    answer = last()
    assert answer.state == "failed"
    assert "Nothing was charged" in events[-1][1]["html"]
    assert ledger.receipts([answer.generation.about])[answer.generation.about].charged == 0
    assert Wallet.objects.get(pk=alice.pk).available == 1_000_000


def test_an_answer_that_breaks_off_keeps_what_came(alice, kie):
    events = said(alice, "Bees sim:cut sim:tokens=200")
    answer = last()
    assert (answer.state, answer.error_code) == ("failed", "interrupted")
    assert answer.text.startswith("You wrote: **Bees**")
    assert "The reply broke off" in events[-1][1]["html"]


def test_while_chat_is_paused_the_page_says_so(alice, kie):
    breaker.pause("test")
    said(alice)
    answer = last()
    assert (answer.state, answer.error_code) == ("failed", "temporarily_unavailable")
    assert not Generation.objects.exists()


def test_a_bare_form_gets_the_whole_answer(browser, alice, kie):
    response = browser.post("/chat/send/", form())
    assert response.status_code == 302
    assert response["Location"] == f"/chat/{last().conversation_id}/"
    page = browser.get(response["Location"]).content.decode()
    assert "<strong>What do bees eat?</strong>" in page


def test_a_bare_form_that_is_refused_keeps_its_text(browser, alice):
    response = browser.post("/chat/send/", form("Mine", attachment=["upload:nothing"]))
    assert response.status_code == 404
    assert "Mine</textarea>" in response.content.decode()
    assert "A picture is missing" in response.content.decode()


def test_an_answer_whose_writer_was_killed_is_closed_and_the_conversation_goes_on(alice, kie, browser):
    thread = conversation(alice, state="writing", text="Half an")
    Message.objects.filter(state="writing").update(beat_at=timezone.now() - timedelta(minutes=2))
    assert "The answer was cut off" in browser.get(f"/chat/{thread.pk}/").content.decode()
    assert thread.messages.last().state == "cut"
    said(alice, "Go on", conversation=thread.pk)
    assert last().state == "done"


def test_a_conversation_that_is_deleted_while_it_is_answered_leaves_no_trace_but_the_receipt(alice, kie):
    async def delete_at_the_first_words(event, client):
        if event[0] == "text" and await Conversation.objects.aexists():
            await client.post(f"/chat/{(await Conversation.objects.aget()).pk}/delete/")
        return True

    listen(alice, form("Bees sim:tokens=2000"), delete_at_the_first_words)
    assert not Message.objects.exists()
    until(lambda: Generation.objects.get().terminal, "the settlement")
    assert Wallet.objects.get(pk=alice.pk).held == 0


def test_the_price_before_sending_is_what_is_held(browser, alice, kie):
    """R-PR4, R-PR5: the server says it, with the function that charges."""
    told = browser.post("/chat/hold/", form("What do bees eat?")).content.decode()
    said(alice)
    held = Entry.objects.get(kind="hold").held
    assert f"Up to {held / 1000:.3f}".rstrip("0").rstrip(".") in told


def test_a_price_beyond_the_balance_is_told_before_sending(bob):
    told = browser_of(bob).post("/chat/hold/", form()).content.decode()
    assert "but 0 are available" in told
    assert 'href="/balance/"' in told


def test_models_that_do_not_chat_or_are_off_are_refused(alice):
    assert refused(alice, form(model="google/nano-banana")).status_code == 404
    assert refused(alice, form(model="nothing")).status_code == 404
    assert refused(alice, form(model="grok-4-3")).status_code == 409
    assert not Conversation.objects.exists()
