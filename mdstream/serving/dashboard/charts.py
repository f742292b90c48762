"""The charts that pages look at."""

from __future__ import annotations

from collections.abc import Iterable, Iterator
from typing import Any

from mdstream.serving.dashboard.forecasts import Forecasts
from mdstream.serving.dashboard.live import Subscription
from mdstream.serving.dashboard.series import Series, Wire

_CLOSED_AFTER_SECONDS = 60.0
_LOOK_AGAIN_SECONDS = 10.0
_LOOK_AGAIN_WITHOUT_LIVE_SECONDS = 1.0
_LOOK_AGAIN_BARS = 5
_MOST_CHARTS = 200
_CHANNELS = ["bar", "indicator"]


class Chart:
    """The series of one symbol and window while somebody looks at it.

    Attributes:
        symbol: Its symbol.
        window: Its window.
        series: What it shows.
        forecasts: What is expected next.
        seen_at: When a page asked last, in seconds of a clock that never jumps.
        loaded_at: When history was read last; None if it is to be read whole.
    """

    def __init__(self, symbol: str, window: str, series: Series) -> None:
        self.symbol = symbol
        self.window = window
        self.series = series
        self.forecasts = Forecasts()
        self.seen_at = 0.0
        self.loaded_at: float | None = None
        self._has_history = False

    @property
    def subscription(self) -> Subscription:
        """What it needs live."""
        return {"symbols": [self.symbol], "channels": _CHANNELS, "windows": [self.window]}

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

    @property
    def subscriptions(self) -> Iterator[Subscription]:
        """What all of them need live, in few messages."""
        for window in {chart.window for chart in self}:
            symbols = [chart.symbol for chart in self if chart.window == window]
            yield {"symbols": symbols, "channels": _CHANNELS, "windows": [window]}

    def get(self, symbol: str, window: str) -> Chart | None:
        """Return a chart if it is open."""
        return self._charts.get((symbol, window))

    def open(self, symbol: str, window: str, now: float) -> tuple[Chart, bool]:
        """Return a chart that a page looks at, and whether it had to be opened."""
        chart = self._charts.get((symbol, window))
        is_new = chart is None
        if chart is None:
            chart = self._charts[symbol, window] = Chart(symbol, window, Series(self._capacity, self._columns))
        chart.seen_at = now
        return chart, is_new

    def closed(self, now: float) -> list[Chart]:
        """Close the charts that no page looks at any more, and return them."""
        by_use = sorted(self._charts.values(), key=lambda chart: chart.seen_at, reverse=True)
        ended = [
            chart
            for place, chart in enumerate(by_use)
            if place >= _MOST_CHARTS or now - chart.seen_at > _CLOSED_AFTER_SECONDS
        ]
        for chart in ended:
            del self._charts[chart.symbol, chart.window]
        return ended

    def reload(self) -> None:
        """Let all charts be read whole again: something may have been missed."""
        for chart in self:
            chart.loaded_at = None

    def due(self, now: float, *, live: bool) -> Iterator[tuple[Chart, int]]:
        """Yield the charts whose history is to be read, with how many bars.

        Args:
            now: Seconds of a clock that never jumps.
            live: Whether bars come live; without that the newest are read every second.
        """
        pause = _LOOK_AGAIN_SECONDS if live else _LOOK_AGAIN_WITHOUT_LIVE_SECONDS
        for chart in self:
            if chart.loaded_at is None:
                yield chart, self._capacity
            elif now - chart.loaded_at > pause:
                yield chart, _LOOK_AGAIN_BARS
