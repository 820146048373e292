"""Input files of a reseller: uploaded, listed, used and deleted, and nobody else's business."""

from typing import Any

import pytest
from django.core.files.storage import default_storage
from django.core.files.uploadedfile import SimpleUploadedFile
from django.test import Client
from rest_framework.test import APIClient

from accounts.models import User
from generation.media import uploads
from generation.models import Upload
from tests.conftest import api_for
from tests.pages.conftest import picture

FILES = "/api/v1/files"


def send(api: APIClient, content: bytes | None = None, name: str = "cat.png") -> Any:
    file = SimpleUploadedFile(name, picture() if content is None else content)
    return api.post(FILES, {"file": file}, format="multipart")


def test_an_uploaded_file_can_be_named_in_an_input(api: APIClient, client: Client) -> None:
    created = send(api)
    assert created.status_code == 201
    body = created.json()
    assert body["uri"] == f"upload:{body['id']}"
    assert (body["name"], body["content_type"], body["size_bytes"]) == ("cat.png", "image/png", len(picture()))
    assert api.get(created["Location"]).json()["uri"] == body["uri"]
    file = client.get(body["url"].removeprefix("http://127.0.0.1:8000"))
    assert b"".join(file.streaming_content) == picture()
    edit = {"model": "google/nano-banana-edit", "input": {"prompt": "A hat", "image_urls": [body["uri"]]}}
    assert api.post("/api/v1/generations", edit, format="json").status_code == 202


@pytest.mark.parametrize("content,status,code", [(b"<script>", 415, "file_type"), (b"x" * 60, 413, "file_too_large")])
def test_a_file_that_is_refused_says_why(api: APIClient, settings: Any, content: bytes, status: int, code: str) -> None:
    """R-UX2"""
    settings.UPLOAD_MAX_BYTES = 50
    response = send(api, content, "page.html")
    assert response["Content-Type"] == "application/problem+json"
    assert (response.status_code, response.json()["code"]) == (status, code)
    assert not Upload.objects.exists()


def test_the_daily_limit_says_what_it_is_and_when_it_frees(api: APIClient, settings: Any) -> None:
    """R-UX2"""
    settings.UPLOAD_DAILY_BYTES = len(picture()) + 10
    assert send(api).status_code == 201
    response = send(api)
    problem = response.json()
    assert (response.status_code, problem["code"]) == (429, "upload_quota")
    assert problem["max_bytes"] == settings.UPLOAD_DAILY_BYTES
    assert 0 < int(response["Retry-After"]) <= 24 * 3600


def test_a_request_without_a_file_or_of_another_type_is_refused(api: APIClient) -> None:
    missing = api.post(FILES, {}, format="multipart")
    assert (missing.status_code, missing.json()["errors"][0]["field"]) == (400, "file")
    assert api.post(FILES, {"file": "x"}, format="json").status_code == 415


def test_files_are_listed_newest_first_by_kind(api: APIClient) -> None:
    first, second = send(api).json(), send(api, b"plain text", "notes.txt").json()
    listed = api.get(FILES).json()["results"]
    assert [one["id"] for one in listed] == [second["id"], first["id"]]
    assert [one["id"] for one in api.get(f"{FILES}?kind=image").json()["results"]] == [first["id"]]
    assert api.get(f"{FILES}?kind=x").status_code == 400


def test_a_file_that_nothing_uses_can_be_deleted(api: APIClient) -> None:
    body = send(api).json()
    upload = Upload.objects.get()
    names = [str(upload.file), uploads.thumbnail(upload)]
    assert [default_storage.exists(name) for name in names] == [True, True]
    assert api.delete(f"{FILES}/{body['id']}").status_code == 204
    assert [default_storage.exists(name) for name in names] == [False, False]
    assert api.delete(f"{FILES}/{body['id']}").status_code == 404


def test_a_file_that_a_generation_was_made_with_stays(api: APIClient) -> None:
    body = send(api).json()
    edit = {"model": "google/nano-banana-edit", "input": {"prompt": "A hat", "image_urls": [body["uri"]]}}
    api.post("/api/v1/generations", edit, format="json")
    refused = api.delete(f"{FILES}/{body['id']}")
    assert (refused.status_code, refused.json()["code"]) == (409, "file_in_use")
    assert Upload.objects.exists()


def test_eve_sees_uses_and_deletes_nothing_of_alice(api: APIClient, eve: User) -> None:
    """R-API3"""
    body = send(api).json()
    hers = api_for(eve)
    assert hers.get(FILES).json()["results"] == []
    assert hers.get(f"{FILES}/{body['id']}").status_code == 404
    assert hers.delete(f"{FILES}/{body['id']}").status_code == 404
    edit = {"model": "google/nano-banana-edit", "input": {"prompt": "A hat", "image_urls": [body["uri"]]}}
    assert hers.post("/api/v1/generations", edit, format="json").status_code == 422
    assert APIClient().post(FILES).status_code == 401
    assert Upload.objects.exists()
