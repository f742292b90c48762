"""Models of many symbols, trained on Spark's executors."""

from __future__ import annotations

from collections.abc import Callable, Iterator, Sequence
from concurrent.futures import ThreadPoolExecutor
from dataclasses import dataclass
from datetime import UTC, datetime
from pathlib import Path
from typing import Any

import pyarrow as pa
from pyspark.errors import AnalysisException
from pyspark.sql import DataFrame, SparkSession
from pyspark.sql import functions as F
from pyspark.sql.pandas.types import from_arrow_schema

from mdstream.batch.archived import archived_rows
from mdstream.batch.stored import stored_bars
from mdstream.config import ForecastSettings, Settings
from mdstream.errors import InvalidInputError
from mdstream.forecasting.model import QuantileModel
from mdstream.forecasting.store import ModelMetadata, ModelStore, log_verdict
from mdstream.forecasting.stored import StoredBars, chosen_symbols, closed_bars, closed_in_lake, start_in_lake
from mdstream.forecasting.training import trained
from mdstream.schemas import BAR, BarWindow

_MODEL = pa.schema(
    [
        pa.field("symbol", pa.string(), nullable=False),
        pa.field("horizon_minutes", pa.int64(), nullable=False),
        pa.field("metadata", pa.string(), metadata={"comment": "ModelMetadata as JSON; null without a model"}),
        pa.field("booster", pa.binary(), metadata={"comment": "the model as QuantileModel writes it"}),
        pa.field("refused", pa.string(), metadata={"comment": "why there is no model"}),
    ]
)

_JOBS_AT_ONCE = 8
"""Jobs in flight, each a quarter of what the executors do at a time: none of them waits for the slowest symbol."""


@dataclass(frozen=True)
class BarFrames:
    """Bars to learn from, read by the executors.

    Attributes:
        symbols: Whose bars there are.
        window: What they are of.
        of: Gives the closed bars of some symbols, with at least symbol, window_end, close and volume.
    """

    symbols: tuple[str, ...]
    window: BarWindow
    of: Callable[[Sequence[str]], DataFrame]


def frames_to_learn_from(
    spark: SparkSession,
    settings: Settings,
    source: Path | None,
    window: BarWindow | None = None,
    symbols: Sequence[str] = (),
    *,
    from_lake: bool = False,
) -> BarFrames:
    """Return the bars that `mdstream.forecasting.stored.LearningBars` reads, as frames.

    Args:
        spark: The session.
        settings: The stores, `forecasting.training_days` and the windows, of which the shortest is taken.
        source: Parquet that all executors can read; None for a store.
        window: Another window.
        symbols: Of which symbols; empty for all.
        from_lake: Which store: the lake, or else the database.

    Raises:
        InvalidInputError: The file cannot be used, or there are no such bars.
        MissingDependencyError: The lake is asked for, and deltalake is not installed.
        StoreUnavailableError: The store cannot be reached.
        StoreError: It has no table of bars.
    """
    window = window or settings.shortest_window
    if source is not None or from_lake:
        bars = _bars_of_lake(spark, settings, window) if source is None else _bars_of_file(spark, source, window)
        known = sorted(row.symbol for row in bars.select("symbol").distinct().collect())
        return BarFrames(
            chosen_symbols(known, symbols, source or "the lake", window),
            window,
            lambda some: bars.where(F.col("symbol").isin(list(some))),
        )
    database, end = settings.stores.timescaledb, datetime.now(UTC)
    stored = StoredBars(database, window)
    start = stored.start_of(settings.forecasting.training_days, end)

    def of(some: Sequence[str]) -> DataFrame:
        series = [(symbol, window.name) for symbol in some]
        return stored_bars(spark, database, series, start, end, 0).where(F.col("window_end") <= end)

    return BarFrames(chosen_symbols(stored.symbols(start), symbols, "the database", window), window, of)


def _bars_of_lake(spark: SparkSession, settings: Settings, window: BarWindow) -> DataFrame:
    lake, now = settings.stores.lake, datetime.now(UTC)
    start = start_in_lake(lake, window, settings.forecasting.training_days, now)
    return archived_rows(spark, lake, BAR, start, now, closed_in_lake(window, now))


def _bars_of_file(spark: SparkSession, source: Path, window: BarWindow) -> DataFrame:
    try:
        bars = spark.read.parquet(str(source)).where(F.col("window") == window.name)
        return bars.select("symbol", F.col("window_end").cast("timestamp"), "close", "volume")
    except AnalysisException as exc:
        raise InvalidInputError(
            f"cannot read bars from {source}: {str(exc).splitlines()[0]}; expected parquet with symbol, window, "
            "window_end, close, volume"
        ) from exc


def to_models(
    bars: DataFrame, window: BarWindow, horizons_minutes: Sequence[int], settings: ForecastSettings
) -> DataFrame:
    """Train a model for each symbol and horizon, each symbol in one task.

    Python computes here, on one whole series at a time: XGBoost is C++ behind Python, and the evaluation walks forward
    through a series. The bars of one symbol must fit into a worker's memory.

    Args:
        bars: Closed bars of one window, with at least symbol, window_end, close and volume.
        window: What they are of.
        horizons_minutes: How far ahead.
        settings: The model and its evaluation. `threads` are those of one training, as many as a task has cores.

    Returns:
        A row a symbol and horizon: the model, or why there is none.
    """

    def train(key: tuple[pa.Scalar, ...], series: pa.Table) -> pa.Table:
        symbol = key[0].as_py()
        rows = [_trained_row(symbol, series, window, horizon, settings) for horizon in horizons_minutes]
        return pa.Table.from_pylist(rows, schema=_MODEL)

    wanted = bars.select("symbol", "window_end", "close", "volume")
    return wanted.groupBy("symbol").applyInArrow(train, from_arrow_schema(_MODEL))


def _trained_row(
    symbol: str, series: pa.Table, window: BarWindow, horizon_minutes: int, settings: ForecastSettings
) -> dict[str, Any]:
    row = {"symbol": symbol, "horizon_minutes": horizon_minutes}
    try:
        made = trained(symbol, closed_bars(series), window, horizon_minutes, settings)
    except InvalidInputError as exc:
        return row | {"refused": str(exc)}
    return row | {"metadata": made.metadata.model_dump_json(), "booster": made.model.to_bytes()}


def train_on_spark(
    spark: SparkSession,
    bars: BarFrames,
    horizons_minutes: Sequence[int],
    settings: ForecastSettings,
    store: ModelStore,
    on_progress: Callable[[float], None] = lambda _: None,
) -> Iterator[tuple[tuple[str, int], ModelMetadata | InvalidInputError]]:
    """Train models on the executors and put them into a store of this machine, each as soon as it arrives.

    The models are those that `mdstream.forecasting.training.train` makes, to the last bit.

    Args:
        spark: The session. Its executors need mdstream-spark[forecasting].
        bars: What to learn from.
        horizons_minutes: How far ahead.
        settings: The model and its evaluation.
        store: Where the models go.
        on_progress: Called with the share of the symbols that is done.

    Yields:
        Symbol and horizon in order, with what is known of the model, or why there is none.

    Raises:
        ModelError: The store cannot be written to.
    """
    size = max(1, spark.sparkContext.defaultParallelism * 2 // _JOBS_AT_ONCE)
    parts = [bars.symbols[start : start + size] for start in range(0, len(bars.symbols), size)]

    def work(part: Sequence[str]) -> dict[tuple[str, int], dict[str, Any]]:
        # Four partitions a symbol, so that few meet in one.
        spread = bars.of(part).repartition(4 * len(part) if len(part) > 1 else 1, "symbol")
        models = spread.transform(to_models, bars.window, horizons_minutes, settings).toArrow().to_pylist()
        return {(row["symbol"], row["horizon_minutes"]): row for row in models}

    pool = ThreadPoolExecutor(_JOBS_AT_ONCE)
    done = 0
    try:
        for part, made in zip(parts, pool.map(work, parts), strict=True):
            for key in ((symbol, horizon) for symbol in part for horizon in horizons_minutes):
                yield key, _kept(made.get(key), store)
            done += len(part)
            on_progress(done / len(bars.symbols))
    finally:
        pool.shutdown(cancel_futures=True)


def _kept(row: dict[str, Any] | None, store: ModelStore) -> ModelMetadata | InvalidInputError:
    if row is None:
        return InvalidInputError("found no closed bar any more")
    if row["refused"] is not None:
        return InvalidInputError(row["refused"])
    metadata = ModelMetadata.model_validate_json(row["metadata"])
    store.save(QuantileModel.from_bytes(row["booster"]), metadata)
    log_verdict(metadata)
    return metadata
