"""Money in minor units: exact, rounded up once, and written as people write it."""

from decimal import Decimal
from typing import Any

import pytest
from hypothesis import given
from hypothesis import strategies as st

from billing.payments import minor


@pytest.mark.parametrize(
    ("text", "code", "amount"),
    [("25", "USD", 2500), ("25.5", "USD", 2550), ("0.01", "EUR", 1), ("500", "JPY", 500), ("1.234", "KWD", 1234)],
)
def test_amounts_are_read_exactly(text: str, code: str, amount: int) -> None:
    assert minor.parse(text, code) == amount


@pytest.mark.parametrize(
    ("text", "code"),
    [
        *(
            (text, "USD")
            for text in ("-1", "NaN", "1e3", "1.005", "", "1000000", " 1", "1000000000000000000", "١", "1.")
        ),
        *(("5.5", "JPY"), ("1,5", "EUR")),
    ],
)
def test_what_is_no_amount_is_refused(text: str, code: str) -> None:
    with pytest.raises(ValueError):
        minor.parse(text, code)


@pytest.mark.parametrize(
    ("amount", "code", "text"),
    [(2500, "USD", "$25.00"), (-123450, "EUR", "−€1,234.50"), (500, "JPY", "¥500"), (1, "CHF", "CHF 0.01")],
)
def test_amounts_are_written_with_their_currency(amount: int, code: str, text: str) -> None:
    assert minor.written(amount, code) == text


def test_prices_are_rounded_up_in_the_currencys_own_unit(settings: Any) -> None:
    """R-PR7"""
    settings.CREDIT_PRICE = Decimal("0.005")
    for code, price in (("USD", 501), ("JPY", 6), ("KWD", 5010)):
        settings.CURRENCY = code
        assert minor.price(1_000_200) == price


@given(st.integers(1, 10**12), st.integers(1, 10**8), st.data())
def test_what_is_left_of_a_payment_never_exceeds_its_share(credits: int, paid: int, data: st.DataObject) -> None:
    """R-PAY6: parts taken one after the other come to the same as all at once; all is nothing."""
    gone = data.draw(st.integers(0, paid))
    left = minor.credits_left(credits, paid, gone)
    assert left * paid <= credits * (paid - gone) < (left + 1) * paid
    assert minor.credits_left(credits, paid, paid) == 0
    assert minor.credits_left(credits, paid, 0) == credits


@given(st.integers(1, 10**9))
def test_what_an_amount_can_buy_costs_no_more_than_it(amount: int) -> None:
    assert minor.price(minor.affordable(amount)) <= amount
