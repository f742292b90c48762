"""Bars from the database for the first start of live bars: what indicators need before the first tick."""

from __future__ import annotations

import logging
from collections.abc import Iterator, Mapping
from typing import Any

import numpy as np
import pyarrow as pa
from pyspark.sql import DataFrame, SparkSession

from mdstream.config import Settings
from mdstream.errors import StoreError, StoreUnavailableError
from mdstream.indicators.history import History, Series
from mdstream.stores.timescaledb.bars import symbols_with_bars
from mdstream.streaming.kafka import checkpoint_of
from mdstream.streaming.warm_up import WarmUp

logger = logging.getLogger(__name__)

_SYMBOLS_AT_ONCE = 250
_CHUNK_BARS = 32
"""As many windows have their bars in one entry of the state: `CHUNK` of BarHistory.java."""

_MICROS = 1_000_000
_END_OF_TIME = np.datetime64("9999-01-01", "us")
_BAR = np.dtype(
    [(name, "<i8") for name in ("window_start", "trade_count", "last_event_time")]
    + [(name, "<f8") for name in ("open", "high", "low", "close", "volume")]
)
"""A bar in an entry of the state, as BarHistory.java reads it."""

_CHUNKS = pa.schema([("symbol", pa.string()), ("seconds", pa.int64()), ("number", pa.int64()), ("bars", pa.binary())])


def stored_histories(spark: SparkSession, settings: Settings, query: str) -> DataFrame | None:
    """Return the last bars in the database of every symbol and window, for a query that starts for the first time.

    They are kept beside its checkpoint until its next start: the database may have more than fits into memory.

    Args:
        spark: The session.
        settings: The database, how long it is waited for, the windows, and how many bars are kept.
        query: Name of the query.

    Returns:
        Columns symbol, seconds, number and bars; None if the query has started before, or there is no database with
        bars: live bars do not wait for one.
    """
    place = checkpoint_of(settings, f"histories_of_{query}")
    warm_up = WarmUp.of(settings, patience_seconds=0)
    if warm_up is None or _is_there(spark, f"{checkpoint_of(settings, query)}/commits/0"):
        _remove(spark, place)
        return None
    _remove(spark, place)
    try:
        count = _copy(spark, settings, warm_up, place)
    except StoreError as exc:
        # Where there is no table there are no bars either.
        level = logging.WARNING if isinstance(exc, StoreUnavailableError) else logging.INFO
        logger.log(level, "indicators begin without the bars in the database, with those of the ticks to come: %s", exc)
        return None
    return spark.read.parquet(place) if count else None


def _copy(spark: SparkSession, settings: Settings, warm_up: WarmUp, place: str) -> int:
    """Copy the histories to files, and return how many there are."""
    seconds = {window.name: window.seconds for window in settings.windows}
    symbols = symbols_with_bars(warm_up.database)
    count = 0
    for first in range(0, len(symbols), _SYMBOLS_AT_ONCE):
        some = symbols[first : first + _SYMBOLS_AT_ONCE]
        histories = warm_up.read({(symbol, name): _END_OF_TIME for symbol in some for name in seconds})
        chunks = pa.Table.from_pylist(list(_chunks(histories, seconds)), schema=_CHUNKS)
        if chunks.num_rows:
            spark.createDataFrame(chunks).coalesce(1).write.mode("append").parquet(place)
            count += len(histories)
    logger.info("%d histories of %d symbols are in the database", count, len(symbols))
    return count


def _chunks(histories: Mapping[Series, History], seconds: Mapping[str, int]) -> Iterator[dict[str, object]]:
    for (symbol, window), history in histories.items():
        bars = np.empty(len(history.bars), _BAR)
        for name in _BAR.names or ():
            values = history.bars[name]
            bars[name] = values.view("<i8") if values.dtype.kind == "M" else values
        numbers = bars["window_start"] // (_CHUNK_BARS * seconds[window] * _MICROS)
        ends = np.append(np.flatnonzero(np.diff(numbers)) + 1, len(bars))
        for first, end in zip(np.append(0, ends[:-1]), ends, strict=True):
            content = bars[first:end].tobytes()
            yield {"symbol": symbol, "seconds": seconds[window], "number": int(numbers[first]), "bars": content}


def _is_there(spark: SparkSession, place: str) -> bool:
    path, files = _files(spark, place)
    return bool(files.exists(path))


def _remove(spark: SparkSession, place: str) -> None:
    path, files = _files(spark, place)
    files.delete(path, True)


def _files(spark: SparkSession, place: str) -> tuple[Any, Any]:
    """Return a path and the file system that it is in, as Spark sees them: it may be on no disk of this machine."""
    jvm: Any = spark._jvm  # noqa: SLF001 - there is no public way to look for a file
    path = jvm.org.apache.hadoop.fs.Path(place)
    return path, path.getFileSystem(spark._jsparkSession.sessionState().newHadoopConf())  # noqa: SLF001
