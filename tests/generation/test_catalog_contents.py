"""The shipped catalogue: complete, valid, priced, and explicit in everything that moves a price."""

import itertools
from collections import Counter
from decimal import Decimal

import pytest

from generation import catalog, pricing
from generation.catalog import checks

ENTRIES = catalog.all()
PRICED = [entry for entry in ENTRIES if entry.price is not None]
UNPRICED = {"grok-4-3"}
# Allowed by a schema, without a price in KIE's feed: everything else that a schema allows is for sale.
NOT_FOR_SALE = {
    ("grok-imagine-video-1-5-preview", "1080p"),
    ("hailuo/2-3-image-to-video-pro", "10 1080P"),
    ("hailuo/2-3-image-to-video-standard", "10 1080P"),
    ("runway", "10 1080p"),  # refused by the schema as well
    ("runway/generate", "10 1080p"),
}


def ids(entry):
    return entry.id


def test_every_known_model_is_listed():
    assert Counter(entry.api for entry in ENTRIES) == {
        "market": 199,
        "chat": 48,
        "suno": 9,
        "suno-at-once": 4,
        "suno-phrase": 2,
        "suno-cover": 1,
        "suno-lyrics": 1,
        "suno-midi": 1,
        "suno-mp4": 1,
        "suno-vocal-removal": 1,
        "suno-voice": 1,
        "suno-wav": 1,
        "midjourney": 9,
        "veo": 6,
        "flux-kontext": 2,
        "gemini-omni": 2,
        "runway": 2,
        "gpt4o-image": 1,
        "luma": 1,
        "runway-aleph": 1,
    }
    assert Counter(entry.status for entry in ENTRIES) == {"live": 263, "retired": 23, "unknown": 7}


def test_models_are_listed_by_vendor_and_title():
    names = [(entry.vendor, entry.title) for entry in ENTRIES]
    assert names == sorted(names)
    assert len(set(names)) == len(names)


@pytest.mark.parametrize("entry", ENTRIES, ids=ids)
def test_every_example_is_accepted_and_priced_unless_listed_as_unpriced(entry):
    normalised = catalog.validate(entry, entry.example)
    if entry.id in UNPRICED:
        with pytest.raises(pricing.Unpriced):
            pricing.cost(entry, normalised)
    else:
        assert pricing.cost(entry, normalised).millicredits >= 0


def test_no_example_uses_a_deprecated_field():
    for entry in ENTRIES:
        assert not [name for name in entry.example if entry.schema["properties"][name].get("deprecated")]


@pytest.mark.parametrize("entry", PRICED, ids=ids)
def test_every_field_that_moves_a_price_is_explicit_after_validation(entry):
    """R-UP2: what is priced is sent, not left to a default of KIE's that may change."""
    normalised = catalog.validate(entry, entry.example)
    for name in checks.price_movers(entry.price):
        assert name in normalised
        assert name in entry.schema.get("required", []) or "default" in entry.schema["properties"][name]


def test_every_combination_that_a_schema_allows_is_priced_unless_listed():
    """R-PR8: a value without a price is refused, so this list is what customers cannot buy."""
    missing = set()
    for entry in PRICED:
        for table in [entry.price, entry.price.get("rules_if_present", {})]:
            names = sorted({name for rule in table.get("rules", []) for name in rule["when"]})
            fields = [entry.schema["properties"][name] for name in names]
            choices = [field.get("enum", [False, True]) for field in fields]
            for values in itertools.product(*choices) if names else []:
                combination = dict(zip(names, values, strict=True))
                if not any(rule["when"].items() <= combination.items() for rule in table["rules"]):
                    missing.add((entry.id, " ".join(map(str, values))))
    assert missing == NOT_FOR_SALE


@pytest.mark.parametrize("entry", [e for e in PRICED if "rules" in e.price], ids=ids)
def test_the_price_at_documented_defaults_is_the_price_of_the_defaults(entry):
    fields = entry.schema["properties"]
    names = {name for rule in entry.price["rules"] for name in rule["when"]}
    if not all("default" in fields[name] for name in names):
        return
    defaults = {name: fields[name]["default"] for name in names}
    rates = [r["credits"] for r in entry.price["rules"] if r["when"].items() <= defaults.items()]
    assert rates[0] == entry.price["default"]


def amounts(value):
    if isinstance(value, dict):
        return [amount for inner in value.values() for amount in amounts(inner)]
    if isinstance(value, list):
        return [amount for inner in value for amount in amounts(inner)]
    return [value]


def test_no_price_holds_a_float():
    """R-PR7."""
    found = {type(amount) for entry in PRICED for amount in amounts(entry.price)}
    assert found <= {int, Decimal, str, bool}


def test_on_by_default_means_available_live_and_priced():
    on = {entry.id for entry in ENTRIES if entry.on_by_default}
    assert {"google/nano-banana", "veo/veo3_fast", "suno/generate", "claude-opus-5"} <= on
    assert not on & UNPRICED
    assert not on & {"luma/modify", "sora-2-text-to-video", "kling/ai-avatar-v1-pro"}


def test_everything_that_kie_serves_is_for_sale():
    assert [entry.id for entry in ENTRIES if entry.status == "live" and not entry.on_by_default] == []


def test_an_unknown_model_is_a_key_error_of_its_own():
    with pytest.raises(catalog.UnknownModel):
        catalog.get("no/such-model")
    assert issubclass(catalog.UnknownModel, KeyError)


@pytest.mark.parametrize(
    ("model", "fields"),
    [
        ("nano-banana-2", ["image_input[]"]),
        (
            "google/gemini-omni-flash-1-1",
            ["image_urls[]", "first_frame_url", "last_frame_url", "video_list[].url"],
        ),
        ("omnihuman-1-5", ["image_url", "mask_url[]", "audio_url"]),
        ("ai-music-api/generate-lyrics", []),
    ],
)
def test_file_fields_name_every_place_for_a_file(model, fields):
    assert sorted(catalog.file_fields(catalog.get(model))) == sorted(fields)


def test_web_pages_are_not_files():
    fields = catalog.file_fields(catalog.get("wan/3-0-video"))
    assert "reference_file_urls[]" in fields
    assert "reference_link_urls[]" not in fields


def test_every_reference_to_an_earlier_task_names_the_models_it_may_be_of():
    for entry in ENTRIES:
        for name in {"task_id", "taskId", "origin_task_id"} & set(entry.schema["properties"]):
            assert catalog.generation_fields(entry)[name]
    assert catalog.generation_fields(catalog.get("veo/extend")) == {"task_id": ["veo-3-1", "veo/extend"]}


def test_media_whose_length_is_billed_has_a_longest_length():
    for entry in PRICED:
        if "extra_seconds" in entry.price or entry.price.get("quantity_from", "").startswith("input"):
            assert catalog.max_seconds(entry)
    assert catalog.max_seconds(catalog.get("bytedance/seedance-2")) == {"reference_video_urls[]": 15}
