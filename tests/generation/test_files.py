"""Stored files are served by signed addresses and cannot run as a page (R-SEC5)."""

import io
from datetime import UTC, datetime, timedelta
from typing import Any

import pytest
import time_machine
from django.core import signing
from django.core.files.base import ContentFile
from django.core.files.storage import default_storage
from django.core.files.uploadedfile import SimpleUploadedFile
from django.test import Client
from django.urls import reverse

from accounts.errors import Refused
from accounts.models import User
from generation.media import uploads
from generation.models import Asset
from generation.pages import files
from tests import driving
from tests.generation.test_faults import order
from tests.pages.conftest import browser_of, picture, succeeded
from tests.simulator import Simulator

START = datetime(2026, 3, 1, 12, tzinfo=UTC)
TEXT = b'{"words": "<script>alert(1)</script>"}'


@pytest.fixture
def asset(alice: User) -> Asset:
    return succeeded(alice).assets.get()


@pytest.fixture
def text(asset: Asset) -> Asset:
    """The same result as a text."""
    asset.file.name = default_storage.save("0.json", ContentFile(TEXT))
    asset.content_type, asset.kind = "application/json", "text"
    asset.save(update_fields=["file", "content_type", "kind"])
    return asset


def body(response: Any) -> bytes:
    return b"".join(response.streaming_content) if response.streaming else response.content


def part(client: Client, asset: Asset, wanted: str) -> tuple[int, bytes, str]:
    response = client.get(files.link(asset), headers={"Range": wanted})
    return response.status_code, body(response), response.get("Content-Range", "")


def test_a_link_gives_the_file_and_its_preview(client: Client, asset: Asset) -> None:
    response = client.get(files.link(asset))
    assert (response.status_code, response["Content-Type"], body(response)) == (200, "image/png", picture())
    assert response["Content-Length"] == str(len(picture()))
    assert client.get(files.link(asset, preview=True))["Content-Type"] == "image/webp"
    assert client.head(files.link(asset)).status_code == 200
    assert client.post(files.link(asset)).status_code == 405


def test_a_link_ends_after_a_day(client: Client, asset: Asset) -> None:
    """R-SEC5"""
    with time_machine.travel(START, tick=False) as clock:
        link = files.link(asset)
        clock.move_to(START + timedelta(seconds=files.LIFETIME_SECONDS - 1))
        assert client.get(link).status_code == 200
        clock.move_to(START + timedelta(seconds=files.LIFETIME_SECONDS + 1))
        assert client.get(link).status_code == 404
        assert client.get(files.link(asset)).status_code == 200


def test_a_changed_link_is_not_found(client: Client, asset: Asset) -> None:
    """R-SEC5: each part of the token is covered by its signature."""
    token = files.link(asset).split("/")[2]
    for position in range(0, len(token), 7):
        other = "A" if token[position] != "A" else "B"
        changed = token[:position] + other + token[position + 1 :]
        assert client.get(reverse("file", args=[changed, "0.png"])).status_code == 404
    for guess in ("x", token[:-1], token.rpartition(":")[0], token + "A"):
        assert client.get(reverse("file", args=[guess, "0.png"])).status_code == 404


def test_whoever_has_a_link_has_the_file_and_nobody_can_guess_one(client: Client, eve: User, asset: Asset) -> None:
    """R-API3: a link may be given away; knowing the ids, or links to files of one's own, does not make one."""
    browser = browser_of(eve)
    for reader in (browser, client):
        assert reader.get(files.link(asset)).status_code == 200
    own = files.link(succeeded(eve).assets.get()).split("/")[2]
    payload = signing.dumps([str(asset.pk), 0], salt="another").split(":")[0]
    for token in (str(asset.pk), f"{payload}:{own.partition(':')[2]}", signing.dumps([str(asset.pk), 0], salt="x")):
        assert browser.get(reverse("file", args=[token, "0.png"])).status_code == 404


def test_a_link_to_a_result_that_is_gone_is_not_found(client: Client, asset: Asset) -> None:
    link = files.link(asset)
    Asset.objects.all().delete()
    assert client.get(link).status_code == 404


@pytest.mark.parametrize("status_of", ["", "bytes=0-3", "bytes=100000-"])
def test_a_file_cannot_run_as_a_page(client: Client, asset: Asset, status_of: str) -> None:
    """R-SEC5: whole, in part and beyond its end."""
    response = client.get(files.link(asset), headers={"Range": status_of} if status_of else {})
    assert response["X-Content-Type-Options"] == "nosniff"
    policy = response["Content-Security-Policy"]
    assert "sandbox" in policy
    assert "default-src 'none'" in policy
    assert "allow-" not in policy


def test_pictures_are_shown_and_texts_are_saved(client: Client, text: Asset) -> None:
    """R-SEC5"""
    response = client.get(files.link(text))
    assert response["Content-Disposition"].startswith('attachment; filename="')
    assert body(response) == TEXT
    shown = client.get(files.link(text, preview=True))
    assert shown["Content-Disposition"].startswith('inline; filename="')


def test_a_picture_is_saved_when_that_is_asked_for(client: Client, asset: Asset) -> None:
    assert client.get(files.link(asset))["Content-Disposition"].startswith("inline;")
    assert client.get(files.link(asset) + "?download")["Content-Disposition"].startswith("attachment;")


def test_the_name_in_a_link_changes_nothing(client: Client, asset: Asset) -> None:
    """R-SEC5: a type by the name's ending would let a picture run as a page."""
    token = files.link(asset).split("/")[2]
    response = client.get(reverse("file", args=[token, "page.html"]))
    assert response["Content-Type"] == "image/png"
    assert "page.html" not in response["Content-Disposition"]


def test_a_player_gets_the_bytes_it_asks_for(client: Client, asset: Asset) -> None:
    data, size = picture(), len(picture())
    assert client.get(files.link(asset))["Accept-Ranges"] == "bytes"
    assert part(client, asset, "bytes=0-3") == (206, data[:4], f"bytes 0-3/{size}")
    assert part(client, asset, "bytes=4-4") == (206, data[4:5], f"bytes 4-4/{size}")
    assert part(client, asset, "bytes=10-") == (206, data[10:], f"bytes 10-{size - 1}/{size}")
    assert part(client, asset, "bytes=10-99999") == (206, data[10:], f"bytes 10-{size - 1}/{size}")


def test_a_suffix_is_the_end_of_the_file(client: Client, asset: Asset) -> None:
    data, size = picture(), len(picture())
    assert part(client, asset, "bytes=-5") == (206, data[-5:], f"bytes {size - 5}-{size - 1}/{size}")
    assert part(client, asset, "bytes=-99999") == (206, data, f"bytes 0-{size - 1}/{size}")


@pytest.mark.parametrize("wanted", ["bytes=100000-", "bytes=100000-100001", "bytes=-0"])
def test_bytes_beyond_the_end_cannot_be_had(client: Client, asset: Asset, wanted: str) -> None:
    assert part(client, asset, wanted) == (416, b"", f"bytes */{len(picture())}")


@pytest.mark.parametrize("wanted", ["bytes=-", "bytes=a-b", "chunks=0-3", "bytes=0-3,5-6", "bytes"])
def test_a_range_that_is_not_understood_gives_the_whole(client: Client, asset: Asset, wanted: str) -> None:
    status, data, _ = part(client, asset, wanted)
    assert (status, data) == (200, picture())


HTML = b"<html><script>alert(1)</script></html>"
SVG = b'<?xml version="1.0"?><svg xmlns="http://www.w3.org/2000/svg" onload="alert(1)"/>'


def test_the_type_of_an_upload_comes_from_its_content(alice: User) -> None:
    """R-SEC5: neither from its name nor from what the browser says of it."""
    upload = uploads.save(alice, SimpleUploadedFile("page.html", picture(), "text/html"))
    assert upload.content_type == "image/png"
    assert upload.file.name.endswith(".png")


@pytest.mark.parametrize("content", [HTML, SVG, b"\n <!DOCTYPE html>", b"MZ\x90\x00\xff", b""])
def test_an_upload_that_could_run_is_refused_whatever_it_is_called(alice: User, content: bytes) -> None:
    """R-SEC5"""
    with pytest.raises(Refused) as caught:
        uploads.save(alice, SimpleUploadedFile("fox.png", content, "image/png"))
    assert caught.value.code == "file_type"


@pytest.mark.simulator
def test_the_type_of_a_result_comes_from_its_content(kie: Simulator, alice: User, client: Client) -> None:
    """R-SEC5"""
    stored = driving.finish(order(alice, "google/nano-banana", "a fox")).assets.get()
    response = client.get(files.link(stored))
    assert response["Content-Type"] == stored.content_type == "image/png"
    assert io.BytesIO(body(response)).read(4) == b"\x89PNG"


def test_an_absurd_range_is_ignored_and_a_lost_file_is_not_found(client: Client, asset: Asset) -> None:
    assert client.get(files.link(asset), headers={"Range": f"bytes={'9' * 5000}-"}).status_code == 200
    default_storage.delete(str(asset.file))
    assert client.get(files.link(asset)).status_code == 404
