"""What a file really is, by its content; pictures for lists (R-SEC5)."""

import codecs
import io
import json
import logging
import re
import subprocess
import tempfile
from dataclasses import dataclass
from pathlib import Path
from typing import IO

import imageio_ffmpeg
from PIL import Image, UnidentifiedImageError

logger = logging.getLogger(__name__)
PREVIEW_PIXELS = 640
FFMPEG_SECONDS = 30
# A picture of more pixels than this is a decompression bomb, not a result.
Image.MAX_IMAGE_PIXELS = 200_000_000
_IMAGES = {
    "PNG": ("png", "image/png"),
    "JPEG": ("jpg", "image/jpeg"),
    "WEBP": ("webp", "image/webp"),
    "GIF": ("gif", "image/gif"),
    "AVIF": ("avif", "image/avif"),
}


class Unrecognised(Exception):
    """The content is none of the types that are stored."""


@dataclass(frozen=True)
class Media:
    """`kind` is image, video, audio or text; sizes in pixels where they are known."""

    kind: str
    extension: str
    content_type: str
    width: int | None = None
    height: int | None = None


PLAIN_TEXT = Media("text", "txt", "text/plain")
JSON = Media("text", "json", "application/json")


def identify(file: IO[bytes]) -> Media:
    """The type of a file by its first bytes and, for pictures, by decoding them. Raises Unrecognised."""
    file.seek(0)
    head = file.read(64)
    file.seek(0)
    return _container(head) or _image(file) or _text(file)


def _container(head: bytes) -> Media | None:
    if head[4:8] == b"ftyp" and head[8:12] not in (b"avif", b"avis", b"heic", b"mif1"):
        if head[8:12] == b"M4A ":
            return Media("audio", "m4a", "audio/mp4")
        if head[8:10] == b"qt":
            return Media("video", "mov", "video/quicktime")
        return Media("video", "mp4", "video/mp4")
    if head.startswith(b"\x1aE\xdf\xa3"):
        return Media("video", "webm", "video/webm")
    if head.startswith(b"RIFF") and head[8:12] == b"WAVE":
        return Media("audio", "wav", "audio/wav")
    if head.startswith(b"ID3") or (head[:1] == b"\xff" and len(head) > 1 and head[1] & 0xE6 == 0xE2):
        return Media("audio", "mp3", "audio/mpeg")
    if head.startswith((b"\xff\xf1", b"\xff\xf9")):
        return Media("audio", "aac", "audio/aac")
    if head.startswith(b"OggS"):
        return Media("audio", "ogg", "audio/ogg")
    if head.startswith(b"fLaC"):
        return Media("audio", "flac", "audio/flac")
    return None


def _image(file: IO[bytes]) -> Media | None:
    try:
        with Image.open(file) as image:
            image.load()
            extension, content_type = _IMAGES[image.format or ""]
            return Media("image", extension, content_type, image.width, image.height)
    except (UnidentifiedImageError, KeyError):
        return None
    except Exception as error:
        # Pillow raises whatever its decoders raise; a picture that cannot be verified is cut short or worse.
        raise Unrecognised(f"a broken picture: {error!r}") from error
    finally:
        file.seek(0)


def _text(file: IO[bytes]) -> Media:
    """JSON or plain text; markup could run as a page and is not stored."""
    sample = file.read(1024 * 1024)
    file.seek(0)
    try:
        # A sample may end inside a character.
        text = codecs.getincrementaldecoder("utf-8")().decode(sample)
    except UnicodeDecodeError:
        raise Unrecognised("an unknown type of file") from None
    if not text.strip() or "\x00" in text or re.match(r"\s*<", text):
        raise Unrecognised("markup or nothing")
    try:
        json.loads(text)
    except (ValueError, RecursionError):
        return PLAIN_TEXT
    return JSON


def preview(file: IO[bytes], media: Media) -> bytes | None:
    """A WebP picture of at most PREVIEW_PIXELS a side: of an image itself, of a video its first frame.

    It is an extra: a result of which none can be made is stored without.
    """
    try:
        if media.kind == "image":
            return _shrunk(file)
        if media.kind == "video" and (frame := _first_frame(file)):
            return _shrunk(io.BytesIO(frame))
    except Exception:
        # Pillow raises whatever its decoders raise.
        logger.warning("no preview of a %s could be made", media.content_type, exc_info=True)
    return None


def _shrunk(file: IO[bytes]) -> bytes:
    file.seek(0)
    with Image.open(file) as image:
        image.thumbnail((PREVIEW_PIXELS, PREVIEW_PIXELS))
        out = io.BytesIO()
        image.convert("RGBA" if "A" in image.getbands() else "RGB").save(out, "WEBP", quality=82)
    return out.getvalue()


def _first_frame(file: IO[bytes]) -> bytes | None:
    """By ffmpeg in a process of its own, so that a hostile file can at most kill that process."""
    file.seek(0)
    with tempfile.NamedTemporaryFile(suffix=".video") as copy:
        while chunk := file.read(1024 * 1024):
            copy.write(chunk)
        copy.flush()
        command = [
            imageio_ffmpeg.get_ffmpeg_exe(),
            "-v",
            "error",
            "-protocol_whitelist",
            "file,pipe",
            "-i",
            copy.name,
            "-frames:v",
            "1",
            "-f",
            "image2pipe",
            "-c:v",
            "png",
            "-",
        ]
        try:
            run = subprocess.run(command, capture_output=True, timeout=FFMPEG_SECONDS, check=False)
        except subprocess.TimeoutExpired:
            return None
    return run.stdout or None


def playable(path: Path) -> bool:
    """Whether ffmpeg can read a sound or film to its end: a file that was cut short cannot be."""
    command = [
        imageio_ffmpeg.get_ffmpeg_exe(),
        "-v",
        "error",
        "-xerror",
        "-protocol_whitelist",
        "file,pipe",
        "-i",
        str(path),
        "-c",
        "copy",
        "-f",
        "null",
        "-",
    ]
    try:
        return subprocess.run(command, capture_output=True, timeout=FFMPEG_SECONDS, check=False).returncode == 0
    except subprocess.TimeoutExpired:
        return False
