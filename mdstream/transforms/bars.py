"""Ticks to bars: one definition for the stream and for stored ticks."""

from __future__ import annotations

from collections.abc import Sequence

from pyspark.sql import Column, DataFrame
from pyspark.sql import functions as F

from mdstream.errors import InvalidInputError
from mdstream.schemas import BAR, BarWindow
from mdstream.schemas.conditions import CANCEL
from mdstream.schemas.windows import MAX_WINDOW_SECONDS, check_lengths
from mdstream.transforms.eligibility import ConditionTable, is_eligible
from mdstream.transforms.reject_reasons import first_of
from mdstream.transforms.trade_columns import UNREADABLE, as_trades
from mdstream.transforms.usable_trades import reasons_against_a_bar

_MICROSECONDS = 1_000_000
_SEQUENCES = 2**64
_OFFSETS = 2**20
_RANKS = MAX_WINDOW_SECONDS * _MICROSECONDS * _SEQUENCES * _OFFSETS
_FRACTIONS = 10**11
_EVERY_TRADE = ConditionTable()


def to_bars(
    ticks: DataFrame,
    windows: Sequence[BarWindow | str],
    conditions: ConditionTable = _EVERY_TRADE,
) -> DataFrame:
    """Aggregate ticks to bars of one nest of windows.

    Open and close are the first and last eligible trade by (event_time, sequence, kafka_offset), high and low are
    over eligible trades, VWAP = sum(price x size) / sum(size) over the trades that may set high and low and count
    for volume; volume is over all that count for it. Where a window has no eligible trade, all its trades serve.
    A tick with the condition `CANCEL` is no trade: a window is what it would be without it.

    Only built-in columns are used, because real-time mode runs no Python, and only aggregates whose state is of
    fixed length, because it keeps ten times as many of those in memory. The windows are rows of one aggregation: one
    read and one shuffle serve them all.

    A trade that cannot be used, e.g. one without a price, fails the query, which says why: no bar is silently wrong.
    Only a stream leaves out, as if it had not come, what has no event_time.

    Args:
        ticks: At least symbol, event_time, price and size. Of ingest_time, sequence, kafka_offset and conditions, those
            that are there are used; columns of other names and types become these by `with_trade_columns`, and
            unusable trades are dropped by `filter_usable_trades`, or by `to_ticks` of Kafka's records. Trades of one
            microsecond that neither sequence nor offset puts in order count from the lowest price to the highest.
            A stream needs a watermark on event_time, which says how far behind a tick may be and still revise its bar.
        windows: Windows that all divide the longest (see `mdstream.schemas.nest_windows`), or their names.
        conditions: Which trades may shape a bar.

    Returns:
        Columns of BAR, one row a (symbol, window, window_start); in a stream, its newest revisions. The same ticks
        give the same bar to the last bit, whatever their order and however often the stream was restarted.

    Raises:
        InvalidInputError: A column is missing or of another type, the windows do not nest, two are of the same length,
            or one is too long.

    Example:
        >>> from mdstream.schemas import TICK
        >>> from mdstream.testing import frame_of
        >>> ticks = frame_of(spark, TICK, [{"price": 10.0, "size": 1.0}, {"price": 12.0, "size": 3.0}])
        >>> bars = ticks.transform(to_bars, ["1min", "5min"]).sort(F.desc("window"))
        >>> bars.select("symbol", "window", "high", "volume", "vwap").collect()
        [Row(symbol='AAPL', window='5min', high=12.0, volume=4.0, vwap=11.5), \
Row(symbol='AAPL', window='1min', high=12.0, volume=4.0, vwap=11.5)]
    """
    named = [BarWindow.parse(window) if isinstance(window, str) else window for window in windows]
    nest = sorted(named, key=lambda window: window.seconds)
    _check_nest(nest)
    longest = nest[-1].seconds
    # The longest window carries the watermark. It also drops what has no time, which stored trades are refused for.
    watermarked = [F.window("event_time", f"{longest} seconds")] if ticks.isStreaming else []
    return (
        as_trades(ticks)
        .transform(_with_trade_terms, conditions, _trade_rank(ticks.columns, longest))
        .transform(_with_window, nest)
        .groupBy("symbol", "window_seconds", "window_start", *watermarked)
        .agg(*_bar_aggregates())
        .transform(_to_bar_columns, nest)
    )


def _check_nest(windows: Sequence[BarWindow]) -> None:
    if not windows:
        raise InvalidInputError("expected at least one window")
    longest = windows[-1]
    strangers = [window.name for window in windows if longest.seconds % window.seconds]
    if strangers:
        raise InvalidInputError(
            f"{', '.join(strangers)} does not divide {longest.name}: give each nest a call of its own"
        )
    check_lengths(windows)


def is_trade() -> Column:
    """Return whether a tick is neither a cancelled trade nor the record of a cancel; never null."""
    return ~F.coalesce(F.array_contains("conditions", CANCEL), F.lit(False))


def _usable_symbol() -> Column:
    """Return the symbol of a trade; a trade that would spoil its bar fails the query."""
    reason = first_of(reasons_against_a_bar(F.col(UNREADABLE)))
    sentence = F.concat(F.lit("to_bars found a trade with "), reason, F.lit("; filter_usable_trades drops such trades"))
    return F.when(is_trade() & reason.isNotNull(), F.raise_error(sentence)).otherwise(F.col("symbol"))


def _with_trade_terms(ticks: DataFrame, conditions: ConditionTable, rank: Column) -> DataFrame:
    """Keep what a trade contributes to its bars: its rank, and the sums and prices it may take part in."""
    price, size = F.col("price"), F.col("size")
    may = {
        purpose: is_eligible(F.col("conditions"), conditions, purpose)
        for purpose in ("open_close", "high_low", "volume")
    }
    weighs = may["high_low"] & may["volume"]
    sums = {
        "volume": F.when(may["volume"], size).otherwise(0.0),
        "eligible_size": F.when(weighs, size).otherwise(0.0),
        "eligible_notional": F.when(weighs, price * size).otherwise(0.0),
        "any_size": size,
        "any_notional": price * size,
    }
    return ticks.select(
        _usable_symbol().alias("symbol"),
        "event_time",
        "ingest_time",
        "price",
        is_trade().alias("is_trade"),
        may["open_close"].alias("sets_open_close"),
        F.when(may["high_low"], price).alias("eligible_price"),
        rank.alias("rank"),
        *(F.floor(value).alias(f"{name}_whole") for name, value in sums.items()),
        *(F.floor((value - F.floor(value)) * _FRACTIONS + 0.5).alias(f"{name}_rest") for name, value in sums.items()),
    )


def _trade_rank(columns: Sequence[str], longest_seconds: int) -> Column:
    """Pack (event_time within the longest window, sequence, offset) into one number that sorts alike.

    Real-time mode keeps the state of an aggregation in memory only while it is of fixed length: a decimal is, a
    struct is not. Without a sequence the offset takes its place; of equal sequences the offset's last 20 bits decide,
    or any bits of the price if there is no offset: an order that does not depend on that of the rows. Where neither is
    there the price follows the time.
    """
    time = F.pmod(F.unix_micros("event_time"), F.lit(longest_seconds * _MICROSECONDS)).cast("decimal(13,0)")
    if not {"sequence", "kafka_offset"}.intersection(name.lower() for name in columns):
        price = (F.col("price").try_cast("decimal(25,12)") * _whole_number(10**12)).cast("decimal(25,0)")
        return (time * _whole_number(10**25) + price).cast("decimal(38,0)")
    sequence = F.coalesce("sequence", "kafka_offset", F.lit(0)).cast("decimal(19,0)")
    tie = F.coalesce("kafka_offset", F.xxhash64("price"))
    offset = F.pmod(tie, F.lit(_OFFSETS)).cast("decimal(7,0)")
    return ((time * _whole_number(_SEQUENCES) + sequence) * _whole_number(_OFFSETS) + offset).cast("decimal(38,0)")


def _whole_number(value: int) -> Column:
    return F.lit(str(value)).cast(f"decimal({len(str(value))},0)")


def _with_window(ticks: DataFrame, windows: Sequence[BarWindow]) -> DataFrame:
    """Give each trade a row a window; times of windows are epoch microseconds until the bar is complete."""
    lengths = F.array(*(F.lit(window.seconds).cast("bigint") for window in windows))
    length = F.col("window_seconds") * _MICROSECONDS
    micros = F.unix_micros("event_time")
    exploded = ticks.withColumn("window_seconds", F.explode(lengths))
    # A condition on the tick alone Spark moves down to where the JSON is, and parses every tick twice.
    trades = exploded.where(F.col("window_seconds") > F.when(F.col("is_trade"), 0).otherwise(MAX_WINDOW_SECONDS))
    return trades.withColumn("window_start", micros - F.pmod(micros, length))


def _bar_aggregates() -> list[Column]:
    """Aggregate to what bars are made of. The state is the same whatever the conditions, which may be changed."""
    # Trades that may set the open rank before all that may not, and for the close after them.
    eligible, rank, all_ranks = F.col("sets_open_close"), F.col("rank"), _whole_number(_RANKS)
    sums = ("volume", "eligible_size", "eligible_notional", "any_size", "any_notional")
    return [
        F.min_by("price", F.when(eligible, rank - all_ranks).otherwise(rank).cast("decimal(38,0)")).alias("open"),
        F.max_by("price", F.when(eligible, rank).otherwise(rank - all_ranks).cast("decimal(38,0)")).alias("close"),
        F.max("eligible_price").alias("eligible_high"),
        F.min("eligible_price").alias("eligible_low"),
        F.max("price").alias("any_high"),
        F.min("price").alias("any_low"),
        F.count("*").alias("trade_count"),
        F.max("event_time").alias("last_event_time"),
        F.max("ingest_time").alias("last_ingest_time"),
        *(F.sum(f"{name}_{part}").alias(f"{name}_{part}") for name in sums for part in ("whole", "rest")),
    ]


def _total(name: str) -> Column:
    """Put a sum together from its whole part and its rest, both summed as integers: exact in any order."""
    return F.col(f"{name}_whole") + F.col(f"{name}_rest") / _FRACTIONS


def _vwap(trades: str) -> Column:
    """Return the mean price of these trades by size; null if they have no size."""
    low, high = F.col(f"{trades}_low"), F.col(f"{trades}_high")
    mean = F.try_divide(_total(f"{trades}_notional"), _total(f"{trades}_size"))
    # A mean lies between the extremes; by rounding alone it could leave them.
    return F.when(mean < low, low).when(mean > high, high).otherwise(mean)


def _to_bar_columns(aggregates: DataFrame, windows: Sequence[BarWindow]) -> DataFrame:
    names = [F.when(F.col("window_seconds") == window.seconds, window.name) for window in windows]
    start = F.col("window_start")
    return aggregates.select(
        "symbol",
        F.coalesce(*names).alias("window"),
        F.timestamp_micros(start).alias("window_start"),
        F.timestamp_micros(start + F.col("window_seconds") * _MICROSECONDS).alias("window_end"),
        "open",
        F.coalesce("eligible_high", "any_high").alias("high"),
        F.coalesce("eligible_low", "any_low").alias("low"),
        "close",
        _total("volume").alias("volume"),
        F.coalesce(_vwap("eligible"), _vwap("any")).alias("vwap"),
        "trade_count",
        "last_event_time",
        "last_ingest_time",
    ).select(*BAR.schema.names)
