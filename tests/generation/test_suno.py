"""Suno through the whole product: takes that come one after the other, follow-ups by our own ids, and every failure."""

import json
from types import SimpleNamespace
from typing import Any

import pytest
from rest_framework.test import APIClient

from accounts.errors import Refused
from accounts.models import User
from billing import ledger
from billing.models import Wallet
from billing.upstream import breaker
from generation import lifecycle, tasks
from generation.models import Asset, Generation
from tests import driving, examples
from tests.simulator import Simulator

SONG: dict[str, Any] = {"prompt": "Rain on the harbour", "instrumental": False}
RECORDING = "https://example.com/input.mp3"
# The two generations of KIE's endpoints: what a step is called, and how its fields are spelled.
DIRECT = SimpleNamespace(
    song=("suno/generate", {**SONG, "customMode": False, "model": "V5"}),
    persona="suno/generate-persona",
    stems="suno/vocal-removal",
    midi="suno/midi",
    timings="suno/get-timestamped-lyrics",
    phrase=("suno/voice-validate", {"voiceUrl": RECORDING, "vocalStartS": 0, "vocalEndS": 10}),
    another="suno/voice-regenerate",
    voice=("suno/voice-generate", {"verifyUrl": RECORDING}),
    check="suno/check-voice",
    task="taskId",
    audio="audioId",
    persona_id="personaId",
)
UNIFIED = SimpleNamespace(
    song=("ai-music-api/generate", {**SONG, "custom_mode": False, "model": "V6"}),
    persona="ai-music-api/generate-persona",
    stems="ai-music-api/separate-vocals",
    midi="ai-music-api/generate-midi-from-audio",
    timings="ai-music-api/timeStamped-lyrics",
    phrase=("ai-music-api/validation-phrase", {"voice_url": RECORDING, "vocal_start_s": 0, "vocal_end_s": 10}),
    another="ai-music-api/regenerate-phrase",
    voice=("ai-music-api/create-voice", {"verify_url": RECORDING}),
    check="ai-music-api/check-voice",
    task="task_id",
    audio="audio_id",
    persona_id="persona_id",
)
both_ways = pytest.mark.parametrize("way", [DIRECT, UNIFIED], ids=["direct", "unified"])
pytestmark = pytest.mark.simulator


@pytest.fixture(scope="module")
def simulator_process(quick_simulator: Simulator) -> Simulator:
    return quick_simulator


def run(user: User, model: str, values: dict[str, Any]) -> Generation:
    generation = driving.finish(lifecycle.request(user, model, values))
    assert generation.state == "succeeded", generation.events.last().why
    return generation


def song(user: User, way: SimpleNamespace, **more: Any) -> Generation:
    model, values = way.song
    return run(user, model, {**values, **more})


def of(way: SimpleNamespace, track: Asset) -> dict[str, str]:
    """How a follow-up names a track: by the ids of its generation and its result."""
    return {way.task: str(track.generation_id), way.audio: str(track.pk)}


def sent(generation: Generation) -> dict[str, Any]:
    body = generation.exchanges.first().request
    return body.get("input", body)


def live_until(generation: Generation, condition: Any) -> Generation:
    """Let the sweep and the queue work until it is so."""

    def holds() -> bool:
        tasks.advance(str(generation.pk))
        generation.refresh_from_db()
        return condition()

    driving.until(holds)
    return generation


# Takes


def test_the_first_take_is_there_while_the_second_is_made_and_nothing_is_charged(
    kie: Simulator, alice: User, api: APIClient
) -> None:
    """Trap 22, R-REF3: the charge comes with the end."""
    model, values = DIRECT.song
    generation = lifecycle.request(alice, model, {**values, "prompt": "Rain sim:slow=2"})
    live_until(generation, generation.assets.exists)
    shown = api.get(f"/api/v1/generations/{generation.pk}").json()
    assert (shown["state"], shown["charged"], len(shown["results"])) == ("running", "0", 1)
    wallet = Wallet.objects.get(pk=alice.pk)
    assert (wallet.held, wallet.available) == (generation.price_millicredits, 1_000_000 - generation.price_millicredits)
    first = generation.assets.get()
    assert (first.index, first.kind, first.view, bool(first.preview)) == (0, "audio", "track", True)
    live_until(generation, lambda: generation.terminal)
    assert generation.state == "succeeded"
    assert [asset.index for asset in generation.assets.all()] == [0, 1]
    assert generation.assets.first() == first
    assert len(set(generation.assets.values_list("kie_id", flat=True))) == 2
    wallet.refresh_from_db()
    assert (wallet.held, wallet.spent) == (0, generation.price_millicredits)


def test_a_song_that_fails_after_its_first_take_costs_nothing(kie: Simulator, alice: User) -> None:
    """R-REF1"""
    model, values = DIRECT.song
    generation = lifecycle.request(alice, model, {**values, "prompt": "Rain sim:slow=2 sim:fail-after-first"})
    live_until(generation, generation.assets.exists)
    live_until(generation, lambda: generation.terminal)
    assert generation.error_code == "upstream_failed"
    wallet = Wallet.objects.get(pk=alice.pk)
    assert (wallet.available, wallet.held) == (1_000_000, 0)


def test_a_callback_that_failed_is_no_failure(kie: Simulator, alice: User) -> None:
    """R-ST1"""
    for model in ("suno/generate", "suno/lyrics", "suno/vocal-removal", "suno/wav", "suno/mp4"):
        values = examples.example(alice, model)
        kie.fault("callback-exception")
        generation = run(alice, model, values)
        assert "CALLBACK_EXCEPTION" in generation.exchanges.last().response
        assert generation.assets.exists()


def test_a_callback_that_failed_without_a_result_ends_with_the_deadline(
    kie: Simulator, alice: User, settings: Any
) -> None:
    """R-ST1"""
    settings.DEADLINE_SECONDS = {"music": 3}
    model, values = DIRECT.song
    generation = lifecycle.request(alice, model, {**values, "prompt": "Rain sim:callback-exception-empty"})
    assert driving.finish(generation).error_code == "deadline"
    assert Wallet.objects.get(pk=alice.pk).available == 1_000_000


@pytest.mark.parametrize(
    ("model", "marker", "word"),
    [
        ("suno/generate", "flag2", "CREATE_TASK_FAILED"),
        ("suno/generate", "fail", "GENERATE_AUDIO_FAILED"),
        ("suno/generate", "fail-408", "408"),
        ("suno/generate", "fail-413", "413"),
        ("suno/generate", "fail-531", "531"),
        ("suno/generate", "policy", "SENSITIVE_WORD_ERROR"),
        ("suno/lyrics", "flag2", "CREATE_TASK_FAILED"),
        ("suno/lyrics", "fail", "GENERATE_LYRICS_FAILED"),
        ("suno/lyrics", "policy", "SENSITIVE_WORD_ERROR"),
        ("suno/wav", "flag2", "CREATE_TASK_FAILED"),
        ("suno/wav", "fail", "GENERATE_WAV_FAILED"),
        ("suno/vocal-removal", "flag2", "CREATE_TASK_FAILED"),
        ("suno/vocal-removal", "fail", "GENERATE_AUDIO_FAILED"),
        ("suno/mp4", "flag2", "CREATE_TASK_FAILED"),
        ("suno/mp4", "fail", "GENERATE_MP4_FAILED"),
        ("suno/midi", "flag2", '"successFlag":2'),
        ("suno/midi", "flag3", '"successFlag":3'),
        ("suno/cover", "fail", '"successFlag":3'),
        ("suno/voice-validate", "flag2", "processing_validate_fail"),
        ("suno/voice-validate", "fail", '"fail"'),
        ("suno/voice-generate", "flag2", "processing_validate_fail"),
        ("suno/voice-generate", "fail", '"fail"'),
        ("suno/style", "flag3", '"successFlag":2'),
    ],
)
def test_every_failure_word_gives_the_credits_back(
    kie: Simulator, alice: User, model: str, marker: str, word: str
) -> None:
    """R-REF1"""
    values = examples.example(alice, model)
    before = Wallet.objects.get(pk=alice.pk).available
    kie.fault(marker)
    generation = driving.finish(lifecycle.request(alice, model, values))
    assert generation.state == "failed"
    assert word in generation.exchanges.last().response
    assert word not in generation.error_message
    wallet = Wallet.objects.get(pk=alice.pk)
    assert (wallet.available, wallet.held) == (before, 0)


def test_one_text_of_two_is_a_success(kie: Simulator, alice: User) -> None:
    """Trap 22"""
    generation = run(alice, "suno/lyrics", {"prompt": "Rain sim:lyrics-part"})
    assert [(asset.view, "Rain" in asset.data) for asset in generation.assets.all()] == [("lyrics", True)]


def test_a_song_is_ordered_with_an_address_even_when_nobody_is_to_call(kie: Simulator, alice: User) -> None:
    """Trap 12: KIE refuses it without one. R-CB1: ours cannot hurt. R-CB3"""
    generation = song(alice, DIRECT)
    assert sent(generation)["callBackUrl"].endswith(f"/kie/{generation.callback_token}/")
    assert "callBackUrl" not in sent(run(alice, "suno/sounds", {"prompt": "Rain", "model": "V5"}))


def test_an_empty_account_says_429_to_lyrics(kie: Simulator, alice: User) -> None:
    """Trap 41, R-BRK2"""
    kie.fault("429", path="/api/v1/lyrics")
    generation = lifecycle.request(alice, "suno/lyrics", {"prompt": "Rain"})
    driving.step()
    generation.refresh_from_db()
    assert generation.state == "queued" and breaker.paused()


# One step after the other, by our own ids only


@both_ways
def test_a_persona_sings_the_next_song(kie: Simulator, alice: User, way: SimpleNamespace) -> None:
    track = song(alice, way).assets.first()
    about = {"name": "Ann", "description": "A calm voice"}
    made = run(alice, way.persona, {**of(way, track), **about}).assets.get()
    assert (made.view, made.data, made.details["title"] if way is DIRECT else "Ann") == ("persona", about, "Ann")
    again = song(alice, way, **{way.persona_id: str(made.pk)})
    assert made.kie_id and sent(again)[way.persona_id] == made.kie_id


@both_ways
def test_a_song_is_taken_apart_and_written_down(kie: Simulator, alice: User, way: SimpleNamespace) -> None:
    track = song(alice, way).assets.all()[1]
    stems = run(alice, way.stems, of(way, track))
    assert {stem.view for stem in stems.assets.all()} == {"stem"}
    titles = [stem.details["title"] for stem in stems.assets.all()]
    assert titles == (["Vocals", "Instrumental"] if way is DIRECT else ["Stem 1", "Stem 2"])
    stem = stems.assets.first()
    asked = of(way, stem) if way is DIRECT else {way.task: str(stems.pk)}
    midi = run(alice, way.midi, asked).assets.get()
    assert (midi.view, midi.content_type) == ("notes", "application/json")
    notes = [note for each in midi.data["instruments"] for note in each["notes"]]
    assert notes and all(type(value) is float for note in notes for value in note.values())


def test_a_song_is_taken_apart_into_all_its_parts(kie: Simulator, alice: User) -> None:
    track = song(alice, DIRECT).assets.first()
    stems = run(alice, "suno/vocal-removal", {**of(DIRECT, track), "type": "split_stem"}).assets.all()
    assert len(stems) == 12
    assert {"Vocals", "Backing Vocals", "Drums", "Effects", "Woodwinds"} <= {stem.details["title"] for stem in stems}
    assert len({stem.kie_id for stem in stems} - {""}) == 12


@both_ways
def test_the_words_of_a_song_have_their_times(kie: Simulator, alice: User, way: SimpleNamespace) -> None:
    timings = run(alice, way.timings, of(way, song(alice, way).assets.first())).assets.get()
    assert timings.view == "word_timings"
    assert timings.data["words"][1] == {"word": "morning", "start": 0.5, "end": 0.9}
    assert timings.data["waveform"] == [0, 0.4, 0.2]


@both_ways
def test_a_phrase_that_is_sung_becomes_a_voice(kie: Simulator, alice: User, way: SimpleNamespace) -> None:
    first = run(alice, *way.phrase)
    second = run(alice, way.another, {way.task: str(first.pk)})
    for phrase in (first, second):
        assert (phrase.assets.get().view, phrase.assets.get().kind) == ("phrase", "text")
        assert " " in phrase.assets.get().data
    model, values = way.voice
    made = run(alice, model, {**values, way.task: str(second.pk)})
    voice = made.assets.get()
    assert (voice.view, voice.kie_id) == ("voice", made.kie_task_id)
    assert run(alice, way.check, {"task_id": str(made.pk)}).assets.get().data == {"available": True}
    again = song(alice, way, **{way.persona_id: str(voice.pk)})
    assert sent(again)[way.persona_id] == made.kie_task_id


def test_a_second_order_of_covers_gets_the_first(kie: Simulator, alice: User) -> None:
    """Protocol 1.5: KIE makes them once; each generation has its own copies."""
    track = song(alice, DIRECT).assets.first()
    one, other = (run(alice, "suno/cover", {"taskId": str(track.generation_id)}) for _ in range(2))
    assert one.assets.count() == other.assets.count() == 2
    assert one.kie_task_id != other.kie_task_id


@pytest.mark.parametrize("model", ["suno/generate-persona", "suno/wav"])
def test_what_there_is_only_once_cannot_be_bought_twice(kie: Simulator, alice: User, model: str) -> None:
    """Protocol 1.5, 409; R-REF1"""
    values = examples.example(alice, model)
    run(alice, model, values)
    before = Wallet.objects.get(pk=alice.pk).available
    again = driving.finish(lifecycle.request(alice, model, values))
    assert (again.state, again.error_code) == ("failed", "invalid_input")
    assert Wallet.objects.get(pk=alice.pk).available == before


@pytest.mark.parametrize("field", ["taskId", "audioId"])
def test_nobody_can_build_upon_what_is_not_theirs(kie: Simulator, alice: User, eve: User, field: str) -> None:
    """R-API3"""
    theirs, own = (of(DIRECT, song(user, DIRECT).assets.first()) for user in (alice, eve))
    for values in (theirs, {**own, field: theirs[field]}):
        with pytest.raises(Refused) as error:
            lifecycle.request(eve, "suno/wav", values)
        assert (error.value.code, error.value.status) == ("unknown_source", 404)


def test_a_track_of_another_song_costs_nothing(kie: Simulator, alice: User) -> None:
    """Trap 11: KIE refuses ids that do not belong together."""
    one, other = (of(DIRECT, song(alice, DIRECT).assets.first()) for _ in range(2))
    before = Wallet.objects.get(pk=alice.pk).available
    generation = driving.finish(lifecycle.request(alice, "suno/wav", {**one, "audioId": other["audioId"]}))
    assert (generation.state, generation.error_code) == ("failed", "invalid_input")
    assert Wallet.objects.get(pk=alice.pk).available == before


@both_ways
def test_no_id_of_kie_is_shown(kie: Simulator, alice: User, api: APIClient, way: SimpleNamespace) -> None:
    """R-API1: neither in the answers of the API nor in the stored files."""
    ledger.top_up(alice, 10_000_000, payment="more")
    track = song(alice, way).assets.first()
    persona = run(alice, way.persona, {**of(way, track), "name": "Ann", "description": "calm"})
    song(alice, way, **{way.persona_id: str(persona.assets.get().pk)})
    run(alice, way.midi, {way.task: str(run(alice, way.stems, of(way, track)).pk)})
    run(alice, way.timings, of(way, track))
    phrase = run(alice, *way.phrase)
    voice = run(alice, way.voice[0], {**way.voice[1], way.task: str(phrase.pk)})
    run(alice, way.check, {"task_id": str(voice.pk)})
    secrets = {task["id"] for task in kie.tasks()} | {task["token"] for task in kie.tasks()}
    assert secrets >= set(Generation.objects.exclude(kie_task_id=None).values_list("kie_task_id", flat=True))
    assert Asset.objects.exclude(kie_id="").exists()
    secrets |= set(Asset.objects.exclude(kie_id="").values_list("kie_id", flat=True))
    for generation in Generation.objects.all():
        shown = json.dumps(api.get(f"/api/v1/generations/{generation.pk}").json())
        assert not [secret for secret in secrets if secret in shown]
    for asset in Asset.objects.filter(kind="text"):
        assert not [secret for secret in secrets if secret.encode() in asset.file.read()]
