"""What can be made next from a finished generation: read off the catalogue's markers."""

import uuid
from dataclasses import dataclass
from typing import Any

from accounts.errors import Refused
from accounts.models import User
from generation import catalog
from generation.media import content
from generation.models import Asset, Generation

# Fields that say which result of the earlier generation is meant, by its place.
INDEX_FIELDS = ("index", "imageIndex", "image_index")


@dataclass(frozen=True)
class FollowUp:
    """A model that starts from an earlier generation, and the fields of its input that name it ("" for none).

    `result_field` ends with "[]" where it takes a list.
    """

    entry: catalog.Entry
    generation_field: str
    result_field: str
    index_field: str

    @property
    def of_one_result(self) -> bool:
        """Whether it works on a single one of the results."""
        return bool(self.result_field or self.index_field)

    @property
    def of_all_results(self) -> bool:
        """Whether it can do without one: a generation is needed, a single result of it is not."""
        required = self.entry.schema.get("required", [])
        return not self.of_one_result or (
            self.generation_field in required and self.result_field not in ("", *required)
        )


def known(model: str) -> tuple[FollowUp, ...]:
    """Every model of the catalogue that can start from a generation of `model`, the current ones first."""
    found = [follow for entry in catalog.all() if (follow := _follow(entry, model))]
    return tuple(sorted(found, key=lambda follow: bool(follow.entry.superseded_by)))


def _follow(entry: catalog.Entry, model: str) -> FollowUp | None:
    generation_field = _naming(model, catalog.generation_fields(entry))
    result_field = _naming(model, catalog.result_fields(entry))
    if not generation_field and not result_field:
        return None
    indices = [name for name in INDEX_FIELDS if generation_field and name in entry.schema["properties"]]
    return FollowUp(entry, generation_field, result_field, next(iter(indices), ""))


def _naming(model: str, fields: dict[str, list[str]]) -> str:
    return next((path for path, models in fields.items() if model in models and "." not in path), "")


def offered(generation: Generation, enabled: dict[str, bool]) -> list[FollowUp]:
    """What can be started from this generation: it has succeeded, and the model is for sale (`offers.enabled`)."""
    if generation.state != Generation.State.SUCCEEDED:
        return []
    return [
        follow
        for follow in known(generation.model)
        if enabled[follow.entry.id] and (generation.kie_task_id or not follow.generation_field)
    ]


def possible(follow: FollowUp, asset: Asset) -> bool:
    """Whether a result is one that the model can work on: KIE knows it by a name of its own."""
    return follow.of_one_result and bool(asset.kie_id or not follow.result_field)


def start(user: User, entry: catalog.Entry, source: str, result: str) -> dict[str, Any]:
    """The beginning of an input that works on the user's generation `source`, or on one `result` of it.

    Raises Refused("unknown_source") for what is not theirs, not finished or does not fit (R-API3).
    """
    generation = _own(user, source)
    follow = next((f for f in known(generation.model) if f.entry is entry), None) if generation else None
    asset = _one(generation, result) if generation and result else None
    if not generation or not follow or (result and not (asset and possible(follow, asset))):
        raise Refused("unknown_source", "There is no such generation or result to start from.", status=404)
    values: dict[str, Any] = {follow.generation_field: str(generation.pk)} if follow.generation_field else {}
    if asset and follow.index_field:
        values[follow.index_field] = asset.index
    if asset and follow.result_field:
        name = follow.result_field.removesuffix("[]")
        values[name] = str(asset.pk) if name == follow.result_field else [str(asset.pk)]
    return values


def _own(user: User, key: str) -> Generation | None:
    rows = Generation.objects.filter(user_id=user.pk, state=Generation.State.SUCCEEDED)
    return rows.filter(pk=key).first() if _is_id(key) else None


def _one(generation: Generation, key: str) -> Asset | None:
    return generation.assets.filter(pk=key).first() if _is_id(key) else None


def _is_id(key: str) -> bool:
    try:
        return bool(uuid.UUID(key))
    except ValueError:
        return False


# In words

_WORDS = {
    "video-extend": "Extend {thing}",
    "music-extend": "Extend {thing}",
    "upscale": "Upscale {thing}",
    "stem-separation": "Separate the vocals of {thing}",
    "audio-conversion": "Convert {thing} to WAV",
    "audio-recovery": "Recover the audio",
    "cover-art": "Make cover art",
    "music-video": "Make a music video of {thing}",
    "timestamped-lyrics": "Time the lyrics of {thing}",
    "replace-section": "Replace a section of {thing}",
    "persona": "Make a persona from {thing}",
    "midi": "Turn {thing} into notes",
    "voice-clone": "Create the voice",
    "voice-phrase": "Get another phrase",
    "voice-check": "Check the voice",
    "segmentation": "Find the parts of {thing}",
    "image-to-image": "Change {thing}",
    "image-to-video": "Animate {thing}",
    "character-creation": "Make a character from {thing}",
}
# What is made to be used elsewhere.
_TOOLS = ("persona", "voice", "character")


def words(follow: FollowUp, asset: Asset | None, count: int) -> str:
    """What following up does, for a button: "Extend this video", "Upscale image 3"."""
    if asset and content.kind_of(asset) in _TOOLS and follow.entry.task != "voice-check":
        return f"Use in {follow.entry.title}"
    if asset and content.kind_of(asset) == "object":
        return f"Continue with {follow.entry.title}"
    # "Upscale to 4K" says more than "Upscale".
    if follow.entry.task == "upscale" and " to " in follow.entry.title:
        return f"Upscale {_thing(asset, count)} to{follow.entry.title.partition(' to')[2]}"
    pattern = _WORDS.get(follow.entry.task, f"Continue with {follow.entry.title}")
    return pattern.format(thing=_thing(asset, count))


def _thing(asset: Asset | None, count: int) -> str:
    if asset is None:
        return "this" if count == 1 else "these"
    kind = content.kind_of(asset)
    if kind == "stem":
        return str(asset.details.get("title") or "this stem")
    return f"{kind} {asset.index + 1}" if count > 1 else f"this {kind}"
