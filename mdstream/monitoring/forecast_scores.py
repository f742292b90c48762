"""How the forecasts of the last day turned out, as metrics."""

from __future__ import annotations

from collections.abc import Iterator
from datetime import UTC, datetime, timedelta

from prometheus_client.metrics_core import Metric
from prometheus_client.registry import Collector

from mdstream.config import Settings
from mdstream.stores.timescaledb.realised import RealisedScore, realised_scores
from mdstream.telemetry import metrics

_SCORED = timedelta(days=1)


class ForecastScores(Collector):
    """The last look at forecasts and what came of them.

    Args:
        settings: The database and the windows.
    """

    def __init__(self, settings: Settings) -> None:
        self._database = settings.stores.timescaledb
        self._window = settings.shortest_window
        self._scores: list[RealisedScore] = []

    def measure(self) -> None:
        """Hold the stored forecasts of the last day to the prices that came.

        Raises:
            StoreError: The database cannot be asked; nothing is shown then, rather than what was once.
        """
        self._scores = []
        if self._database.enabled:
            now = datetime.now(UTC)
            self._scores = realised_scores(self._database, self._window, now - _SCORED, now)

    def collect(self) -> Iterator[Metric]:
        """Return the numbers; called from the server's threads."""
        outcomes, relative = metrics.FORECAST_OUTCOMES.family(), metrics.FORECAST_RELATIVE_MAE.family()
        for score in self._scores:
            labels = (score.symbol, str(score.horizon_minutes))
            outcomes.add_metric(labels, score.outcomes)
            if score.relative_mae is not None:
                relative.add_metric(labels, score.relative_mae)
        yield from (outcomes, relative)
