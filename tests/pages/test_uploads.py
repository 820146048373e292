"""Files of a form: what can be picked again, with pictures of them."""

import re

import pytest
from django.core.files.uploadedfile import SimpleUploadedFile

from generation.models import Upload
from tests.pages.conftest import browser_of, made, picture

pytestmark = pytest.mark.django_db
EDIT = "google/nano-banana-edit"
WAVE = b"RIFF\x24\x00\x00\x00WAVEfmt " + b"\x00" * 28


def upload(browser, name: str = "cat.png", content: bytes | None = None) -> dict[str, str]:
    file = SimpleUploadedFile(name, picture() if content is None else content)
    return browser.post("/uploads/", {"file": file}).json()


def test_an_upload_has_a_small_picture(browser):
    answer = upload(browser)
    preview = browser.get(answer["preview"])
    assert (preview.status_code, preview["Content-Type"]) == (200, "image/webp")
    assert upload(browser, "bell.wav", WAVE)["preview"] == ""


def test_recent_files_are_ones_own_of_the_kind_that_fits(browser, eve):
    mine, sound, hers = upload(browser), upload(browser, "bell.wav", WAVE), upload(browser_of(eve), "hers.png")
    pictures = browser.get("/uploads/recent/", {"kind": "image"}).content.decode()
    assert f'data-pick="{mine["uri"]}" data-name="cat.png"' in pictures
    every = browser.get("/uploads/recent/", {"kind": "any"}).content.decode()
    assert sound["uri"] not in pictures
    assert sound["uri"] in every
    assert hers["uri"] not in every
    assert "not uploaded a fitting file" in browser.get("/uploads/recent/", {"kind": "x"}).content.decode()


def test_nobody_has_recent_files_without_signing_in(client):
    assert client.get("/uploads/recent/").status_code == 302


def test_a_file_that_was_chosen_is_shown_with_its_picture(browser):
    answer = upload(browser)
    page = browser.post(f"/models/{EDIT}/", {"prompt": "", "image_urls[0]": answer["uri"]}).content.decode()
    thumb = re.search(r'data-thumb><img src="([^"]+)"', page)[1]
    assert browser.get(thumb)["Content-Type"] == "image/webp"


def test_the_page_of_a_generation_leads_to_the_files_that_it_was_made_from(browser, alice):
    answer = upload(browser)
    generation = made(alice, EDIT)
    generation.input = {"prompt": "x", "image_urls": [answer["uri"]]}
    generation.save(update_fields=["input"])
    page = browser.get(f"/generations/{generation.pk}/").content.decode()
    address = re.search(r'<a href="(/files/[^"]+)">cat.png</a>', page)[1]
    assert b"".join(browser.get(address).streaming_content) == picture()


def test_the_picture_of_a_file_that_is_gone_is_not_found(browser):
    answer = upload(browser)
    Upload.objects.all().delete()
    assert browser.get(answer["preview"]).status_code == 404


def test_lists_of_files_take_several_at_once_and_have_a_place_to_drop_them(browser, client):
    page = browser.get(f"/models/{EDIT}/").content.decode()
    assert 'data-drop data-kind="image"' in page
    assert 'type="file" name="image_urls[0]:file" accept="image/*"' in page
    assert 'type="file"' not in client.get(f"/models/{EDIT}/").content.decode()
