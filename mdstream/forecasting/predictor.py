"""Forecasts of prices, each beside the last price, which is what a model has to beat."""

from __future__ import annotations

import logging
from collections.abc import Sequence
from dataclasses import asdict, dataclass
from datetime import UTC, datetime
from pathlib import Path

import numpy as np
from numpy.typing import NDArray

from mdstream.config import Settings, load_settings
from mdstream.errors import InvalidInputError
from mdstream.forecasting.samples import as_datetime, steps_of
from mdstream.forecasting.store import ModelStore, TrainedModel, log_verdict
from mdstream.forecasting.stored import StoredBars, bars_of_file
from mdstream.schemas.wire import from_micros, to_micros

logger = logging.getLogger(__name__)

NAIVE = "naive"
"""Version of the forecast that says the last price."""

_MINUTE_MICROS = 60_000_000


@dataclass(frozen=True)
class Forecast:
    """A forecast; the fields are those of `mdstream.schemas.PREDICTION`."""

    symbol: str
    horizon_minutes: int
    made_at: datetime
    target_time: datetime
    last_price: float
    predicted_price: float
    lower: float | None
    upper: float | None
    naive_price: float
    model_version: str
    beats_naive: bool
    relative_mae: float | None

    def as_row(self) -> dict[str, object]:
        """Return the forecast as a row of PREDICTION."""
        return asdict(self)


@dataclass(frozen=True)
class ClosedBar:
    """The newest closed bar of a symbol, and what a model reads of it.

    Attributes:
        symbol: The instrument.
        end: First instant after the bar.
        close: Its last price.
        features: See `mdstream.forecasting.features.FEATURES`; NaN while warming up.
    """

    symbol: str
    end: datetime
    close: float
    features: NDArray[np.float64]


def forecast(bar: ClosedBar, horizon_minutes: int, trained: TrainedModel | None, made_at: datetime) -> Forecast:
    """Forecast the price `horizon_minutes` after a bar's end.

    The forecast is the last price without a model, while features are warming up, and where the model was trained on
    what came after the bar: it would know, not forecast.

    Args:
        bar: What is known.
        horizon_minutes: How far ahead.
        trained: The model, if there is one.
        made_at: When this happens.
    """
    low = middle = high = None
    if trained is not None and bar.end < trained.metadata.known_until:
        trained = None
    if trained is not None and np.isfinite(bar.features).all():
        moves = trained.model.predict(bar.features.reshape(1, -1))[0]
        low, middle, high = (float(price) for price in bar.close * np.exp(moves))
    known = trained.metadata if trained is not None and middle is not None else None
    return Forecast(
        symbol=bar.symbol,
        horizon_minutes=horizon_minutes,
        made_at=made_at,
        target_time=from_micros(to_micros(bar.end) + horizon_minutes * _MINUTE_MICROS),
        last_price=bar.close,
        predicted_price=bar.close if middle is None else middle,
        lower=low,
        upper=high,
        naive_price=bar.close,
        model_version=known.version if known else NAIVE,
        beats_naive=known.beats_naive if known else False,
        relative_mae=known.relative_mae if known else None,
    )


def forecasts_of(
    bars: Sequence[ClosedBar],
    horizons_minutes: Sequence[int],
    models: ModelStore,
    made_at: datetime,
    *,
    naive_without_model: bool,
) -> list[Forecast]:
    """Forecast from bars that have just closed, as the stream does.

    Nothing is said of a time that has passed.

    Args:
        bars: One a symbol.
        horizons_minutes: How far ahead.
        models: The trained models.
        made_at: When this happens.
        naive_without_model: Say the last price where there is no usable model, else nothing.
    """
    made = []
    for bar in bars:
        for horizon in horizons_minutes:
            trained = models.current(bar.symbol, horizon)
            said = forecast(bar, horizon, trained, made_at)
            if said.target_time > made_at and (naive_without_model or said.model_version != NAIVE):
                made.append(said)
    return made


class PricePredictor:
    """Forecasts from the newest closed bars in the database, or in a file.

    Args:
        settings: All settings; None for those that are configured.
        source: A file of bars instead of the database; see `mdstream.forecasting.stored.bars_of_file`.

    Raises:
        InvalidInputError: The file cannot be used.

    Example:
        >>> PricePredictor().predict_next_price("AAPL", time_horizon_minutes=5)  # doctest: +SKIP
        Forecast(symbol='AAPL', horizon_minutes=5, ...)
    """

    def __init__(self, settings: Settings | None = None, source: Path | None = None) -> None:
        self._settings = settings or load_settings()
        self._window = self._settings.shortest_window
        self._source = source
        self._of_file = None if source is None else bars_of_file(source, self._window)
        self._bars = StoredBars(self._settings.stores.timescaledb, self._window)
        self._models = ModelStore(self._settings.forecasting.models)
        self._told: set[str] = set()

    def predict_next_price(self, symbol: str, time_horizon_minutes: int = 5) -> Forecast:
        """Forecast the price some minutes after the end of the newest closed bar.

        The answer names the model, says whether it was better than the last price when it was evaluated, and has the
        last price beside it. Without a usable model it is the last price, as the log explains.

        Args:
            symbol: The instrument.
            time_horizon_minutes: How far ahead: a horizon that was trained.

        Raises:
            InvalidInputError: There is no closed bar of the symbol, or the horizon is not a multiple of the bars.
            StoreUnavailableError: The database cannot be reached.
            StoreError: It has no table of bars.
        """
        steps_of(self._window, time_horizon_minutes)
        now = datetime.now(UTC)
        if self._of_file is not None:
            bars = self._of_file.get(symbol)
        else:
            bars = self._bars.last(symbol, self._settings.history_bars, now)
        if bars is None or not len(bars):
            where = f"{self._source}" if self._source else "the database"
            expected = "`mdstream bars` writes" if self._source else "the job analytics has stored"
            others = (
                "" if self._of_file is None else f"; there are those of: {', '.join([*self._of_file][:20]) or 'none'}"
            )
            raise InvalidInputError(
                f"there is no closed bar of {symbol}, window {self._window.name}, in {where}; "
                f"expected bars that {expected}{others}"
            )
        newest = ClosedBar(symbol, as_datetime(bars.ends[-1]), float(bars.close[-1]), bars.features()[-1])
        trained = self._models.current(symbol, time_horizon_minutes)
        made = forecast(newest, time_horizon_minutes, trained, now)
        if trained is not None and trained.metadata.version not in self._told:
            log_verdict(trained.metadata)
            self._told.add(trained.metadata.version)
        if made.model_version == NAIVE:
            logger.warning(
                "%s, %d minutes: %s; this is the last price", symbol, time_horizon_minutes, _why(trained, newest)
            )
        return made


def _why(trained: TrainedModel | None, bar: ClosedBar) -> str:
    if trained is None:
        return "there is no usable model"
    if bar.end < trained.metadata.known_until:
        return (
            f"the model was trained on bars up to {trained.metadata.known_until:%Y-%m-%d %H:%M} UTC, after the newest"
        )
    return "there are too few closed bars for the model"
