from urllib.parse import quote

import pytest

from generation import catalog
from generation.models import ModelSwitch

pytestmark = pytest.mark.django_db


def titles(response) -> set[str]:
    return {card.entry.id for group in ("usable", "others") for card in response.context[group]}


def test_everyone_may_browse(client):
    response = client.get("/")
    assert response.status_code == 200
    assert b"/models/google/nano-banana/" in response.content
    assert b"5 credits per image" in response.content


def test_search_matches_every_word_in_title_maker_or_task(client):
    found = titles(client.get("/", {"q": "banana google"}))
    assert "google/nano-banana" in found
    assert all("banana" in (catalog.get(i).title + i).lower() for i in found)


def test_kind_and_vendor_narrow_the_list(client):
    found = titles(client.get("/", {"kind": "video", "vendor": "Kling"}))
    assert found
    assert {(catalog.get(i).modality, catalog.get(i).vendor) for i in found} == {("video", "Kling")}


def test_what_is_for_sale_leads_to_its_form_or_to_the_chat(client):
    page = client.get("/", {"all": "1"}).content.decode()
    for entry in catalog.all():
        address = f"/chat/?model={quote(entry.id, safe='')}" if entry.chat else f"/models/{entry.id}/"
        assert (f'href="{address}"' in page) == entry.on_by_default, entry.id


def test_offered_models_come_first(client):
    response = client.get("/", {"all": "1"})
    assert all(not card.badge for card in response.context["usable"])
    assert all(card.badge for card in response.context["others"])


def test_retired_replaced_and_switched_off_models_are_shown_on_request_only(client):
    ModelSwitch.objects.create(model="google/nano-banana", enabled=False)
    hidden = {"google/nano-banana"} | {e.id for e in catalog.all() if e.retired or e.superseded_by}
    assert not hidden & titles(client.get("/"))
    assert hidden <= titles(client.get("/", {"all": "1"}))


def test_htmx_gets_the_cards_alone_and_a_restored_page_is_whole(client):
    assert b"<html" not in client.get("/", {"q": "kling"}, headers={"HX-Request": "true"}).content
    restored = {"HX-Request": "true", "HX-History-Restore-Request": "true"}
    response = client.get("/", {"q": "kling"}, headers=restored)
    assert b"<html" in response.content
    assert "HX-Request" in response["Vary"]


def test_no_match_says_so_and_shows_the_way_back(client):
    assert b"No model matches" in client.get("/", {"q": "zzzz"}).content


def test_the_list_costs_a_constant_number_of_queries(browser, django_assert_max_num_queries):
    # The price lists are read by the first page of a process, and kept for a moment.
    browser.get("/")
    with django_assert_max_num_queries(5):
        browser.get("/")
