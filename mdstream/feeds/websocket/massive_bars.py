"""Massive's minute bars, which the REST API gives as records and the WebSocket as aggregates."""

from __future__ import annotations

import math
from collections.abc import Mapping, Sequence

import pyarrow as pa

from mdstream.feeds.base import WireBar
from mdstream.feeds.validation import shown
from mdstream.feeds.websocket.frames import number
from mdstream.schemas import BAR, BarWindow
from mdstream.schemas.limits import LAST_MICROSECOND

_MICROS_A_MILLI = 1_000
_MICROS_A_MINUTE = 60_000_000
_STARTS = range(0, LAST_MICROSECOND - _MICROS_A_MINUTE, _MICROS_A_MINUTE)
_COUNTS = range(1, 2**63)
_PRICES = {"open": "o", "high": "h", "low": "l", "close": "c"}

_MINUTES_KEPT = 32
"""An aggregate may come again for fifteen minutes; behind a start come those of the fifteen minutes before it too."""


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
    rows: list[WireBar] = []
    reasons: list[str] = []
    for record in records:
        try:
            rows.append(_bar(symbol, window, record))
        except (ValueError, OverflowError) as exc:
            reasons.append(str(exc))
    return pa.RecordBatch.from_pylist(rows, schema=BAR.schema), reasons


class MinuteAggregates:
    """Takes aggregates `AM` of the WebSocket as revisions of bars.

    They have no number of trades, which is what a bar's revisions are told apart by, but the average size `z` of a
    trade as a whole number. Rounded or cut off, the average is less than z + 1, so there were more trades than
    volume / (z + 1): the bar gets the least number that is more. An aggregate comes again when late trades changed it,
    so there was one more at least. The count is never above the true one, and grows with each change.

    What was counted is remembered for as long as aggregates come again, over lost connections.

    Args:
        window: The window of one minute, as it is called here.
    """

    def __init__(self, window: BarWindow) -> None:
        self._window = window
        self._seen: dict[int, dict[str, tuple[int, int]]] = {}
        """Hash of what an aggregate said and its count, by start and symbol."""

    def bar(self, event: Mapping[str, object]) -> WireBar:
        """Return an event `AM` as a revision of a bar, not judged yet; the same one again is the same revision.

        Raises:
            TypeError: A field is of a type that no aggregate has.
            ValueError: A field is missing, or its value is of no minute bar.
            OverflowError: A number is too large.

        Example:
            >>> event = {"sym": "GTE", "o": 0.44, "h": 0.45, "l": 0.44, "c": 0.45, "v": 4110, "z": 685, "s": 0}
            >>> MinuteAggregates(BarWindow("1min", 60)).bar(event)["trade_count"]
            6
        """
        # Newer frames have the volume with its fraction as a text; which of the two `z` is of is not said.
        volume = number(event.get("dv", event.get("v")))
        record = {**event, "t": event.get("s"), "v": volume}
        least = min(_amount(event, "v"), _amount(record, "v"))
        bar = _bar(event.get("sym"), self._window, {**record, "n": int(least // (_amount(event, "z") + 1)) + 1})
        said = hash(tuple(bar.values()))
        minute = self._seen.setdefault(bar["window_start"], {})
        if len(self._seen) > _MINUTES_KEPT:
            del self._seen[next(iter(self._seen))]
        if (before := minute.get(bar["symbol"])) is not None:
            said_before, count = before
            bar["trade_count"] = count if said == said_before else max(bar["trade_count"], count + 1)
        minute[bar["symbol"]] = said, bar["trade_count"]
        return bar


def _bar(symbol: object, window: BarWindow, record: Mapping[str, object]) -> WireBar:
    start = _start(record.get("t"))
    end = start + _MICROS_A_MINUTE
    prices = {name: _amount(record, field) for name, field in _PRICES.items()}
    if (
        not prices["low"]
        <= min(prices["open"], prices["close"])
        <= max(prices["open"], prices["close"])
        <= prices["high"]
    ):
        raise ValueError(f"open or close is not between low and high: {shown(prices)}")
    count = record.get("n")
    if not isinstance(count, int) or isinstance(count, bool) or count not in _COUNTS:
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
        "last_event_time": end - _MICROS_A_MILLI,
        "last_ingest_time": None,
    }


def _start(millis: object) -> int:
    if not isinstance(millis, int) or isinstance(millis, bool) or millis * _MICROS_A_MILLI not in _STARTS:
        raise ValueError(f"not the start of a minute: {shown(millis)}")
    return millis * _MICROS_A_MILLI


def _amount(record: Mapping[str, object], field: str) -> float:
    value = record.get(field)
    if not isinstance(value, int | float) or isinstance(value, bool) or not math.isfinite(value) or value < 0:
        raise ValueError(f"{field} not an amount: {shown(value)}")
    return float(value)
