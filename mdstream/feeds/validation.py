"""Which ticks and quotes are usable: one set of rules, over Arrow batches and over single ticks.

The limits and reasons are those of `mdstream.schemas.limits`, which the Spark side applies as well.
"""

from __future__ import annotations

import math
import re
from collections.abc import Callable, Mapping
from datetime import timedelta
from typing import Any, TypeAlias, TypeGuard

import numpy as np
import numpy.typing as npt
import pyarrow as pa
import pyarrow.compute as pc

from mdstream.config import TickSettings
from mdstream.schemas import TICK
from mdstream.schemas.limits import (
    MAX_CONDITIONS,
    MAX_NOTIONAL,
    MAX_PRICE,
    MAX_SIZE,
    MIN_EVENT_TIME,
    MIN_SIZE,
    SYMBOL_PATTERN,
    TEXT_FIELDS,
    TEXT_PATTERN,
    Reason,
)
from mdstream.schemas.quotes import why_sides_refused
from mdstream.schemas.wire import from_micros, to_micros

REQUIRED = tuple(field.name for field in TICK.schema if not field.nullable)
"""Fields without which there is no tick."""

MAX_FUTURE_SKEW = timedelta(seconds=TickSettings().max_future_skew_seconds)
"""How far a tick may be ahead of its ingest time, unless configured otherwise."""

_MIN_MICROS = to_micros(MIN_EVENT_TIME)
_INT64 = range(-(2**63), 2**63)
_SYMBOL = re.compile(SYMBOL_PATTERN)
_TEXT = re.compile(TEXT_PATTERN)
_MICROSECOND = timedelta(microseconds=1)
_SHOWN = 80
Show: TypeAlias = Callable[[Any], str]
_AMOUNT_LIMITS = {"price": (MAX_PRICE, Reason.PRICE_TOO_HIGH), "size": (MAX_SIZE, Reason.SIZE_TOO_HIGH)}


def shown(value: object) -> str:
    """Return a found value as reasons show it: in full unless it is long.

    Example:
        >>> shown(-1.0), len(shown("x" * 1000))
        ('-1.0', 81)
    """
    text = str(value)
    return text if len(text) <= _SHOWN else f"{text[:_SHOWN]}…"


def shown_time(micros: int) -> str:
    """Return epoch microseconds as reasons show them.

    Example:
        >>> shown_time(0)
        '1970-01-01T00:00:00+00:00'
    """
    try:
        return from_micros(micros).isoformat()
    except OverflowError:
        return f"{micros} us"


class _Refusals:
    """The first reason found against each row of a batch."""

    def __init__(self) -> None:
        self.reasons: dict[int, str] = {}

    def add(
        self, rows: pa.BooleanArray, reason: Reason, field: str, values: pa.Array | None = None, show: Show = shown
    ) -> None:
        """Refuse the rows that are true (null is not), showing their values."""
        for row in np.flatnonzero(pc.fill_null(rows, False).to_numpy(zero_copy_only=False)).tolist():
            if row not in self.reasons:
                self.reasons[row] = reason.of(field, None if values is None else show(values[row].as_py()))


def refusals(
    batch: pa.RecordBatch,
    *,
    received_micros: int,
    max_future_skew: timedelta = MAX_FUTURE_SKEW,
    nonpositive_prices: bool = False,
) -> dict[int, str]:
    """Return the rows of a batch of TICK columns that are not usable, with the reason.

    Args:
        batch: Columns named and typed like TICK's; values may be null everywhere.
        received_micros: When they reached us, in epoch microseconds: the ingest time of ticks without one.
        max_future_skew: How far event time may be ahead of ingest time, and that ahead of the time of receipt.
        nonpositive_prices: Whether prices may be zero or less.
    """
    found = _Refusals()
    symbols = batch.column("symbol")
    found.add(pc.is_null(symbols), Reason.MISSING, "symbol")
    found.add(_not_matching(symbols, SYMBOL_PATTERN), Reason.MALFORMED, "symbol", symbols)
    for field, (limit, too_high) in _AMOUNT_LIMITS.items():
        amounts = batch.column(field)
        found.add(pc.is_null(amounts), Reason.MISSING, field)
        found.add(pc.invert(pc.is_finite(amounts)), Reason.NOT_FINITE, field, amounts)
        if field != "price" or not nonpositive_prices:
            found.add(pc.less_equal(amounts, 0.0), Reason.NOT_POSITIVE, field, amounts)
        found.add(pc.greater(amounts, limit), too_high, field, amounts)
    found.add(pc.less(batch.column("price"), -MAX_PRICE), Reason.PRICE_TOO_LOW, "price", batch.column("price"))
    found.add(pc.less(batch.column("size"), MIN_SIZE), Reason.SIZE_TOO_LOW, "size", batch.column("size"))
    notional = pc.abs(pc.multiply(batch.column("price"), batch.column("size")))
    found.add(pc.greater(notional, MAX_NOTIONAL), Reason.NOTIONAL_TOO_HIGH, "size", notional)
    _refuse_times(found, batch, received_micros, max_future_skew // _MICROSECOND)
    _refuse_texts(found, batch)
    return found.reasons


def _refuse_times(found: _Refusals, batch: pa.RecordBatch, received: int, skew: int) -> None:
    event = batch.column("event_time").cast(pa.int64())
    ingest = pc.fill_null(batch.column("ingest_time").cast(pa.int64()), received)
    found.add(pc.is_null(event), Reason.MISSING, "event_time")
    found.add(pc.less(event, _MIN_MICROS), Reason.EVENT_TIME_TOO_EARLY, "event_time", event, shown_time)
    found.add(pc.less(ingest, _MIN_MICROS), Reason.INGEST_TIME_TOO_EARLY, "ingest_time", ingest, shown_time)
    found.add(pc.greater(ingest, received + skew), Reason.INGEST_TIME_AHEAD, "ingest_time", ingest, shown_time)
    found.add(pc.greater(pc.subtract(event, skew), ingest), Reason.EVENT_TIME_AHEAD, "event_time", event, shown_time)


def _refuse_texts(found: _Refusals, batch: pa.RecordBatch) -> None:
    for field in TEXT_FIELDS:
        texts = batch.column(field)
        found.add(_not_matching(texts, TEXT_PATTERN), Reason.MALFORMED, field, texts)
    conditions = batch.column("conditions")
    found.add(pc.greater(pc.list_value_length(conditions), MAX_CONDITIONS), Reason.MALFORMED, "conditions", conditions)
    codes = conditions.flatten()
    bad = pc.fill_null(_not_matching(codes, TEXT_PATTERN), True)
    if pc.any(bad).as_py():
        rows: npt.NDArray[np.bool_] = np.zeros(len(batch), dtype=bool)
        rows[pc.list_parent_indices(conditions).filter(bad).to_numpy()] = True
        found.add(pa.array(rows), Reason.MALFORMED, "conditions", conditions)


def _not_matching(texts: pa.Array, pattern: str) -> pa.Array:
    # Most texts of a batch are equal, and looking them up is cheaper than matching each.
    distinct = texts.dictionary_encode()
    return pc.invert(pc.match_substring_regex(distinct.dictionary, f"^(?:{pattern})$")).take(distinct.indices)


def refusal(
    tick: Mapping[str, object], *, max_future_skew: timedelta = MAX_FUTURE_SKEW, nonpositive_prices: bool = False
) -> str | None:
    """Return why a single tick is not usable; None if it is.

    Args:
        tick: Fields of a tick as JSON holds them, of any type; `ingest_time` is our own.
        max_future_skew: How far event time may be ahead of ingest time.
        nonpositive_prices: Whether its price may be zero or less.

    Example:
        >>> refusal({"symbol": "AAPL", "price": -1.0, "size": 1, "event_time": 10**15, "ingest_time": 10**15})
        'price not positive: -1.0'
    """
    return (
        symbol_refusal(tick.get("symbol"))
        or _amounts_refusal(tick, nonpositive_prices)
        or _times_refusal(tick, max_future_skew // _MICROSECOND)
        or _texts_refusal(tick)
    )


def bar_refusal(bar: Mapping[str, object], *, max_future_skew: timedelta = MAX_FUTURE_SKEW) -> str | None:
    """Return why a vendor's bar is not usable, by its symbol and its times; None if it is.

    Args:
        bar: Fields of BAR as JSON holds them; `last_ingest_time` is our own.
        max_future_skew: How far `last_event_time` may be ahead of `last_ingest_time`.

    Example:
        >>> bar_refusal({"symbol": "AAPL", "last_event_time": 0, "last_ingest_time": 10**15})
        'event_time before 1990-01-01: 1970-01-01T00:00:00+00:00'
    """
    times = {"event_time": bar.get("last_event_time"), "ingest_time": bar.get("last_ingest_time")}
    return symbol_refusal(bar.get("symbol")) or _times_refusal(times, max_future_skew // _MICROSECOND)


def quote_refusal(
    quote: Mapping[str, object], *, max_future_skew: timedelta = MAX_FUTURE_SKEW, nonpositive_prices: bool = False
) -> str | None:
    """Return why a single quote is not usable; None if it is.

    Args:
        quote: Fields of a quote as JSON holds them, of any type; `ingest_time` is our own.
        max_future_skew: How far event time may be ahead of ingest time.
        nonpositive_prices: Whether its prices may be below zero.

    Example:
        >>> quote_refusal({"symbol": "AAPL", "bid": -1.0, "event_time": 10**15, "ingest_time": 10**15})
        'bid negative: -1.0'
    """
    return (
        symbol_refusal(quote.get("symbol"))
        or why_sides_refused(quote, nonpositive_prices=nonpositive_prices)
        or _times_refusal(quote, max_future_skew // _MICROSECOND)
        or _texts_refusal(quote)
    )


def symbol_refusal(symbol: object) -> str | None:
    """Return why this is not a symbol; None if it is.

    Example:
        >>> symbol_refusal(" AAPL"), symbol_refusal("^GSPC")
        ('symbol malformed:  AAPL', None)
    """
    if symbol is None:
        return Reason.MISSING.of("symbol")
    if not isinstance(symbol, str):
        return Reason.NOT_TEXT.of("symbol", shown(symbol))
    return None if _SYMBOL.fullmatch(symbol) else Reason.MALFORMED.of("symbol", shown(symbol))


def _amounts_refusal(tick: Mapping[str, object], nonpositive_prices: bool) -> str | None:
    notional = 1.0
    for field, (limit, too_high) in _AMOUNT_LIMITS.items():
        amount = tick.get(field)
        if amount is None:
            return Reason.MISSING.of(field)
        if not isinstance(amount, int | float) or isinstance(amount, bool):
            return Reason.NOT_A_NUMBER.of(field, shown(amount))
        if isinstance(amount, float) and not math.isfinite(amount):
            return Reason.NOT_FINITE.of(field, amount)
        if amount <= 0 and (field != "price" or not nonpositive_prices):
            return Reason.NOT_POSITIVE.of(field, shown(amount))
        if amount > limit:
            return too_high.of(field, shown(amount))
        if amount < -limit:
            return Reason.PRICE_TOO_LOW.of(field, shown(amount))
        if field == "size" and amount < MIN_SIZE:
            return Reason.SIZE_TOO_LOW.of(field, amount)
        notional *= amount
    notional = abs(notional)
    return Reason.NOTIONAL_TOO_HIGH.of("size", notional) if notional > MAX_NOTIONAL else None


def _times_refusal(tick: Mapping[str, object], skew: int) -> str | None:
    event, ingest, sequence = tick.get("event_time"), tick.get("ingest_time"), tick.get("sequence")
    if event is None:
        return Reason.MISSING.of("event_time")
    if not _is_int64(event):
        return Reason.NOT_A_TIME.of("event_time", shown(event))
    if event < _MIN_MICROS:
        return Reason.EVENT_TIME_TOO_EARLY.of("event_time", shown_time(event))
    if not _is_int64(ingest):
        return Reason.NOT_A_TIME.of("ingest_time", shown(ingest))
    if event - skew > ingest:
        return Reason.EVENT_TIME_AHEAD.of("event_time", shown_time(event))
    if sequence is not None and not _is_int64(sequence):
        return Reason.NOT_AN_INTEGER.of("sequence", shown(sequence))
    return None


def _is_int64(value: object) -> TypeGuard[int]:
    return isinstance(value, int) and not isinstance(value, bool) and value in _INT64


def _texts_refusal(tick: Mapping[str, object]) -> str | None:
    for field in TEXT_FIELDS:
        text = tick.get(field)
        if text is None:
            continue
        if not isinstance(text, str):
            return Reason.NOT_TEXT.of(field, shown(text))
        if _TEXT.fullmatch(text) is None:
            return Reason.MALFORMED.of(field, shown(text))
    codes = tick.get("conditions")
    if codes is None:
        return None
    if not isinstance(codes, list) or len(codes) > MAX_CONDITIONS:
        return Reason.MALFORMED.of("conditions", shown(codes))
    if all(isinstance(code, str) and _TEXT.fullmatch(code) for code in codes):
        return None
    return Reason.MALFORMED.of("conditions", shown(codes))
