import re
from datetime import timedelta

import pytest

from billing import ledger
from billing.models import Entry
from generation import lifecycle
from generation.models import Generation
from tests.pages.conftest import BANANA, browser_of, failed, keep_picture, requested, running, succeeded

pytestmark = pytest.mark.django_db


def seen(page: str) -> str:
    return re.search(r"card/\?seen=([\w-]+)", page)[1]


def test_a_waiting_generation_says_until_when_the_credits_come_back(browser, alice, text_of):
    generation = requested(alice)
    page = text_of(browser.get(f"/generations/{generation.pk}/"))
    assert "Waiting in line" in page
    assert "returned automatically by" in page
    assert f'datetime="{generation.deadline.isoformat()}"' in page
    assert "Cancel" in page


def test_the_card_is_sent_again_only_when_there_is_news(browser, alice):
    generation = requested(alice)
    address = f"/generations/{generation.pk}/card/"
    version = seen(browser.get(address).content.decode())
    assert browser.get(address, {"seen": version}).status_code == 204
    lifecycle.move(generation, "running", "submitting")
    changed = browser.get(address, {"seen": version})
    assert changed.status_code == 200
    assert b"Generating" in changed.content


def test_polling_slows_down_after_a_while(browser, alice):
    generation = running(alice)
    assert b"every 1s" in browser.get(f"/generations/{generation.pk}/").content
    earlier = generation.created_at - timedelta(minutes=5)
    Generation.objects.filter(pk=generation.pk).update(created_at=earlier)
    assert b"every 2s" in browser.get(f"/generations/{generation.pk}/").content


def test_polling_stops_at_the_end(browser, alice):
    response = browser.get(f"/generations/{succeeded(alice).pk}/card/")
    assert response.status_code == 286
    assert b"hx-trigger" not in response.content


def test_a_result_is_shown_and_can_be_downloaded(browser, alice):
    page = browser.get(f"/generations/{succeeded(alice).pk}/").content.decode()
    source = re.search(r'<img src="(/files/[^"]+)"', page)[1]
    assert browser.get(source)["Content-Type"] == "image/png"
    assert f'href="{source}?download=1"' in page
    assert browser.get(f"{source}?download=1")["Content-Disposition"].startswith("attachment")


def test_a_failure_tells_the_reason_in_our_words_and_what_came_back(browser, alice, text_of):
    page = text_of(browser.get(f"/generations/{failed(alice).pk}/"))
    assert "The generation did not finish in time." in page
    assert "5 credits returned." in page
    assert "internal words" not in page


def test_a_late_result_is_a_gift(browser, alice, text_of):
    generation = failed(alice)
    keep_picture(generation)
    assert "Arrived late, free of charge" in text_of(browser.get(f"/generations/{generation.pk}/"))


def test_notes_for_operators_stay_off_the_timeline(browser, alice, text_of):
    generation = running(alice)
    lifecycle.note(generation, "KIE answered oddly")
    page = text_of(browser.get(f"/generations/{generation.pk}/"))
    assert "oddly" not in page
    assert page.count('<li class="state-') == 2


def test_the_receipt_is_what_the_ledger_says(browser, alice, olga):
    generation = succeeded(alice)
    ledger.refund(generation.about, 2000, note="sorry", author=olga)
    receipt = browser.get(f"/generations/{generation.pk}/").context["receipt"]
    booked = ledger.receipts([generation.about])[generation.about]
    lines = {line.words: line.amount for line in receipt.lines}
    assert lines == {"Held": 5000, "Charged": 5000, "Returned": 0, "Refunded": 2000}
    assert receipt.total == booked.charged - booked.refunded == 3000


def test_the_receipt_does_not_tell_the_markup(browser, alice):
    generation = succeeded(alice)
    assert "x1.25" in generation.price_version
    assert b"x1.25" not in browser.get(f"/generations/{generation.pk}/").content


def test_canceling_returns_the_credits(browser, alice, text_of):
    generation = requested(alice)
    response = browser.post(f"/generations/{generation.pk}/cancel/", follow=True)
    assert "5 credits returned." in text_of(response)
    assert Entry.objects.get(key=f"settle:{generation.about}").available == 5000


def test_what_runs_cannot_be_canceled(browser, alice, text_of):
    generation = running(alice)
    response = browser.post(f"/generations/{generation.pk}/cancel/")
    assert response.status_code == 409
    assert "Only a generation that is still queued can be canceled." in text_of(response)
    assert browser.get(f"/generations/{generation.pk}/cancel/").status_code == 405


def test_a_generation_of_a_model_that_left_the_catalogue_can_still_be_read(browser, alice):
    generation = succeeded(alice)
    Generation.objects.filter(pk=generation.pk).update(model="gone/model")
    response = browser.get(f"/generations/{generation.pk}/")
    assert response.status_code == 200
    assert b"Edit and run again" not in response.content


def test_nobody_elses_generation_exists(alice, eve, client):
    generation = requested(alice)
    hers = browser_of(eve)
    assert client.get(f"/generations/{generation.pk}/").status_code == 302
    for path in ("", "card/"):
        assert hers.get(f"/generations/{generation.pk}/{path}").status_code == 404
    assert hers.post(f"/generations/{generation.pk}/cancel/").status_code == 404
    assert hers.get(f"/models/{BANANA}/", {"from": str(generation.pk)}).status_code == 404
    assert str(generation.pk) not in hers.get("/generations/").content.decode()
    assert str(generation.pk) not in hers.get("/balance/").content.decode()
    generation.refresh_from_db()
    assert generation.state == "queued"


def test_a_card_that_asks_after_signing_out_reloads_its_page(alice, client):
    answer = client.get(f"/generations/{requested(alice).pk}/card/")
    assert (answer["HX-Refresh"], answer.content) == ("true", b"")
