"""Bars from their topic, for histories where no database has them."""

from __future__ import annotations

from collections.abc import Mapping

import pandas as pd
from pyspark.sql import DataFrame, SparkSession, Window
from pyspark.sql import functions as F
from pyspark.sql.pandas.types import from_arrow_schema

from mdstream.config import Settings
from mdstream.kafka.latest import last_offsets
from mdstream.schemas import BAR
from mdstream.streaming.history_chunks import CHUNKS, chunks_of
from mdstream.streaming.kafka import load_offsets
from mdstream.transforms import to_bar_revisions, to_newest_revisions

MOST_RECORDS = 5_000_000
"""So many of the topic's newest records are read at most: beyond that a database has the bars in less time."""


def published_chunks(spark: SparkSession, settings: Settings, topic: str) -> DataFrame | None:
    """Return the last bars in their topic of every symbol and window, as entries of the state.

    By pandas, because Columns do not lay out bytes.

    Args:
        spark: The session.
        settings: The broker, the windows, and how many bars are kept.
        topic: The topic of bars.

    Returns:
        Columns symbol, seconds, number and bars; None if the topic is empty.

    Raises:
        QueryFailedError: The broker does not answer.
    """
    offsets = last_offsets(settings, topic, MOST_RECORDS)
    if not offsets:
        return None
    seconds = {window.name: window.seconds for window in settings.windows}
    revisions = load_offsets(spark, settings, topic, offsets).transform(to_bar_revisions)
    newest_first = Window.partitionBy("symbol", "window").orderBy(F.desc("window_start"))
    times = {name: F.unix_micros(name) for name in ("window_start", "last_event_time")}
    return (
        revisions.where(F.col("window").isin(*seconds))
        .transform(to_newest_revisions, BAR)
        .withColumn("place", F.row_number().over(newest_first))
        .where(F.col("place") <= settings.history_bars)
        .withColumns(times)
        .groupBy("symbol", "window")
        .applyInPandas(lambda bars: _chunks(bars, seconds), from_arrow_schema(CHUNKS))
    )


def _chunks(bars: pd.DataFrame, seconds: Mapping[str, int]) -> pd.DataFrame:
    ascending = bars.sort_values("window_start")
    symbol, window = (str(ascending[name].iat[0]) for name in ("symbol", "window"))
    return pd.DataFrame(list(chunks_of(symbol, seconds[window], ascending)), columns=CHUNKS.names)
