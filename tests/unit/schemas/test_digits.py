"""Digits that tell neighbouring prices apart."""

from __future__ import annotations

import math

import pytest
from hypothesis import given
from hypothesis import strategies as st

from mdstream.schemas.digits import amount_text, price_text


@given(st.floats(1e-9, 1e9))
def test_prices_a_ten_thousandth_apart_are_told_apart(price: float) -> None:
    assert price_text(price) != price_text(price * 1.0001)
    assert float(price_text(price).replace(",", "")) == pytest.approx(price, rel=5e-8)


@given(st.integers(-(10**7), 10**7), st.integers(0, 7))
def test_a_price_of_seven_digits_is_written_in_full(digits: int, decimals: int) -> None:
    price = digits / 10**decimals
    assert float(price_text(price).replace(",", "")) == price
    assert float(amount_text(price).replace(",", "")) == price


@pytest.mark.parametrize("number", [math.nan, math.inf, 0.0, 5e-324, 1.7e308])
def test_any_number_is_written(number: float) -> None:
    assert price_text(number)
    assert amount_text(number)
