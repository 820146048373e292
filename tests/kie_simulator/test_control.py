from pathlib import Path

from generation.kie.simulator.faults import FAULTS
from tests.kie_simulator.conftest import FOX, Kie

DOCUMENT = Path(__file__).resolve().parents[2] / "docs" / "simulator.md"


def test_the_state_counts_money_creates_polls_and_tasks(kie: Kie) -> None:
    kie.create({"prompt": "sim:never"})
    kie.finish(kie.create({"prompt": "sim:fail"}))
    state = kie.simulator.state()
    assert (state["balance"], state["debited"], state["returned"]) == (9996.0, 8.0, 4.0)
    assert state["creates"] == 2 and state["polls"] >= 1
    assert state["tasks"]["fail"] == 1


def test_a_task_shows_the_request_exactly_as_received(kie: Kie) -> None:
    body = {"model": "google/nano-banana", "input": FOX, "callBackUrl": "http://127.0.0.1:9/token"}
    task = kie.post("/api/v1/jobs/createTask", body)["data"]["taskId"]
    assert kie.simulator.task(task)["body"] == body


def test_tasks_are_listed_newest_first_up_to_a_limit(kie: Kie) -> None:
    tasks = [kie.create() for _ in range(3)]
    assert [task["id"] for task in kie.simulator.tasks(limit=2)] == tasks[:0:-1]


def test_requests_are_counted_by_path(kie: Kie) -> None:
    kie.create()
    kie.credit()
    kie.credit()
    assert kie.simulator.requests("chat/credit") == 2
    assert kie.simulator.requests() == 3


def test_a_reset_forgets_everything(kie: Kie) -> None:
    task = kie.create()
    kie.simulator.fault("500")
    kie.simulator.reset()
    assert kie.simulator.tasks() == []
    assert kie.get("/api/v1/jobs/recordInfo", taskId=task)["code"] == 422
    assert kie.credit() == 10000.0
    kie.create()


def test_a_senseless_control_request_is_http_400(kie: Kie) -> None:
    assert kie.http.post("/_sim/balance", json={}).status_code == 400
    assert kie.http.get("/_sim/tasks/none").status_code == 400


def test_every_fault_is_documented() -> None:
    text = DOCUMENT.read_text()
    assert [name for name in FAULTS if f"`{name}`" not in text and f"`{name}=" not in text] == []
