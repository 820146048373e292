"""Follow-ups, files, and the corners of a generation's life."""

import io
import re
from datetime import timedelta
from pathlib import Path
from typing import Any

import pytest
import time_machine
from django.core.files.uploadedfile import SimpleUploadedFile
from django.db import IntegrityError, transaction
from django.utils import timezone
from PIL import Image

from accounts.errors import Refused
from accounts.models import User
from billing import ledger
from billing.models import Wallet
from generation import gateway, inputs, lifecycle
from generation.kie.errors import Rejected
from generation.media import uploads
from generation.models import Event, Generation
from tests import driving
from tests.budgets.use import used
from tests.generation.test_faults import IMAGE, VIDEO, books_are_right, order
from tests.simulator import Simulator

SOURCES = Path(__file__).resolve().parents[2]


def picture(name: str = "a.png", kind: str = "PNG") -> SimpleUploadedFile:
    out = io.BytesIO()
    Image.new("RGB", (32, 24), "teal").save(out, kind)
    return SimpleUploadedFile(name, out.getvalue())


# Follow-ups


@pytest.mark.simulator
@pytest.mark.parametrize(
    ("model", "values"),
    [
        ("veo3-api/extend-video", {"prompt": "the fox looks back"}),
        ("veo3-api/get-1080p-video", {}),
        ("veo3-api/get-4k-video", {}),
    ],
)
def test_a_video_is_extended_and_upgraded_by_our_id(kie: Simulator, alice: User, model: str, values: Any) -> None:
    """Traps 7 and 8: "not yet" comes as 400, "done" as 422."""
    base = driving.finish(order(alice, VIDEO, "a fox"))
    followed = driving.finish(lifecycle.request(alice, model, {"taskId": str(base.pk), **values}))
    assert followed.state == "succeeded", followed.events.last().why
    assert followed.assets.get().kind == "video"
    assert followed.input["taskId"] == str(base.pk)
    sent = followed.exchanges.first().request
    assert sent["taskId"] == base.kie_task_id
    books_are_right()


@pytest.mark.simulator
def test_a_follow_up_needs_a_finished_generation_of_the_same_customer(kie: Simulator, alice: User, eve: User) -> None:
    done = driving.finish(order(alice, VIDEO, "a fox"))
    queued = order(alice, VIDEO, "a fox")
    image = driving.finish(order(alice, IMAGE, "a fox"))
    for user, source in ((eve, done), (alice, queued), (alice, image)):
        with pytest.raises(Refused) as refusal:
            lifecycle.request(user, "veo3-api/get-1080p-video", {"taskId": str(source.pk)})
        assert refusal.value.data["errors"][0]["field"] == "taskId"


# Files


@pytest.mark.simulator
def test_an_uploaded_file_is_handed_to_kie_when_it_is_needed(kie: Simulator, alice: User) -> None:
    upload = uploads.save(alice, picture())
    values = {"prompt": "make it blue", "image_urls": [upload.uri]}
    generation = driving.finish(lifecycle.request(alice, "google/nano-banana-edit", values))
    assert generation.state == "succeeded"
    assert generation.input["image_urls"] == [upload.uri]
    (sent,) = kie.task(generation.kie_task_id)["body"]["input"]["image_urls"]
    assert sent.startswith("http")
    assert "upload:" not in sent


@pytest.mark.simulator
def test_an_address_that_kie_cannot_fetch_is_copied_to_its_storage_once(kie: Simulator, alice: User) -> None:
    """Protocol 1.5, code 451."""
    address = gateway.client().upload(picture().file, "fox.png", "image/png")
    values = {"prompt": "x", "image_urls": ["https://example.com/a.png"]}
    generation = lifecycle.request(alice, "google/nano-banana-edit", values)
    named = generation.input | {"image_urls": [address]}
    Generation.objects.filter(pk=generation.pk).update(input=named, kie_files={})
    kie.fault("451")
    ended = driving.finish(generation)
    (sent,) = kie.task(ended.kie_task_id)["body"]["input"]["image_urls"]
    assert (ended.state, sent) == ("succeeded", ended.kie_files[address])
    assert sent != address


@pytest.mark.simulator
def test_an_address_that_kie_cannot_fetch_at_all_ends_the_generation(kie: Simulator, alice: User) -> None:
    values = {"prompt": "x", "image_urls": ["https://example.com/a.png"]}
    generation = lifecycle.request(alice, "google/nano-banana-edit", values)
    kie.fault("451", count=2)
    assert driving.finish(generation).error_code == "input_unreachable"


def test_a_name_that_leads_to_a_private_address_never_reaches_kie(alice: User, settings: Any) -> None:
    """R-SEC1: names are resolved when the input is handed over, outside every transaction."""
    settings.KIE_BASE_URL = "http://127.0.0.1:9"
    values = {"prompt": "x", "image_urls": ["https://example.com/a.png"]}
    generation = lifecycle.request(alice, "google/nano-banana-edit", values)
    with pytest.raises(Rejected, match="private"):
        inputs.hand_over(["http://localhost/a.png"])
    assert generation.kie_files is None


def test_a_foreign_upload_does_not_exist(alice: User, eve: User) -> None:
    """R-API3"""
    upload = uploads.save(alice, picture())
    with pytest.raises(Refused, match="no such uploaded file"):
        lifecycle.request(eve, "google/nano-banana-edit", {"prompt": "x", "image_urls": [upload.uri]})


@pytest.mark.parametrize(
    ("name", "content"),
    [
        ("a.png", b"<html><script>alert(1)</script>"),
        ("a.jpg", b"MZ\x90\x00\x03" + b"\x00\xff" * 50),
        ("a.svg", b"<svg xmlns='http://www.w3.org/2000/svg'/>"),
        ("a.png", b""),
        ("a.png", b"\x89PNG\r\n\x1a\nbroken"),
    ],
)
def test_a_file_of_a_false_type_is_refused(alice: User, name: str, content: bytes) -> None:
    with pytest.raises(Refused) as refusal:
        uploads.save(alice, SimpleUploadedFile(name, content))
    assert (refusal.value.code, refusal.value.status) == ("file_type", 415)


def test_a_file_that_is_too_large_is_refused(alice: User, settings: Any) -> None:
    settings.UPLOAD_MAX_BYTES = 100
    with pytest.raises(Refused) as refusal:
        uploads.save(alice, SimpleUploadedFile("a.txt", b"x" * 101))
    assert refusal.value.code == "file_too_large"


def test_a_type_is_told_by_its_content_not_its_name(alice: User) -> None:
    upload = uploads.save(alice, picture("fox.txt", "JPEG"))
    assert (upload.content_type, upload.file.name.rpartition(".")[2]) == ("image/jpeg", "jpg")


# Money at the end


@pytest.mark.simulator
def test_a_bound_is_settled_by_the_actual_cost(kie: Simulator, alice: User) -> None:
    """R-PR4: held at most, charged in proportion, the rest returned."""
    values = {"prompt": "a fox", "image_size": "square_hd", "max_images": 6}
    generation = driving.finish(lifecycle.request(alice, "bytedance/seedream-v4-text-to-image", values))
    receipt = ledger.receipts([generation.about])[generation.about]
    assert not generation.price_exact
    assert receipt.charged + receipt.returned == receipt.held == generation.price_millicredits
    assert receipt.charged * generation.cost_estimate_millicredits == receipt.held * generation.cost_millicredits
    books_are_right()


def test_a_charge_in_proportion_is_rounded_up(alice: User) -> None:
    """R-PR7"""
    generation = order(alice, IMAGE, "a fox")
    Generation.objects.filter(pk=generation.pk).update(
        state="storing", price_exact=False, cost_estimate_millicredits=3, cost_millicredits=2
    )
    generation.refresh_from_db()
    lifecycle.finish(generation, "succeeded", "test")
    assert ledger.receipts([generation.about])[generation.about].charged == 3_334


def test_the_budget_uses_the_actual_cost_when_it_is_known(alice: User) -> None:
    """R-BUD2"""
    generation = order(alice, IMAGE, "a fox")
    assert used() == 4_000
    for cost in (1_500, 2_500):
        lifecycle.book_cost(generation, cost)
        assert used() == cost
    lifecycle.cancel(generation)
    assert used() == 0


# Ends


def test_a_hold_past_its_deadline_in_the_queue_comes_back(alice: User, settings: Any) -> None:
    """R-REF8"""
    settings.KIE_BASE_URL = "http://127.0.0.1:9"
    generation = order(alice, IMAGE, "a fox")
    driving.step()
    with time_machine.travel(timezone.now() + timedelta(seconds=601)):
        ended = driving.finish(generation)
    assert (ended.state, ended.error_code, ended.attempts) == ("failed", "temporarily_unavailable", 1)
    assert Wallet.objects.get(pk=alice.pk).available == 1_000_000


def test_a_generation_ends_once(alice: User) -> None:
    """R-REF5: whoever comes second changes nothing, whatever they believe."""
    first = order(alice, IMAGE, "a fox")
    second = Generation.objects.get(pk=first.pk)
    assert lifecycle.finish(first, "canceled", "test", error="canceled", cost=0)
    assert not lifecycle.finish(second, "succeeded", "test")
    assert not lifecycle.move(second, "running", "test")
    assert not lifecycle.fail(second, by="olga")
    assert Event.objects.filter(generation=first).count() == 2


def test_a_terminal_state_without_an_end_is_refused_by_the_database(alice: User) -> None:
    generation = order(alice, IMAGE, "a fox")
    for changes in ({"state": "failed"}, {"finished_at": timezone.now()}):
        with pytest.raises(IntegrityError), transaction.atomic():
            Generation.objects.filter(pk=generation.pk).update(**changes)


def test_only_one_verb_writes_a_terminal_state() -> None:
    """R-REF4: no other place sets `finished_at`, without which the database takes no terminal state."""
    writers = [
        path.name
        for path in (SOURCES / "generation").rglob("*.py")
        for line in path.read_text().splitlines()
        if re.search(r"\bfinished_at=(?!None|models|serializers)", line.replace(" ", ""))
        and "migrations" not in path.parts
    ]
    assert writers == ["lifecycle.py"]


def test_moving_to_a_terminal_state_is_an_error(alice: User) -> None:
    with pytest.raises(AssertionError, match="finish"):
        lifecycle.move(order(alice, IMAGE, "a fox"), "failed", "test")


def test_running_again_asks_anew_at_todays_price(alice: User, settings: Any) -> None:
    generation = order(alice, IMAGE, "a fox")
    lifecycle.fail(generation, by="olga")
    settings.PRICE_MARKUP *= 2
    again = lifecycle.repeat(generation, by="olga")
    assert (again.input, again.price_millicredits) == (generation.input, 2 * generation.price_millicredits)


@pytest.mark.simulator
def test_a_watched_generation_is_given_up_after_its_time(kie: Simulator, alice: User, settings: Any) -> None:
    settings.DEADLINE_SECONDS = {"image": 1}
    settings.LATE_WATCH_SECONDS = 1
    generation = driving.finish(order(alice, IMAGE, "a fox sim:never"))
    assert generation.check_at is not None
    driving.until(lambda: Generation.objects.get().check_at is None)
    assert Generation.objects.get().cost_millicredits is None
