import httpx
import pytest

from tests.kie_simulator.conftest import FOX, Kie, Receiver
from tests.simulating import until


def generate(kie: Kie, **body: object) -> str:
    answer = kie.post("/api/v1/gpt4o-image/generate", {**FOX, "size": "3:2", **body})
    assert answer["code"] == 200, answer
    return answer["data"]["taskId"]


def record(kie: Kie, task: str) -> dict:
    return kie.get("/api/v1/gpt4o-image/record-info", taskId=task)["data"]


def test_the_record_speaks_in_capitals_with_progress_as_a_string(kie: Kie) -> None:
    task = generate(kie, prompt="sim:slow=0.3", nVariants=2)
    running = record(kie, task)
    assert (running["status"], running["successFlag"], running["response"]) == ("GENERATING", 0, None)
    assert 0 <= float(running["progress"]) < 1
    kie.finish_any(task)
    done = record(kie, task)
    assert (done["status"], done["successFlag"], done["progress"]) == ("SUCCESS", 1, "1.00")
    assert len(done["response"]["resultUrls"]) == 2 and done["completeTime"] > 10**12
    assert not [name for name in done if "credit" in name.lower()]
    assert kie.credit() == 10000 - 12


@pytest.mark.parametrize(
    ("word", "status", "code"),
    [
        ("flag2", "CREATE_TASK_FAILED", 500),
        ("flag3", "GENERATE_FAILED", 501),
        ("fail", "GENERATE_FAILED", 500),
        ("policy", "GENERATE_FAILED", 400),
        ("fail-fetch", "GENERATE_FAILED", 451),
    ],
)
def test_failures_have_their_words_and_give_the_credits_back(kie: Kie, word: str, status: str, code: int) -> None:
    task = generate(kie, prompt=f"sim:{word}")
    kie.finish_any(task)
    found = record(kie, task)
    assert (found["status"], found["successFlag"], found["errorCode"]) == (status, 2, code)
    assert kie.credit() == 10000


def test_complete_time_may_come_before_the_end(kie: Kie) -> None:
    task = generate(kie, prompt="sim:complete-time-early sim:slow=2")
    early = until(lambda: (found := record(kie, task))["completeTime"] and found)
    assert early["successFlag"] == 0 and early["response"] == {"resultUrls": None}


@pytest.mark.parametrize("new_fields", [True, False])
def test_a_download_link_comes_for_the_new_and_the_old_body(kie: Kie, new_fields: bool) -> None:
    task = generate(kie)
    kie.finish_any(task)
    url = record(kie, task)["response"]["resultUrls"][0]
    body = {"taskId": task, "url": url} if new_fields else {"imageUrl": url}
    link = kie.post("/api/v1/gpt4o-image/download-url", body)["data"]
    assert "X-Amz-Expires=1200" in link
    assert httpx.get(link).headers["content-type"] == "image/png"


def test_a_foreign_url_has_no_download_link(kie: Kie) -> None:
    body = {"taskId": generate(kie), "url": "https://example.com/a.png"}
    assert kie.post("/api/v1/gpt4o-image/download-url", body)["msg"] == "url is wrong"


def test_callbacks_call_the_key_result_urls_and_null_the_info_on_failure(kie: Kie, receiver: Receiver) -> None:
    generate(kie, callBackUrl=receiver.url)
    generate(kie, prompt="sim:policy sim:slow=0.5", callBackUrl=receiver.url)
    success, failure = receiver.wait(2)
    assert success["data"]["info"]["result_urls"]
    assert failure["code"] == 400 and failure["data"]["info"] is None


def test_size_and_one_of_prompt_and_files_are_required(kie: Kie) -> None:
    for body in ({"prompt": "x"}, {"size": "1:1"}, {"prompt": "x", "size": "16:9"}):
        assert kie.post("/api/v1/gpt4o-image/generate", body)["code"] == 422
