"""Gemini Omni through the whole product: a voice, a character with it, a film with both."""

from typing import Any

import pytest
from rest_framework.test import APIClient

from accounts.models import User
from generation import lifecycle
from generation.models import Asset, Generation
from tests import driving
from tests.simulator import Simulator

PICTURE = "https://example.com/input.png"


def made(user: User, model: str, values: dict[str, Any]) -> Asset:
    generation = driving.finish(lifecycle.request(user, model, values))
    assert generation.state == "succeeded", generation.events.last().why
    return generation.assets.first()


@pytest.mark.simulator
@pytest.mark.parametrize("film", ["gemini-omni-video", "google/gemini-omni-flash-1-1"])
def test_a_film_names_its_voice_and_character_by_our_ids(
    kie: Simulator, alice: User, api: APIClient, film: str
) -> None:
    """R-API1: KIE's own ids are sent and never shown."""
    voice = made(alice, "gemini-omni/audio-create", {"audio_id": "achernar", "name": "Narrator"})
    about = {"descriptions": "A fox", "character_name": "Fox", "image_urls": [PICTURE]}
    character = made(alice, "gemini-omni/character-create", {**about, "audio_ids": [str(voice.pk)]})
    assert (voice.view, voice.details) == ("voice", {"title": "Narrator"})
    assert (character.view, character.data) == ("character", {"name": "Fox", "description": "A fox"})
    values = {"prompt": "A walk", "duration": "4", "audio_ids": [str(voice.pk)], "character_ids": [str(character.pk)]}
    result = made(alice, film, values)
    sent = kie.task(result.generation.kie_task_id)["body"]["input"]
    assert (sent["audio_ids"], sent["character_ids"]) == ([voice.kie_id], [character.kie_id])
    assert Generation.objects.filter(kie_task_id=None).count() == 2
    for generation in Generation.objects.all():
        shown = api.get(f"/api/v1/generations/{generation.pk}").content.decode()
        assert voice.kie_id not in shown and character.kie_id not in shown


@pytest.mark.simulator
@pytest.mark.parametrize("fault", ["policy", "fail", "empty-result"])
def test_a_helper_that_fails_costs_nothing(kie: Simulator, alice: User, fault: str) -> None:
    """R-REF1"""
    values = {"audio_id": "achernar", "name": f"Narrator sim:{fault}"}
    generation = driving.finish(lifecycle.request(alice, "gemini-omni/audio-create", values))
    errors = {"policy": "content_policy", "fail": "upstream_failed", "empty-result": "empty_result"}
    assert (generation.state, generation.error_code) == ("failed", errors[fault])
    alice.wallet.refresh_from_db()
    assert (alice.wallet.available, alice.wallet.held) == (1_000_000, 0)
