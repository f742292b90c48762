"""Massive's minute bars as bars of ours."""

from __future__ import annotations

import math
from collections.abc import Mapping, Sequence
from datetime import datetime, timedelta

import pyarrow as pa

from mdstream.feeds.validation import shown
from mdstream.schemas import BAR, BarWindow
from mdstream.schemas.wire import from_micros

_MILLISECOND = timedelta(milliseconds=1)
_MILLIS_A_MINUTE = 60_000
_PRICES = {"open": "o", "high": "h", "low": "l", "close": "c"}


def bars_of_records(
    symbol: str, window: BarWindow, records: Sequence[Mapping[str, object]]
) -> tuple[pa.RecordBatch, list[str]]:
    """Return records of minute bars as rows of BAR, and why others are none.

    `n`, the number of transactions, is the bar's trade count and so its revision; a bar without it cannot be held
    against others. No time of a trade is given: `last_event_time` is the last millisecond of the window, of which
    Massive's clock has no finer parts, and `last_ingest_time` is null, because no trade of it came to us.

    Args:
        symbol: The ticker.
        window: The window of one minute, as it is called here.
        records: What the REST API gave.
    """
    rows: list[dict[str, object]] = []
    reasons: list[str] = []
    for record in records:
        try:
            rows.append(_bar(symbol, window, record))
        except (ValueError, OverflowError) as exc:
            reasons.append(str(exc))
    return pa.RecordBatch.from_pylist(rows, schema=BAR.schema), reasons


def _bar(symbol: str, window: BarWindow, record: Mapping[str, object]) -> dict[str, object]:
    start = _start(record.get("t"))
    end = start + timedelta(seconds=window.seconds)
    prices = {name: _amount(record, field) for name, field in _PRICES.items()}
    if (
        not prices["low"]
        <= min(prices["open"], prices["close"])
        <= max(prices["open"], prices["close"])
        <= prices["high"]
    ):
        raise ValueError(f"open or close is not between low and high: {shown(prices)}")
    count = record.get("n")
    if not isinstance(count, int) or isinstance(count, bool) or count < 1:
        raise ValueError(f"number of transactions missing: {shown(count)}")
    return {
        "symbol": symbol,
        "window": window.name,
        "window_start": start,
        "window_end": end,
        **prices,
        "volume": _amount(record, "v"),
        "vwap": _amount(record, "vw") if record.get("vw") is not None else None,
        "trade_count": count,
        "last_event_time": end - _MILLISECOND,
        "last_ingest_time": None,
    }


def _start(millis: object) -> datetime:
    if not isinstance(millis, int) or isinstance(millis, bool) or millis % _MILLIS_A_MINUTE:
        raise ValueError(f"not the start of a minute: {shown(millis)}")
    return from_micros(millis * 1000)


def _amount(record: Mapping[str, object], field: str) -> float:
    value = record.get(field)
    if not isinstance(value, int | float) or isinstance(value, bool) or not math.isfinite(value) or value < 0:
        raise ValueError(f"{field} not an amount: {shown(value)}")
    return float(value)
