"""KIE's price of an input, one test per way of pricing, with the arithmetic shown (millicredits)."""

from decimal import Decimal

import pytest

from generation import catalog, pricing

URL = "https://files.example.com/clip.mp4"


def cost(model, **changes):
    """The cost of the model's example with some fields changed."""
    entry = catalog.get(model)
    return pricing.cost(entry, catalog.validate(entry, {**entry.example, **changes}))


def exactly(millicredits):
    return (millicredits, True)


def at_most(millicredits):
    return (millicredits, False)


CASES = [
    # a flat price: 4 credits
    ("google/nano-banana", {}, exactly(4_000)),
    # a fraction of a credit: 0.8
    ("z-image", {}, exactly(800)),
    ("ai-music-api/boost-music-style", {}, exactly(400)),
    # free of charge at KIE
    ("ai-music-api/cover-generate", {}, exactly(0)),
    # by tier, and by the tier's default
    ("nano-banana-pro", {"resolution": "4K"}, exactly(24_000)),
    ("nano-banana-pro", {}, exactly(18_000)),
    ("gpt-image-2-text-to-image", {}, exactly(6_000)),
    ("veo-3-1", {}, exactly(60_000)),
    ("veo/veo3_fast", {"resolution": "4k"}, exactly(180_000)),
    ("kling-2.6/text-to-video", {"sound": True, "duration": "10"}, exactly(220_000)),
    ("wan/2-6-image-to-video", {}, exactly(104_500)),
    # per second: 24.8 x 5
    ("bytedance/seedance-2-fast", {"duration": 5}, exactly(124_000)),
    # a number as text: 18 x 7
    ("kling/v3-turbo-text-to-video", {"duration": "7"}, exactly(126_000)),
    # -1 means the service picks: 24.8 x 15, the longest
    ("bytedance/seedance-2-fast", {"duration": -1}, at_most(372_000)),
    # 0 means the whole clip: 24 x 10, the longest
    ("wan/2-7-videoedit", {"duration": 0}, at_most(240_000)),
    # part of a second counts whole: 2.4 x 7
    ("grok-imagine/text-to-video", {"duration": 6.2}, at_most(16_800)),
    # clips have their own rate and may be billed too: 15 x (5 + 15)
    ("bytedance/seedance-2-fast", {"duration": 5, "reference_video_urls": [URL]}, at_most(300_000)),
    # clips billed at the same rate: 32 x (5 + 30)
    (
        "wan/3-0-video",
        {"resolution": "1080P", "duration": 5, "reference_video_urls": [URL]},
        at_most(1_120_000),
    ),
    # a flat price with a clip
    ("gemini-omni-video", {"video_list": [{"url": URL, "start": 0, "ends": 4}]}, exactly(168_000)),
    # per picture: 7 x 3, and 6 x 4
    ("ideogram/v3-remix", {"num_images": 3}, exactly(21_000)),
    ("gpt4o-image/generate", {"nVariants": 4}, exactly(24_000)),
    # four unless n says otherwise: 4.8 x 4
    ("wan/2-7-image", {}, exactly(19_200)),
    ("wan/2-7-image", {"n": 1}, exactly(4_800)),
    # a cap is not a promise: 5 x 6; one picture is one picture
    ("bytedance/seedream-v4-text-to-image", {"max_images": 6}, at_most(30_000)),
    ("bytedance/seedream-v4-text-to-image", {"max_images": 1}, exactly(5_000)),
    # per output megapixel: 5 x 1024 x 1024 / 1,000,000 = 5.24288, rounded up; times 4 = 20.97152
    ("qwen/image-edit", {"image_size": "square_hd"}, exactly(5_243)),
    ("qwen/image-edit", {"image_size": "square_hd", "num_images": "4"}, exactly(20_972)),
    # per 1,000 characters: 6 x 7 / 1000 = 0.042
    ("elevenlabs/text-to-speech-turbo-2-5", {"text": "seven.."}, exactly(42)),
    # 14 x 1 / 1000 = 0.014
    (
        "elevenlabs/text-to-dialogue-v3",
        {"dialogue": [{"text": "x", "voice": "EkK5I93UQWFDigLMpZcX"}]},
        exactly(14),
    ),
    # 12 x 5,000 / 1000
    ("elevenlabs/text-to-speech-multilingual-v2", {"text": "é" * 5000}, exactly(60_000)),
    # by the length of the input or the result, at its longest: 27 x 60, 14 x 60, 0.2 x 300
    ("omnihuman-1-5", {}, at_most(1_620_000)),
    ("topaz/video-upscale", {"upscale_factor": "4"}, at_most(840_000)),
    ("elevenlabs/audio-isolation", {}, at_most(60_000)),
    # per minute: 3.5 x 600 / 60
    ("elevenlabs/speech-to-text", {}, at_most(35_000)),
    # surcharges per item: 8 x 6 + 4 x 2; 7 + 0.5 x (3 - 1 free); 4.8 + 0.5 x 1
    (
        "minimax-h3/reference-to-video",
        {"resolution": "768P", "duration": 6, "reference_image_urls": [URL] * 2},
        exactly(56_000),
    ),
    ("seedream/5-pro-image-to-image", {"image_urls": [URL] * 3}, exactly(8_000)),
    ("seedream/5-pro-image-to-image", {"image_urls": [URL]}, exactly(7_000)),
    ("qwen3/image-to-image", {"image_urls": [URL]}, exactly(5_300)),
    # a surcharge that may not apply: 8 x 4 + 4
    (
        "minimax-h3/image-to-video",
        {"resolution": "768P", "duration": 4, "first_frame_url": URL, "last_frame_url": None},
        at_most(36_000),
    ),
    # KIE picks the tier: the dearest counts
    ("seedream/5-pro-layer-decomposition", {"size": "auto"}, at_most(14_000)),
    ("seedream/5-pro-layer-decomposition", {"size": "1K"}, exactly(7_000)),
    ("veo/extend", {}, at_most(250_000)),
    ("flux1-kontext", {}, at_most(10_000)),
    ("grok-imagine/upscale", {"resolution": "1080p"}, at_most(30_000)),
]


@pytest.mark.parametrize(("model", "changes", "expected"), CASES)
def test_the_cost_is_the_price_list_times_the_input(model, changes, expected):
    result = cost(model, **changes)
    assert (result.millicredits, result.exact) == expected
    assert type(result.millicredits) is int
    assert result.reason


def test_dialogue_lines_are_added_up():
    lines = [
        {"text": "one", "voice": "EkK5I93UQWFDigLMpZcX"},
        {"text": "four", "voice": "EkK5I93UQWFDigLMpZcX"},
    ]
    # 14 x (3 + 4) / 1000 = 0.098
    assert cost("elevenlabs/text-to-dialogue-v3", dialogue=lines).millicredits == 98


def test_speech_by_tokens_is_bounded_by_the_text_and_the_longest_speech():
    entry = catalog.get("google/gemini-3-8-flash-tts")
    short, longer = (
        cost(
            entry.id,
            dialogue_turns=[{"speaker_id": entry.example["speakers"][0]["speaker_id"], "text": text}],
        )
        for text in ("x", "x" * 1001)
    )
    # output alone: 1260 x 16384 / 1,000,000 = 20.64384; 1,000 more letters: 70 x 1000 / 1,000,000 = 0.07
    assert 20_644 <= short.millicredits < 20_700
    assert longer.millicredits - short.millicredits == 70
    assert not short.exact


def test_a_reply_is_bounded_by_the_field_that_limits_it():
    # output: 2000 x 100 / 1,000,000 = 0.2; input: 400 for each million of bytes, some 100 here
    result = cost("claude-opus-5", max_tokens=100)
    assert 200 < result.millicredits < 300


def test_files_and_hosted_tools_in_a_message_have_no_price():
    parts = [{"type": "input_image", "image_url": URL}]
    with pytest.raises(pricing.Unpriced):
        cost("gpt-5-5", input=[{"role": "user", "content": parts}])
    with pytest.raises(pricing.Unpriced):
        cost("gpt-5-5", tools=[{"type": "web_search"}])


@pytest.mark.parametrize(
    ("model", "changes", "reason"),
    [
        ("grok-4-3", {}, "grok-4-3 has no known price"),
        (
            "grok-imagine-video-1-5-preview",
            {"resolution": "1080p"},
            'no price is known for resolution "1080p"',
        ),
        ("hailuo/2-3-image-to-video-pro", {"resolution": "1080P", "duration": "10"}, "no price is known"),
        ("veo/veo3_fast", {"enableFallback": True}, "no price is known for enableFallback true"),
    ],
)
def test_what_has_no_price_is_not_for_sale(model, changes, reason):
    with pytest.raises(pricing.Unpriced, match=reason):
        cost(model, **changes)


@pytest.mark.parametrize("value", ["8K", None, True, 1])
def test_a_value_that_nobody_priced_is_not_for_sale(value):
    """R-PR8: never the default price."""
    entry = catalog.get("nano-banana-pro")
    with pytest.raises(pricing.Unpriced, match="no price is known for resolution"):
        pricing.cost(entry, {"prompt": "x", "resolution": value})


def test_true_is_not_the_number_one():
    entry = catalog.get("midjourney/mj_video_hd")
    with pytest.raises(pricing.Unpriced):
        pricing.cost(entry, {"videoBatchSize": True})


def test_a_sum_that_does_not_end_is_rounded_up():
    entry = catalog.get("bytedance/seedance-1.5-pro")
    # 1.75 x 5 = 8.75 exactly; 3.24 stays 3.24; 1.31072 becomes 1.311
    values = catalog.validate(entry, {**entry.example, "resolution": "480p", "duration": 5, "generate_audio": False})
    assert pricing.cost(entry, values).millicredits == 8_750
    assert cost("qwen/image-edit", image_size="square").millicredits == 1_311
    assert Decimal("3.24") * 1000 == cost("seedream/5-flash-text-to-image").millicredits
