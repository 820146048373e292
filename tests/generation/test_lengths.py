"""How long an uploaded sound is, and what is longer than a price covers."""

import io
import wave
from typing import Any

import pytest
from django.core.files.uploadedfile import SimpleUploadedFile

from accounts.models import User
from generation import catalog
from generation.media import lengths, uploads
from generation.models import Upload
from tests.pages.conftest import picture

AVATAR = "infinitalk/from-audio"


def sound(user: User, seconds: float) -> Upload:
    out = io.BytesIO()
    with wave.open(out, "wb") as file:
        file.setparams((1, 1, 8000, 0, "NONE", ""))
        file.writeframes(b"\x80" * int(8000 * seconds))
    return uploads.save(user, SimpleUploadedFile("talk.wav", out.getvalue()))


def problems(user: User, model: str, values: dict[str, Any]) -> list[tuple[str, str, str]]:
    found = lengths.problems(catalog.get(model), user, values)
    return [(error.field, error.code, error.message) for error in found]


def test_the_length_of_a_sound_is_known_once_it_is_uploaded(alice: User, django_assert_max_num_queries: Any) -> None:
    upload = sound(alice, 2.5)
    upload.file.storage.delete(upload.file.name)
    with django_assert_max_num_queries(1):
        assert lengths.seconds(upload) == 2.5


def test_what_has_no_length_has_none(alice: User) -> None:
    assert lengths.seconds(uploads.save(alice, SimpleUploadedFile("cat.png", picture()))) is None


def test_a_file_that_is_longer_than_the_price_covers_is_named(alice: User) -> None:
    most = catalog.max_seconds(catalog.get(AVATAR))["audio_url"]
    fits, long = sound(alice, most), sound(alice, most + 1)
    assert problems(alice, AVATAR, {"audio_url": fits.uri}) == []
    message = f"takes at most {most} seconds (the length is {most + 1}.0 seconds)"
    assert problems(alice, AVATAR, {"audio_url": long.uri}) == [("audio_url", "too_long", message)]


def test_the_bound_of_a_list_is_for_all_its_files_together(alice: User) -> None:
    model = "bytedance/seedance-2"
    ((path, most),) = catalog.max_seconds(catalog.get(model)).items()
    first, second = (sound(alice, most * 0.6) for _ in range(2))
    # What counts is the length; which kinds of file a field takes is for the model to say.
    name = path.removesuffix("[]")
    assert problems(alice, model, {name: [first.uri]}) == []
    assert problems(alice, model, {name: [first.uri, second.uri]})[0][:2] == (name, "too_long")


@pytest.mark.parametrize("value", ["https://x.example/talk.mp3", "upload:00000000-0000-4000-8000-000000000000"])
def test_what_is_not_in_our_storage_is_not_measured(alice: User, value: str) -> None:
    assert problems(alice, AVATAR, {"audio_url": value}) == []


def test_files_of_somebody_else_say_nothing(alice: User, eve: User) -> None:
    """R-API3"""
    assert problems(eve, AVATAR, {"audio_url": sound(alice, 61).uri}) == []
