"""Bars of one symbol and window as a chart needs them: each in its newest revision, wherever it came from."""

from __future__ import annotations

from collections.abc import Iterable, Iterator, Mapping
from dataclasses import dataclass
from typing import Any

Wire = Mapping[str, Any]
"""A record's fields as they travel: times are epoch microseconds."""

_MICROS_A_MILLISECOND = 1_000
_MOST_ANOMALIES = 2_000
_SHOWN_OF_BAR = ("open", "high", "low", "close", "volume", "vwap", "trade_count")
_SHOWN_OF_ANOMALY = ("symbol", "window", "rule", "severity", "message")


@dataclass(slots=True)
class _Row:
    version: int
    bar: Wire | None = None
    values: tuple[float | None, ...] = ()
    values_revision: int = -1


class ChartSeries:
    """The newest bars with their indicators and anomalies; whatever comes late or twice, none goes back.

    Every change is marked with a version, a number that its owner lets grow, so that a page can ask for what
    changed since it last asked.

    Args:
        capacity: How many bars are kept.
        columns: The indicators that are kept.

    Example:
        >>> series = ChartSeries(300, ["rsi_14"])
        >>> bar = {"window_start": 60_000_000, "open": 1.0, "high": 1.5, "low": 1.0, "close": 1.2, "trade_count": 2}
        >>> series.take_bar(bar, version=1), series.take_bar(bar | {"close": 1.1, "trade_count": 1}, version=2)
        (True, False)
        >>> [(bar["start"], bar["close"]) for bar in series.bars_since(0)], list(series.bars_since(1))
        ([(60000, 1.2)], [])
    """

    def __init__(self, capacity: int, columns: Iterable[str]) -> None:
        self._capacity = capacity
        self._columns = tuple(columns)
        self._rows: dict[int, _Row] = {}
        self._anomalies: dict[tuple[int, str], tuple[int, Wire]] = {}

    def take_bar(self, bar: Wire, version: int) -> bool:
        """Take a bar unless it is older than what is there; return whether it changed anything."""
        row = self._row(bar["window_start"])
        shown = {name: bar.get(name) for name in _SHOWN_OF_BAR}
        if row is None or row.bar == shown or (row.bar and shown["trade_count"] < row.bar["trade_count"]):
            return False
        row.bar, row.version = shown, version
        return True

    def take_indicators(self, values: Wire, version: int) -> bool:
        """Take the indicators of a bar; where a late bar before it changed them, its own revision stays the same."""
        row = self._row(values["window_start"])
        shown = tuple(values.get(column) for column in self._columns)
        if row is None or row.values == shown or values["trade_count"] < row.values_revision:
            return False
        row.values, row.values_revision, row.version = shown, values["trade_count"], version
        return True

    def take_anomaly(self, anomaly: Wire, version: int) -> bool:
        """Take an anomaly of a bar, or its newer severity and value."""
        key = (anomaly["window_start"], anomaly["rule"])
        known = self._anomalies[key][1] if key in self._anomalies else None
        if known is not None and (known == anomaly or anomaly["trade_count"] < known["trade_count"]):
            return False
        self._anomalies[key] = (version, anomaly)
        if len(self._anomalies) > _MOST_ANOMALIES:
            del self._anomalies[min(self._anomalies)]
        return True

    def bars_since(self, version: int) -> Iterator[dict[str, Any]]:
        """Yield the bars that changed after a version, the oldest first, with times in epoch milliseconds."""
        for start, row in sorted(self._rows.items()):
            if row.bar is not None and row.version > version:
                yield {"start": start // _MICROS_A_MILLISECOND, **row.bar, "values": row.values}

    def anomalies_since(self, version: int) -> Iterator[dict[str, Any]]:
        """Yield the anomalies that changed after a version, with times in epoch milliseconds."""
        for changed, anomaly in self._anomalies.values():
            if changed > version:
                yield shown_anomaly(anomaly)

    def _row(self, start: int) -> _Row | None:
        row = self._rows.get(start)
        if row is None:
            if len(self._rows) >= self._capacity:
                oldest = min(self._rows)
                if start < oldest:
                    return None
                del self._rows[oldest]
                self._anomalies = {key: value for key, value in self._anomalies.items() if key[0] > oldest}
            row = self._rows[start] = _Row(0)
        return row


def shown_anomaly(anomaly: Wire) -> dict[str, Any]:
    """Return what a page shows of an anomaly, with times in epoch milliseconds."""
    return {
        "start": anomaly["window_start"] // _MICROS_A_MILLISECOND,
        "detected": anomaly["detected_time"] // _MICROS_A_MILLISECOND,
        "withdrawn": bool(anomaly.get("withdrawn")),
        **{name: anomaly[name] for name in _SHOWN_OF_ANOMALY},
    }
