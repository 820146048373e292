import httpx
import pytest

from tests.kie_simulator.conftest import FOX, Kie

CREATE = "/api/v1/jobs/createTask"


@pytest.mark.parametrize("header", [{}, {"Authorization": "Bearer wrong"}, {"Authorization": "sim-key"}])
def test_a_wrong_key_is_code_401_under_http_200(kie: Kie, header: dict[str, str]) -> None:
    response = httpx.get(f"{kie.simulator.api}/api/v1/chat/credit", headers=header)
    assert response.status_code == 200
    assert response.json() == {"code": 401, "msg": "You do not have access permissions", "data": None}


def test_the_balance_is_a_float(kie: Kie) -> None:
    answer = kie.get("/api/v1/chat/credit")
    assert answer == {"code": 200, "msg": "success", "data": 10000.0}
    assert isinstance(answer["data"], float)


@pytest.mark.parametrize(
    ("body", "message"),
    [
        ({"input": FOX}, "not supported"),
        ({"model": "no/such-model", "input": FOX}, "not supported"),
        ({"model": "sora-2-text-to-video", "input": FOX}, "not supported"),
        ({"model": "google/nano-banana"}, "input is required"),
        ({"model": "google/nano-banana", "input": {}}, "'prompt' is a required property"),
        ({"model": "google/nano-banana", "input": {"prompt": "x", "aspect_ratio": "7:5"}}, "aspect_ratio: "),
    ],
)
def test_a_wrong_create_is_code_422_under_http_200(kie: Kie, body: object, message: str) -> None:
    response = kie.http.post(CREATE, json=body)
    answer = response.json()
    assert (response.status_code, answer["code"], answer["data"]) == (200, 422, None)
    assert message in answer["msg"]


def test_broken_json_is_code_400(kie: Kie) -> None:
    assert kie.http.post(CREATE, content=b"{").json()["code"] == 400
    assert kie.http.post(CREATE, content=b"[]").json()["code"] == 400


def test_uploads_and_unknown_paths_are_http_404_on_the_api_host(kie: Kie) -> None:
    for path in ("/api/file-base64-upload", "/api/v1/no/such/path"):
        response = kie.http.post(path, json={})
        assert (response.status_code, response.json()["code"]) == (404, 404)


def test_an_unknown_task_is_code_422(kie: Kie) -> None:
    answer = kie.get("/api/v1/jobs/recordInfo", taskId="0" * 32)
    assert answer == {"code": 422, "msg": "recordInfo is null", "data": None}
    assert kie.get("/api/v1/jobs/recordInfo")["msg"] == "taskId parameter is required"
