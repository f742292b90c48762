"""Bars of so many trades, units or dollars as their trades come."""

from __future__ import annotations

from datetime import timedelta
from decimal import Decimal

from pyspark.sql import Column, DataFrame
from pyspark.sql import functions as F
from pyspark.sql.pandas.types import from_arrow_schema

from mdstream.errors import InvalidInputError
from mdstream.schemas import BAR
from mdstream.schemas.session_windows import Window
from mdstream.streaming.activity_processor import BARS, TRADES, ActivityProcessor
from mdstream.streaming.buckets import bucket_of
from mdstream.streaming.held_rows import NEVER
from mdstream.transforms.activity.activity_bars import name_of_bars, with_stretch
from mdstream.transforms.activity.bars_of_parts import (
    AMOUNT,
    BAR_NUMBER,
    IS_COMPLETE,
    Measure,
    amount_of,
    read_measure,
    trades_that_count,
)

_MILLISECOND = timedelta(milliseconds=1)
_DIGITS = 10


def to_activity_bar_stream(
    ticks: DataFrame,
    measure: Measure | str,
    threshold: float,
    *,
    lateness: timedelta,
    within: Window | str | None = None,
) -> DataFrame:
    """Aggregate a stream of ticks to bars of `threshold` trades, units or dollars each; see `to_activity_bars`.

    A trade that came late would move all bars behind it, so a stateful operator holds each trade until none that is
    older may come: until there is one, of any symbol that shares its state, that is newer by more than `lateness`, or
    Spark's watermark has passed it. A bar is given once, when it has ended, and is that of `to_activity_bars` on all
    trades with `crossing="carry"`. A trade that comes later than it may, behind one that was counted, is left out.

    Python computes here, trade by trade. Below it no other stateful operator can be in the same query.

    Args:
        ticks: A stream as `to_bars` takes it, without a watermark of its own. All that were not cancelled count.
        measure: `tick`, `volume` (sizes) or `dollar` (price x size).
        threshold: How much a bar has.
        lateness: How much older than the newest trade before it a trade may be when it comes.
        within: A window, e.g. `1d@XNYS`: bars begin anew with each. The last bar of each, which may not be complete,
            comes with the first trade of the next.

    Returns:
        The columns that `to_activity_bars` gives, for a query in append mode.

    Raises:
        InvalidInputError: The ticks are no stream, there is no such measure or window, the threshold is not above 0 (a
            whole number of trades), or a column is missing or of another type. A trade that cannot be used fails the
            query.

    Example:
        >>> from tempfile import TemporaryDirectory
        >>> from mdstream.schemas import TICK
        >>> from mdstream.schemas.spark import spark_schema
        >>> with TemporaryDirectory() as folder:
        ...     ticks = spark.readStream.schema(spark_schema(TICK)).parquet(folder)
        ...     to_activity_bar_stream(ticks, "dollar", 1e6, lateness=timedelta(seconds=5)).columns[-2:]
        ['bar_number', 'is_complete']
    """
    kind = read_measure(measure)
    name = name_of_bars(kind, threshold)
    if not ticks.isStreaming:
        raise InvalidInputError("found stored ticks; expected a stream of ticks: to_activity_bars is for stored ones")
    if lateness < timedelta(0):
        raise InvalidInputError(f"found the lateness {lateness}; expected a length of time, not below 0")
    trades = trades_that_count(ticks, "to_activity_bar_stream").transform(with_stretch, within)
    whole = int(Decimal(repr(float(threshold))).scaleb(_DIGITS).to_integral_value())
    bars = (
        trades.select(*_columns(kind), F.timestamp_micros(F.unix_micros("event_time")).alias("seen"))
        .withWatermark("seen", f"{-(-lateness // _MILLISECOND)} milliseconds")
        .drop("seen")
        .groupBy("bucket")
        .transformWithStateInPandas(
            ActivityProcessor(whole, lateness // timedelta(microseconds=1)),
            from_arrow_schema(BARS),
            outputMode="Append",
            timeMode="EventTime",
        )
    )
    return bars.select(*_as_bar(name), BAR_NUMBER, IS_COMPLETE)


def _columns(measure: Measure) -> list[Column]:
    """Return what the operator takes of a trade."""
    size, amount = F.col("size"), amount_of(measure)
    columns = {
        "symbol": F.col("symbol"),
        "time": F.unix_micros("event_time"),
        "rank": F.coalesce("sequence", "kafka_offset", F.lit(NEVER)),
        "offset": F.coalesce("kafka_offset", F.lit(NEVER)),
        "price": F.col("price"),
        "size": size,
        "ingest": F.coalesce(F.unix_micros("ingest_time"), F.lit(NEVER)),
        "stretch": F.col("stretch").cast("bigint"),
        "amount": amount.cast(AMOUNT),
        "volume": size.cast(AMOUNT),
        "notional": (F.col("price") * size).cast(AMOUNT),
    }
    return [bucket_of("symbol"), *(columns[name].alias(name) for name in TRADES.names)]


def _as_bar(name: str) -> list[Column]:
    """Return the columns of BAR."""
    times = {"window_start": "first", "window_end": "last", "last_event_time": "last", "last_ingest_time": "ingest"}
    named = {field.name: F.col(field.name) for field in BAR.schema if field.name in BARS.names}
    named["window"] = F.lit(name)
    named |= {column: F.timestamp_micros(F.nullif(F.col(own), F.lit(NEVER))) for column, own in times.items()}
    return [named[field.name].alias(field.name) for field in BAR.schema]
