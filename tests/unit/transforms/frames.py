"""Ticks and bars in few words."""

from __future__ import annotations

from collections.abc import Iterable, Sequence
from datetime import UTC, datetime, timedelta
from typing import Any

import pyarrow as pa
from chispa import assert_df_equality
from pyspark.sql import DataFrame, SparkSession

from mdstream.schemas import BAR, STORED_TICK, BarWindow
from mdstream.schemas.spark import spark_schema
from mdstream.transforms import ConditionTable, to_bars

OPENING = datetime(2026, 1, 2, 14, 30, tzinfo=UTC)
"""1,767,364,200 s after the epoch: here a 1-minute, a 5-minute and a 15-minute window begin."""

MINUTE = BarWindow("1min", 60)

Row = dict[str, Any]


def at(seconds: float) -> datetime:
    return OPENING + timedelta(seconds=seconds)


def tick(symbol: str, seconds: float, price: float, size: float = 1.0, **fields: object) -> Row:
    """A tick `seconds` after the opening; further fields of STORED_TICK by name, null unless given."""
    row = {**dict.fromkeys(STORED_TICK.schema.names), "kafka_partition": 0, "kafka_offset": 0}
    return {**row, "symbol": symbol, "event_time": at(seconds), "price": price, "size": size, **fields}


def bar(
    symbol: str,
    prices: Sequence[float],
    volume: float,
    vwap: float | None,
    trade_count: int,
    last: float,
    **fields: object,
) -> Row:
    """The bar of the first minute, unless given otherwise; `prices` are open, high, low and close."""
    row: Row = {"symbol": symbol, "window": "1min", "window_start": OPENING, "window_end": at(60)}
    row |= dict(zip(("open", "high", "low", "close"), prices, strict=True))
    row |= {"volume": volume, "vwap": vwap, "trade_count": trade_count, "last_event_time": at(last)}
    return {**row, "last_ingest_time": None, **fields}


def ticks_frame(spark: SparkSession, ticks: Iterable[Row], partitions: int = 2) -> DataFrame:
    table = pa.Table.from_pylist(list(ticks), schema=STORED_TICK.schema)
    return spark.createDataFrame(table, spark_schema(STORED_TICK)).repartition(partitions)


def frame_of(spark: SparkSession, rows: Sequence[tuple[object, ...]], schema: str) -> DataFrame:
    """Any rows, in one partition."""
    return spark.createDataFrame(rows, schema).coalesce(1)


def bars_frame(spark: SparkSession, bars: Iterable[Row]) -> DataFrame:
    return spark.createDataFrame(pa.Table.from_pylist(list(bars), schema=BAR.schema), spark_schema(BAR))


def assert_bars(
    ticks: DataFrame,
    expected: Iterable[Row],
    windows: Sequence[BarWindow] = (MINUTE,),
    conditions: ConditionTable | None = None,
) -> None:
    """Fail unless the bars of `ticks` are exactly those expected, in any order."""
    bars = ticks.transform(to_bars, windows, conditions or ConditionTable())
    assert_df_equality(
        bars,
        bars_frame(ticks.sparkSession, expected),
        ignore_nullable=True,
        ignore_row_order=True,
        ignore_metadata=True,
    )
