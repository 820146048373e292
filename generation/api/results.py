"""Results in the REST API: what each is, its content, its addresses, and which models can start from it."""

from typing import Any

from django.conf import settings
from django.db.models import Case, F, JSONField, QuerySet, When
from drf_spectacular.utils import extend_schema_field
from rest_framework import serializers

from generation import followups
from generation.media import content
from generation.models import Asset, Generation
from generation.pages import display, files

# A page of a list has many results: longer content is left to the generation's own address.
LISTED_BYTES = 16 * 1024
# What customers read about a result; anything else that is stored with it is for operators (R-API1).
DETAILS = ("title", "duration_seconds", "tags", "lyrics")


class DetailsOut(serializers.Serializer):
    title = serializers.CharField(required=False)
    duration_seconds = serializers.FloatField(required=False)
    tags = serializers.CharField(required=False)
    lyrics = serializers.CharField(required=False)


class ResultOut(serializers.Serializer):
    id = serializers.UUIDField(help_text="Its name in the inputs of models that work on one result")
    type = serializers.SerializerMethodField(help_text="What it is; the shape of `data` follows from it")
    kind = serializers.CharField(help_text="The type of its file: image, video, audio or text")
    url = serializers.SerializerMethodField(help_text="Good for a day; ask again for a fresh one")
    preview_url = serializers.SerializerMethodField(help_text="A small picture: of itself, a first frame, a cover")
    downloads = serializers.SerializerMethodField(help_text="Addresses of other formats, by file extension")
    content_type = serializers.CharField()
    size_bytes = serializers.IntegerField()
    width = serializers.IntegerField(allow_null=True)
    height = serializers.IntegerField(allow_null=True)
    text = serializers.SerializerMethodField(help_text="The content of a text")
    # Declared fields are taken off the class, so this one does not hide the serializer's own `data`.
    data = serializers.SerializerMethodField(help_text="The content of a structure")  # type: ignore[assignment]
    details = serializers.SerializerMethodField()

    @extend_schema_field({"type": "string", "enum": sorted(display.TEMPLATES)})
    def get_type(self, asset: Asset) -> str:
        return content.kind_of(asset)

    def get_url(self, asset: Asset) -> str:
        return settings.PUBLIC_URL + files.link(asset)

    def get_preview_url(self, asset: Asset) -> str | None:
        return settings.PUBLIC_URL + files.link(asset, preview=True) if asset.preview else None

    def get_downloads(self, asset: Asset) -> dict[str, str]:
        return {name: settings.PUBLIC_URL + files.converted_link(asset, name) for name in content.formats(asset)}

    def get_text(self, asset: Asset) -> str | None:
        found = inline(asset)
        return found if isinstance(found, str) else None

    @extend_schema_field({"type": ["object", "array", "null"]})
    def get_data(self, asset: Asset) -> Any:
        found = inline(asset)
        return None if isinstance(found, str) else found

    @extend_schema_field(DetailsOut)
    def get_details(self, asset: Asset) -> dict[str, Any]:
        return {name: asset.details[name] for name in DETAILS if name in asset.details}


def inline(asset: Asset) -> Any:
    """The content that an answer carries: of a row of `listed` only what is short."""
    return asset.short if hasattr(asset, "short") else asset.data


def listed() -> QuerySet[Asset]:
    """Results for lists: long content stays in the database."""
    short = Case(When(size_bytes__lte=LISTED_BYTES, then=F("data")), output_field=JSONField())
    return Asset.objects.defer("data").annotate(short=short)


class FollowUpOut(serializers.Serializer):
    model = serializers.CharField(source="follow.entry.id")
    title = serializers.CharField(source="follow.entry.title")
    generation_field = serializers.CharField(
        source="follow.generation_field", allow_null=True, help_text="The field that takes the id of this generation"
    )
    result_field = serializers.CharField(
        source="follow.result_field",
        allow_null=True,
        help_text='The field that takes the id of one of `results`; a list of ids where it ends with "[]"',
    )
    index_field = serializers.CharField(
        source="follow.index_field",
        allow_null=True,
        help_text="The field that takes the place of a result, from 0",
    )
    results = serializers.ListField(child=serializers.UUIDField(), help_text="Those that it can work on")

    def to_representation(self, instance: Any) -> dict[str, Any]:
        shown = super().to_representation(instance)
        return {name: None if name.endswith("_field") and not value else value for name, value in shown.items()}


def follow_ups(generation: Generation, enabled: dict[str, bool]) -> list[dict[str, Any]]:
    """The models for sale that can start from a generation, and how their inputs name it."""
    assets = list(generation.assets.all())
    found = [
        {"follow": follow, "results": [asset.pk for asset in assets if followups.possible(follow, asset)]}
        for follow in followups.offered(generation, enabled)
    ]
    usable = [one for one in found if one["results"] or one["follow"].of_all_results]  # type: ignore[attr-defined]
    return [dict(FollowUpOut(one).data) for one in usable]
