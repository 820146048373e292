"""Results of unified tasks that are no files: they are stored, shown and kept like any other."""

import json
from typing import Any

import pytest

from accounts.models import User
from generation import lifecycle
from generation.models import Asset, ModelSwitch
from tests import driving
from tests.simulator import Simulator

pytestmark = pytest.mark.simulator
PICTURE = {"image_url": "https://example.com/input.png"}


def results(user: User, model: str, values: dict[str, Any]) -> list[Asset]:
    generation = driving.finish(lifecycle.request(user, model, values))
    assert generation.state == "succeeded", generation.events.last().why
    return list(generation.assets.all())


def test_the_masks_of_a_detection_are_pictures_in_our_storage(kie: Simulator, alice: User) -> None:
    masks = results(alice, "omnihuman-1-5/subject-detection", PICTURE)
    assert [(mask.kind, mask.details["title"], bool(mask.preview)) for mask in masks] == [("image", "Mask", True)] * 2


def test_an_object_is_stored_as_a_file_and_shown_as_it_is(kie: Simulator, alice: User) -> None:
    (found,) = results(alice, "omnihuman-1-5/human-identification", PICTURE)
    assert (found.content_type, found.data) == ("application/json", {"subject_status": 1})
    assert json.loads(found.file.read()) == found.data


def test_a_transcript_has_its_words_with_their_times(kie: Simulator, alice: User) -> None:
    """The model is retired; an operator who still has it may sell it."""
    ModelSwitch.objects.create(model="elevenlabs/speech-to-text", enabled=True)
    kie.serve_retired()
    (found,) = results(alice, "elevenlabs/speech-to-text", {"audio_url": "https://example.com/input.mp3"})
    assert (found.view, found.data["language"], found.data["text"][:13]) == ("transcript", "eng", "every morning")
    assert found.data["words"][1] == {"word": "morning", "start": 0.5, "end": 0.9, "speaker": "speaker_0"}


def test_two_texts_are_two_results_with_a_title(kie: Simulator, alice: User) -> None:
    texts = results(alice, "ai-music-api/generate-lyrics", {"prompt": "Rain"})
    assert [(text.view, text.details["title"]) for text in texts] == [("lyrics", "Rain 1"), ("lyrics", "Rain 2")]
    assert all(text.content_type == "text/plain" and text.data.startswith("[Verse]\nRain") for text in texts)
