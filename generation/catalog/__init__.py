"""The models as data: one file per vendor in `catalog/`, loaded once, checked completely.

Nothing here knows Django or a database. docs/models.md says how an entry is read and added.
"""

import dataclasses
import functools
import json
from collections.abc import Callable, Iterator, Mapping, Set
from dataclasses import dataclass
from decimal import Decimal
from pathlib import Path
from typing import Any

from generation.catalog import checks, validation
from generation.catalog.validation import FieldError, InvalidInput

__all__ = [
    "CatalogError",
    "Entry",
    "FieldError",
    "InvalidInput",
    "UnknownModel",
    "all",
    "build",
    "file_fields",
    "generation_fields",
    "get",
    "load",
    "max_seconds",
    "raw",
    "result_fields",
    "shipped",
    "use",
    "validate",
]

DIRECTORY = Path(__file__).parent / "data"


class CatalogError(Exception):
    """A data file is wrong; the message names the file, the entry and the reason."""


class UnknownModel(KeyError):
    """No entry has this id."""


@dataclass(frozen=True, eq=False)
class Entry:
    """One model. The dictionaries are shared by everyone: read them, never change them.

    `schema` is the JSON Schema of what the customer sends and KIE receives, `price` is KIE's price in
    KIE credits with every amount an int or a Decimal (None: no price is known).
    """

    id: str
    title: str
    vendor: str
    api: str
    method: str
    endpoint: str
    modality: str
    task: str
    status: str
    confidence: str
    schema: dict[str, Any]
    example: dict[str, Any]
    price: dict[str, Any] | None
    price_text: str
    price_source: str
    source: str
    schema_as_of: str | None
    listed_as_of: str | None
    as_of: str
    superseded_by: str | None
    callback_required: bool
    note: str
    field_sources: dict[str, str]

    @property
    def family(self) -> str:
        """The protocol family that carries the model."""
        return self.api

    @property
    def chat(self) -> bool:
        """Whether it answers in one HTTP response or a stream of one, without a task."""
        return self.api == "chat"

    @property
    def retired(self) -> bool:
        return self.status == "retired"

    @property
    def priced(self) -> bool:
        return self.price is not None

    @property
    def on_by_default(self) -> bool:
        """Whether the model is for sale until an operator says otherwise."""
        return self.status == "live" and self.priced


def load(directory: Path) -> dict[str, Entry]:
    """All entries of a directory's *.json files by id. Raises CatalogError."""
    entries: dict[str, Entry] = {}
    files: dict[str, str] = {}
    for path in sorted(directory.glob("*.json")):
        for entry in _read(path):
            if entry.id in entries:
                raise CatalogError(f"{path.name}: {entry.id}: the id is also in {files[entry.id]}")
            entries[entry.id] = entry
            files[entry.id] = path.name
    names = {entry.api for entry in entries.values()} | set(entries)
    for entry in entries.values():
        for reference in checks.references(entry.schema, entry.superseded_by):
            if reference not in names:
                raise CatalogError(f"{files[entry.id]}: {entry.id}: there is no model {reference!r}")
    return entries


def _read(path: Path) -> Iterator[Entry]:
    try:
        document = json.loads(path.read_text(encoding="utf-8"), parse_float=Decimal)
    except ValueError as error:
        raise CatalogError(f"{path.name}: not JSON: {error}") from error
    try:
        checks.check_document(document)
    except ValueError as error:
        raise CatalogError(f"{path.name}: {error}") from error
    for raw in document["models"]:
        try:
            checks.check_entry(raw, document["vendor"])
            yield _entry(raw, document["as_of"])
        except ValueError as error:
            name = raw.get("id", "an entry") if isinstance(raw, dict) else "an entry"
            raise CatalogError(f"{path.name}: {name}: {error}") from error


def _entry(raw: dict[str, Any], as_of: str) -> Entry:
    fields = {key: value for key, value in raw.items() if key not in ("input", "example")}
    optional: dict[str, Any] = {"superseded_by": None, "callback_required": False}
    optional |= {"note": "", "field_sources": {}}
    schema, example = _plain(raw["input"]), _plain(raw["example"])
    checks.check_schema(schema, example)
    return Entry(**(optional | fields), schema=schema, example=example, as_of=as_of)


def _plain(value: Any) -> Any:
    """Schemas and examples go out as JSON, which has no Decimal; only prices keep it."""
    if isinstance(value, Decimal):
        return float(value)
    if isinstance(value, dict):
        return {key: _plain(inner) for key, inner in value.items()}
    return [_plain(inner) for inner in value] if isinstance(value, list) else value


@functools.cache
def shipped() -> dict[str, Entry]:
    """The entries of the data files by id."""
    return load(DIRECTORY)


_laid: tuple[Mapping[str, Entry], dict[str, Entry]] | None = None


@functools.cache
def _nothing() -> Mapping[str, Entry]:
    return {}


_overlay: Callable[[], Mapping[str, Entry]] = _nothing


def use(overlay: Callable[[], Mapping[str, Entry]]) -> None:
    """From now on the entries of `overlay()` count before the shipped ones of the same id.

    It is asked at every look, so it must be quick, and give the same mapping again for as long as nothing changed.
    """
    global _overlay
    _overlay = overlay


def _entries() -> dict[str, Entry]:
    global _laid
    overlay, laid = _overlay(), _laid
    if laid is None or laid[0] is not overlay:
        _laid = laid = overlay, {**shipped(), **overlay}
    return laid[1]


def all() -> list[Entry]:
    """Every entry, ordered by vendor and title."""
    return sorted(_entries().values(), key=lambda entry: (entry.vendor, entry.title))


def get(model_id: str) -> Entry:
    """The entry with this id. Raises UnknownModel."""
    try:
        return _entries()[model_id]
    except KeyError:
        raise UnknownModel(model_id) from None


def raw(entry: Entry) -> dict[str, Any]:
    """An entry as it stands in a data file."""
    fields = {field.name: getattr(entry, field.name) for field in dataclasses.fields(entry)}
    optional = {"superseded_by", "callback_required", "note", "field_sources"}
    kept = {name: value for name, value in fields.items() if value or name not in optional}
    schema, _ = kept.pop("schema"), kept.pop("as_of")
    return {**kept, "input": schema}


def build(raw: dict[str, Any], as_of: str, known: Set[str] = frozenset()) -> Entry:
    """An entry from what could stand in a data file, after the same checks. Raises ValueError with the reason.

    It may refer to shipped models and families, to itself and to the models that are `known` besides.
    """
    checks.check_entry(raw, str(raw.get("vendor")))
    entry = _entry(raw, as_of)
    names = {entry.id, *known, *shipped(), *(other.api for other in shipped().values())}
    if unknown := set(checks.references(entry.schema, entry.superseded_by)) - names:
        raise ValueError(f"there is no model {', '.join(sorted(unknown))}")
    return entry


def validate(entry: Entry, input: dict[str, Any]) -> dict[str, Any]:
    """The input in the normal form that is priced, stored and sent; see validation.normalise.

    Raises InvalidInput with every fault.
    """
    return validation.normalise(entry.schema, input)


def file_fields(entry: Entry) -> list[str]:
    """Paths of the fields that take the address of a file: "image_urls[]", "video_list[].url"."""
    return list(_marked(entry, "x-media"))


def generation_fields(entry: Entry) -> dict[str, list[str]]:
    """Paths of the fields that take the id of an earlier generation, each with the models it may be of."""
    return _marked(entry, "x-generation")


def result_fields(entry: Entry) -> dict[str, list[str]]:
    """Paths of the fields that take the id of a single result, each with the models it may be of."""
    return _marked(entry, "x-result")


def max_seconds(entry: Entry) -> dict[str, int]:
    """Longest media, in seconds over all items, that the price's upper bound covers, by field path."""
    return _marked(entry, "x-max-seconds")


@functools.lru_cache(maxsize=4096)
def _marked(entry: Entry, marker: str) -> dict[str, Any]:
    fields = checks.walk(entry.schema)
    return {path: field[marker] for path, field in fields if marker in field}
