"""As many digits of a number as matter, whatever its size: prices of 4.5e-7 and of 60,000 have eight that do."""

from __future__ import annotations

import math

SIGNIFICANT_DIGITS = 8
"""Enough to tell neighbouring prices apart, and too few to show how a float is rounded."""

PRICE_DECIMALS = 2
"""Fewest decimals of a price."""

_MOST_DECIMALS = 18


def price_text(price: float) -> str:
    """Return a price for people: eight significant digits, at least two decimals, no zeros behind.

    Example:
        >>> price_text(61837.63), price_text(4.5e-7), price_text(8.01e-6), price_text(-37.63), price_text(1234567.5)
        ('61,837.63', '0.00000045', '0.00000801', '-37.63', '1,234,567.50')
    """
    return _text(price, PRICE_DECIMALS)


def amount_text(amount: float) -> str:
    """Return an amount for people: eight significant digits, as few decimals as it has.

    Example:
        >>> amount_text(1200.0), amount_text(0.001)
        ('1,200', '0.001')
    """
    return _text(amount, 0)


def _text(number: float, least: int) -> str:
    if not math.isfinite(number):
        return str(number)
    size = math.floor(math.log10(abs(number))) if number else 0
    decimals = min(max(least, SIGNIFICANT_DIGITS - 1 - size), _MOST_DECIMALS)
    whole, _, fraction = f"{number:,.{decimals}f}".partition(".")
    fraction = fraction.rstrip("0").ljust(least, "0")
    return f"{whole}.{fraction}" if fraction else whole
