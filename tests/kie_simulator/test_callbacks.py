import base64
import hashlib
import hmac
import itertools
import json
import threading

import pytest

from generation.kie.simulator.signature import sign
from tests.kie_simulator.conftest import HMAC_KEY, Kie, Receiver
from tests.simulating import until


def create(kie: Kie, receiver: Receiver, prompt: str = "fox") -> str:
    return kie.create({"prompt": prompt}, callBackUrl=receiver.url)


def signature_is_right(task: str, headers: dict[str, str]) -> bool:
    text = f"{task}.{headers['X-Webhook-Timestamp']}"
    digest = hmac.new(HMAC_KEY.encode(), text.encode(), hashlib.sha256).digest()
    return headers["X-Webhook-Signature"] == base64.b64encode(digest).decode()


def test_the_signature_of_the_documented_vector() -> None:
    found = sign("ee9c2715375b7837f8bb51d641ff5863", 1769670760, "test_hmac_key")
    assert found == "1uHa3GW0YtgPJCuFX1XxqzQd/Y5F0oPuUVBk2BWjZcI="


def test_a_success_calls_once_with_the_outcome(signing: Kie, receiver: Receiver) -> None:
    task = create(signing, receiver)
    (body,) = receiver.wait()
    data = body["data"]
    assert (body["code"], data["taskId"], data["state"]) == (200, task, "success")
    assert json.loads(data["resultJson"])["resultUrls"] and data["creditsConsumed"] == 4.0
    assert json.loads(data["param"])["callBackUrl"] == receiver.url
    assert signature_is_right(task, receiver.received[0][1])


def test_a_failure_calls_with_code_501_and_the_reason_inside(signing: Kie, receiver: Receiver) -> None:
    create(signing, receiver, "sim:policy")
    (body,) = receiver.wait()
    assert (body["code"], body["data"]["state"], body["data"]["failCode"]) == (501, "fail", "422")
    assert "resultJson" not in body["data"]


def test_callbacks_are_unsigned_without_a_key(kie: Kie, receiver: Receiver) -> None:
    create(kie, receiver)
    receiver.wait()
    assert "X-Webhook-Signature" not in receiver.received[0][1]


def test_an_answer_other_than_200_is_retried_three_times(signing: Kie, receiver: Receiver) -> None:
    receiver.statuses = [500, 404, 204, 500]
    task = create(signing, receiver)
    receiver.wait(4)
    until(lambda: len(signing.simulator.task(task)["deliveries"]) == 4)
    tried = signing.simulator.task(task)["deliveries"]
    assert [each["status"] for each in tried] == [500, 404, 204, 500]
    waits = [later["at"] - earlier["at"] for earlier, later in itertools.pairwise(tried)]
    assert all(planned * 0.9 < wait < planned + 1 for wait, planned in zip(waits, [0.06, 0.3, 0.9], strict=True))


def test_a_retry_stops_at_the_first_200(signing: Kie, receiver: Receiver) -> None:
    receiver.statuses = [500]
    task = create(signing, receiver)
    receiver.wait(2)
    until(lambda: len(signing.simulator.task(task)["deliveries"]) == 2)
    assert all(signature_is_right(task, headers) for _, headers in receiver.received)


def test_an_address_where_nobody_listens_is_logged_as_an_error(signing: Kie) -> None:
    task = signing.create({"prompt": "fox"}, callBackUrl="http://127.0.0.1:9/x")
    until(lambda: signing.simulator.task(task)["deliveries"])
    assert "ConnectError" in signing.simulator.callbacks()[0]["error"]


def test_a_callback_may_be_lost(signing: Kie, receiver: Receiver) -> None:
    lost = create(signing, receiver, "sim:callback-lost")
    signing.finish(lost)
    other = create(signing, receiver)
    assert [body["data"]["taskId"] for body in receiver.wait()] == [other]


def test_a_callback_may_come_twice(signing: Kie, receiver: Receiver) -> None:
    create(signing, receiver, "sim:callback-double")
    first, second = receiver.wait(2)
    assert first == second


def test_a_callback_may_come_before_the_create_is_answered(signing: Kie, receiver: Receiver) -> None:
    task = create(signing, receiver, "sim:callback-early")
    assert len(receiver.received) == 1
    assert json.loads(receiver.received[0][0])["data"]["taskId"] == task
    assert signing.record(task)["state"] == "success"


def test_a_callback_may_come_late(kie: Kie, receiver: Receiver) -> None:
    task = create(kie, receiver, "sim:callback-late")
    kie.finish(task)
    receiver.wait()
    until(lambda: kie.simulator.task(task)["deliveries"])
    found = kie.simulator.task(task)
    assert found["deliveries"][0]["at"] - found["ends"] >= 0.2


@pytest.mark.parametrize(
    ("word", "claim", "truth"),
    [("callback-forged sim:fail", "success", "fail"), ("callback-forged-fail", "fail", "success")],
)
def test_a_forged_callback_comes_wrongly_signed_while_the_task_runs(
    signing: Kie, receiver: Receiver, word: str, claim: str, truth: str
) -> None:
    task = create(signing, receiver, f"sim:{word} sim:slow=0.4")
    forged, true = receiver.wait(2)
    assert (forged["data"]["state"], true["data"]["state"]) == (claim, truth)
    assert forged["data"]["taskId"] == task
    assert not signature_is_right(task, receiver.received[0][1])
    assert signature_is_right(task, receiver.received[1][1])
    assert signing.record(task)["state"] == truth


def test_a_callback_may_have_no_data_but_a_right_signature(signing: Kie, receiver: Receiver) -> None:
    task = create(signing, receiver, "sim:callback-null")
    assert receiver.wait()[0]["data"] is None
    assert signature_is_right(task, receiver.received[0][1])


def test_a_callback_may_be_garbage(signing: Kie, receiver: Receiver) -> None:
    create(signing, receiver, "sim:callback-garbage")
    until(lambda: receiver.received)
    with pytest.raises(json.JSONDecodeError):
        json.loads(receiver.received[0][0])


def test_a_create_that_is_never_answered_still_calls(signing: Kie, receiver: Receiver) -> None:
    thread = threading.Thread(target=lambda: _give_up(signing, receiver))
    thread.start()
    assert receiver.wait()[0]["data"]["state"] == "success"
    thread.join()


def _give_up(kie: Kie, receiver: Receiver) -> None:
    body = {
        "model": "google/nano-banana",
        "input": {"prompt": "sim:create-timeout"},
        "callBackUrl": receiver.url,
    }
    with pytest.raises(Exception, match="timed out"):
        kie.http.post("/api/v1/jobs/createTask", json=body, timeout=0.5)


def test_hundreds_of_tasks_are_all_delivered(signing: Kie, receiver: Receiver) -> None:
    tasks = {create(signing, receiver) for _ in range(300)}
    assert {body["data"]["taskId"] for body in receiver.wait(300)} == tasks
