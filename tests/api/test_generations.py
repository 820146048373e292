"""The reseller's way: one request, then the result."""

from typing import Any

import pytest
from django.utils import timezone
from rest_framework.test import APIClient

from accounts.models import ApiKey, User
from billing.models import Budget, Entry, Wallet
from generation.models import Generation, ModelSwitch
from tests import driving
from tests.conftest import api_for
from tests.simulator import Simulator

FOX = {"model": "google/nano-banana", "input": {"prompt": "a fox"}}


def post(api: APIClient, body: Any = FOX, **headers: str) -> Any:
    return api.post("/api/v1/generations", body, format="json", headers=headers)


@pytest.mark.simulator
def test_a_generation_runs_from_one_request_to_a_file(kie: Simulator, api: APIClient, client: Any) -> None:
    created = post(api, {**FOX, "metadata": {"order": 7}})
    assert created.status_code == 202
    body = created.json()
    assert (body["state"], body["price"], body["charged"], body["results"]) == ("queued", "5", "0", [])
    assert body["refund_by"] > timezone.now().isoformat()
    assert created["Location"] == f"/api/v1/generations/{body['id']}"
    balance = {"available": "995", "held": "5", "spent": "0", "settled": "1000"}
    assert api.get("/api/v1/balance").json().items() >= balance.items()

    driving.finish(Generation.objects.get())
    done = api.get(created["Location"]).json()
    assert (done["state"], done["charged"], done["refunded"], done["error"]) == ("succeeded", "5", "0", None)
    assert done["metadata"] == {"order": 7}
    (result,) = done["results"]
    assert (result["kind"], result["content_type"]) == ("image", "image/png")
    file = client.get(result["url"].removeprefix("http://127.0.0.1:8000"))
    assert b"".join(file.streaming_content).startswith(b"\x89PNG")
    assert result["size_bytes"] == int(file["Content-Length"])


@pytest.mark.simulator
def test_a_failure_says_why_and_gives_the_credits_back(kie: Simulator, api: APIClient) -> None:
    """R-UX1"""
    location = post(api, {**FOX, "input": {"prompt": "sim:policy"}})["Location"]
    driving.finish(Generation.objects.get())
    body = api.get(location).json()
    assert (body["state"], body["charged"], body["refunded"]) == ("failed", "0", "5")
    assert body["error"]["code"] == "content_policy"
    receipt = api.get(f"{location}/receipt").json()
    assert (receipt["held"], receipt["charged"], receipt["returned"], receipt["refunded"]) == ("5", "0", "5", "0")
    assert [event["state"] for event in receipt["events"]] == ["queued", "running", "failed"]


def test_a_queued_generation_can_be_canceled_once(api: APIClient) -> None:
    location = post(api)["Location"]
    assert api.post(f"{location}/cancel").json()["state"] == "canceled"
    again = api.post(f"{location}/cancel")
    assert (again.status_code, again.json()["code"]) == (409, "not_cancelable")
    assert api.get("/api/v1/balance").json()["available"] == "1000"


def nothing_was_held() -> bool:
    return not Generation.objects.exists() and not Entry.objects.filter(kind="hold").exists()


@pytest.mark.parametrize(
    ("body", "status", "code", "fields"),
    [
        ({"model": "no/such", "input": {}}, 404, "unknown_model", []),
        ({"model": "google/nano-banana", "input": {}}, 422, "invalid_input", ["prompt"]),
        (
            {"model": "google/nano-banana", "input": {"prompt": 7, "output_format": "tiff"}},
            422,
            "invalid_input",
            ["output_format", "prompt"],
        ),
        ({"model": "google/nano-banana", "input": {"prompt": "x", "colour": "red"}}, 422, "invalid_input", ["colour"]),
        (
            {
                "model": "google/nano-banana-edit",
                "input": {"prompt": "x", "image_urls": ["https://x.example/1.png"] * 11},
            },
            422,
            "invalid_input",
            ["image_urls"],
        ),
        (
            {"model": "google/nano-banana-edit", "input": {"prompt": "x", "image_urls": ["http://10.0.0.1/a.png"]}},
            422,
            "invalid_input",
            ["image_urls"],
        ),
        (
            {"model": "google/nano-banana-edit", "input": {"prompt": "x", "image_urls": ["http://localhost/a.png"]}},
            422,
            "invalid_input",
            ["image_urls"],
        ),
        (
            {
                "model": "google/nano-banana-edit",
                "input": {"prompt": "x", "image_urls": ["upload:00000000-0000-4000-8000-000000000000"]},
            },
            422,
            "invalid_input",
            ["image_urls"],
        ),
        (
            {"model": "veo3-api/get-1080p-video", "input": {"taskId": "00000000-0000-4000-8000-000000000000"}},
            404,
            "unknown_source",
            ["taskId"],
        ),
        ({"model": "sora-2-text-to-video", "input": {"prompt": "x"}}, 409, "model_off", []),
        ({"model": "midjourney/generate", "input": {}}, 404, "unknown_model", []),
        (
            {
                "model": "hailuo/2-3-image-to-video-pro",
                "input": {
                    "prompt": "x",
                    "image_url": "https://x.example/a.png",
                    "resolution": "1080P",
                    "duration": "10",
                },
            },
            422,
            "not_for_sale",
            [],
        ),
        ({"model": "google/nano-banana"}, 400, "invalid_request", ["input"]),
        ({"model": "google/nano-banana", "input": "x"}, 400, "invalid_request", ["input"]),
        ([], 400, "invalid_request", [""]),
    ],
)
def test_a_bad_request_names_what_is_wrong_and_holds_nothing(
    api: APIClient, body: Any, status: int, code: str, fields: list[str]
) -> None:
    response = post(api, body)
    assert response["Content-Type"] == "application/problem+json"
    problem = response.json()
    assert (response.status_code, problem["status"], problem["code"]) == (status, status, code)
    assert sorted({error["field"].split("[")[0] for error in problem.get("errors", [])}) == fields
    assert nothing_was_held()


def test_too_little_credit_says_what_is_needed_and_available(bob: User) -> None:
    """R-UX2"""
    response = post(api_for(bob))
    problem = response.json()
    assert (response.status_code, problem["code"]) == (402, "insufficient_credits")
    assert (problem["needed"], problem["available"]) == ("5", "0")
    assert nothing_was_held()


def test_a_reached_cap_says_when_it_frees(api: APIClient) -> None:
    """R-UX2"""
    Budget.objects.update_or_create(scope="platform", defaults={"daily_cap_millicredits": 4_000})
    assert post(api).status_code == 202
    response = post(api)
    problem = response.json()
    assert (response.status_code, problem["code"]) == (429, "daily_cap_reached")
    assert problem["frees_at"] > timezone.now().isoformat()
    assert int(response["Retry-After"]) == problem["retry_after_seconds"] > 0
    assert Generation.objects.count() == 1
    assert Wallet.objects.get(pk=User.objects.get(email="alice@example.com").pk).held == 5_000


def test_a_request_above_the_whole_cap_is_not_told_to_wait(api: APIClient) -> None:
    """R-UX2: there is no time at which the cap would allow it."""
    Budget.objects.update_or_create(scope="platform", defaults={"daily_cap_millicredits": 3_999})
    response = post(api)
    problem = response.json()
    assert (response.status_code, problem["code"]) == (429, "daily_cap_reached")
    assert "frees" not in response.content.decode() and "Retry-After" not in response
    assert nothing_was_held()
    assert Wallet.objects.get(pk=User.objects.get(email="alice@example.com").pk).held == 0


def test_a_model_that_the_operator_switched_off_is_refused(api: APIClient) -> None:
    ModelSwitch.objects.create(model="google/nano-banana", enabled=False)
    assert post(api).json()["code"] == "model_off"


def test_max_price_refuses_rather_than_charges_more(api: APIClient) -> None:
    response = post(api, {**FOX, "max_price": "4.999"})
    assert (response.status_code, response.json()["code"], response.json()["price"]) == (409, "price_above_max", "5")
    assert post(api, {**FOX, "max_price": "5"}).status_code == 202


@pytest.mark.parametrize("amount", ["NaN", "1e3", "-", "0.0005", "١"])
def test_an_amount_that_is_none_is_refused(api: APIClient, amount: str) -> None:
    assert post(api, {**FOX, "max_price": amount}).json()["errors"][0]["field"] == "max_price"


# Keys


@pytest.mark.parametrize(
    "header", ["", "Bearer", "Bearer x", "Bearer kp_", "Bearer kp_00000000_wrong", "Basic kp_x_y", "Bearer sk_a_b"]
)
def test_without_a_valid_key_nothing_is_told(db: None, header: str) -> None:
    client = APIClient()
    if header:
        client.credentials(HTTP_AUTHORIZATION=header)
    for path in ("/api/v1/models", "/api/v1/balance", "/api/v1/generations", "/api/v1/entries"):
        response = client.get(path)
        assert response.status_code == 401
        assert response["WWW-Authenticate"].startswith("Bearer")


def test_an_expired_a_revoked_and_a_foreign_secret_are_refused(alice: User) -> None:
    """R-SEC2"""
    key, secret = ApiKey.issue(alice, "mine")
    client = APIClient()
    client.credentials(HTTP_AUTHORIZATION=f"Bearer {secret}")
    assert client.get("/api/v1/balance").status_code == 200
    for change in ({"expires_at": timezone.now()}, {"expires_at": None, "revoked_at": timezone.now()}):
        ApiKey.objects.filter(pk=key.pk).update(**change)
        response = client.get("/api/v1/balance")
        assert (response.status_code, response.json()["code"]) == (401, "expired_api_key")
    ApiKey.objects.filter(pk=key.pk).update(revoked_at=None, digest="0" * 64)
    assert client.get("/api/v1/balance").json()["code"] == "invalid_api_key"
    assert secret not in str(list(ApiKey.objects.values()))


# Other people's things


def test_eve_sees_nothing_of_alice(api: APIClient, eve: User) -> None:
    """R-API3"""
    location = post(api)["Location"]
    hers = api_for(eve)
    for method, path in [("get", ""), ("get", "/receipt"), ("post", "/cancel")]:
        assert getattr(hers, method)(location + path).status_code == 404
    assert hers.get("/api/v1/generations").json()["results"] == []
    assert len(hers.get("/api/v1/entries").json()["results"]) == 1
    assert Generation.objects.get().state == "queued"


def test_lists_come_in_pages_with_a_constant_number_of_queries(
    api: APIClient, django_assert_max_num_queries: Any
) -> None:
    for _ in range(12):
        post(api)
    with django_assert_max_num_queries(5):
        first = api.get("/api/v1/generations?limit=5").json()
    assert len(first["results"]) == 5
    second = api.get(first["next"]).json()
    third = api.get(second["next"]).json()
    ids = [item["id"] for page in (first, second, third) for item in page["results"]]
    assert len(set(ids)) == 12
    assert third["next"] is None
    assert len(api.get("/api/v1/generations?state=failed").json()["results"]) == 0
    assert len(api.get("/api/v1/generations?model=google/nano-banana").json()["results"]) == 12


def test_every_answer_tells_the_rate_limit(api: APIClient, settings: Any) -> None:
    settings.API_RATE_PER_MINUTE = 2
    answers = [api.get("/api/v1/balance") for _ in range(3)]
    assert [answer.status_code for answer in answers] == [200, 200, 429]
    assert [answer["RateLimit-Remaining"] for answer in answers] == ["1", "0", "0"]
    assert int(answers[2]["Retry-After"]) > 0
    assert answers[2].json()["code"] == "throttled"
