"""How long uploaded sounds and films are: what is longer than a price covers is refused before it costs anything."""

import re
import subprocess
import tempfile
from collections.abc import Iterator
from contextlib import contextmanager
from typing import Any

import imageio_ffmpeg
from django.core.cache import cache

from accounts.models import User
from generation import catalog, inputs
from generation.models import Upload

KEPT_SECONDS = 7 * 24 * 3600
FFMPEG_SECONDS = 10
# Encoders pad the last frame: a cut of ten seconds may say that it is a little longer.
TOLERANCE_SECONDS = 0.25
_DURATION = re.compile(rb"Duration: (\d+):(\d\d):(\d\d\.\d+)")


def problems(entry: catalog.Entry, user: User, values: dict[str, Any]) -> list[catalog.FieldError]:
    """One error for each field whose uploaded files are together longer than its bound (`x-max-seconds`).

    Addresses elsewhere are not measured, for that would mean fetching them.
    """
    found = []
    for path, most in catalog.max_seconds(entry).items():
        length = sum(seconds(upload) or 0.0 for upload in _uploads(user, values, path))
        if length > most + TOLERANCE_SECONDS:
            together = " together" if path.endswith("[]") else ""
            message = f"takes at most {most} seconds{together} (the length is {length:.1f} seconds)"
            found.append(catalog.FieldError(path.replace("[]", ""), "too_long", message))
    return found


def _uploads(user: User, values: dict[str, Any], path: str) -> list[Upload]:
    uris: list[str] = []

    def note(value: str) -> str:
        uris.append(value)
        return value

    inputs.transform(values, path, note)
    ids = [uri.removeprefix(inputs.UPLOAD) for uri in uris if uri.startswith(inputs.UPLOAD)]
    return list(Upload.objects.filter(user=user, pk__in=ids)) if ids else []


def seconds(upload: Upload) -> float | None:
    """The length of a sound or film; None where it cannot be told. Measured once, for it never changes."""
    if not upload.content_type.startswith(("audio/", "video/")):
        return None
    key = f"upload-seconds:{upload.pk}"
    known = cache.get(key)
    if known is None:
        known = _measured(upload)
        cache.set(key, known, KEPT_SECONDS)
    return known or None


def _measured(upload: Upload) -> float:
    """What the file says of itself, read by ffmpeg in a process of its own; 0 where it says nothing."""
    command = [imageio_ffmpeg.get_ffmpeg_exe(), "-hide_banner", "-protocol_whitelist", "file,pipe", "-i"]
    try:
        with _on_disk(upload) as path:
            run = subprocess.run([*command, path], capture_output=True, timeout=FFMPEG_SECONDS, check=False)
    except (FileNotFoundError, subprocess.TimeoutExpired):
        return 0.0
    match = _DURATION.search(run.stderr)
    return int(match[1]) * 3600 + int(match[2]) * 60 + float(match[3]) if match else 0.0


@contextmanager
def _on_disk(upload: Upload) -> Iterator[str]:
    """The path of the file, or of a copy where the storage is elsewhere."""
    try:
        yield upload.file.path
    except NotImplementedError:
        with tempfile.NamedTemporaryFile() as copy, upload.file.open("rb") as file:
            while chunk := file.read(1024 * 1024):
                copy.write(chunk)
            copy.flush()
            yield copy.name
