"""What of a quote's record makes it one that counts, for feeds and for consumers that read `quote_data` themselves."""

from __future__ import annotations

import math
from collections.abc import Mapping
from typing import Any

from mdstream.schemas.limits import MAX_PRICE, MAX_SIZE, PRICES_OF_QUOTES, SIZES_OF_QUOTES, Reason
from mdstream.schemas.trades import why_times_refused

_SHOWN = 80


def why_refused(quote: Mapping[str, Any], received_micros: int, max_future_skew_seconds: float) -> str | None:
    """Return why a well-formed quote goes to `dead_letter`; None if it is stored.

    Args:
        quote: Fields as a `RecordCheck` of QUOTE returns them.
        received_micros: When the broker got it, in epoch microseconds.
        max_future_skew_seconds: How far its event time may be ahead of its ingest time, and that of the broker's.

    Example:
        >>> why_refused({"bid": 1.5, "event_time": 9_000_000_000_000_000}, 1_767_364_200_000_000, 300)
        'event_time too far ahead of ingest_time'
    """
    return why_sides_refused(quote) or why_times_refused(quote, received_micros, max_future_skew_seconds)


def why_sides_refused(quote: Mapping[str, object], *, nonpositive_prices: bool = False) -> str | None:
    """Return why prices and sizes are none of a quote; None if they are.

    A side may be missing, but not both; 0 says that nobody quotes there.

    Args:
        quote: Fields of a quote as JSON holds them, of any type.
        nonpositive_prices: Whether prices may be below zero.

    Example:
        >>> why_sides_refused({"bid": 9.5, "ask": 0}), why_sides_refused({"bid": -9.5}), why_sides_refused({})
        (None, 'bid negative: -9.5', 'neither bid nor ask')
    """
    if all(quote.get(name) is None for name in PRICES_OF_QUOTES):
        return Reason.NEITHER_SIDE.of()
    bounds = (
        (PRICES_OF_QUOTES, MAX_PRICE, Reason.PRICE_TOO_HIGH, nonpositive_prices),
        (SIZES_OF_QUOTES, MAX_SIZE, Reason.SIZE_TOO_HIGH, False),
    )
    reasons = (
        _why_amount(name, quote.get(name), most, too_high, may_be_negative)
        for names, most, too_high, may_be_negative in bounds
        for name in names
    )
    return next((reason for reason in reasons if reason is not None), None)


def _why_amount(name: str, amount: object, most: float, too_high: Reason, may_be_negative: bool) -> str | None:
    if amount is None:
        return None
    if not isinstance(amount, int | float) or isinstance(amount, bool):
        return Reason.NOT_A_NUMBER.of(name, str(amount)[:_SHOWN])
    if isinstance(amount, float) and not math.isfinite(amount):
        return Reason.NOT_FINITE.of(name, amount)
    if amount < 0 and not may_be_negative:
        return Reason.NEGATIVE.of(name, str(amount)[:_SHOWN])
    if amount > most:
        return too_high.of(name, str(amount)[:_SHOWN])
    return Reason.PRICE_TOO_LOW.of(name, str(amount)[:_SHOWN]) if amount < -most else None
