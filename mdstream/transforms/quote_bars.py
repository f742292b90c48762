"""Quotes to bars: open, high, low and close of the mid, and what the spread was over time."""

from __future__ import annotations

from collections.abc import Sequence

from pyspark.sql import Column, DataFrame
from pyspark.sql import Window as Rows
from pyspark.sql import functions as F
from pyspark.sql.types import LongType

from mdstream.schemas.session_windows import Window
from mdstream.transforms.asof_terms import order_of
from mdstream.transforms.bar_terms import MICROSECONDS, parts_of, total
from mdstream.transforms.named_windows import bar_keys, with_named_windows
from mdstream.transforms.quotes import BASIS_POINTS, PRICES, QUOTED, both_prices, fair_mid
from mdstream.transforms.required_columns import check_columns, refuse_stream

_SPREADS = ("spread", "spread_bps")


def to_quote_bars(
    quotes: DataFrame, windows: Window | str | Sequence[Window | str], *, extended: bool = False
) -> DataFrame:
    """Make bars of the mid, with the spread weighted by how long it was in force.

    A quote is in force until the next one of its symbol, at most until its window ends; in the window after it, from
    the begin until the first quote there. One that is crossed or of one side ends the one before it and is none itself:
    no mid, and its time does not count. Open and close are of the window's own quotes. A window without a quote has no
    bar. The quotes of a symbol are sorted by one task.

    Args:
        quotes: At least symbol, event_time, bid and ask, in the order of event_time, sequence and kafka_offset as far
            as these are there; of one venue, or the best of several (`to_nbbo`).
        windows: Any windows, or their names; see `to_bars`.
        extended: Whether windows of a calendar also have bars of what is outside of its sessions; see `to_bars`.

    Returns:
        symbol, window, window_start, window_end, open, high, low and close of the mid, spread and spread_bps (of the
        mid, in basis points) weighted by time, quoted_seconds (for how long there was a quote), quote_count and
        last_event_time.

    Raises:
        InvalidInputError: The quotes are a stream, a column is missing or of another type, or a window is wrong.

    Example:
        >>> from datetime import UTC, datetime
        >>> from mdstream.schemas import QUOTE
        >>> from mdstream.testing import frame_of
        >>> at = [datetime(2026, 1, 5, 10, 0, second, tzinfo=UTC) for second in (0, 45)]
        >>> books = [{"event_time": at[0], "bid": 9.5, "ask": 10.5}, {"event_time": at[1], "bid": 8.0, "ask": 12.0}]
        >>> bars = frame_of(spark, QUOTE, books).transform(to_quote_bars, "1min")
        >>> bars.select("open", "close", "spread", "quoted_seconds").collect()
        [Row(open=10.0, close=10.0, spread=1.75, quoted_seconds=60.0)]
    """
    check_columns(quotes, "quotes", {**QUOTED, **PRICES})
    refuse_stream(quotes, "quotes", "to_quote_bars")
    keys = bar_keys(extended=extended)
    placed = quotes.transform(_with_neighbours).transform(with_named_windows, windows, extended=extended)
    sums = placed.withColumns(_seconds()).withColumns(_weighted()).groupBy(*keys).agg(*_aggregates())
    seconds = F.col("micros") / MICROSECONDS
    means = (F.try_divide(total(name), seconds).alias(name) for name in _SPREADS)
    return sums.where(F.col("quote_count") > 0).select(
        *keys[:4],
        *("open", "high", "low", "close"),
        *means,
        seconds.alias("quoted_seconds"),
        "quote_count",
        "last_event_time",
        *keys[4:],
    )


def as_books(quotes: DataFrame) -> DataFrame:
    """Keep what a quote contributes to its bars: mid and spreads, null if it can not be right."""
    bid, ask = both_prices()
    spread = F.when(fair_mid().isNotNull(), ask - bid)
    return quotes.select(
        "symbol", "event_time", *order_of(quotes),
        F.unix_micros("event_time").alias("time"), fair_mid().alias("mid"), spread.alias("spread"),
        (spread / fair_mid() * BASIS_POINTS).alias("spread_bps"),
    )  # fmt: skip


def _with_neighbours(quotes: DataFrame) -> DataFrame:
    """Give each quote its place in its series, when it ends, and the quote that it ends."""
    known = quotes.transform(as_books)
    # Of quotes that share a time and have no order, one is the last, the same in every run.
    order = Rows.partitionBy("symbol").orderBy("event_time", *order_of(quotes), F.xxhash64("mid", "spread"))
    before = {f"earlier_{name}": F.lag(name).over(order) for name in ("time", *_SPREADS)}
    return known.where(F.col("event_time").isNotNull()).withColumns(
        {"place": F.row_number().over(order), "next_time": F.lead("time").over(order), **before}
    )


def _seconds() -> dict[str, Column]:
    """Return for how long of the window this quote was in force, and the one before it."""
    start, end = F.unix_micros("window_start"), F.unix_micros("window_end")
    own = F.least(F.coalesce("next_time", end), end) - F.col("time")
    carried = F.when(F.col("earlier_time") < start, F.col("time") - start)
    zero = F.lit(0).cast(LongType())
    return {
        "own_micros": F.when(F.col("mid").isNotNull(), own).otherwise(zero),
        "carried_micros": F.when(F.col("earlier_spread").isNotNull(), F.coalesce(carried, zero)).otherwise(zero),
    }


def _weighted() -> dict[str, Column]:
    """Return spread x seconds in whole parts and rests, which are exact sums in any order."""
    parts: dict[str, Column] = {}
    for name in _SPREADS:
        own = F.coalesce(F.col(name) * F.col("own_micros"), F.lit(0.0))
        carried = F.coalesce(F.col(f"earlier_{name}") * F.col("carried_micros"), F.lit(0.0))
        parts |= parts_of(name, (own + carried) / MICROSECONDS)
    return parts


def _aggregates() -> list[Column]:
    has_mid = F.col("mid").isNotNull()
    place = F.when(has_mid, F.col("place"))
    return [
        F.min_by("mid", place).alias("open"),
        F.max("mid").alias("high"),
        F.min("mid").alias("low"),
        F.max_by("mid", place).alias("close"),
        F.count("mid").alias("quote_count"),
        F.sum(F.col("own_micros") + F.col("carried_micros")).alias("micros"),
        F.max(F.when(has_mid, F.col("event_time"))).alias("last_event_time"),
        *(F.sum(f"{name}_{part}").alias(f"{name}_{part}") for name in _SPREADS for part in ("whole", "rest")),
    ]
