"""Results of generations as pages show them: what each is, its addresses, and what can be made next."""

from collections.abc import Iterable
from dataclasses import dataclass, field
from functools import cached_property
from typing import Any
from urllib.parse import urlencode

from django.urls import reverse

from billing import prices
from generation import catalog, followups, inputs, offers, pricing
from generation.inputs import UPLOAD
from generation.media import content, midi
from generation.models import Asset, Generation, Upload
from generation.pages import files, forms

# One template in generation/results/ for each kind of result; views that are shown alike share one.
TEMPLATES = {
    "image": "image",
    "video": "video",
    "audio": "audio",
    "text": "text",
    "object": "object",
    "track": "track",
    "stem": "stem",
    "lyrics": "text",
    "word_timings": "word_timings",
    "notes": "notes",
    "transcript": "transcript",
    "persona": "tool",
    "voice": "tool",
    "character": "tool",
    "phrase": "phrase",
}
PURPOSES = {
    "persona": "The voice and style of a track, under a name. Choose it when you make music, and it sings again.",
    "voice": "A voice of your own. Choose it wherever a model takes one.",
    "character": "Somebody who can appear again. Choose the character when you make a video.",
}
# What is best shown small by what it says
SAYING = ("text", "lyrics", "phrase", "word_timings", "transcript")
# One task makes two takes (protocol 4.8).
TAKES = 2


@dataclass(frozen=True)
class Next:
    """A button that leads to the form of a model with an earlier result filled in."""

    words: str
    title: str
    price: str
    url: str


@dataclass(frozen=True)
class Result:
    """An asset as its template shows it. `number` counts from 1, `model` is the title of what made it."""

    asset: Asset
    number: int
    model: str
    next: list[Next] = field(default_factory=list)
    recording: str = ""

    @cached_property
    def kind(self) -> str:
        return content.kind_of(self.asset)

    @cached_property
    def template(self) -> str:
        name = TEMPLATES.get(self.kind) or ("object" if self.structured else self.asset.kind)
        return f"generation/results/{name}.html"

    @property
    def structured(self) -> bool:
        return self.asset.content_type == "application/json"

    @cached_property
    def url(self) -> str:
        return files.link(self.asset)

    @cached_property
    def preview(self) -> str:
        return files.link(self.asset, preview=True) if self.asset.preview else ""

    @property
    def title(self) -> str:
        return str(self.asset.details.get("title") or "")

    @property
    def heading(self) -> str:
        """What the result is called where it has no title."""
        return self.title or self.place.capitalize()

    @property
    def place(self) -> str:
        """Which of several it is: "track 2"."""
        return f"{self.kind.replace('_', ' ')} {self.number}"

    @property
    def label(self) -> str:
        """What it is, for those who hear the page."""
        return f"{self.title or f'Result {self.number}'} of {self.model}"

    @property
    def duration(self) -> str:
        seconds = self.asset.details.get("duration_seconds")
        return content.clock(seconds) if isinstance(seconds, int | float) else ""

    @property
    def extension(self) -> str:
        return str(self.asset.file).rpartition(".")[2].upper()

    @property
    def formats(self) -> list[tuple[str, str]]:
        """The other formats it can be had in, each with its address."""
        words = {"txt": "Lyrics"} if self.kind == "track" else {}
        return [
            (words.get(name, name.upper()), files.converted_link(self.asset, name))
            for name in content.formats(self.asset)
        ]

    @cached_property
    def data(self) -> Any:
        return content.structure(self.asset)

    @cached_property
    def text(self) -> str:
        return content.text(self.asset)

    @property
    def words(self) -> list[content.Word]:
        return content.words(self.data)

    @property
    def segments(self) -> list[content.Segment]:
        return content.segments(self.data)

    @cached_property
    def roll(self) -> midi.Roll | None:
        return midi.roll(midi.read(self.data))

    @property
    def tree(self) -> dict[str, Any]:
        return node(self.data)

    @property
    def said(self) -> str:
        """What was said of a persona, a voice or a character when it was made."""
        return str(self.data.get("description") or "") if isinstance(self.data, dict) else ""

    @property
    def purpose(self) -> str:
        return PURPOSES[self.kind]


def node(value: Any, name: str = "") -> dict[str, Any]:
    """A structure as `{name, text, children}`, for a template that shows itself in itself."""
    label = name.replace("_", " ")
    if isinstance(value, dict):
        return {"name": label, "children": [node(inner, str(key)) for key, inner in value.items()]}
    if isinstance(value, list) and any(isinstance(inner, dict | list) for inner in value):
        return {"name": label, "children": [node(inner, str(place)) for place, inner in enumerate(value, start=1)]}
    values = value if isinstance(value, list) else [value]
    return {"name": label, "text": ", ".join(content.shown(inner) for inner in values)}


def offered(row: Generation) -> list[followups.FollowUp]:
    """What can be made next from a generation."""
    succeeded = row.state == Generation.State.SUCCEEDED
    return followups.offered(row, offers.enabled()) if succeeded else []


def results(row: Generation, next_models: list[followups.FollowUp]) -> list[Result]:
    """All results that are there, in order, each with those of the models that can work on it."""
    assets = list(row.assets.all())
    title = forms.title(row.model)
    timed = any(asset.view in ("word_timings", "transcript") for asset in assets)
    played = recording(row) if timed else ""
    tariffs = prices.tariffs(row.user_id)

    def buttons(asset: Asset) -> list[Next]:
        single = [_next(f, row, tariffs, asset, len(assets)) for f in next_models if followups.possible(f, asset)]
        if len(assets) > 1:
            return single
        # What works on the whole works on the only result, and needs no place of its own.
        whole = [f for f in next_models if f.of_all_results and not followups.possible(f, asset)]
        return [_next(f, row, tariffs, asset, 1, whole=True) for f in whole] + single

    return [Result(asset, asset.index + 1, title, buttons(asset), played) for asset in assets]


def next_steps(row: Generation, next_models: list[followups.FollowUp]) -> list[Next]:
    """What can be made from several results as a whole."""
    count, whole = len(row.assets.all()), [f for f in next_models if f.of_all_results]
    if count == 1 or not whole:
        return []
    tariffs = prices.tariffs(row.user_id)
    return [_next(f, row, tariffs, None, count, whole=True) for f in whole]


def _next(
    follow: followups.FollowUp,
    row: Generation,
    tariffs: prices.Tariffs,
    asset: Asset | None,
    count: int,
    *,
    whole: bool = False,
) -> Next:
    query = {"source": str(row.pk)}
    if asset and not whole:
        query["result"] = str(asset.pk)
    entry = follow.entry
    url = f"{reverse('model', args=[entry.id])}?{urlencode(query)}"
    price = pricing.describe(entry, tariffs.of(entry.id))
    return Next(followups.words(follow, asset, count), entry.title, price, url)


def readiness(row: Generation, ready: int) -> str:
    """How many results are there while others are still being made: "1 of 2 ready"; "" while there is none."""
    if row.terminal or not ready:
        return ""
    takes = row.kind == "music" and ready < TAKES
    return f"{ready} of {TAKES} ready" if takes else f"{ready} ready"


def recording(row: Generation) -> str:
    """The address of the sound that a transcript or timed words are of; "" where it is not in our storage."""
    entry = known_entry(row.model)
    if entry is None:
        return ""
    for path in catalog.result_fields(entry):
        for key in named(row.input, path):
            asset = Asset.objects.filter(pk=key, generation__user_id=row.user_id, kind__in=["audio", "video"]).first()
            if asset:
                return files.link(asset)
    for path in catalog.file_fields(entry):
        ids = [value.removeprefix(UPLOAD) for value in named(row.input, path) if value.startswith(UPLOAD)]
        upload = Upload.objects.filter(pk__in=ids, user_id=row.user_id, content_type__regex="^(audio|video)/").first()
        if upload:
            return files.upload_link(upload)
    return ""


def named(values: dict[str, Any], path: str) -> list[str]:
    """Every string at a path of an input."""
    found: list[str] = []

    def note(value: str) -> str:
        found.append(value)
        return value

    inputs.transform(values, path, note)
    return found


def known_entry(model: str) -> catalog.Entry | None:
    """The entry of a model; None for one that has left the catalogue."""
    try:
        return catalog.get(model)
    except catalog.UnknownModel:
        return None


# Tiles


def excerpts(rows: Iterable[Generation]) -> dict[Any, str]:
    """The beginning of what each of the generations says, for those whose first result is a short text. One query."""
    ids = [row.pk for row in rows if row.kind in ("text", "music")]
    short = Asset.objects.filter(generation__in=ids, index=0, kind="text", size_bytes__lt=20_000) if ids else []
    return {asset.generation_id: content.text(asset)[:280] for asset in short if content.kind_of(asset) in SAYING}
