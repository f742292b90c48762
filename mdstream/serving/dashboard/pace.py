"""How quick and how many: latency of the bars that come, and ticks a second."""

from __future__ import annotations

from collections import deque
from typing import Any

import numpy as np

from mdstream.serving.dashboard.series import Wire

_SPAN_SECONDS = 10.0
_MOST_SAMPLES = 50_000


class Pace:
    """Measures what arrived in the last ten seconds.

    Latency is from the arrival of a bar's newest tick in ingest to the bar's arrival here, by the clocks of the
    two machines. Ticks are counted by how bars grow, so that revisions which a server left out are counted too.

    Example:
        >>> pace = Pace()
        >>> bar = {"symbol": "AAPL", "window_start": 0, "trade_count": 5, "last_ingest_time": 1_000_000}
        >>> pace.saw(bar, monotonic=0.0, micros=1_004_000)
        >>> pace.saw(bar | {"trade_count": 25, "last_ingest_time": 2_000_000}, monotonic=1.0, micros=2_006_000)
        >>> pace.figures(monotonic=2.0)
        {'p50_ms': 5.0, 'p95_ms': 5.9, 'p99_ms': 6.0, 'ticks_per_second': 10.0, 'quiet_seconds': 1.0}
    """

    def __init__(self) -> None:
        self._seen: deque[tuple[float, float | None, int]] = deque(maxlen=_MOST_SAMPLES)
        self._counts: dict[str, tuple[int, int]] = {}
        self._since: float | None = None
        self._last: float | None = None

    def saw(self, bar: Wire, monotonic: float, micros: int) -> None:
        """Count a bar that came live.

        Args:
            bar: Of the shortest window, whose bars of a symbol come one after the other.
            monotonic: When it came, in seconds of a clock that never jumps.
            micros: When it came, in epoch microseconds.
        """
        self._since = monotonic if self._since is None else self._since
        self._last = monotonic
        ingested = bar.get("last_ingest_time")
        latency = None if ingested is None else (micros - ingested) / 1_000
        self._seen.append((monotonic, latency, self._growth(bar)))

    def base(self, bar: Wire) -> None:
        """Take a bar as the point to count ticks from."""
        self._growth(bar)

    def figures(self, monotonic: float) -> dict[str, Any]:
        """Return percentiles in milliseconds, None without bars, the rate, and for how long nothing came."""
        while self._seen and self._seen[0][0] < monotonic - _SPAN_SECONDS:
            self._seen.popleft()
        since = monotonic if self._since is None else self._since
        span = min(_SPAN_SECONDS, max(1.0, monotonic - since))
        latencies = [latency for _, latency, _ in self._seen if latency is not None]
        percentiles = np.percentile(latencies, [50, 95, 99]).round(1).tolist() if latencies else [None] * 3
        return {
            **dict(zip(("p50_ms", "p95_ms", "p99_ms"), percentiles, strict=True)),
            "ticks_per_second": round(sum(ticks for *_, ticks in self._seen) / span, 1),
            "quiet_seconds": None if self._last is None else round(monotonic - self._last, 1),
        }

    def _growth(self, bar: Wire) -> int:
        start, count = int(bar["window_start"]), int(bar["trade_count"])
        before_start, before = self._counts.get(bar["symbol"], (start, count))
        if start < before_start:
            return 0
        self._counts[bar["symbol"]] = (start, count)
        return max(0, count - before) if start == before_start else count
