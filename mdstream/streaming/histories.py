"""Bars from before the first start of live bars: what indicators need before the first tick."""

from __future__ import annotations

import logging

import numpy as np
import pyarrow as pa
from pyspark.sql import DataFrame, SparkSession
from pyspark.sql.pandas.types import from_arrow_schema

from mdstream.config import Settings
from mdstream.errors import StoreError, StoreUnavailableError
from mdstream.stores.timescaledb.bars import symbols_with_bars
from mdstream.streaming.checkpoint_files import is_there, remove
from mdstream.streaming.history_chunks import CHUNKS, chunks_of
from mdstream.streaming.kafka import checkpoint_of
from mdstream.streaming.published_bars import published_chunks
from mdstream.streaming.warm_up import WarmUp

logger = logging.getLogger(__name__)

_SYMBOLS_AT_ONCE = 250
_END_OF_TIME = np.datetime64("9999-01-01", "us")


def first_histories(spark: SparkSession, settings: Settings, query: str, topic: str) -> DataFrame | None:
    """Return the last bars of every symbol and window, for a query that starts for the first time.

    They are those of the database or, where none has any, of the topic of bars. They are kept beside the query's
    checkpoint until its next start: there may be more than fits into memory.

    Args:
        spark: The session.
        settings: Database and broker, the windows, and how many bars are kept.
        query: Name of the query.
        topic: The topic of bars.

    Returns:
        Columns symbol, seconds, number and bars; None if the query has started before, or there are no bars: live
        bars do not wait for a database.

    Raises:
        QueryFailedError: The broker does not answer.
    """
    place = checkpoint_of(settings, f"histories_of_{query}")
    remove(spark, place)
    if is_there(spark, f"{checkpoint_of(settings, query)}/commits/0"):
        return None
    if not _copy_stored(spark, settings, place):
        published = published_chunks(spark, settings, topic)
        if published is None:
            return None
        published.coalesce(1).write.parquet(place)
    return spark.read.schema(from_arrow_schema(CHUNKS)).parquet(place)


def _copy_stored(spark: SparkSession, settings: Settings, place: str) -> int:
    """Copy the histories in the database to files, and return how many there are."""
    warm_up = WarmUp.of(settings, retry_seconds=0)
    if warm_up is None:
        return 0
    try:
        return _copy(spark, settings, warm_up, place)
    except StoreError as exc:
        # Where there is no table there are no bars either.
        level = logging.WARNING if isinstance(exc, StoreUnavailableError) else logging.INFO
        logger.log(level, "indicators begin without the bars in the database, with those in Kafka: %s", exc)
        # What was copied before it went away would be there twice.
        remove(spark, place)
        return 0


def _copy(spark: SparkSession, settings: Settings, warm_up: WarmUp, place: str) -> int:
    seconds = {window.name: window.seconds for window in settings.windows}
    symbols = symbols_with_bars(warm_up.database)
    count = 0
    for first in range(0, len(symbols), _SYMBOLS_AT_ONCE):
        some = symbols[first : first + _SYMBOLS_AT_ONCE]
        histories = warm_up.read({(symbol, name): _END_OF_TIME for symbol in some for name in seconds})
        rows = [
            row
            for (symbol, window), history in histories.items()
            for row in chunks_of(symbol, seconds[window], history.bars)
        ]
        if rows:
            chunks = pa.Table.from_pylist(rows, schema=CHUNKS)
            spark.createDataFrame(chunks).coalesce(1).write.mode("append").parquet(place)
            count += len(histories)
    logger.info("%d histories of %d symbols are in the database", count, len(symbols))
    return count
