"""Ticks to bars: one definition for the stream and for stored ticks."""

from __future__ import annotations

from collections.abc import Sequence
from typing import TypeGuard

from pyspark.sql import Column, DataFrame
from pyspark.sql import functions as F

from mdstream.errors import InvalidInputError
from mdstream.schemas import BarWindow
from mdstream.schemas.session_windows import Window, read_windows
from mdstream.schemas.windows import MAX_WINDOW_SECONDS, check_lengths
from mdstream.transforms.bar_terms import (
    EXTENDED,
    KEPT_SUMS,
    MICROSECONDS,
    bar_aggregates,
    bar_columns,
    rank_of,
    tie_of,
    trade_rank,
    with_trade_terms,
)
from mdstream.transforms.eligibility import ConditionTable
from mdstream.transforms.session_columns import names_of, with_windows
from mdstream.transforms.trade_columns import as_trades

_EVERY_TRADE = ConditionTable()
_TIES = 2**19
"""Ranks of trades in windows of a calendar, which may have 96 days, have room for fewer of one microsecond."""


def to_bars(
    ticks: DataFrame,
    windows: Window | str | Sequence[Window | str],
    conditions: ConditionTable = _EVERY_TRADE,
    *,
    extended: bool = False,
    keep_sums: bool = False,
) -> DataFrame:
    """Aggregate ticks to bars of one group of windows, or of any windows with some of a calendar among them.

    Open and close are the first and last eligible trade by (event_time, sequence, kafka_offset), high and low are
    over eligible trades, VWAP = sum(price x size) / sum(size) over the trades that may set high and low and count
    for volume; volume is over all that count for it. Where a window has no eligible trade, all its trades serve.
    A tick with the condition `CANCEL` is not a trade: a window is what it would be without it.

    Only built-in columns are used, because real-time mode runs no Python, and only aggregates whose state is of
    fixed length, because it keeps ten times as many of those in memory. The windows are rows of one aggregation: one
    read and one shuffle serve them all.

    A trade that cannot be used, e.g. one without a price, fails the query, which says why: no bar is silently wrong.
    Only a stream leaves out, as if it had not come, what has no event_time.

    Windows of a calendar (`30min@XNYS`, `1d@XNYS`, `1mo@America/New_York`, or `SessionWindow`) have the trades of
    sessions alone, from each open until before the close; the last window of a session is cut at its close.

    Args:
        ticks: At least symbol, event_time, price and size. Of ingest_time, sequence, kafka_offset and conditions, those
            that are there are used; columns of other names and types become these by `with_trade_columns`, and
            unusable trades are dropped by `filter_usable_trades`, or by `to_ticks` of Kafka's records. Trades of one
            microsecond that neither sequence nor offset puts in order count from the lowest price to the highest.
            A stream needs a watermark on event_time, which says how far behind a tick may be and still revise its bar.
        windows: Windows that all divide the longest (see `mdstream.schemas.group_windows`), or any windows if one of
            them is of a calendar; or their names.
        conditions: Which trades may shape a bar.
        extended: Whether windows of a calendar also have bars of what is traded outside of its sessions. They are
            bars of their own, from the close or from the midnight before the open on; the column `extended` says so.
        keep_sums: Whether to keep what `to_larger_bars` needs to be exact, in a column `sums`.

    Returns:
        Columns of BAR, one row a (symbol, window, window_start); in a stream, its newest revisions. The same ticks
        give the same bar to the last bit, whatever their order and however often the stream was restarted.

    Raises:
        InvalidInputError: A column is missing or of another type, the windows do not divide the longest, two are
            of the same length, one is too long, or one names no calendar.

    Example:
        >>> from mdstream.schemas import TICK
        >>> from mdstream.testing import frame_of
        >>> ticks = frame_of(spark, TICK, [{"price": 10.0, "size": 1.0}, {"price": 12.0, "size": 3.0}])
        >>> bars = ticks.transform(to_bars, ["1min", "5min"]).sort(F.desc("window"))
        >>> bars.select("symbol", "window", "high", "volume", "vwap").collect()
        [Row(symbol='AAPL', window='5min', high=12.0, volume=4.0, vwap=11.5), \
Row(symbol='AAPL', window='1min', high=12.0, volume=4.0, vwap=11.5)]
    """
    named = read_windows(windows)
    more = [name for name, is_wanted in ((EXTENDED, extended), (KEPT_SUMS, keep_sums)) if is_wanted]
    if _are_plain(named) and not extended:
        return _plain_bars(ticks, named, conditions, more)
    return _calendar_bars(ticks, named, conditions, more)


def _are_plain(windows: Sequence[Window]) -> TypeGuard[Sequence[BarWindow]]:
    return all(isinstance(window, BarWindow) for window in windows)


def _plain_bars(
    ticks: DataFrame, windows: Sequence[BarWindow], conditions: ConditionTable, more: Sequence[str]
) -> DataFrame:
    group = sorted(windows, key=lambda window: window.seconds)
    _check_group(group)
    longest = group[-1].seconds
    since = F.pmod(F.unix_micros("event_time"), F.lit(longest * MICROSECONDS))
    # The longest window carries the watermark. It also drops what has no time, which stored trades are refused for.
    watermarked = [F.window("event_time", f"{longest} seconds")] if ticks.isStreaming else []
    aggregates = (
        as_trades(ticks)
        .transform(with_trade_terms, conditions, rank=trade_rank(ticks.columns, since))
        .transform(_with_window, group)
        .groupBy("symbol", "window_seconds", "window_start", *watermarked)
        .agg(*bar_aggregates(), *_kept(more))
    )
    names = [F.when(F.col("window_seconds") == window.seconds, window.name) for window in group]
    end = F.col("window_start") + F.col("window_seconds") * MICROSECONDS
    return bar_columns(aggregates, F.coalesce(*names), end, *more)


def _calendar_bars(
    ticks: DataFrame, windows: Sequence[Window], conditions: ConditionTable, more: Sequence[str]
) -> DataFrame:
    check_names(windows)
    check_lengths([window for window in windows if isinstance(window, BarWindow)])
    time, columns = F.unix_micros("event_time"), ticks.columns
    placed = (
        as_trades(ticks)
        .transform(with_trade_terms, conditions, tie=tie_of(columns, offsets=_TIES))
        .transform(with_windows, F.when(F.col("is_trade"), time), windows)
        .where(_is_in(F.col("placed"), may_be_extended=EXTENDED in more, is_streaming=ticks.isStreaming))
    )
    rank = rank_of(columns, time - F.col("placed.start"), F.col("tie"), offsets=_TIES)
    # What carries the metadata of event_time carries its watermark: a bar is forgotten when that has passed its end.
    metadata = next(field.metadata for field in ticks.schema if field.name.lower() == "event_time")
    keys = {"window_number": F.col("placed.number"), "window_start": F.col("placed.start")}
    keys |= {EXTENDED: F.col("placed.extended")}
    end = F.timestamp_micros("placed.end").alias("window_end", metadata=metadata)
    names = names_of(windows, F.col("window_number"))
    return (
        placed.select("*", rank.alias("rank"), *(key.alias(name) for name, key in keys.items()), end)
        .groupBy("symbol", *keys, "window_end")
        .agg(*bar_aggregates(), *_kept(more))
        .transform(bar_columns, names, F.unix_micros("window_end"), *more)
    )


def _is_in(placed: Column, *, may_be_extended: bool, is_streaming: bool) -> Column:
    """Return whether a trade belongs to a bar; one without a time does, where it is to fail the query."""
    belongs = placed.getField("start").isNotNull()
    if not may_be_extended:
        belongs = belongs & ~placed.getField("extended")
    if is_streaming:
        return belongs
    # A condition on what windows were found, so that it stays behind them: see `_with_window`.
    return belongs | (placed.getField("start").isNull() & F.col("event_time").isNull() & F.col("is_trade"))


def _kept(more: Sequence[str]) -> list[Column]:
    return [F.max("sets_open_close").alias("sets_open_close")] if KEPT_SUMS in more else []


def check_names(windows: Sequence[Window]) -> None:
    """See that there is a window, and no two have the same name.

    Raises:
        InvalidInputError: There is none, or two have.
    """
    names = [window.name for window in windows]
    if not names or len(set(names)) < len(names):
        raise InvalidInputError(f"expected windows with different names, found: {', '.join(names) or 'none'}")


def _check_group(windows: Sequence[BarWindow]) -> None:
    if not windows:
        raise InvalidInputError("expected at least one window")
    longest = windows[-1]
    others = [window.name for window in windows if longest.seconds % window.seconds]
    if others:
        raise InvalidInputError(
            f"{', '.join(others)} does not divide {longest.name}: give each group a call of its own"
        )
    check_lengths(windows)


def _with_window(ticks: DataFrame, windows: Sequence[BarWindow]) -> DataFrame:
    """Give each trade a row a window; times of windows are epoch microseconds until the bar is complete."""
    lengths = F.array(*(F.lit(window.seconds).cast("bigint") for window in windows))
    length = F.col("window_seconds") * MICROSECONDS
    micros = F.unix_micros("event_time")
    exploded = ticks.withColumn("window_seconds", F.explode(lengths))
    # A condition on the tick alone Spark moves down to where the JSON is, and parses every tick twice.
    trades = exploded.where(F.col("window_seconds") > F.when(F.col("is_trade"), 0).otherwise(MAX_WINDOW_SECONDS))
    return trades.withColumn("window_start", micros - F.pmod(micros, length))
