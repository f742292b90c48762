"""Trades in order with what they count for, and bars of the parts that they were put into."""

from __future__ import annotations

from collections.abc import Sequence
from enum import StrEnum

from pyspark.sql import Column, DataFrame
from pyspark.sql import Window as Over
from pyspark.sql import functions as F

from mdstream.errors import InvalidInputError
from mdstream.schemas import BAR
from mdstream.transforms.bar_terms import is_trade, usable_symbol
from mdstream.transforms.trade_columns import OPTIONAL, UNREADABLE, as_trades

AMOUNT = "decimal(25,10)"
"""Sizes and amounts, so that their sums are exact to the tenth digit behind the point, in any order."""

BAR_NUMBER, IS_COMPLETE = "bar_number", "is_complete"
"""Columns of a bar by activity: its place in its symbol's, from 1 on, and whether it has all that it is to have."""


class Measure(StrEnum):
    """What is counted of trades."""

    TICK = "tick"
    VOLUME = "volume"
    DOLLAR = "dollar"

    @property
    def unit(self) -> str:
        """What a number of it is called in names of bars."""
        return {"tick": "ticks", "volume": "units", "dollar": "dollars"}[self]


def read_measure(given: Measure | str) -> Measure:
    """Return what a text names.

    Raises:
        InvalidInputError: There is no such measure.
    """
    if given not in list(Measure):
        raise InvalidInputError(f"there is no measure '{given}'; expected one of {', '.join(Measure)}")
    return Measure(given)


def trades_that_count(ticks: DataFrame, who: str, *more: Column) -> DataFrame:
    """Return the trades that were not cancelled; one that cannot be used fails the query."""
    return as_trades(ticks, *more).where(is_trade()).withColumn("symbol", usable_symbol(who))


def ordered_trades(ticks: DataFrame, who: str, *more: Column) -> DataFrame:
    """Return the trades that were not cancelled, with `place`, their number in their symbol's, from 1 on.

    Args:
        ticks: What `to_bars` takes.
        who: The transform that asks, for messages.
        more: Further columns, by names that trades do not have.

    Raises:
        InvalidInputError: A column is missing or of another type, or the ticks are a stream.
    """
    if ticks.isStreaming:
        raise InvalidInputError(f"found a stream of ticks; {who} expects stored ones: a late trade would move all bars")
    trades = trades_that_count(ticks, who, *more)
    order = ("event_time", F.coalesce("sequence", "kafka_offset"), "kafka_offset", "price", "size")
    place = F.row_number().over(Over.partitionBy("symbol").orderBy(*order))
    used = {"symbol", "event_time", "ingest_time", "price", "size"}
    unused = [name for name in (*OPTIONAL, UNREADABLE) if name not in used]
    return trades.withColumn("place", place).drop(*unused)


def amount_of(measure: Measure) -> Column:
    """Return what a trade counts for."""
    amounts = {
        Measure.TICK: F.lit(1),
        Measure.VOLUME: F.col("size"),
        Measure.DOLLAR: F.abs(F.col("price")) * F.col("size"),
    }
    return amounts[measure]


def to_numbered_bars(parts: DataFrame, name: str, keys: Sequence[str], more: Sequence[str] = ()) -> DataFrame:
    """Put parts of trades together to bars.

    Args:
        parts: symbol, event_time, ingest_time, price, size (of the part), place, is_complete (whether the bar is), and
            the keys.
        name: What the bars are called.
        keys: What parts of one bar of a symbol have in common, in whose order the bars are.
        more: Further columns that all parts of a bar have alike.

    Returns:
        Columns of BAR, `bar_number`, `is_complete` and the further ones. A bar is from its first trade to its last.
    """
    notional = (F.col("price") * F.col("size")).cast(AMOUNT)
    sums = parts.groupBy("symbol", *keys).agg(
        F.min("event_time").alias("window_start"),
        F.max("event_time").alias("window_end"),
        F.min_by("price", "place").alias("open"),
        F.max("price").alias("high"),
        F.min("price").alias("low"),
        F.max_by("price", "place").alias("close"),
        F.sum(F.col("size").cast(AMOUNT)).cast("double").alias("volume"),
        F.sum(notional).cast("double").alias("notional"),
        F.count("*").alias("trade_count"),
        F.max("ingest_time").alias("last_ingest_time"),
        F.max(IS_COMPLETE).alias(IS_COMPLETE),
        *(F.max(column).alias(column) for column in more),
    )
    number = F.row_number().over(Over.partitionBy("symbol").orderBy(*keys))
    mean = F.when(F.col("volume") > 0, F.col("notional") / F.col("volume"))
    complete = sums.withColumns(
        {
            "window": F.lit(name),
            # A mean lies between the extremes; by rounding alone it could leave them.
            "vwap": F.greatest("low", F.least("high", mean)),
            "last_event_time": F.col("window_end"),
            BAR_NUMBER: number,
        }
    )
    return complete.select(*BAR.schema.names, BAR_NUMBER, IS_COMPLETE, *more)
