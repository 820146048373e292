"""Tokens: the most a conversation can be, and the price of what it was."""

import pytest

from generation import catalog, pricing, tokens
from generation.tokens import Usage


def test_every_price_of_tokens_is_used() -> None:
    """280 for input, 28 for what was cached, 350 for what is cached now, 1,680 for output, by the million."""
    entry = catalog.get("gpt-5-6-sol")
    assert pricing.used(entry, Usage(1_000_000, 0)) == 280_000
    assert pricing.used(entry, Usage(1_000_000, 0, cached=1_000_000)) == 28_000
    assert pricing.used(entry, Usage(1_000_000, 0, cache_written=1_000_000)) == 350_000
    assert pricing.used(entry, Usage(0, 1_000_000)) == 1_680_000
    assert pricing.used(entry, Usage(3, 5, cached=1, cache_written=1)) == 10


def test_without_a_price_of_its_own_the_cache_costs_what_input_costs() -> None:
    entry = catalog.get("claude-opus-5")
    assert pricing.used(entry, Usage(1_000_000, 0, 400_000, 100_000)) == 400_000


def test_prices_are_rounded_up() -> None:
    """R-PR7: one token at 6 credits for a million of them is 0.006 millicredits."""
    assert pricing.used(catalog.get("gpt-6-luna"), Usage(1, 0)) == 1


def test_a_token_is_at_least_a_byte_and_tools_are_explained_to_the_model() -> None:
    assert tokens.bound({"messages": "ä"}) == len('{"messages": "ä"}'.encode())
    plain, with_tools = tokens.bound({"tools": []}), tokens.bound({"tools": [1]})
    assert with_tools - plain == 1 + tokens.TOOL_PROMPT_TOKENS
    assert tokens.bound({}, pictures=2) - tokens.bound({}) == 2 * tokens.PICTURE_TOKENS


def test_an_estimate_is_a_token_for_four_bytes_rounded_up() -> None:
    assert [tokens.estimate(size) for size in (0, 1, 4, 5)] == [0, 1, 1, 2]


UNBOUNDED = [
    {"messages": [{"content": [{"type": "image_url", "image_url": {"url": "x"}}]}]},
    {"input": [{"content": [{"type": "input_file", "file_url": "x"}]}]},
    {"contents": [{"parts": [{"file_data": {"file_uri": "x"}}]}]},
    {"messages": [{"content": [{"type": "tool_result", "content": [{"type": "image", "source": {}}]}]}]},
    {"messages": [{"content": [{"type": "document", "source": {}}]}]},
    {"tools": [{"type": "web_search"}]},
    {"tools": [{"googleSearch": {}}]},
]


@pytest.mark.parametrize("values", UNBOUNDED)
def test_other_media_and_hosted_tools_have_no_bound(values: dict) -> None:
    assert tokens.unbounded(values)


def test_a_tool_may_have_a_parameter_that_is_called_like_one() -> None:
    parameters = {"type": "object", "properties": {"source": {"type": "string"}, "image_url": {"type": "string"}}}
    tool = {"type": "function", "function": {"name": "f", "parameters": parameters}}
    use = {"type": "tool_use", "id": "c", "name": "f", "input": {"image_url": "x", "source": "y"}}
    assert not tokens.unbounded({"tools": [tool], "messages": [{"content": [use]}]})
