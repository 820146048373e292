"""What customers send is brought into one normal form, or refused with every fault in plain words."""

import copy

import pytest
from hypothesis import HealthCheck, given, settings
from hypothesis import strategies as st

from generation import catalog

URL = "https://files.example.com/fox.png"


def faults(model, values):
    with pytest.raises(catalog.InvalidInput) as caught:
        catalog.validate(catalog.get(model), values)
    return {(error.field, error.code): error.message for error in caught.value.errors}


def normal(model, values):
    return catalog.validate(catalog.get(model), values)


def test_defaults_are_filled_in():
    assert normal("google/nano-banana", {"prompt": "a fox"}) == {
        "prompt": "a fox",
        "output_format": "png",
        "aspect_ratio": "1:1",
    }


def test_the_argument_is_left_alone():
    values = {"prompt": "a fox", "image_size": "16:9", "output_format": "", "image_urls": [URL, ""]}
    before = copy.deepcopy(values)
    normal("google/nano-banana", values)
    assert values == before


def test_empty_optional_fields_count_as_absent():
    values = {"prompt": "a fox", "output_format": "", "nsfw_checker": None, "image_urls": [""]}
    assert normal("google/nano-banana", values) == normal("google/nano-banana", {"prompt": "a fox"})


def test_a_required_list_may_be_empty_unless_it_is_one_of_files():
    shots = {"prompt": "a fox", "multi_prompt": []}
    assert normal("kling-3.0/video", shots)["multi_prompt"] == []
    picture = {"prompt": "a fox", "image_urls": [], "sound": False}
    assert faults("kling-2.6/image-to-video", picture) == {("image_urls", "required"): "is required"}


@pytest.mark.parametrize(
    ("model", "field", "given", "wanted"),
    [
        ("bytedance/seedance-2", "duration", "7", 7),
        ("bytedance/seedance-2", "duration", 7.0, 7),
        ("hailuo/02-text-to-video-standard", "duration", 10, "10"),
        ("hailuo/02-text-to-video-standard", "duration", 10.0, "10"),
        ("bytedance/seedance-2", "generate_audio", "false", False),
        ("happyhorse/text-to-video", "seed", "12", 12),
        ("qwen/text-to-image", "guidance_scale", "2.5", 2.5),
    ],
)
def test_a_value_with_one_possible_reading_is_converted(model, field, given, wanted):
    value = normal(model, {"prompt": "a fox", field: given})[field]
    assert value == wanted
    assert type(value) is type(wanted)


@pytest.mark.parametrize(
    ("model", "field", "given"),
    [
        ("bytedance/seedance-2", "duration", "7s"),
        ("bytedance/seedance-2", "duration", 7.5),
        ("bytedance/seedance-2", "duration", True),
        ("bytedance/seedance-2", "duration", [7]),
        ("bytedance/seedance-2", "prompt", 7),
        ("bytedance/seedance-2", "generate_audio", 1),
        ("bytedance/seedance-2", "generate_audio", "yes"),
        ("bytedance/seedance-2", "resolution", "720P"),
        ("bytedance/seedance-2", "first_frame_url", [URL]),
        ("bytedance/seedance-2", "reference_image_urls", URL),
    ],
)
def test_nothing_is_guessed(model, field, given):
    assert {name for name, _ in faults(model, {field: given})} == {field}


def test_an_old_spelling_is_moved_to_the_field_it_stands_for():
    assert normal("google/nano-banana", {"prompt": "x", "image_size": "16:9"})["aspect_ratio"] == "16:9"
    assert "image_size" not in normal("google/nano-banana", {"prompt": "x", "image_size": "16:9"})
    assert normal("4o-image-api", {"size": "1:1", "file_url": URL}) == {"size": "1:1", "files_url": [URL]}


def test_an_old_spelling_may_repeat_but_not_contradict_the_new_one():
    both = {"prompt": "x", "image_size": "16:9", "aspect_ratio": "16:9"}
    assert normal("google/nano-banana", both)["aspect_ratio"] == "16:9"
    assert ("image_size", "alias") in faults("google/nano-banana", both | {"aspect_ratio": "1:1"})


def test_deprecated_fields_get_no_default():
    assert "enableFallback" not in normal("veo/veo3_fast", {"prompt": "x"})
    assert "aspectRatio" not in normal("veo/veo3_fast", {"prompt": "x"})


def test_every_fault_is_named():
    values = {"image_size": "2:1", "output_format": "gif", "colour": "red", "image_urls": ["fox", URL]}
    assert faults("google/nano-banana-edit", values) == {
        ("prompt", "required"): "is required",
        ("aspect_ratio", "enum"): "must be one of 1:1, 9:16, 16:9, 3:4, 4:3, 3:2, 2:3, 5:4, 4:5, 21:9, auto",
        ("output_format", "enum"): "must be one of png, jpeg",
        ("colour", "unknown"): "is not a field of this model",
        ("image_urls[0]", "url"): "must be a web address (https://…) or an uploaded file",
    }


@pytest.mark.parametrize(
    ("model", "values", "fault", "message"),
    [
        (
            "kling/v2-1-pro",
            {"prompt": "x" * 5001},
            ("prompt", "max_length"),
            "must have at most 5000 characters (has 5001)",
        ),
        ("bytedance/seedance-2", {"prompt": "ab"}, ("prompt", "min_length"), "needs at least 3 characters"),
        ("happyhorse/text-to-video", {"duration": 2}, ("duration", "minimum"), "must be at least 3"),
        ("happyhorse/text-to-video", {"duration": 16}, ("duration", "maximum"), "must be at most 15"),
        ("bytedance/seedance-2", {"duration": "long"}, ("duration", "type"), "must be a whole number"),
        ("bytedance/seedance-2", {"generate_audio": 5}, ("generate_audio", "type"), "must be true or false"),
        (
            "ai-music-api/mashup",
            {"upload_url_list": [URL]},
            ("upload_url_list", "min_items"),
            "needs at least 2 files",
        ),
        ("kling-2.6/text-to-video", {"sound": None}, ("sound", "required"), "is required"),
        (
            "nano-banana-pro",
            {"image_input": [URL] * 9},
            ("image_input", "max_items"),
            "takes at most 8 files (got 9)",
        ),
        (
            "wan/3-0-video",
            {"reference_link_urls": ["upload:" + "a" * 32]},
            ("reference_link_urls[0]", "url"),
            "must be a web address (https://…)",
        ),
        (
            "elevenlabs/text-to-dialogue-v3",
            {"dialogue": [{"voice": "EkK5I93UQWFDigLMpZcX"}]},
            ("dialogue[0].text", "required"),
            "is required",
        ),
        ("4o-image-api", {"size": "1:1"}, ("", "one_of"), "give one of prompt, files_url"),
        ("grok-imagine-image-2-0/segment-map", {}, ("", "one_of"), "give exactly one of task_id, image_url"),
        (
            "grok-imagine-image-2-0/segment-map",
            {"task_id": "a", "image_url": URL},
            ("", "one_of"),
            "give exactly one of task_id, image_url",
        ),
        (
            "ai-music-api/separate-vocals",
            {"task_id": "a"},
            ("", "one_of"),
            "give exactly one of task_id with audio_id, audio_url",
        ),
        (
            "ai-music-api/separate-vocals",
            {"audio_url": URL, "type": "split_stem_advanced"},
            ("stem_name", "required"),
            "is required",
        ),
        (
            "kling-3.0-omni/reference-to-video",
            {"prompt": "x", "video_urls": [URL], "audio": True},
            ("audio", "enum"),
            "must be false",
        ),
        (
            "runway",
            {"prompt": "x", "duration": 10, "quality": "1080p"},
            ("", "combination"),
            "this combination is not offered: duration 10, quality 1080p",
        ),
    ],
)
def test_a_fault_is_said_in_plain_words(model, values, fault, message):
    assert faults(model, values)[fault] == message


@pytest.mark.parametrize("value", [float("nan"), float("inf"), 2**53 + 1, "a\x00b", "\ud800", [[[]]] * 2])
def test_values_that_cannot_be_stored_or_sent_are_refused(value):
    assert faults("ai-music-api/generate-persona", {"vocal_start": value})


def test_deep_nesting_is_refused():
    value = []
    for _ in range(5000):
        value = [value]
    assert any(code == "type" for _, code in faults("google/nano-banana", {"prompt": value}))


@pytest.mark.parametrize("value", [None, [], "text", 7])
def test_an_input_that_is_no_object_is_refused(value):
    assert faults("google/nano-banana", value) == {("", "type"): "must be an object"}


@pytest.mark.parametrize("address", ["http://a.example/x", URL, "upload:0f8fad5b-d9cb-469f-a165-70867728950e"])
def test_addresses_of_files_are_accepted(address):
    assert normal("recraft/crisp-upscale", {"image": address}) == {"image": address}


@pytest.mark.parametrize(
    "address",
    [
        "fox.png",
        "ftp://a.example/x",
        "javascript:alert(1)",
        "https://",
        "https://[x",
        "data:,x",
        "https://a b",
        "upload:../../x",
    ],
)
def test_other_addresses_are_refused(address):
    assert ("image", "url") in faults("recraft/crisp-upscale", {"image": address})


def values_of(field):
    """Likely and unlikely values of a field of a schema."""
    kinds = {
        "string": st.text(max_size=8) | st.just(URL) | st.integers(0, 20).map(str),
        "integer": st.integers(-2, 40) | st.integers(0, 40).map(str) | st.floats(0, 9),
        "number": st.floats(-2, 40) | st.integers(0, 40),
        "boolean": st.booleans() | st.sampled_from(["true", "false"]),
        "object": st.fixed_dictionaries(
            {}, optional={name: values_of(inner) for name, inner in field.get("properties", {}).items()}
        ),
    }
    kind = kinds.get(field.get("type"), st.text(max_size=3))
    if field.get("type") == "array":
        kind = st.lists(values_of(field.get("items", {})), max_size=3)
    if "enum" in field:
        kind = st.sampled_from(field["enum"]) | kind
    return kind | st.sampled_from([None, ""])


def inputs_of(entry):
    changes = values_of({**entry.schema, "type": "object"})
    return st.tuples(st.just(entry), changes.map(lambda change: {**entry.example, **(change or {})}))


@settings(max_examples=300, deadline=None, suppress_health_check=[HealthCheck.too_slow])
@given(st.sampled_from(catalog.all()).flatmap(inputs_of))
def test_the_normal_form_of_a_normal_form_is_itself(case):
    entry, values = case
    before = copy.deepcopy(values)
    try:
        once = catalog.validate(entry, values)
    except catalog.InvalidInput as error:
        assert error.errors
    else:
        assert catalog.validate(entry, once) == once
    assert values == before
