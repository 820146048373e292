import io
import subprocess
from typing import Any

import httpx
import imageio_ffmpeg
import pytest
from PIL import Image

from tests.kie_simulator.conftest import FOX, Kie
from tests.simulator import Simulator

SPEAKER = {"speaker_id": "Speaker 1", "voice_name": "Kore", "accent": "Neutral"}


def download(url: str) -> httpx.Response:
    response = httpx.get(url, timeout=30)
    assert response.status_code == 200 and int(response.headers["content-length"]) == len(response.content)
    return response


def probe(content: bytes) -> str:
    """What ffmpeg says about a file after decoding all of it."""
    command = [imageio_ffmpeg.get_ffmpeg_exe(), "-i", "-", "-f", "null", "-"]
    return subprocess.run(command, input=content, capture_output=True, check=True).stderr.decode()


@pytest.mark.parametrize(
    ("model", "values", "kind", "size"),
    [
        ("google/nano-banana", {}, "PNG", (1024, 1024)),
        ("google/nano-banana", {"aspect_ratio": "16:9", "output_format": "jpeg"}, "JPEG", (1024, 576)),
        ("google/nano-banana", {"image_size": "9:16"}, "PNG", (576, 1024)),
        ("qwen/text-to-image", {"image_size": "portrait_4_3"}, "PNG", (768, 1024)),
        ("gpt-image-2-text-to-image", {"aspect_ratio": "2:1", "resolution": "2K"}, "PNG", (2048, 1024)),
    ],
)
def test_pictures_have_the_asked_size_and_format(
    kie: Kie, model: str, values: dict[str, Any], kind: str, size: tuple[int, int]
) -> None:
    record = kie.finish(kie.create({**FOX, **values}, model))
    response = download(record["response"]["resultUrls"][0])
    picture = Image.open(io.BytesIO(response.content))
    picture.load()
    assert (picture.format, picture.size) == (kind, size)
    assert response.headers["content-type"] == f"image/{kind.lower()}"


@pytest.mark.parametrize(("ratio", "size"), [("16:9", "640x360"), ("9:16", "360x640")])
def test_videos_play_and_have_the_asked_ratio(kie: Kie, ratio: str, size: str) -> None:
    record = kie.finish(kie.create({**FOX, "aspect_ratio": ratio}, "veo-3-1"))
    response = download(record["response"]["resultUrls"][0])
    assert response.headers["content-type"] == "video/mp4"
    assert response.content.index(b"moov") < response.content.index(b"mdat")
    report = probe(response.content)
    assert "h264" in report and "yuv420p" in report and size in report


@pytest.mark.parametrize(
    ("model", "values", "codec", "content_type"),
    [
        (
            "elevenlabs/text-to-speech-turbo-2-5",
            {"text": "Hello there, how are you?"},
            "mp3",
            "audio/mpeg",
        ),
        (
            "google/gemini-3-8-flash-tts",
            {
                "speakers": [SPEAKER],
                "dialogue_turns": [{"speaker_id": "Speaker 1", "text": "Hello"}],
            },
            "pcm_s16le",
            "audio/wav",
        ),
    ],
)
def test_speech_is_sound(kie: Kie, model: str, values: dict[str, Any], codec: str, content_type: str) -> None:
    record = kie.finish(kie.create(values, model))
    response = download(record["response"]["resultUrls"][0])
    assert response.headers["content-type"] == content_type
    assert codec in probe(response.content)


def test_ranges_are_served(kie: Kie) -> None:
    url = kie.finish(kie.create())["response"]["resultUrls"][0]
    part = httpx.get(url, headers={"Range": "bytes=0-7"})
    assert part.status_code == 206 and part.content == b"\x89PNG\r\n\x1a\n"
    assert part.headers["content-range"].startswith("bytes 0-7/")


def test_different_prompts_make_different_pictures(kie: Kie) -> None:
    urls = [kie.finish(kie.create({"prompt": word}))["response"]["resultUrls"][0] for word in ("a", "b")]
    assert download(urls[0]).content != download(urls[1]).content


def test_plain_media_is_one_small_file_per_format() -> None:
    simulator = Simulator.start(speed=1000, plain_media=True)
    try:
        kie = Kie(simulator)
        urls = [kie.finish(kie.create({"prompt": word}))["response"]["resultUrls"][0] for word in ("a", "b")]
        first, second = (download(url).content for url in urls)
        assert first == second and Image.open(io.BytesIO(first)).size == (256, 144)
    finally:
        simulator.stop()
