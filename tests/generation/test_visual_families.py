"""The picture and video families on KIE's older endpoints, from a request to a stored result or to credits back."""

from typing import Any

import pytest

from accounts.errors import Refused
from accounts.models import User
from billing import ledger
from billing.models import Alert, Wallet
from generation import catalog, lifecycle, offers
from generation.models import Generation, ModelSwitch
from tests import driving
from tests.generation.test_faults import books_are_right
from tests.simulator import Simulator

pytestmark = pytest.mark.simulator
FAMILIES = ("flux-kontext", "runway", "runway-aleph", "luma", "midjourney")
ENTRIES = [entry for entry in catalog.all() if entry.family in FAMILIES]
FLUX, RUNWAY, ALEPH = "flux-kontext/flux-kontext-pro", "runway/generate", "runway-aleph/generate"
LUMA, GRID, FILM = "luma/modify", "midjourney/mj_txt2img", "midjourney/mj_video"
ONE_OF_EACH = (FLUX, RUNWAY, ALEPH, LUMA, GRID)
# How many results a task has where it is not one (trap 21).
RESULTS = dict.fromkeys(
    [GRID, "midjourney/mj_img2img", "midjourney/mj_style_reference", "midjourney/mj_omni_reference", "midjourney/vary"],
    4,
)
FOLLOW_UPS = {entry.id: next(iter(fields)) for entry in ENTRIES if (fields := catalog.generation_fields(entry))}

# What becomes of a task that fails in a certain way.
ENDS = {
    "fail": "upstream_failed",
    "flag2": "upstream_failed",
    "flag3": "upstream_failed",
    "fail-501": "upstream_failed",
    "fail-later": "upstream_failed",
    "fail-fetch": "input_unreachable",
    "policy": "content_policy",
    "failed-but-charged": "upstream_failed",
    "422": "invalid_input",
    "505": "model_unavailable",
}
WAITS = ("never", "empty-result", "unknown-state-forever")
PASSES = ("unknown-state", "null-record", "bad-record-json", "dead-link")


@pytest.fixture
def kie(kie: Simulator, db: Any) -> Simulator:
    """KIE as it was while it still sold Luma and Midjourney, and we sold them too."""
    kie.serve_retired()
    for entry in ENTRIES:
        if entry.retired:
            ModelSwitch.objects.create(model=entry.id, enabled=True)
    return kie


@pytest.fixture
def hasty(settings: Any) -> None:
    settings.DEADLINE_SECONDS = {"image": 2, "video": 2}


def example(user: User, model: str, **changes: Any) -> dict[str, Any]:
    """The entry's example; an earlier generation that it names is made first."""
    entry = catalog.get(model)
    values = {**entry.example, **changes}
    for field, sources in catalog.generation_fields(entry).items():
        if field not in changes:
            values[field] = str(finished(user, sources[0] if model != "runway/extend" else RUNWAY).pk)
    return values


def finished(user: User, model: str, **changes: Any) -> Generation:
    return driving.finish(lifecycle.request(user, model, example(user, model, **changes)))


def received(kie: Simulator, generation: Generation) -> dict[str, Any]:
    return kie.task(str(generation.kie_task_id))["body"]


@pytest.mark.parametrize("entry", ENTRIES, ids=lambda entry: entry.id)
def test_an_example_becomes_stored_results_of_its_kind_for_the_quote(
    kie: Simulator, alice: User, entry: catalog.Entry
) -> None:
    """R-PR4, R-PR6, R-UP2"""
    values = example(alice, entry.id)
    quoted = offers.quote(alice, entry.id, values).price_millicredits
    before = Wallet.objects.get(pk=alice.pk).available
    generation = driving.finish(lifecycle.request(alice, entry.id, values))
    assert generation.state == "succeeded", generation.events.last().why
    assets = list(generation.assets.order_by("index"))
    assert [asset.kind for asset in assets] == [entry.modality] * RESULTS.get(entry.id, 1)
    assert all(asset.size_bytes > 0 and asset.preview for asset in assets)
    receipt = ledger.receipts([generation.about])[generation.about]
    assert receipt.held == receipt.charged == quoted > 0
    assert Wallet.objects.get(pk=alice.pk).available == before - quoted
    ours = catalog.generation_fields(entry)
    assert received(kie, generation) == generation.input | {name: received(kie, generation)[name] for name in ours}
    books_are_right()


@pytest.mark.parametrize("model", ONE_OF_EACH)
@pytest.mark.parametrize(("fault", "error"), ENDS.items())
def test_every_failure_gives_all_credits_back(kie: Simulator, alice: User, model: str, fault: str, error: str) -> None:
    """R-REF1"""
    generation = finished(alice, model, prompt=f"a fox sim:{fault}")
    assert (generation.state, generation.error_code) == ("failed", error)
    wallet = Wallet.objects.get(pk=alice.pk)
    assert (wallet.available, wallet.held) == (1_000_000, 0)
    assert not generation.assets.exists()
    books_are_right()


@pytest.mark.parametrize("model", ONE_OF_EACH)
@pytest.mark.parametrize("fault", WAITS)
def test_what_never_ends_gives_all_credits_back_at_its_deadline(
    kie: Simulator, hasty: None, alice: User, model: str, fault: str
) -> None:
    """R-REF8, R-ST2"""
    generation = finished(alice, model, prompt=f"a fox sim:{fault}")
    assert (generation.state, generation.error_code, generation.attempts) == ("failed", "deadline", 1)
    assert Wallet.objects.get(pk=alice.pk).available == 1_000_000


@pytest.mark.parametrize("model", ONE_OF_EACH)
@pytest.mark.parametrize("fault", PASSES)
def test_trouble_on_the_way_is_got_over(kie: Simulator, alice: User, model: str, fault: str) -> None:
    assert finished(alice, model, prompt=f"a fox sim:{fault}").state == "succeeded"


@pytest.mark.parametrize("model", ["midjourney/upscale", "midjourney/vary"])
def test_a_follow_up_that_fails_gives_its_own_credits_back(kie: Simulator, alice: User, model: str) -> None:
    """R-REF1"""
    values = example(alice, model, waterMark="sim:fail")
    before = Wallet.objects.get(pk=alice.pk).available
    generation = driving.finish(lifecycle.request(alice, model, values))
    assert (generation.state, generation.error_code) == ("failed", "upstream_failed")
    assert Wallet.objects.get(pk=alice.pk).available == before


@pytest.mark.parametrize(("model", "field"), FOLLOW_UPS.items())
def test_a_follow_up_names_our_generation_and_kie_receives_its_task(
    kie: Simulator, alice: User, model: str, field: str
) -> None:
    generation = finished(alice, model)
    source = Generation.objects.get(pk=generation.input[field])
    assert received(kie, generation)[field] == source.kie_task_id != generation.input[field]
    assert kie.task(str(generation.kie_task_id))["parent"] == source.kie_task_id


def test_an_extension_can_be_extended(kie: Simulator, alice: User) -> None:
    first = finished(alice, "runway/extend")
    second = finished(alice, "runway/extend", taskId=str(first.pk))
    assert second.state == "succeeded"
    assert kie.task(str(second.kie_task_id))["parent"] == first.kie_task_id


@pytest.mark.parametrize(("model", "field"), FOLLOW_UPS.items())
def test_a_follow_up_of_what_is_anothers_or_of_the_wrong_kind_or_kies_own_id_is_refused(
    kie: Simulator, alice: User, eve: User, model: str, field: str
) -> None:
    """R-API3"""
    wrong = finished(alice, FLUX)
    right = Generation.objects.get(pk=example(alice, model)[field])
    for user, source in ((eve, right.pk), (alice, wrong.pk), (alice, right.kie_task_id)):
        with pytest.raises(Refused) as refusal:
            lifecycle.request(user, model, catalog.get(model).example | {field: str(source)})
        assert refusal.value.code == "unknown_source"


def test_a_film_of_luma_whose_callback_failed_is_delivered_and_charged(kie: Simulator, alice: User) -> None:
    """R-ST1"""
    generation = finished(alice, LUMA, prompt="a fox sim:callback-exception")
    assert kie.task(str(generation.kie_task_id))["state"] == "success"
    assert (generation.state, generation.assets.count()) == ("succeeded", 1)
    assert '"successFlag":4' in generation.exchanges.order_by("at").last().response.replace(" ", "")
    assert Wallet.objects.get(pk=alice.pk).available == 1_000_000 - generation.price_millicredits


def test_luma_with_a_failed_callback_and_no_film_is_waited_for_and_not_refunded_at_once(
    kie: Simulator, hasty: None, alice: User
) -> None:
    """R-ST1"""
    generation = finished(alice, LUMA, prompt="a fox sim:callback-exception sim:empty-result")
    assert (generation.state, generation.error_code) == ("failed", "deadline")
    assert generation.finished_at >= generation.deadline
    assert Wallet.objects.get(pk=alice.pk).available == 1_000_000


def test_a_time_of_completion_alone_ends_nothing_on_aleph(kie: Simulator, alice: User) -> None:
    """Trap 17: flag 0 with a time is told to the operator, and the film still arrives."""
    generation = finished(alice, ALEPH, prompt="a fox sim:complete-time-early sim:slow=1.5")
    assert generation.state == "succeeded"
    assert Alert.objects.filter(key__startswith=f"unknown-state:{ALEPH}:ended").count() == 1


def test_a_model_that_kie_has_retired_costs_nobody_anything(kie: Simulator, alice: User) -> None:
    """Trap 43"""
    kie.reset()
    for model in (LUMA, GRID):
        generation = finished(alice, model)
        assert (generation.state, generation.error_code) == ("failed", "model_unavailable")
        assert Alert.objects.filter(key__startswith=f"model:{model}").count() == 1
    assert Wallet.objects.get(pk=alice.pk).available == 1_000_000


def test_several_clips_of_one_order_are_all_stored(kie: Simulator, alice: User) -> None:
    generation = finished(alice, "midjourney/mj_video_hd", videoBatchSize=2)
    assert [asset.kind for asset in generation.assets.all()] == ["video", "video"]
    last = finished(alice, "midjourney/video_extend", taskId=str(generation.pk), index=1)
    assert last.state == "succeeded"


def test_what_the_endpoint_needs_is_sent_though_nobody_chose_it(kie: Simulator, alice: User) -> None:
    assert received(kie, finished(alice, FILM))["taskType"] == "mj_video"
    assert received(kie, finished(alice, "flux-kontext/flux-kontext-max"))["model"] == "flux-kontext-max"
    assert received(kie, finished(alice, RUNWAY))["aspectRatio"] == "16:9"


def test_an_edit_keeps_the_ratio_of_its_picture_and_its_moderation(kie: Simulator, alice: User) -> None:
    edit = {"inputImage": "https://example.com/input.png"}
    assert "aspectRatio" not in received(kie, finished(alice, FLUX, **edit))
    with pytest.raises(Refused) as refusal:
        offers.quote(alice, FLUX, {"prompt": "a fox", **edit, "safetyTolerance": 3})
    assert refusal.value.code == "invalid_input"
    assert offers.quote(alice, FLUX, {"prompt": "a fox", "safetyTolerance": 3}).price_millicredits == 6_250
