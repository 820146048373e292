"""Copying KIE's expiring files into our storage, within limits; only then is a customer charged."""

import json
import tempfile
from datetime import timedelta
from pathlib import Path
from typing import IO, Any

from django.conf import settings
from django.core.files.base import ContentFile, File
from django.core.files.storage import default_storage
from django.utils import timezone

from billing import alerts
from generation import catalog, gateway, lifecycle, messages
from generation.kie import download, wire
from generation.kie.errors import KieError
from generation.kie.families import FAMILIES
from generation.media import kinds
from generation.models import Asset, Generation

MAX_ATTEMPTS = 5
MAX_CONTENT_BYTES = 256 * 1024
State = Generation.State


class Refusal(Exception):
    """The result is one that will never be stored: a private address, too large."""


def store(generation: Generation) -> bool:
    """Fetch what is still missing and end the generation as succeeded; True when all of it is stored.

    May run twice at once or be killed anywhere: a file that is there already is not fetched again, and
    `lifecycle.finish` charges once.
    """
    stored = set(generation.assets.values_list("index", flat=True))
    try:
        for index, result in enumerate(generation.kie_results):
            if index not in stored:
                _store_one(generation, index, result)
    except Refusal as error:
        return _refuse(generation, error)
    except (download.Dead, kinds.Unrecognised) as error:
        return _retry_later(generation, error)
    if generation.state == State.FAILED:
        lifecycle.stop_watching(generation)
        return True
    return lifecycle.finish(generation, State.SUCCEEDED, "results stored")


def store_partial(generation: Generation) -> None:
    """Fetch what a running task has already made; what cannot be had yet comes with the rest."""
    stored = set(generation.assets.values_list("index", flat=True))
    for index, result in enumerate(generation.kie_partial):
        if index not in stored:
            try:
                _store_one(generation, index, result)
            except (Refusal, download.Dead, kinds.Unrecognised) as error:
                lifecycle.note(generation, f"early result not fetched: {error}")


def _refuse(generation: Generation, error: Exception) -> bool:
    alerts.tell(f"result-refused:{generation.pk}", f"A result of {generation.model} was refused: {error}")
    if generation.state == State.FAILED:
        lifecycle.stop_watching(generation)
        return False
    lifecycle.finish(generation, State.FAILED, f"result refused: {error}", error=messages.UNSTORABLE)
    return False


def _retry_later(generation: Generation, error: Exception) -> bool:
    if generation.checks + 1 >= MAX_ATTEMPTS:
        return _refuse(generation, error)
    lifecycle.note(generation, f"result not fetched yet: {error}")
    backoff = timedelta(seconds=min(settings.POLL_FIRST_SECONDS * 3**generation.checks, 120))
    changes: dict[str, Any] = {"checks": generation.checks + 1, "check_at": timezone.now() + backoff}
    Generation.objects.filter(pk=generation.pk, state=generation.state).update(**changes)
    return False


def _store_one(generation: Generation, index: int, result: dict[str, Any]) -> None:
    with tempfile.NamedTemporaryFile() as file:
        if result["url"]:
            _fetch(generation, result["url"], file)
            found = kinds.identify(file)
        elif result.get("data") is not None:
            file.write(json.dumps(result["data"], ensure_ascii=False, indent=1).encode())
            found = kinds.JSON
        else:
            file.write(result["text"].encode())
            found = kinds.PLAIN_TEXT
        file.flush()
        if found.kind in ("audio", "video") and not kinds.playable(Path(file.name)):
            raise kinds.Unrecognised("a broken recording")
        _keep(generation, index, result, file, found)


def _cover(generation: Generation, url: str) -> bytes | None:
    """The picture that KIE gives a track; it is an extra, like every preview."""
    if not url:
        return None
    with tempfile.NamedTemporaryFile() as file:
        try:
            _fetch(generation, url, file)
            return kinds.preview(file, kinds.identify(file))
        except (Refusal, download.Dead, kinds.Unrecognised) as error:
            lifecycle.note(generation, f"no cover: {error}")
            return None


def _content(file: IO[bytes], found: kinds.Media) -> Any:
    """A text, or the structure in a JSON file, that is small enough to be shown and answered as it is."""
    if found.kind != "text":
        return None
    file.seek(0)
    text = file.read(MAX_CONTENT_BYTES + 1)
    if len(text) > MAX_CONTENT_BYTES:
        return None
    try:
        content = text.decode()
    except UnicodeDecodeError:
        return None
    return wire.plain(wire.parse(content)) if found.extension == "json" else content


def _fetch(generation: Generation, url: str, into: IO[bytes]) -> None:
    """Fetch the file; where its address has died, ask KIE for a fresh one (protocol 6.2)."""
    limits = download.Limits(
        settings.DOWNLOAD_MAX_BYTES, settings.DOWNLOAD_MAX_SECONDS, frozenset(settings.DOWNLOAD_ALLOW_HOSTS)
    )
    try:
        try:
            download.fetch(url, into, limits)
        except download.Dead:
            fresh = _fresh_link(generation, url)
            if not fresh:
                raise
            into.seek(0)
            into.truncate()
            download.fetch(fresh, into, limits)
    except (download.Forbidden, download.TooLarge) as error:
        raise Refusal(str(error)) from error


def _fresh_link(generation: Generation, url: str) -> str:
    family = FAMILIES[catalog.get(generation.model).family]
    try:
        return gateway.client().download_link(family.link_query(str(generation.kie_task_id), url))
    except KieError:
        return ""


def _keep(generation: Generation, index: int, result: dict[str, Any], file: IO[bytes], found: kinds.Media) -> None:
    folder = f"generations/{generation.created_at:%Y/%m}/{generation.pk}"
    picture = kinds.preview(file, found) or _cover(generation, result.get("cover_url", ""))
    file.seek(0)
    name = default_storage.save(f"{folder}/{index}.{found.extension}", File(file))
    preview = default_storage.save(f"{folder}/{index}.preview.webp", ContentFile(picture)) if picture else ""
    asset = Asset(
        generation=generation,
        index=index,
        kind=found.kind,
        file=name,
        preview=preview,
        content_type=found.content_type,
        size_bytes=default_storage.size(name),
        width=found.width,
        height=found.height,
        view=result.get("view", ""),
        data=_content(file, found),
        details=result["details"],
        kie_id=result.get("kie_id", "")[:200],
        source_url=result["url"][:2000],
    )
    # Another worker may have stored the same result meanwhile: the first row stands.
    Asset.objects.bulk_create([asset], ignore_conflicts=True)
