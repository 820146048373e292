import json

import httpx
import pytest

from tests.kie_simulator.conftest import FOX, Kie
from tests.simulating import until

CREATE = "/api/v1/jobs/createTask"
CODES = ["401", "402", "422", "429", "433", "451", "455", "500", "505", "550"]


def request(prompt: str) -> dict:
    return {"model": "google/nano-banana", "input": {"prompt": prompt}}


@pytest.mark.parametrize("code", CODES)
def test_a_code_is_answered_under_http_200_and_nothing_is_accepted(kie: Kie, code: str) -> None:
    response = kie.http.post(CREATE, json=request(f"please sim:{code}."))
    assert response.status_code == 200
    assert response.json()["code"] == int(code) and response.json()["msg"]
    assert kie.simulator.state()["creates"] == 0


@pytest.mark.parametrize(
    ("word", "status", "kind"),
    [
        ("http-500", 500, "text/html"),
        ("http-403", 403, "text/html"),
        ("html", 200, "text/html"),
        ("bad-json", 200, "application/json"),
    ],
)
def test_an_answer_may_be_no_envelope_at_all(kie: Kie, word: str, status: int, kind: str) -> None:
    response = kie.http.post(CREATE, json=request(f"sim:{word}"))
    assert response.status_code == status and response.headers["content-type"].startswith(kind)
    with pytest.raises(json.JSONDecodeError):
        response.json()


def test_a_create_may_be_accepted_and_never_answered(kie: Kie) -> None:
    with pytest.raises(httpx.ReadTimeout):
        kie.http.post(CREATE, json=request("sim:create-timeout"), timeout=0.3)
    task = kie.simulator.tasks()[0]
    assert kie.finish(task["id"])["state"] == "success"


def test_a_create_may_be_accepted_and_the_connection_dropped(kie: Kie) -> None:
    with pytest.raises((httpx.ReadError, httpx.RemoteProtocolError)):
        kie.http.post(CREATE, json=request("sim:create-drop"))
    assert kie.simulator.state()["creates"] == 1


def test_a_fault_word_works_anywhere_in_the_input(kie: Kie) -> None:
    body = {
        "model": "elevenlabs/text-to-dialogue-v3",
        "input": {"dialogue": [{"text": "well, sim:455", "voice": "Adam"}]},
    }
    assert kie.post(CREATE, body)["code"] == 455


def test_words_that_name_no_fault_are_part_of_the_prompt(kie: Kie) -> None:
    assert kie.finish(kie.create({"prompt": "sim:city and sim:nothing"}))["state"] == "success"


def test_an_armed_fault_hits_the_next_matching_creates_only(kie: Kie) -> None:
    kie.simulator.fault("429", count=2, model="nano-banana")
    other = {"model": "z-image", "input": {**FOX, "aspect_ratio": "1:1"}}
    assert kie.post(CREATE, other)["code"] == 200
    assert [kie.post(CREATE, request("fox"))["code"] for _ in range(3)] == [429, 429, 200]


def test_armed_answers_come_one_by_one(kie: Kie) -> None:
    kie.simulator.fault("402")
    kie.simulator.fault("500")
    assert [kie.post(CREATE, request("fox"))["code"] for _ in range(3)] == [402, 500, 200]


def test_an_answer_armed_with_a_path_hits_any_call(kie: Kie) -> None:
    kie.simulator.fault("401", path="chat/credit")
    assert kie.get("/api/v1/chat/credit")["code"] == 401
    assert kie.get("/api/v1/chat/credit")["code"] == 200


def test_armed_faults_can_be_cleared(kie: Kie) -> None:
    kie.simulator.fault("500", count=5)
    kie.simulator.clear_faults()
    assert kie.post(CREATE, request("fox"))["code"] == 200


def test_when_down_every_call_fails_and_then_recovers(kie: Kie) -> None:
    kie.simulator.down(0.3)
    assert kie.get("/api/v1/chat/credit")["code"] == 455
    until(lambda: kie.get("/api/v1/chat/credit")["code"] == 200)
    kie.simulator.down(0.3, answer="drop")
    with pytest.raises(httpx.TransportError):
        kie.http.get("/api/v1/chat/credit")


def test_an_unknown_fault_cannot_be_armed(kie: Kie) -> None:
    answer = kie.http.post("/_sim/faults", json={"name": "no-such-fault"})
    assert answer.status_code == 400
