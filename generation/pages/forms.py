"""A model's input as an HTML form: a tree of fields made from its JSON Schema, and the way back.

A field's name in the form is its path in the input ("dialogue[1].text"), the name that refusals use too. Validation
is not done here: what was posted goes to the same verb as an API request.
"""

import json
import re
from dataclasses import dataclass, field
from typing import Any

from django.http import QueryDict

from accounts.models import User
from generation import catalog
from generation.catalog import checks
from generation.inputs import UPLOAD
from generation.media import uploads
from generation.models import Asset, Generation, Upload
from generation.pages import files, labels

FILE_SUFFIX = ":file"
FEW_FIELDS = 7
FEW_CHOICES = 4
LONG_TEXT = 300
SHOWN_SOURCES = 50
ACCEPT = {"image": "image/*", "video": "video/*", "audio": "audio/*", "any": "image/*,video/*,audio/*"}


@dataclass(frozen=True)
class Option:
    """`source` is the generation that a result is of; `thumbnail` the picture of an uploaded file."""

    value: str
    label: str
    selected: bool
    source: str = ""
    thumbnail: str = ""


@dataclass
class Field:
    """One control, or a group (`children`), or a list (`children` are its rows, `blank` the row to add)."""

    name: str
    label: str
    widget: str
    schema: dict[str, Any]
    required: bool
    value: str = ""
    errors: list[str] = field(default_factory=list)
    options: list[Option] = field(default_factory=list)
    children: list["Field"] = field(default_factory=list)
    blank: "Field | None" = None
    spare: list["Field"] = field(default_factory=list)
    changed: bool = False

    @property
    def template(self) -> str:
        return f"generation/fields/{self.widget}.html"

    @property
    def help(self) -> str:
        return self.schema.get("description", "")

    @property
    def media(self) -> str:
        """The kind of file that is taken."""
        return str(self.schema["x-media"])

    @property
    def accept(self) -> str:
        return ACCEPT[self.media]

    @property
    def step(self) -> str:
        return "1" if self.schema.get("type") == "integer" else "any"

    @property
    def failing(self) -> bool:
        return bool(self.errors) or any(child.failing for child in self.children)


@dataclass(frozen=True)
class Form:
    """`main` is always seen, `more` is folded; `problems` belong to no single field."""

    main: list[Field]
    more: list[Field]
    problems: list[str]

    @property
    def more_open(self) -> bool:
        return any(item.failing or item.changed for item in self.more)


@dataclass(frozen=True)
class _Known:
    """What the fields of one form have in common; errors are taken out as their fields are met."""

    errors: dict[str, list[dict[str, str]]]
    sources: list[Generation]
    results: list[Asset]
    uploads: dict[str, Upload]


# From the schema to a form


def build(
    entry: catalog.Entry, user: User | None, values: dict[str, Any], errors: list[dict[str, str]] | None = None
) -> Form:
    """The form of a model filled with `values`, with the errors of a refusal at their fields."""
    by_field: dict[str, list[dict[str, str]]] = {}
    for error in errors or []:
        by_field.setdefault(error["field"], []).append(error | {"message": labels.sentence(entry, error)})
    known = _Known(by_field, sources(user, entry), results(user, entry), _uploads(user, values))
    properties = visible(entry.schema)
    fields = {
        name: _field(schema, name, values.get(name), name in entry.schema.get("required", []), known)
        for name, schema in properties.items()
    }
    main = _main(entry, properties)
    return Form(
        main=[item for name, item in fields.items() if name in main],
        more=[item for name, item in fields.items() if name not in main],
        problems=[error["message"] for left in by_field.values() for error in left],
    )


def visible(schema: dict[str, Any]) -> dict[str, dict[str, Any]]:
    """The fields that are offered: deprecated ones are accepted from the API only."""
    return {name: inner for name, inner in schema.get("properties", {}).items() if not inner.get("deprecated")}


def _main(entry: catalog.Entry, properties: dict[str, dict[str, Any]]) -> set[str]:
    """What is needed, what makes the result and what moves the price; all of them where there are few."""
    if len(properties) <= FEW_FIELDS:
        return set(properties)
    branches = [branch for key in ("anyOf", "oneOf") for branch in entry.schema.get(key, [])]
    needed = {name for branch in [entry.schema, *branches] for name in branch.get("required", [])}
    movers = checks.price_movers(entry.price) if entry.price else set()
    makers = {
        name
        for name, schema in properties.items()
        if labels.is_media(schema)
        or "x-generation" in schema
        or labels.is_result(schema)
        or (schema.get("x-multiline") and "negative" not in name)
    }
    return (needed | movers | makers | {"aspect_ratio", "aspectRatio"}) & set(properties)


def widget(schema: dict[str, Any]) -> str:
    """Which template shows a field. What no form can show nicely is written as JSON."""
    kind = schema.get("type")
    if "x-generation" in schema:
        return "generation"
    if "x-result" in schema:
        return "result"
    if "x-media" in schema:
        return "media"
    if "enum" in schema:
        few = len(schema["enum"]) <= FEW_CHOICES and all(len(labels.as_text(value)) <= 16 for value in schema["enum"])
        return "choices" if few else "select"
    if kind == "string":
        return "textarea" if schema.get("x-multiline") or schema.get("maxLength", 0) > LONG_TEXT else "text"
    if kind == "array":
        return "json" if widget(schema.get("items", {})) in ("json", "rows") else "rows"
    if kind == "object" and "properties" in schema:
        return "group"
    # Without a default, "no" and "not said" are different inputs, so a switch would have to lie.
    plain = {"boolean": "switch" if "default" in schema else "choices", "integer": "number", "number": "number"}
    return plain.get(str(kind), "json")


def _field(schema: dict[str, Any], name: str, value: Any, required: bool, known: _Known, title: str = "") -> Field:
    default = schema.get("default")
    shown = default if value is None else value
    found = Field(name, title or labels.label(name.rpartition(".")[2], schema), widget(schema), schema, required)
    found.errors = [error["message"] for error in known.errors.pop(name, [])]
    found.changed = value is not None and labels.as_text(value) != labels.as_text(default)
    if found.widget == "group":
        needed = schema.get("required", [])
        values = value if isinstance(value, dict) else {}
        found.children = [
            _field(inner, f"{name}.{key}", values.get(key), key in needed, known)
            for key, inner in visible(schema).items()
        ]
    elif found.widget == "rows":
        _add_rows(found, value, known)
    else:
        found.value = labels.as_text(shown)
        found.options = _options(found, known)
    return found


def _add_rows(found: Field, value: Any, known: _Known) -> None:
    values = value if isinstance(value, list) else found.schema.get("default", [])
    items = found.schema["items"]
    word = labels.label(found.name.rpartition(".")[2], found.schema)

    def row(index: int | str, inner: Any = None) -> Field:
        position = f" {index + 1}" if isinstance(index, int) else ""
        return _field(items, f"{found.name}[{index}]", inner, False, known, title=word + position)

    least = found.schema.get("minItems", 1) if found.required or widget(items) != "group" else 0
    most = found.schema.get("maxItems", 1000)
    count = max(len(values), least)
    found.children = [row(i, values[i] if i < len(values) else None) for i in range(count)]
    if "[" not in found.name:
        # For browsers without scripts, which cannot add rows by themselves. Not in rows of rows: noscript cannot nest.
        found.spare = [row(i) for i in range(count, min(count + 2, most))]
    found.blank = row("#")


def _options(found: Field, known: _Known) -> list[Option]:
    if found.widget == "generation":
        return _source_options(found, known.sources)
    if found.widget == "result":
        return _result_options(found, known.results)
    if found.widget == "media":
        return [_upload_option(found.value, known)] if found.value.startswith(UPLOAD) else []
    values = found.schema.get("enum", [True, False] if found.schema.get("type") == "boolean" else [])
    yes_no = {"true": "Yes", "false": "No"}
    options = []
    if "default" not in found.schema and (not found.required or found.widget == "select"):
        options = [Option("", "Choose…" if found.required else "Automatic", found.value == "")]
    for value in values:
        text = labels.as_text(value)
        shown = yes_no[text] if isinstance(value, bool) else labels.choice(value)
        options.append(Option(text, shown, found.value == text))
    return options


def _source_options(found: Field, available: list[Generation]) -> list[Option]:
    wanted = found.schema["x-generation"]
    matching = [source for source in available if _matches(source.model, wanted)]
    options = [Option(str(source.pk), describe(source), str(source.pk) == found.value) for source in matching]
    if found.value and not any(option.selected for option in options):
        options.insert(0, Option(found.value, f"Generation {found.value}", True))
    return options


def _result_options(found: Field, available: list[Asset]) -> list[Option]:
    wanted = found.schema["x-result"]
    options = [
        Option(str(asset.pk), describe_result(asset), str(asset.pk) == found.value, source=str(asset.generation_id))
        for asset in available
        if _matches(asset.generation.model, wanted)
    ]
    if found.value and not any(option.selected for option in options):
        options.insert(0, Option(found.value, f"Result {found.value}", True))
    return options


def _upload_option(uri: str, known: _Known) -> Option:
    upload = known.uploads.get(uri)
    if upload is None:
        return Option(uri, "uploaded file", True)
    picture = files.upload_link(upload, thumbnail=True) if uploads.pictured(upload) else ""
    return Option(uri, upload.name, True, thumbnail=picture)


def describe_result(asset: Asset) -> str:
    """A result in one line, to be chosen from a list."""
    name = asset.details.get("title") or f"Result {asset.index + 1}"
    place = f" ({asset.index + 1})" if asset.view == "track" and asset.details.get("title") else ""
    return f"{name}{place} · {title(asset.generation.model)} · {asset.generation.created_at:%Y-%m-%d %H:%M}"


def describe(source: Generation) -> str:
    """A generation in one line, to be chosen from a list."""
    prompt = source.input.get("prompt") or source.input.get("title") or ""
    excerpt = f" · {prompt[:60]}{'…' if len(prompt) > 60 else ''}" if isinstance(prompt, str) and prompt else ""
    return f"{title(source.model)} · {source.created_at:%Y-%m-%d %H:%M}{excerpt}"


def title(model: str) -> str:
    """A model's title; the id itself for one that has left the catalogue."""
    try:
        return catalog.get(model).title
    except catalog.UnknownModel:
        return model


def _matches(model: str, wanted: list[str]) -> bool:
    try:
        return model in wanted or catalog.get(model).family in wanted
    except catalog.UnknownModel:
        return False


def sources(user: User | None, entry: catalog.Entry) -> list[Generation]:
    """The user's newest finished generations that one of the model's fields may name."""
    wanted = [name for names in catalog.generation_fields(entry).values() for name in names]
    if user is None or not wanted:
        return []
    models = [other.id for other in catalog.all() if _matches(other.id, wanted)]
    rows = Generation.objects.filter(user=user, model__in=models, state=Generation.State.SUCCEEDED)
    return list(rows.only("id", "model", "input", "created_at").order_by("-created_at", "-id")[:SHOWN_SOURCES])


def results(user: User | None, entry: catalog.Entry) -> list[Asset]:
    """The user's newest results that one of the model's fields may name: KIE knows each by a name of its own."""
    wanted = [name for names in catalog.result_fields(entry).values() for name in names]
    if user is None or not wanted:
        return []
    models = [other.id for other in catalog.all() if _matches(other.id, wanted)]
    rows = Asset.objects.filter(
        generation__user=user, generation__model__in=models, generation__state=Generation.State.SUCCEEDED
    )
    rows = rows.exclude(kie_id="").select_related("generation").defer("data", "generation__input")
    return list(rows.order_by("-generation__created_at", "generation_id", "index")[:SHOWN_SOURCES])


def _uploads(user: User | None, values: dict[str, Any]) -> dict[str, Upload]:
    ids = re.findall(r'"upload:([0-9a-fA-F-]{36})"', json.dumps(values, default=str))
    found = Upload.objects.filter(user=user, pk__in=ids) if user and ids else []
    return {upload.uri: upload for upload in found}


# From the form to an input


def parse(schema: dict[str, Any], data: QueryDict, name: str = "") -> Any:
    """What was posted, shaped as the schema has it; None where nothing was filled in. Scalars stay text."""
    kind = widget(schema)
    if kind == "group":
        found = {key: parse(inner, data, f"{name}.{key}" if name else key) for key, inner in visible(schema).items()}
        # Some required lists may be empty, but not absent.
        found |= {key: [] for key in schema.get("required", []) if key in found and _is_empty_list(schema, key, found)}
        return {key: value for key, value in found.items() if value is not None}
    if kind == "rows":
        items = schema["items"]
        rows = [parse(items, data, f"{name}[{index}]") for index in _indices(data, name)]
        return [row for row in rows if _filled(items, row)] or None
    text = data.get(name, "").replace("\r\n", "\n")
    return _json(text) if kind == "json" and text else text or None


def _is_empty_list(schema: dict[str, Any], key: str, found: dict[str, Any]) -> bool:
    return found[key] is None and schema["properties"][key].get("type") == "array"


def _indices(data: QueryDict, name: str) -> list[int]:
    pattern = re.compile(re.escape(name) + r"\[(\d{1,4})\]")
    return sorted({int(match[1]) for key in data if (match := pattern.match(key))})


def _filled(schema: dict[str, Any], value: Any) -> bool:
    """Whether a row says anything: one that was left at its defaults was not filled in."""
    if not isinstance(value, dict):
        return value is not None
    properties = visible(schema)
    return any(
        inner and labels.as_text(inner) != labels.as_text(properties[key].get("default"))
        for key, inner in value.items()
    )


def _json(text: str) -> Any:
    try:
        return json.loads(text)
    except ValueError:
        return text
