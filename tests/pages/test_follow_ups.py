"""From a finished generation to the form of what can be made of it."""

import re
from html import unescape

import pytest

from accounts.models import User
from generation import catalog, followups, offers
from generation.models import Asset, Generation, ModelSwitch
from tests.pages.conftest import browser_of, keep_picture, made, succeeded
from tests.pages.controls import of_form
from tests.pages.test_results import MUSIC, TRACK

pytestmark = pytest.mark.django_db
SEPARATE = "ai-music-api/separate-vocals"
VIDEO = {"kind": "video", "content_type": "video/mp4"}
SOURCES = [
    entry
    for entry in catalog.all()
    if catalog.generation_fields(entry) or catalog.result_fields(entry)
]  # fmt: skip


def buttons(page: str) -> dict[str, str]:
    """Where each "What next" button leads, by its words."""
    found = re.findall(
        r'<a class="(?:next|btn btn-sm)" href="(/models/[^"]+)">(?:<span class="next-words">)?([^<]+)<', page
    )
    return {unescape(words): unescape(address) for address, words in found}


def next_of(browser, generation) -> dict[str, str]:
    return buttons(browser.get(f"/generations/{generation.pk}/").content.decode())


def test_a_track_leads_to_what_can_be_made_of_it_with_our_ids_filled_in(browser, alice):
    song = made(alice, MUSIC, TRACK, TRACK | {"kie_id": "kie-track-2"})
    second = song.assets.get(index=1)
    found = next_of(browser, song)
    assert found["Separate the vocals of track 2"] == f"/models/{SEPARATE}/?source={song.pk}&result={second.pk}"
    assert {"Make cover art", "Extend track 1", "Make a music video of track 2"} <= set(found)
    data = of_form(browser.get(found["Separate the vocals of track 2"]))
    assert (data["task_id"], data["audio_id"]) == ([str(song.pk)], [str(second.pk)])


def test_a_video_can_be_extended_and_upscaled(browser, alice):
    video = made(alice, "veo-3-1", VIDEO)
    found = next_of(browser, video)
    assert set(found) == {"Extend this video", "Upscale this video to 1080p", "Upscale this video to 4K"}
    assert of_form(browser.get(found["Extend this video"]))["task_id"] == [str(video.pk)]


def test_one_picture_of_a_grid_is_named_by_its_place(browser, alice):
    ModelSwitch.objects.create(model="midjourney/upscale", enabled=True)
    picture = {"kind": "image", "content_type": "image/png"}
    grid = made(alice, "midjourney/mj_txt2img", *[picture] * 4)
    found = next_of(browser, grid)
    data = of_form(browser.get(found["Upscale image 3"]))
    assert (data["taskId"], data["imageIndex"]) == ([str(grid.pk)], ["2"])


def test_a_persona_and_a_list_of_voices_are_filled_in(browser, alice):
    persona = made(alice, "ai-music-api/generate-persona", {"view": "persona", "data": {}, "kie_id": "p1"})
    data = of_form(browser.get(next_of(browser, persona)["Use in Music"]))
    assert data["persona_id"] == [str(persona.assets.get().pk)]
    voice = made(alice, "gemini-omni/audio-create", {"view": "voice", "data": {}, "kie_id": "v1"})
    data = of_form(browser.get(next_of(browser, voice)["Use in Gemini Omni Flash 1.1"]))
    assert data["audio_ids[0]"] == [str(voice.assets.get().pk)]


def test_only_what_is_for_sale_and_can_be_done_is_offered(browser, alice):
    song = made(alice, MUSIC, TRACK | {"kie_id": ""})
    assert set(next_of(browser, song)) == {"Make cover art", "Recover the audio"}
    ModelSwitch.objects.create(model="ai-music-api/cover-generate", enabled=False)
    assert set(next_of(browser, song)) == {"Recover the audio"}
    Generation.objects.filter(pk=song.pk).update(kie_task_id=None)
    assert next_of(browser, song) == {}
    assert next_of(browser, made(alice, MUSIC, TRACK, state="running")) == {}


@pytest.mark.parametrize("entry", SOURCES, ids=lambda entry: entry.id)
def test_every_marker_of_the_catalogue_becomes_a_follow_up(entry):
    fields = {**catalog.generation_fields(entry), **catalog.result_fields(entry)}
    for path, models in fields.items():
        for model in models:
            follow = next(follow for follow in followups.known(model) if follow.entry is entry)
            assert path in (follow.generation_field, follow.result_field)


def test_a_chosen_follow_up_can_be_sent(browser, alice):
    song = made(alice, MUSIC, TRACK)
    data = of_form(browser.get(next_of(browser, song)["Separate the vocals of this track"]))
    response = browser.post(f"/models/{SEPARATE}/", data)
    later = Generation.objects.get(model=SEPARATE)
    assert response["Location"] == f"/generations/{later.pk}/"
    assert later.input["audio_id"] == str(song.assets.get().pk)


def test_results_are_chosen_from_ones_own_that_fit_by_their_names(browser, alice, eve):
    mine = made(alice, MUSIC, TRACK | {"details": {"title": "Rain"}})
    other = made(alice, "gemini-omni/audio-create", {"view": "voice", "data": {}, "kie_id": "v1"})
    nameless = made(alice, MUSIC, TRACK | {"kie_id": ""})
    running = made(alice, MUSIC, TRACK, state="running")
    hers = made(eve, MUSIC, TRACK)
    page = browser.get(f"/models/{SEPARATE}/").content.decode()
    asset = mine.assets.get()
    assert f'<option value="{asset.pk}" data-source="{mine.pk}" >Rain (1) · Music · ' in page
    for strange in (other, nameless, running, hers):
        assert str(strange.assets.get().pk) not in page


# What does not exist


def strangers(alice: User, eve: User) -> list[tuple[str, str]]:
    """Sources and results that alice cannot start from: eve's, unfinished, unfitting, mixed up, and nonsense."""
    hers, mine = made(eve, MUSIC, TRACK), made(alice, MUSIC, TRACK)
    open_one = made(alice, MUSIC, TRACK, state="running")
    unfit = succeeded(alice)
    nothing = "00000000-0000-4000-8000-000000000000"
    return [
        (str(hers.pk), str(hers.assets.get().pk)),
        (str(mine.pk), str(hers.assets.get().pk)),
        (str(open_one.pk), str(open_one.assets.get().pk)),
        (str(unfit.pk), str(unfit.assets.get().pk)),
        (str(mine.pk), nothing),
        (nothing, nothing),
        ("x", "y"),
    ]


def test_what_is_not_ones_own_or_not_finished_cannot_be_started_from(browser, alice, eve):
    """R-API3"""
    for source, result in strangers(alice, eve):
        answer = browser.get(f"/models/{SEPARATE}/", {"source": source, "result": result})
        assert answer.status_code == 404, (source, result)


def test_the_form_says_so_and_keeps_what_was_filled_in(browser, alice, eve, text_of):
    """R-API3"""
    held = alice.generations.count()
    for source, result in strangers(alice, eve):
        data = {"task_id": source, "audio_id": result, "stem_name": "Piano"}
        response = browser.post(f"/models/{SEPARATE}/", data)
        assert response.status_code == 404, (source, result)
        assert "must be the id of a" in text_of(response)
        assert of_form(response)["stem_name"] == ["Piano"]
    assert alice.generations.filter(model=SEPARATE).count() == 0
    assert held == 0


def test_the_price_says_what_is_wrong_with_a_source(browser, alice, eve, text_of):
    hers = made(eve, MUSIC, TRACK)
    data = {"task_id": str(hers.pk), "audio_id": str(hers.assets.get().pk)}
    response = browser.post(f"/models/{SEPARATE}/price/", data)
    assert response.status_code == 200
    assert "Earlier generation must be the id of a fitting, finished generation of yours." in text_of(response)


def test_a_stranger_to_the_page_sees_no_sources(client, alice):
    made(alice, MUSIC, TRACK | {"details": {"title": "Rain"}})
    page = client.get(f"/models/{SEPARATE}/").content.decode()
    assert "You have no finished result that fits" in page
    assert client.get(f"/models/{SEPARATE}/", {"source": str(Generation.objects.get().pk)}).status_code == 404


def test_a_generation_of_another_user_offers_nothing(alice, eve):
    song = made(alice, MUSIC, TRACK)
    assert browser_of(eve).get(f"/generations/{song.pk}/").status_code == 404
    assert followups.offered(song, offers.enabled())
    Asset.objects.all().delete()
    keep_picture(song)
    assert not any(followups.possible(f, song.assets.get()) for f in followups.known(MUSIC) if f.result_field)
