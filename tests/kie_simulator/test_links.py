import httpx

from tests.kie_simulator.conftest import Kie
from tests.simulating import until
from tests.simulator import Simulator


def test_a_file_exists_only_once_its_task_has_succeeded(kie: Kie) -> None:
    task = kie.simulator.task(kie.create({"prompt": "sim:never"}))
    assert httpx.get(f"{kie.simulator.files}/s/{task['token']}_0.png").status_code == 404


def test_a_fresh_link_works_and_a_changed_one_does_not(kie: Kie) -> None:
    url = kie.finish(kie.create())["response"]["resultUrls"][0]
    link = kie.post("/api/v1/common/download-url", {"url": url})["data"]
    assert httpx.get(link).status_code == 200
    assert httpx.get(link.replace("X-Amz-Date=1", "X-Amz-Date=2")).status_code == 403


def test_a_foreign_url_has_no_fresh_link(kie: Kie) -> None:
    for url in ("https://example.com/a.png", f"{kie.simulator.files}/s/unknown_0.png", ""):
        answer = kie.post("/api/v1/common/download-url", {"url": url})
        assert answer == {"code": 422, "msg": "url is wrong", "data": None}


def test_files_expire_and_a_fresh_link_does_not_extend_their_life() -> None:
    simulator = Simulator.start(speed=1000, link_seconds=0.5)
    try:
        kie = Kie(simulator)
        url = kie.finish(kie.create())["response"]["resultUrls"][0]
        link = kie.post("/api/v1/common/download-url", {"url": url})["data"]
        until(lambda: httpx.get(url).status_code == 404)
        assert httpx.get(link).status_code == 404
    finally:
        simulator.stop()
