"""Credits as decimal strings, and nothing that only looks like one."""

import pytest
from hypothesis import given
from hypothesis import strategies as st

from billing.amounts import LIMIT_MILLICREDITS, format_credits, parse_credits


@pytest.mark.parametrize(
    ("millicredits", "text"),
    [
        (0, "0"),
        (1, "0.001"),
        (400, "0.4"),
        (12_500, "12.5"),
        (100_000, "100"),
        (1_250_000, "1250"),
        (-500, "-0.5"),
        (-12_345, "-12.345"),
        (10**15, "1000000000000"),
    ],
)
def test_credits_are_written_as_a_plain_decimal(millicredits, text):
    assert format_credits(millicredits) == text
    assert parse_credits(text) == millicredits


@pytest.mark.parametrize(
    "text",
    [
        "",
        " ",
        "-",
        ".5",
        "5.",
        "1.2345",
        "1.5000",
        "1,250",
        "1 250",
        " 1",
        "1\n",
        "+1",
        "--1",
        "1e3",
        "1E3",
        "NaN",
        "inf",
        "-Infinity",
        "0x10",
        "1_000",
        "١٢",
        "½",
        "1000000000000.001",
        "9" * 13,
        "9" * 5000,
    ],
)
def test_anything_else_is_refused(text):
    with pytest.raises(ValueError, match="credits"):
        parse_credits(text)


@given(st.integers(-LIMIT_MILLICREDITS, LIMIT_MILLICREDITS))
def test_writing_and_reading_are_inverse(millicredits):
    assert parse_credits(format_credits(millicredits)) == millicredits
