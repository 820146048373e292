"""Every "no" of the form says why, keeps what was filled in, and carries its status."""

import pytest
from django.core.files.uploadedfile import SimpleUploadedFile

from billing.models import Budget, Entry
from generation import catalog
from generation.models import Generation, ModelSwitch, Upload
from generation.pages.labels import as_text
from tests.pages.conftest import BANANA, browser_of, picture, succeeded
from tests.pages.controls import of_form

pytestmark = pytest.mark.django_db
EDIT = "google/nano-banana-edit"


def nothing_was_requested() -> bool:
    return not Generation.objects.exists() and not Entry.objects.filter(kind="hold").exists()


def test_an_invalid_input_is_marked_at_its_field_and_kept(browser, text_of):
    response = browser.post(f"/models/{BANANA}/", {"prompt": "", "aspect_ratio": "16:9"})
    assert response.status_code == 422
    assert "Prompt is required." in text_of(response)
    assert of_form(response)["aspect_ratio"] == ["16:9"]
    assert nothing_was_requested()


def test_an_error_deep_in_a_list_is_marked_at_its_own_control(browser):
    data = {"dialogue[0].text": "Hello", "dialogue[0].voice": "nobody"}
    response = browser.post("/models/elevenlabs/text-to-dialogue-v3/", data)
    assert response.status_code == 422
    assert b'id="e-dialogue[0].voice"' in response.content


def test_errors_that_belong_to_no_field_are_said_above_the_form(browser, text_of):
    response = browser.post("/models/minimax-h3/image-to-video/", {"prompt": "x"})
    assert response.status_code == 422
    assert "Give one of First frame, Last frame." in text_of(response)


def test_too_few_credits_says_what_is_needed_and_available(bob, text_of):
    response = browser_of(bob).post(f"/models/{BANANA}/", {"prompt": "A red fox"})
    assert response.status_code == 402
    assert "<strong>5</strong> credits; <strong>0</strong> are available" in text_of(response)
    assert of_form(response)["prompt"] == ["A red fox"]


def test_the_daily_limit_says_when_it_frees(browser, text_of):
    Budget.objects.update_or_create(scope=Budget.PLATFORM, defaults={"daily_cap_millicredits": 4_000})
    browser.post(f"/models/{BANANA}/", {"prompt": "A red fox"})
    response = browser.post(f"/models/{BANANA}/", {"prompt": "A red hare"})
    assert response.status_code == 429
    assert "It frees at" in text_of(response)
    assert "In your time zone that is" in text_of(response)
    assert Generation.objects.count() == 1


def test_a_request_above_the_whole_daily_limit_is_told_no_time(browser, text_of):
    Budget.objects.update_or_create(scope=Budget.PLATFORM, defaults={"daily_cap_millicredits": 1})
    response = browser.post(f"/models/{BANANA}/", {"prompt": "A red fox"})
    assert response.status_code == 429
    assert "The platform has a limit for a day, and this request alone is more." in text_of(response)
    assert "In your time zone" not in text_of(response)
    assert nothing_was_requested()


def test_a_price_above_the_one_that_was_shown_is_not_charged(browser, text_of):
    response = browser.post(f"/models/{BANANA}/", {"prompt": "A red fox", "agreed_price": "4"})
    assert response.status_code == 409
    assert "This costs 5 credits now" in text_of(response)
    assert nothing_was_requested()


def test_the_price_that_was_shown_is_enough(browser):
    assert browser.post(f"/models/{BANANA}/", {"prompt": "A fox", "agreed_price": "5"}).status_code == 302


def test_a_model_that_is_off_has_no_form(browser, text_of):
    ModelSwitch.objects.create(model=BANANA, enabled=False)
    for response in (browser.get(f"/models/{BANANA}/"), browser.post(f"/models/{BANANA}/", {"prompt": "x"})):
        assert response.status_code == 409
        assert "switched off at the moment" in text_of(response)
        assert b'name="prompt"' not in response.content


def test_an_unknown_model_is_not_found(browser):
    assert browser.get("/models/no/such/model/").status_code == 404
    assert browser.post("/models/no/such/model/price/").status_code == 404


def test_a_combination_without_a_price_is_not_for_sale(browser, text_of):
    entry = catalog.get("hailuo/2-3-image-to-video-pro")
    values = entry.example | entry.price["unpriced"][0]
    response = browser.post(f"/models/{entry.id}/", {name: as_text(value) for name, value in values.items()})
    assert response.status_code == 422
    assert "not for sale" in text_of(response)


def test_a_chosen_file_survives_a_refusal(browser, alice):
    file = SimpleUploadedFile("cat.png", picture(), "image/png")
    response = browser.post(f"/models/{EDIT}/", {"prompt": "", "image_urls[0]:file": file})
    upload = Upload.objects.get(user=alice)
    assert response.status_code == 422
    assert of_form(response)["image_urls[0]"] == [upload.uri]
    assert b"cat.png" in response.content
    again = of_form(response) | {"prompt": ["Add a hat"]}
    assert browser.post(f"/models/{EDIT}/", again).status_code == 302
    assert Generation.objects.get().input["image_urls"] == [upload.uri]


def test_a_file_of_a_wrong_type_is_refused_at_its_field(browser, text_of):
    file = SimpleUploadedFile("page.html", b"<script>alert(1)</script>", "image/png")
    response = browser.post(f"/models/{EDIT}/", {"prompt": "Add a hat", "image_urls[0]:file": file})
    assert response.status_code == 415
    assert "Only pictures, videos, sounds and plain text can be uploaded." in text_of(response)
    assert of_form(response)["prompt"] == ["Add a hat"]


def test_a_file_that_is_too_large_is_refused_with_the_limit(browser, settings, text_of):
    settings.UPLOAD_MAX_BYTES = 10
    file = SimpleUploadedFile("cat.png", picture(), "image/png")
    response = browser.post(f"/models/{EDIT}/", {"prompt": "Add a hat", "image_urls[0]:file": file})
    assert response.status_code == 413
    assert "A file has at most" in text_of(response)


def test_somebody_elses_file_and_generation_cannot_be_used(browser, eve):
    file = SimpleUploadedFile("cat.png", picture(), "image/png")
    uri = browser_of(eve).post("/uploads/", {"file": file}).json()["uri"]
    response = browser.post(f"/models/{EDIT}/", {"prompt": "Add a hat", "image_urls[0]": uri})
    assert response.status_code == 422
    assert b"cat.png" not in response.content
    hers = succeeded(eve)
    Generation.objects.filter(pk=hers.pk).update(model="grok-imagine/text-to-video", kie_task_id="t1")
    assert browser.post("/models/grok-imagine/upscale/", {"task_id": str(hers.pk)}).status_code == 404
    assert browser.get(f"/models/{BANANA}/", {"from": str(hers.pk)}).status_code == 404


def test_uploading_ahead_gives_an_address_or_the_reason(browser, client):
    good = browser.post("/uploads/", {"file": SimpleUploadedFile("cat.png", picture())})
    bad = browser.post("/uploads/", {"file": SimpleUploadedFile("x.html", b"<p>")})
    assert (good.status_code, good.json()["name"]) == (201, "cat.png")
    assert (bad.status_code, "message" in bad.json()) == (415, True)
    assert browser.post("/uploads/").status_code == 400
    assert client.post("/uploads/").status_code == 302


def test_a_form_that_is_sent_twice_asks_for_one_generation(browser):
    data = {"prompt": "a fox", "request_id": "one-and-the-same"}
    first, second = (browser.post(f"/models/{BANANA}/", data) for _ in range(2))
    assert first["Location"] == second["Location"]
    assert Generation.objects.count() == 1
    assert browser.post(f"/models/{BANANA}/", {"prompt": "a fox"})["Location"] != first["Location"]
