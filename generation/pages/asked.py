"""The input of a generation as its page shows it: files, earlier generations and their results by name, with links."""

import re
from collections.abc import Iterator
from dataclasses import dataclass, replace
from typing import Any

from django.urls import reverse

from generation import catalog
from generation.inputs import UPLOAD
from generation.media import uploads
from generation.models import Asset, Generation, Upload
from generation.pages import display, files, forms, labels


@dataclass(frozen=True)
class Row:
    """One value. `url` leads to what it names, `thumbnail` is a picture of it."""

    label: str
    value: str
    url: str = ""
    thumbnail: str = ""
    elsewhere: bool = False


def rows(generation: Generation) -> list[Row]:
    """The input spelled out, one value a row."""
    entry = display.known_entry(generation.model)
    found = list(_spelled(entry.schema if entry else {}, generation.input, ""))
    known = _named(generation, entry, [value for _, value in found])
    return [_row(label, value, known) for label, value in found]


def _spelled(schema: dict[str, Any], value: Any, path: str) -> Iterator[tuple[str, str]]:
    if isinstance(value, dict):
        for name, inner in value.items():
            yield from _spelled(schema, inner, f"{path}.{name}" if path else name)
    elif isinstance(value, list):
        for index, inner in enumerate(value):
            yield from _spelled(schema, inner, f"{path}[{index}]")
    else:
        text = {True: "Yes", False: "No"}[value] if isinstance(value, bool) else labels.as_text(value)
        yield labels.path_label(schema, path), text


def _row(label: str, value: str, known: dict[str, Row]) -> Row:
    if value in known:
        return replace(known[value], label=label)
    if value.startswith(UPLOAD):
        return Row(label, "Your uploaded file")
    return Row(label, value, url=value, elsewhere=True) if re.match(r"https?://", value) else Row(label, value)


def _named(generation: Generation, entry: catalog.Entry | None, values: list[str]) -> dict[str, Row]:
    """What the user's own files, generations and results among the values are called, by the value."""
    ids = [value.removeprefix(UPLOAD) for value in values if value.startswith(UPLOAD)]
    mine = {"user_id": generation.user_id}
    found = {upload.uri: _upload(upload) for upload in Upload.objects.filter(pk__in=ids, **mine)} if ids else {}
    if entry and (keys := _keys(generation, catalog.generation_fields(entry))):
        for source in Generation.objects.filter(pk__in=keys, **mine):
            found[str(source.pk)] = Row("", forms.describe(source), reverse("generation", args=[source.pk]))
    if entry and (keys := _keys(generation, catalog.result_fields(entry))):
        for asset in Asset.objects.filter(pk__in=keys, generation__user_id=generation.user_id):
            found[str(asset.pk)] = _asset(asset)
    return found


def _keys(generation: Generation, fields: dict[str, list[str]]) -> list[str]:
    return [key for path in fields for key in display.named(generation.input, path)]


def _upload(upload: Upload) -> Row:
    picture = files.upload_link(upload, thumbnail=True) if uploads.pictured(upload) else ""
    return Row("", upload.name, files.upload_link(upload), picture)


def _asset(asset: Asset) -> Row:
    name = asset.details.get("title") or f"Result {asset.index + 1}"
    picture = files.link(asset, preview=True) if asset.preview else ""
    return Row("", name, reverse("generation", args=[asset.generation_id]), picture)
