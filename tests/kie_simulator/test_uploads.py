import base64

import httpx
import pytest

from tests.kie_simulator.conftest import Kie

PIXEL = base64.b64decode(
    "iVBORw0KGgoAAAANSUhEUgAAAAEAAAABCAYAAAAfFcSJAAAADUlEQVR42mNk+M9QDwADhgGAWjR9awAAAABJRU5ErkJggg=="
)
HEADERS = {"Authorization": "Bearer sim-key"}


def upload(kie: Kie, path: str, headers: dict[str, str] = HEADERS, **body: object) -> httpx.Response:
    return httpx.post(f"{kie.simulator.files}/api/{path}", headers=headers, **body)  # type: ignore[arg-type]


def check(answer: httpx.Response) -> None:
    body = answer.json()
    assert (answer.status_code, body["code"], body["success"], body["data"]["success"]) == (200, 200, True, True)
    data = body["data"]
    assert data["filePath"].startswith("kieai/") and data["filePath"].endswith(data["fileName"])
    assert data["fileName"] != "mine.png"
    assert (data["fileSize"], data["mimeType"]) == (len(PIXEL), "image/png")
    served = httpx.get(data["downloadUrl"])
    assert served.content == PIXEL and served.headers["content-type"] == "image/png"


@pytest.mark.parametrize("prefix", ["", "data:image/png;base64,"])
def test_base64_is_stored_under_a_new_name_and_served(kie: Kie, prefix: str) -> None:
    text = prefix + base64.b64encode(PIXEL).decode()
    body = {"base64Data": text, "uploadPath": "images/user", "fileName": "mine.png"}
    check(upload(kie, "file-base64-upload", json=body))


def test_a_stream_is_stored_and_served(kie: Kie) -> None:
    files = {"file": ("mine.png", PIXEL, "image/png")}
    check(upload(kie, "file-stream-upload", files=files, data={"uploadPath": "images"}))


def test_a_url_is_fetched_stored_and_served(kie: Kie) -> None:
    body = {"base64Data": base64.b64encode(PIXEL).decode(), "uploadPath": "images"}
    source = upload(kie, "file-base64-upload", json=body).json()["data"]["downloadUrl"]
    check(upload(kie, "file-url-upload", json={"fileUrl": source, "uploadPath": "images"}))


def test_an_upload_has_a_fresh_link(kie: Kie) -> None:
    body = {"base64Data": base64.b64encode(PIXEL).decode(), "uploadPath": "images"}
    url = upload(kie, "file-base64-upload", json=body).json()["data"]["downloadUrl"]
    link = kie.post("/api/v1/common/download-url", {"url": url})["data"]
    assert httpx.get(link).content == PIXEL


@pytest.mark.parametrize(
    ("path", "body", "message"),
    [
        ("file-base64-upload", {"base64Data": "aGk="}, "Missing required parameter: uploadPath"),
        ("file-base64-upload", {"uploadPath": "x"}, "Missing required parameter: base64Data"),
        ("file-base64-upload", {"base64Data": "?", "uploadPath": "x"}, "Invalid Base64 format"),
        ("file-url-upload", {"fileUrl": "ftp://x", "uploadPath": "x"}, "Invalid URL format"),
        ("file-stream-upload", {}, "Missing required parameter: file"),
    ],
)
def test_wrong_uploads_are_real_http_400(kie: Kie, path: str, body: dict, message: str) -> None:
    answer = upload(kie, path, json=body)
    assert answer.status_code == answer.json()["code"] == 400
    assert answer.json()["success"] is False and message in answer.json()["msg"]


def test_a_file_that_cannot_be_fetched_is_http_500(kie: Kie) -> None:
    answer = upload(kie, "file-url-upload", json={"fileUrl": "http://127.0.0.1:9/", "uploadPath": "x"})
    assert answer.status_code == 500


def test_a_wrong_key_is_real_http_401(kie: Kie) -> None:
    answer = upload(kie, "file-base64-upload", headers={}, json={})
    assert (answer.status_code, answer.json()["msg"]) == (401, "Authentication failed: Invalid API Key")


def test_a_wrong_method_is_real_http_405(kie: Kie) -> None:
    answer = httpx.get(f"{kie.simulator.files}/api/file-base64-upload", headers=HEADERS)
    assert answer.status_code == answer.json()["code"] == 405
