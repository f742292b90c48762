"""What trades contribute to bars, how it is summed, and how a bar is made of the sums."""

from __future__ import annotations

from collections.abc import Sequence

from pyspark.sql import Column, DataFrame
from pyspark.sql import functions as F

from mdstream.schemas import BAR
from mdstream.schemas.conditions import CANCEL
from mdstream.schemas.windows import MAX_WINDOW_SECONDS
from mdstream.transforms.eligibility import ConditionTable, is_eligible
from mdstream.transforms.reject_reasons import first_of
from mdstream.transforms.trade_columns import UNREADABLE
from mdstream.transforms.usable_trades import reasons_against_a_bar

MICROSECONDS = 1_000_000
"""Of a second."""

EXTENDED = "extended"
"""Column that says of a bar whether its trades are outside of all sessions."""

KEPT_SUMS = "sums"
"""Column of what larger bars are made of exactly."""

SUMS = ("volume", "eligible_size", "eligible_notional", "any_size", "any_notional")
"""What is summed, each as a whole part and a rest, both integers: exact in any order."""

PARTS = tuple(f"{name}_{part}" for name in SUMS for part in ("whole", "rest"))
"""Columns of these sums."""

EXTREMES = ("eligible_high", "eligible_low", "any_high", "any_low")
"""Highest and lowest prices of a bar, of eligible trades and of all."""

_SEQUENCES = 2**64
_OFFSETS = 2**20
_RANKS = MAX_WINDOW_SECONDS * MICROSECONDS * _SEQUENCES * _OFFSETS
FRACTIONS = 10**11
"""Rests are whole numbers of so small parts."""


def is_trade() -> Column:
    """Return whether a tick is neither a cancelled trade nor the record of a cancel; never null."""
    return ~F.coalesce(F.array_contains("conditions", CANCEL), F.lit(False))


def usable_symbol(who: str = "to_bars") -> Column:
    """Return the symbol of a trade; a trade that would spoil its bar fails the query, which says who refused it."""
    reason = first_of(reasons_against_a_bar(F.col(UNREADABLE)))
    sentence = F.concat(F.lit(f"{who} found a trade with "), reason, F.lit("; filter_usable_trades drops such trades"))
    return F.when(is_trade() & reason.isNotNull(), F.raise_error(sentence)).otherwise(F.col("symbol"))


def with_trade_terms(ticks: DataFrame, conditions: ConditionTable, **more: Column) -> DataFrame:
    """Keep what a trade contributes to its bars: the sums and prices it may take part in, and further columns."""
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
        usable_symbol().alias("symbol"),
        "event_time",
        "ingest_time",
        "price",
        is_trade().alias("is_trade"),
        may["open_close"].alias("sets_open_close"),
        F.when(may["high_low"], price).alias("eligible_price"),
        *(column.alias(name) for name, column in more.items()),
        *(part.alias(name) for value in sums for name, part in parts_of(value, sums[value]).items()),
    )


def parts_of(name: str, value: Column) -> dict[str, Column]:
    """Return the whole part and the rest of a value, by their names."""
    whole = F.floor(value)
    return {f"{name}_whole": whole, f"{name}_rest": F.floor((value - whole) * FRACTIONS + 0.5)}


def trade_rank(columns: Sequence[str], time: Column) -> Column:
    """Pack (event_time within the longest window, sequence, offset) into one number that sorts alike.

    Real-time mode keeps the state of an aggregation in memory only while it is of fixed length: a decimal is, a
    struct is not. Without a sequence the offset takes its place; of equal sequences the offset's last 20 bits decide,
    or any bits of the price if there is no offset: an order that does not depend on that of the rows. Where neither is
    there the price follows the time.

    Args:
        columns: Those of the trades.
        time: Microseconds since an instant that all trades of a window share.
    """
    return rank_of(columns, time, tie_of(columns))


def rank_of(columns: Sequence[str], time: Column, tie: Column, *, offsets: int = _OFFSETS) -> Column:
    """Return the rank of a trade by its time and what decides between those of one microsecond."""
    scale = _SEQUENCES * offsets if _has_order(columns) else 10**25
    return (time.cast("decimal(13,0)") * _whole_number(scale) + tie).cast("decimal(38,0)")


def tie_of(columns: Sequence[str], *, offsets: int = _OFFSETS) -> Column:
    """Return what decides between trades of one microsecond."""
    if not _has_order(columns):
        return (F.col("price").try_cast("decimal(25,12)") * _whole_number(10**12)).cast("decimal(25,0)")
    sequence = F.coalesce("sequence", "kafka_offset", F.lit(0)).cast("decimal(19,0)")
    tie = F.coalesce("kafka_offset", F.xxhash64("price"))
    return sequence * _whole_number(offsets) + F.pmod(tie, F.lit(offsets)).cast("decimal(7,0)")


def _has_order(columns: Sequence[str]) -> bool:
    return bool({"sequence", "kafka_offset"}.intersection(name.lower() for name in columns))


def _whole_number(value: int) -> Column:
    return F.lit(str(value)).cast(f"decimal({len(str(value))},0)")


def bar_aggregates() -> list[Column]:
    """Aggregate to what bars are made of. The state is the same whatever the conditions, which may be changed."""
    # Trades that may set the open rank before all that may not, and for the close after them.
    eligible, rank, all_ranks = F.col("sets_open_close"), F.col("rank"), _whole_number(_RANKS)
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
        *(F.sum(part).alias(part) for part in PARTS),
    ]


def total(name: str) -> Column:
    """Put a sum together from its whole part and its rest, both summed as integers: exact in any order."""
    return F.col(f"{name}_whole") + F.col(f"{name}_rest") / FRACTIONS


def _vwap(trades: str) -> Column:
    """Return the mean price of these trades by size; null if they have no size."""
    low, high = F.col(f"{trades}_low"), F.col(f"{trades}_high")
    mean = F.try_divide(total(f"{trades}_notional"), total(f"{trades}_size"))
    # A mean lies between the extremes; by rounding alone it could leave them.
    return F.when(mean < low, low).when(mean > high, high).otherwise(mean)


def bar_columns(aggregates: DataFrame, window: Column, end: Column, *more: str) -> DataFrame:
    """Return columns of BAR, and further ones, of what was aggregated.

    Args:
        aggregates: Columns of `bar_aggregates`, symbol, and window_start in microseconds.
        window: The window's name.
        end: Its end, in microseconds.
        more: Columns that stay behind those of BAR; `KEPT_SUMS` is made of the sums.
    """
    kept = F.struct("sets_open_close", *EXTREMES, *PARTS) if KEPT_SUMS in more else F.lit(None)
    return aggregates.select(
        "symbol",
        window.alias("window"),
        F.timestamp_micros("window_start").alias("window_start"),
        F.timestamp_micros(end).alias("window_end"),
        "open",
        F.coalesce("eligible_high", "any_high").alias("high"),
        F.coalesce("eligible_low", "any_low").alias("low"),
        "close",
        total("volume").alias("volume"),
        F.coalesce(_vwap("eligible"), _vwap("any")).alias("vwap"),
        "trade_count",
        "last_event_time",
        "last_ingest_time",
        kept.alias(KEPT_SUMS),
        *(name for name in more if name != KEPT_SUMS),
    ).select(*BAR.schema.names, *more)
