import httpx
import pytest

from tests.kie_simulator.conftest import Kie


def result_url(kie: Kie, word: str) -> str:
    record = kie.finish(kie.create({"prompt": f"sim:{word}", "output_format": "png"}))
    return record["response"]["resultUrls"][0]


def fresh_link(kie: Kie, url: str) -> str:
    return kie.post("/api/v1/common/download-url", {"url": url})["data"]


def test_a_dead_link_is_revived_by_download_url(kie: Kie) -> None:
    url = result_url(kie, "dead-link")
    assert httpx.get(url).status_code == 404
    assert httpx.get(fresh_link(kie, url)).content.startswith(b"\x89PNG")


def test_a_file_that_is_gone_stays_gone(kie: Kie) -> None:
    url = result_url(kie, "gone")
    assert httpx.get(url).status_code == httpx.get(fresh_link(kie, url)).status_code == 404


def test_a_truncated_file_ends_before_its_length(kie: Kie) -> None:
    with pytest.raises(httpx.RemoteProtocolError):
        httpx.get(result_url(kie, "truncated"))


def test_html_may_come_under_an_image_type(kie: Kie) -> None:
    response = httpx.get(result_url(kie, "wrong-type"))
    assert response.headers["content-type"] == "image/png" and b"<html" in response.content


def test_a_huge_file_announces_five_gigabytes_and_streams(kie: Kie) -> None:
    with httpx.stream("GET", result_url(kie, "huge")) as response:
        assert int(response.headers["content-length"]) == 5 * 1024**3
        assert len(next(response.iter_bytes(100_000))) == 100_000


def test_a_slow_file_drips(kie: Kie) -> None:
    with httpx.stream("GET", result_url(kie, "slow-file")) as response:
        assert int(response.headers["content-length"]) > 1000
        assert len(next(response.iter_raw())) == 64


def test_a_result_may_redirect_to_a_private_address(kie: Kie) -> None:
    response = httpx.get(result_url(kie, "redirect-private"))
    assert response.status_code == 302 and response.headers["location"] == "http://169.254.169.254/"


def test_a_result_may_be_a_private_address(kie: Kie) -> None:
    assert result_url(kie, "private-url") == "http://169.254.169.254/0.png"
