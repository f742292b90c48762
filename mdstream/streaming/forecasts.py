"""Forecasts of prices as bars close."""

from __future__ import annotations

import logging
from collections.abc import Iterator
from datetime import UTC, datetime
from functools import cache
from pathlib import Path

import pyarrow as pa
from pyspark.sql import DataFrame
from pyspark.sql import functions as F

from mdstream.config import Settings
from mdstream.errors import InvalidInputError
from mdstream.forecasting.closed_bar import CLOSED_BAR, read_closed_bar
from mdstream.forecasting.predictor import forecasts_of
from mdstream.forecasting.samples import steps_of
from mdstream.forecasting.store import ModelStore
from mdstream.schemas import PREDICTION
from mdstream.schemas.spark import spark_schema

logger = logging.getLogger(__name__)


@cache
def _models_in(folder: Path) -> ModelStore:
    """Return this process's models: a worker reads each once, and again when it was replaced."""
    return ModelStore(folder)


class Forecasts:
    """Makes forecasts from analysed bars.

    The folder of the models must be there for the driver and every executor. A model that cannot be used never stops
    the job, nor does a horizon that is not a multiple of the shortest window.

    Args:
        settings: The models, the horizons, and what is said without a model.
    """

    def __init__(self, settings: Settings) -> None:
        self._forecasting = settings.forecasting
        self._window = settings.shortest_window
        self._horizons = tuple(filter(self._is_possible, self._forecasting.horizons_minutes))
        self._models = ModelStore(self._forecasting.models)
        self._models.log_contents()

    def _is_possible(self, horizon_minutes: int) -> bool:
        try:
            steps_of(self._window, horizon_minutes)
        except InvalidInputError as exc:
            # No reason to stop a job: who configures other windows may not want forecasts at all.
            logger.warning("there will be no forecasts %d minutes ahead: %s", horizon_minutes, exc)
            return False
        return True

    def __call__(self, analysed: DataFrame) -> DataFrame | None:
        """Return rows of PREDICTION, one for each bar that has just closed and each horizon, if there is a model.

        Args:
            analysed: A batch of what `analyse_stream` gives.

        Returns:
            The rows; None while no forecast is possible, because a Spark job that finds none costs as much as any.
        """
        if not self._horizons or not (self._forecasting.naive_without_model or self._models.has_any()):
            return None
        # The workers' folder is not the driver's.
        folder, horizons = self._forecasting.models.resolve(), self._horizons
        naive = self._forecasting.naive_without_model

        def forecast(batches: Iterator[pa.RecordBatch]) -> Iterator[pa.RecordBatch]:
            for batch in batches:
                symbols, closed = batch.column("symbol").to_pylist(), batch.column(CLOSED_BAR.name).to_pylist()
                bars = [read_closed_bar(symbol, content) for symbol, content in zip(symbols, closed, strict=True)]
                made = forecasts_of(bars, horizons, _models_in(folder), datetime.now(UTC), naive_without_model=naive)
                yield pa.RecordBatch.from_pylist([one.as_row() for one in made], schema=PREDICTION.schema)

        due = analysed.where(F.col(CLOSED_BAR.name).isNotNull()).select("symbol", CLOSED_BAR.name)
        return due.mapInArrow(forecast, spark_schema(PREDICTION))
