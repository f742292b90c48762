"""The charts that pages look at."""

from __future__ import annotations

from collections.abc import Iterable, Iterator
from typing import Any

from mdstream.serving.dashboard.forecasts import Forecasts
from mdstream.serving.dashboard.series import ChartSeries, Wire

_CLOSED_AFTER_SECONDS = 60.0
_LOOK_AGAIN_SECONDS = 10.0
_LOOK_AGAIN_WITHOUT_LIVE_SECONDS = 1.0
_LOOK_AGAIN_BARS = 5
_MOST_CHARTS = 200
_MOST_UNKNOWN_CHARTS = 16


class Chart:
    """The series of one symbol and window while somebody looks at it.

    Attributes:
        symbol: Its symbol.
        window: Its window.
        is_known: Whether anything is known of its symbol; else it waits behind the others.
        series: What it shows.
        forecasts: What is expected next.
        seen_at: When a page asked last, in seconds of a clock that never jumps.
        loaded_at: When history was read last; None if it is to be read whole.
    """

    def __init__(self, symbol: str, window: str, series: ChartSeries, *, is_known: bool) -> None:
        self.symbol = symbol
        self.window = window
        self.is_known = is_known
        self.series = series
        self.forecasts = Forecasts()
        self.seen_at = 0.0
        self.loaded_at: float | None = None
        self._has_history = False

    def loaded(
        self,
        bars: Iterable[Wire],
        indicators: Iterable[Wire],
        anomalies: Iterable[Wire],
        forecasts: Iterable[Wire],
        version: int,
        now: float,
    ) -> None:
        """Take what is stored."""
        for bar in bars:
            self.series.take_bar(bar, version)
        for values in indicators:
            self.series.take_indicators(values, version)
        for anomaly in anomalies:
            self.series.take_anomaly(anomaly, version)
        for forecast in forecasts:
            self.forecasts.take(forecast, version)
        self.loaded_at = now
        self._has_history = True

    def since(self, version: int) -> dict[str, Any]:
        """Return what changed after a version."""
        return {
            "loaded": self._has_history,
            "bars": list(self.series.bars_since(version)),
            "anomalies": list(self.series.anomalies_since(version)),
            "forecasts": list(self.forecasts.since(version)),
        }


class Charts:
    """Charts by symbol and window; one that no page asks for is closed after a minute.

    There are at most 200, and of those at most 16 of symbols that nothing is known of, which anybody can make up: one
    more takes the place of the one that was not asked for for longest.

    Args:
        capacity: Bars of a chart.
        columns: Indicators of a chart.
    """

    def __init__(self, capacity: int, columns: Iterable[str]) -> None:
        self._capacity = capacity
        self._columns = tuple(columns)
        self._charts: dict[tuple[str, str], Chart] = {}

    def __iter__(self) -> Iterator[Chart]:
        return iter(list(self._charts.values()))

    def get(self, symbol: str, window: str) -> Chart | None:
        """Return a chart if it is open."""
        return self._charts.get((symbol, window))

    def open(self, symbol: str, window: str, now: float, *, is_known: bool) -> Chart:
        """Return a chart that a page looks at; it is opened if need be.

        Args:
            symbol: Its symbol.
            window: Its window.
            now: Seconds of a clock that never jumps.
            is_known: Whether anything is known of the symbol.
        """
        # Put at the end again: the first is the one that was not asked for for longest.
        chart = self._charts.pop((symbol, window), None)
        if chart is None:
            chart = Chart(symbol, window, ChartSeries(self._capacity, self._columns), is_known=is_known)
            self._make_room(is_known=is_known)
        chart.is_known = is_known
        chart.seen_at = now
        self._charts[symbol, window] = chart
        return chart

    def _make_room(self, *, is_known: bool) -> None:
        unknown = [chart for chart in self if not chart.is_known]
        if not is_known and len(unknown) >= _MOST_UNKNOWN_CHARTS:
            self._close(unknown[0])
        elif len(self._charts) >= _MOST_CHARTS:
            self._close(unknown[0] if unknown else next(iter(self)))

    def _close(self, chart: Chart) -> None:
        del self._charts[chart.symbol, chart.window]

    def close_unseen(self, now: float) -> None:
        """Close the charts that no page looks at any more."""
        for chart in self:
            if now - chart.seen_at > _CLOSED_AFTER_SECONDS:
                self._close(chart)

    def reload(self) -> None:
        """Let all charts be read whole again: something may have been missed."""
        for chart in self:
            chart.loaded_at = None

    def due(self, now: float, *, live: bool) -> Iterator[tuple[Chart, int]]:
        """Yield the charts whose history is to be read, with how many bars.

        Those of known symbols come first, and of these the ones that have waited longest.

        Args:
            now: Seconds of a clock that never jumps.
            live: Whether bars come live; without that the newest are read every second.
        """
        pause = _LOOK_AGAIN_SECONDS if live else _LOOK_AGAIN_WITHOUT_LIVE_SECONDS
        for chart in sorted(self, key=_urgency):
            if chart.loaded_at is None:
                yield chart, self._capacity
            elif now - chart.loaded_at > pause:
                yield chart, _LOOK_AGAIN_BARS


def _urgency(chart: Chart) -> tuple[bool, float]:
    return not chart.is_known, float("-inf") if chart.loaded_at is None else chart.loaded_at
