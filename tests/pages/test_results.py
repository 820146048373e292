"""Every kind of result is shown as what it is, can be had as a file, and is readable without scripts."""

import io
import json
import re

import mido
import pytest

from generation.models import Asset, Generation
from generation.pages import files
from tests.pages.conftest import browser_of, keep, made, running
from tests.pages.test_generation_page import seen
from tests.pages.test_markup import check

pytestmark = pytest.mark.django_db
MUSIC = "ai-music-api/generate"
TRACK = {"view": "track", "kie_id": "kie-track-1", "cover": True}
WORDS = {"words": [{"word": "[Verse]\nRain ", "start": 0.5, "end": 0.9}, {"word": "falls", "start": 1, "end": 1.4}]}
NOTES = {
    "instruments": [
        {"name": "Piano", "notes": [{"pitch": 60, "start": 0, "end": 1, "velocity": 1}]},
        {"name": "Drums", "notes": [{"pitch": 36, "start": 0.5, "end": 0.75, "velocity": 0.5}]},
    ]
}
SAID = {
    "text": "Hello. Hi!",
    "language": "en",
    "words": [
        {"word": "Hello.", "start": 0.0, "end": 0.4, "speaker": "speaker_0"},
        {"word": "Hi!", "start": 61.0, "end": 61.3, "speaker": "speaker_1"},
    ],
}


def page_of(browser, generation, text_of) -> str:
    response = browser.get(f"/generations/{generation.pk}/")
    check(response)
    return text_of(response)


def test_a_track_has_its_cover_title_length_tags_player_and_lyrics(browser, alice, text_of):
    details = {"title": "Rain", "duration_seconds": 198.44, "tags": "calm, piano", "lyrics": "[Verse]\nRain falls"}
    page = page_of(browser, made(alice, MUSIC, TRACK | {"details": details}), text_of)
    for words in ('alt="Cover of Rain"', ">3:18<", "calm, piano", "<audio controls", "<summary>Lyrics</summary>"):
        assert words in page
    lyrics = re.search(r'href="(/files/[^"]+\.txt)" download>Lyrics', page)[1]
    assert browser.get(lyrics).content == b"[Verse]\nRain falls"


def test_stems_are_rows_of_short_players(browser, alice, text_of):
    stems = [{"view": "stem", "details": {"title": name}} for name in ("Vocals", "Drums")]
    page = page_of(browser, made(alice, "ai-music-api/separate-vocals", *stems), text_of)
    assert [f"<h3>{name}</h3><audio" in page for name in ("Vocals", "Drums")] == [True, True]


def test_words_with_times_are_readable_and_come_with_the_track_that_they_are_of(browser, alice, text_of):
    track = made(alice, MUSIC, TRACK).assets.get()
    timed = made(alice, "ai-music-api/timeStamped-lyrics", {"view": "word_timings", "data": WORDS})
    Generation.objects.filter(pk=timed.pk).update(input={"audio_id": str(track.pk)})
    page = page_of(browser, timed, text_of)
    assert '<span data-start="0.5" data-end="0.9">[Verse] Rain</span> <span data-start="1.0"' in page
    source = re.search(r'<audio class="timed-player"[^>]* src="([^"]+)"', page)[1]
    assert browser.get(source)["Content-Type"] == "audio/mpeg"
    text = re.search(r'href="(/files/[^"]+\.txt)" download', page)[1]
    assert browser.get(text).content == b"[Verse]\nRain falls"


def test_words_are_never_shown_with_a_track_of_somebody_else(browser, alice, eve, text_of):
    """R-API3"""
    hers = made(eve, MUSIC, TRACK).assets.get()
    timed = made(alice, "ai-music-api/timeStamped-lyrics", {"view": "word_timings", "data": WORDS})
    Generation.objects.filter(pk=timed.pk).update(input={"audio_id": str(hers.pk)})
    assert "<audio" not in page_of(browser, timed, text_of)


def test_notes_are_a_drawing_a_table_and_a_midi_file(browser, alice, text_of):
    page = page_of(browser, made(alice, "suno/midi", {"view": "notes", "data": NOTES}), text_of)
    assert 'aria-label="2 notes of 2 instruments over 1 s"' in page
    assert page.count('<path class="roll-') == 2
    assert 'Piano</th><td class="text-end">1</td><td class="text-end">C4 – C4' in page
    file = browser.get(re.search(r'href="(/files/[^"]+\.mid)" download>MID', page)[1])
    assert (file["Content-Type"], file["Content-Disposition"]) == ("audio/midi", 'attachment; filename="0.mid"')
    tracks = mido.MidiFile(file=io.BytesIO(file.content)).tracks
    strokes = [(m.note, m.channel) for track in tracks for m in track if m.type == "note_on"]
    assert strokes == [(60, 0), (36, 9)]


def test_a_transcript_says_who_spoke_and_when(browser, alice, text_of):
    page = page_of(browser, made(alice, "elevenlabs/speech-to-text", {"view": "transcript", "data": SAID}), text_of)
    assert '<strong>Speaker 2</strong> <span class="text-secondary">1:01</span>' in page
    text = re.search(r'href="(/files/[^"]+\.txt)" download', page)[1]
    assert browser.get(text).content == b"Hello. Hi!"


@pytest.mark.parametrize(
    "view,purpose", [("persona", "when you make music"), ("voice", "a voice"), ("character", "again")]
)
def test_what_is_made_to_be_used_elsewhere_says_what_it_is_for(browser, alice, text_of, view, purpose):
    said = {"name": "Rainy", "description": "Soft and low"}
    result = {"view": view, "data": said, "details": {"title": "Rainy"}}
    page = page_of(browser, made(alice, "ai-music-api/generate-persona", result), text_of)
    assert "<h3>Rainy</h3>" in page
    assert "Soft and low" in page
    assert purpose in page.lower()


def test_a_phrase_says_what_to_do_with_it(browser, alice, text_of):
    phrase = {"view": "phrase", "data": "Seven silver boats"}
    page = page_of(browser, made(alice, "ai-music-api/validation-phrase", phrase), text_of)
    assert '<p class="phrase">Seven silver boats</p>' in page
    assert "Record yourself" in page


def test_texts_are_shown_as_text_and_never_as_markup(browser, alice, text_of):
    """R-SEC5"""
    texts = [{"view": "lyrics", "data": "<b>La</b>", "details": {"title": "<i>Sea</i>"}}, {"data": "plain"}]
    page = page_of(browser, made(alice, "ai-music-api/generate-lyrics", *texts), text_of)
    assert "&lt;b&gt;La&lt;/b&gt;" in page
    assert "&lt;i&gt;Sea&lt;/i&gt;" in page
    assert ">plain</div>" in page


def test_an_object_is_a_list_of_what_it_says(browser, alice, text_of):
    found = {"segments": [{"label": "subject", "box": [1, 2, 3], "whole": True}], "note": None}
    page = page_of(browser, made(alice, "grok-imagine-image-2-0/segment-map", {"data": found}), text_of)
    assert '<span class="tree-name">Box</span> <span class="tree-value">1, 2, 3</span>' in page
    assert '<span class="tree-name">Whole</span> <span class="tree-value">Yes</span>' in page
    assert '<span class="tree-name">Note</span> <span class="tree-value">–</span>' in page


def test_a_view_that_is_new_is_shown_by_its_type(browser, alice, text_of):
    page = page_of(browser, made(alice, MUSIC, {"view": "dance", "data": {"steps": 3}}), text_of)
    assert '<span class="tree-name">Steps</span> <span class="tree-value">3</span>' in page


def test_content_that_is_too_long_for_its_row_is_read_from_its_file(browser, alice, text_of):
    generation = made(alice, "suno/midi", {"view": "notes", "data": NOTES})
    Asset.objects.update(data=None)
    assert "2 notes of 2 instruments" in page_of(browser, generation, text_of)


def test_the_page_costs_the_same_however_many_results_there_are(browser, alice, django_assert_num_queries):
    few = made(alice, MUSIC, TRACK)
    many = made(alice, MUSIC, *[TRACK | {"kie_id": str(number)} for number in range(9)])
    browser.get(f"/generations/{few.pk}/")
    with django_assert_num_queries(11) as counted:
        browser.get(f"/generations/{few.pk}/")
    with django_assert_num_queries(len(counted.captured_queries)):
        browser.get(f"/generations/{many.pk}/")


# While the rest runs


def test_an_early_result_is_shown_while_the_rest_is_made_and_is_not_sent_twice(browser, alice, text_of):
    generation = made(alice, MUSIC, state="running")
    address = f"/generations/{generation.pk}/card/"
    version = seen(browser.get(f"/generations/{generation.pk}/").content.decode())
    assert browser.get(address, {"seen": version}).status_code == 204
    keep(generation, 0, **TRACK)
    first = browser.get(address, {"seen": version})
    assert "1 of 2 ready, the rest is being made" in text_of(first)
    assert first.content.count(b"<audio") == 1
    version = seen(first.content.decode())
    assert browser.get(address, {"seen": version}).status_code == 204
    keep(generation, 1, **TRACK | {"kie_id": "kie-track-2"})
    second = browser.get(address, {"seen": version})
    assert second.content.count(b"<audio") == 1
    assert f'id="result-{generation.assets.get(index=1).pk}"'.encode() in second.content


def test_at_the_end_a_result_that_is_there_gets_its_follow_ups_and_is_left_alone(browser, alice):
    generation = made(alice, MUSIC, TRACK)
    answer = browser.get(f"/generations/{generation.pk}/card/", {"seen": "running-0-1-0"}).content.decode()
    assert "<audio" not in answer
    assert f'<div id="next-{generation.assets.get().pk}" hx-swap-oob="true">' in answer
    assert "hx-trigger" not in answer


def test_what_was_ready_before_a_failure_is_a_gift(browser, alice, text_of):
    generation = made(alice, MUSIC, TRACK, state="failed")
    Generation.objects.filter(pk=generation.pk).update(kie_partial=[{"url": "https://x.example/1.mp3"}])
    page = page_of(browser, generation, text_of)
    assert "Ready before it failed, free of charge" in page
    assert "<audio" in page


# Tiles


def test_tiles_show_covers_lengths_texts_and_what_is_ready(browser, alice, text_of):
    made(alice, MUSIC, TRACK | {"details": {"title": "Rain", "duration_seconds": 61}}, state="running")
    made(alice, "ai-music-api/generate-lyrics", {"view": "lyrics", "data": "Over the sea"})
    made(alice, "ai-music-api/separate-vocals", {"view": "stem"}, {"view": "stem"})
    page = text_of(browser.get("/generations/"))
    assert '<span class="tile-corner">1:01</span>' in page
    assert "<span>1 of 2 ready</span>" in page
    assert '<p class="tile-said" aria-hidden="true">Over the sea</p>' in page
    assert "icons.svg#stems" in page
    assert '<span class="tile-corner tile-more">+1</span>' in page


# Formats


def test_a_format_that_a_result_does_not_have_cannot_be_asked_for(client, alice):
    """R-SEC5: the format is part of the signature."""
    asset = made(alice, "suno/midi", {"view": "notes", "data": NOTES}).assets.get()
    link = files.converted_link(asset, "mid")
    assert client.get(link).status_code == 200
    assert client.get(link)["X-Content-Type-Options"] == "nosniff"
    token = link.split("/")[2]
    assert client.get(f"/files/{token[:-1]}/0.mid").status_code == 404


def test_a_json_result_can_be_downloaded_as_it_is(browser, alice, text_of):
    page = page_of(browser, made(alice, "suno/midi", {"view": "notes", "data": NOTES}), text_of)
    address = re.search(r'href="(/files/[^"]+\.json\?download=1)"', page)[1]
    response = browser.get(address)
    assert response["Content-Disposition"].startswith("attachment")
    assert json.loads(b"".join(response.streaming_content)) == NOTES


def test_the_input_names_files_and_sources_and_leads_to_them(browser, alice, text_of):
    track = made(alice, MUSIC, TRACK | {"details": {"title": "Rain"}})
    later = made(alice, "ai-music-api/separate-vocals", {"view": "stem"})
    named = {"task_id": str(track.pk), "audio_id": str(track.assets.get().pk)}
    Generation.objects.filter(pk=later.pk).update(input=named)
    page = page_of(browser, later, text_of)
    assert f'<a href="/generations/{track.pk}/">Rain</a>' in page
    assert f'<a href="/generations/{track.pk}/">Music · ' in page


def test_nobody_elses_results_are_named(alice, eve, text_of):
    """R-API3"""
    track = made(alice, MUSIC, TRACK | {"details": {"title": "Secret"}})
    hers = running(eve)
    Generation.objects.filter(pk=hers.pk).update(
        model="ai-music-api/separate-vocals", input={"audio_id": str(track.assets.get().pk)}
    )
    assert "Secret" not in page_of(browser_of(eve), hers, text_of)
