import pytest

from generation import catalog, pricing
from tests.pages.conftest import BANANA, browser_of

pytestmark = pytest.mark.django_db
KLING = "kling-3.0/video"
KLING_INPUT = {"prompt": "A fox", "mode": "pro", "aspect_ratio": "16:9", "sound": "false", "multi_shots": "false"}


def test_the_price_follows_the_input(browser, text_of):
    short = text_of(browser.post(f"/models/{KLING}/price/", KLING_INPUT | {"duration": "5"}))
    long = text_of(browser.post(f"/models/{KLING}/price/", KLING_INPUT | {"duration": "10"}))
    assert "112.5 <span>credits" in short
    assert "225 <span>credits" in long
    assert "Exact for this input." in short


def test_the_balance_afterwards_is_shown(browser, text_of):
    page = text_of(browser.post(f"/models/{BANANA}/price/", {"prompt": "A fox"}))
    assert "<dt>Available</dt><dd>1000</dd>" in page
    assert "<dt>After this</dt><dd>995</dd>" in page


def test_what_is_missing_is_shown(bob, text_of):
    page = text_of(browser_of(bob).post(f"/models/{BANANA}/price/", {"prompt": "A fox"}))
    assert "<dt>Missing</dt><dd>5</dd>" in page


def test_a_bounded_price_says_that_the_rest_is_returned(browser, text_of):
    entry = next(
        e
        for e in catalog.all()
        if e.on_by_default
        and all(isinstance(v, str) for v in e.example.values())
        and not e.chat
        and not catalog.generation_fields(e)
        and not pricing.cost(e, catalog.validate(e, e.example)).exact
    )
    page = text_of(browser.post(f"/models/{entry.id}/price/", entry.example))
    assert "Price, at most" in page
    assert "the rest is returned" in page


def test_an_unfinished_form_shows_what_is_missing_instead(browser, text_of):
    page = text_of(browser.post(f"/models/{BANANA}/price/", {"prompt": ""}))
    assert "Prompt is required." in page
    assert "5 credits per image" in page
    assert "agreed_price" not in page


def test_anonymous_people_see_prices_but_can_name_no_file(client, text_of):
    page = text_of(client.post(f"/models/{BANANA}/price/", {"prompt": "A fox"}))
    assert "5 <span>credits" in page
    assert "Available" not in page
    named = {"prompt": "A fox", "image_urls[0]": "upload:00000000-0000-0000-0000-000000000000"}
    response = client.post(f"/models/{BANANA}/price/", named)
    assert response.status_code == 200
    assert "there is no such uploaded file" in text_of(response).lower()


def test_asking_for_a_price_changes_nothing(browser, alice):
    browser.post(f"/models/{BANANA}/price/", {"prompt": "A fox"})
    assert not alice.generations.exists()
    assert browser.get(f"/models/{BANANA}/price/").status_code == 405
