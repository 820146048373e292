import pytest
from django.utils import timezone

from generation.models import Generation
from generation.pages import history
from tests.pages.conftest import failed, requested, succeeded

pytestmark = pytest.mark.django_db


def shown(response) -> list:
    return [tile["generation"].pk for tile in response.context["tiles"]]


def test_an_empty_history_leads_to_the_models(browser, text_of):
    page = text_of(browser.get("/generations/"))
    assert "Nothing here yet" in page


def test_the_newest_come_first_with_a_preview(browser, alice):
    first, second = succeeded(alice, "one"), succeeded(alice, "two")
    response = browser.get("/generations/")
    assert shown(response) == [second.pk, first.pk]
    assert response.content.count(b'<img src="/files/') == 2


def test_state_kind_and_model_narrow_the_list(browser, alice):
    waiting, lost = requested(alice), failed(alice)
    assert shown(browser.get("/generations/", {"state": "open"})) == [waiting.pk]
    assert shown(browser.get("/generations/", {"state": "failed"})) == [lost.pk]
    assert shown(browser.get("/generations/", {"kind": "video"})) == []
    assert len(shown(browser.get("/generations/", {"q": "Nano Ban"}))) == 2
    assert shown(browser.get("/generations/", {"q": "kling"})) == []


def test_paging_shows_each_once_even_when_all_were_made_at_the_same_moment(browser, alice):
    made = {requested(alice).pk for _ in range(2 * history.PAGE + 1)}
    Generation.objects.update(created_at=timezone.now())
    pages, address = [], "/generations/?state=open"
    while address:
        response = browser.get(address)
        pages += shown(response)
        address = f"/generations/?{response.context['older']}" if response.context["older"] else ""
    assert len(pages) == len(made)
    assert set(pages) == made


@pytest.mark.parametrize("cursor", ["x", "2026-01-01_x", "2026-13-45T00:00:00+00:00_0", "_", "2026-01-01T00:00:00_0"])
def test_a_cursor_that_is_none_shows_the_newest(browser, alice, cursor):
    generation = requested(alice)
    assert shown(browser.get("/generations/", {"before": cursor})) == [generation.pk]


def test_the_number_of_queries_does_not_grow(browser, alice, django_assert_num_queries):
    succeeded(alice)
    browser.get("/generations/")
    with django_assert_num_queries(5) as few:
        browser.get("/generations/")
    for _ in range(4):
        succeeded(alice)
    with django_assert_num_queries(len(few.captured_queries)):
        browser.get("/generations/")


def test_htmx_gets_the_tiles_alone(browser, alice):
    requested(alice)
    response = browser.get("/generations/", headers={"HX-Request": "true"})
    assert b"<html" not in response.content
    assert len(shown(response)) == 1
