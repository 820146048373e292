"""Our price: KIE's cost times a markup, rounded up once, never a float, the same for the same input."""

from decimal import Decimal

import pytest
from hypothesis import assume, given, settings
from hypothesis import strategies as st

from generation import catalog, pricing
from generation.pricing import Tariff

MARKUPS = st.decimals("0.01", "100", places=3)


@pytest.mark.parametrize(
    ("cost", "markup", "price"),
    [
        (4_000, "1.5", 6_000),
        (4_000, "1", 4_000),
        (1, "1.5", 2),  # 1.5 rounded up
        (333, "1.001", 334),  # 333.333
        (1_000, "1.0000001", 1_001),  # 1000.0001
        (400, "0.001", 1),  # 0.4
        (0, "3", 1),  # what KIE gives away still costs the least there is
        (10**15, "1.5", 15 * 10**14),
    ],
)
def test_the_price_is_rounded_up_to_a_whole_millicredit_and_is_at_least_one(cost, markup, price):
    assert pricing.price_millicredits(cost, Tariff(Decimal(markup))) == price


@pytest.mark.parametrize("markup", [1.5, 2, "1.5", Decimal(0), Decimal(-1), Decimal("NaN"), Decimal("Infinity")])
def test_a_markup_must_be_a_positive_decimal(markup):
    with pytest.raises(ValueError, match="markup"):
        Tariff(markup)


@pytest.mark.parametrize("cost", [1.0, Decimal(1), True, -1])
def test_a_cost_must_be_a_whole_number(cost):
    with pytest.raises(ValueError, match="cost"):
        pricing.price_millicredits(cost, Tariff(Decimal(2)))


@settings(max_examples=300)
@given(st.integers(0, 10**12), st.integers(0, 10**12), MARKUPS, MARKUPS)
def test_more_cost_or_more_markup_is_never_cheaper(cost, more, markup, higher):
    assume(markup <= higher)
    price = pricing.price_millicredits(cost, Tariff(markup))
    assert price <= pricing.price_millicredits(cost + more, Tariff(higher))
    assert 0 <= price - cost * markup < 1 or price == 1


@given(
    st.sampled_from(["bytedance/seedance-2", "kling-3.0-omni/text-to-video", "happyhorse/text-to-video"]),
    st.integers(4, 14),
    MARKUPS,
)
def test_a_longer_video_never_costs_less(model, seconds, markup):
    entry = catalog.get(model)
    shorter, longer = (
        pricing.quote(entry, catalog.validate(entry, {**entry.example, "duration": n}), Tariff(markup))
        for n in (seconds, seconds + 1)
    )
    assert shorter.price_millicredits <= longer.price_millicredits


@pytest.mark.parametrize("entry", [e for e in catalog.all() if e.priced], ids=lambda e: e.id)
def test_a_quote_is_repeatable_whole_and_about_the_input_it_was_made_for(entry):
    """R-PR4, R-PR6: what was priced is what is sent."""
    values = catalog.validate(entry, entry.example)
    quote = pricing.quote(entry, values, Tariff(Decimal("1.3")))
    assert quote == pricing.quote(entry, catalog.validate(entry, values), Tariff(Decimal("1.3")))
    assert quote.input == values
    assert type(quote.price_millicredits) is type(quote.cost.millicredits) is int
    assert quote.price_millicredits >= max(1, quote.cost.millicredits)


def test_the_price_version_follows_the_markup_and_the_entry():
    entry, other = catalog.get("google/nano-banana"), catalog.get("z-image")
    values, others = (catalog.validate(e, e.example) for e in (entry, other))
    version = pricing.quote(entry, values, Tariff(Decimal("1.3"))).price_version
    assert version == pricing.quote(entry, {**values, "prompt": "other"}, Tariff(Decimal("1.3"))).price_version
    assert version != pricing.quote(entry, values, Tariff(Decimal("1.4"))).price_version
    assert version != pricing.quote(other, others, Tariff(Decimal("1.3"))).price_version


@pytest.mark.parametrize(
    ("model", "text"),
    [
        ("google/nano-banana", "6 credits per image"),
        ("recraft/crisp-upscale", "0.75 credits per image"),
        ("grok-imagine/text-to-video", "from 3.6 credits per second"),
        ("flux1-kontext", "up to 15 credits per image"),
        ("qwen3/image-to-image", "from 7.2 credits per image"),
        ("elevenlabs/text-to-speech-turbo-2-5", "9 credits per 1,000 characters"),
        (
            "google/gemini-3-8-flash-tts",
            "105 credits per million input tokens, 1890 per million output tokens",
        ),
        ("ai-music-api/cover-generate", "0.001 credits per request"),
        ("qwen/image-to-image", "up to 25.2 credits per image"),
        ("grok-4-3", "not for sale"),
    ],
)
def test_lists_show_a_short_price_in_our_credits(model, text):
    assert pricing.describe(catalog.get(model), Tariff(Decimal("1.5"))) == text


def test_one_credit_is_singular():
    assert pricing.describe(catalog.get("recraft/remove-background"), Tariff(Decimal(1))) == "1 credit per image"
