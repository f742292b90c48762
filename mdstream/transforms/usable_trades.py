"""Trades of any table that may be part of a bar, by the rules that hold for Kafka's records."""

from __future__ import annotations

from pyspark.sql import Column, DataFrame
from pyspark.sql import functions as F
from pyspark.sql.types import StringType

from mdstream.schemas.limits import LAST_MICROSECOND, MAX_FUTURE_SKEW_SECONDS, TEXT_FIELDS, Reason
from mdstream.transforms.dead_letters import REJECT_REASON
from mdstream.transforms.reject_reasons import (
    Reasons,
    first_of,
    found_time,
    is_suspect_text,
    reason_ahead,
    reason_too_early,
    reasons_of_amounts,
    reasons_of_symbol,
    reasons_of_text,
)
from mdstream.transforms.trade_columns import UNREADABLE, checked_types


def filter_usable_trades(
    trades: DataFrame,
    max_future_skew_seconds: int = MAX_FUTURE_SKEW_SECONDS,
    *,
    nonpositive_prices: bool = False,
    keep_rejected: bool = False,
) -> DataFrame:
    """Drop the trades that cannot be part of a bar, for the reasons for which the stream refuses them.

    Args:
        trades: At least symbol, event_time, price and size; what of `ingest_time`, `conditions`, the texts of a tick
            and `unreadable` is there is looked at too (see `with_trade_columns`).
        max_future_skew_seconds: A trade further ahead of its ingest time is refused, where that is known.
        nonpositive_prices: Whether prices may be zero or less.
        keep_rejected: Keep all trades, and say of each in a column `reject_reason` why it would be dropped; null of
            usable ones.

    Returns:
        All columns but `unreadable`, which has been heeded.

    Raises:
        InvalidInputError: A required column is not there, or one is of another type.

    Example:
        >>> from mdstream.schemas import TICK
        >>> from mdstream.testing import frame_of
        >>> trades = frame_of(spark, TICK, [{"price": 230.1}, {"price": -1.0}])
        >>> trades.transform(filter_usable_trades, keep_rejected=True).select("price", "reject_reason").collect()
        [Row(price=230.1, reject_reason=None), Row(price=-1.0, reject_reason='price not positive: -1.0')]
    """
    reason = first_of(_reasons(trades, max_future_skew_seconds, nonpositive_prices=nonpositive_prices))
    if keep_rejected:
        return trades.withColumn(REJECT_REASON, reason).drop(UNREADABLE)
    return trades.where(reason.isNull()).drop(UNREADABLE)


def reasons_against_a_bar(unreadable: Column) -> Reasons:
    """Return why trades in types of STORED_TICK would spoil a bar: what `to_bars` itself refuses.

    A price of zero or less spoils none: spreads, power and oil have had them.
    """
    return [
        (unreadable.isNotNull(), unreadable),
        (F.col("symbol").isNull(), Reason.MISSING.of("symbol")),
        *_of_values(nonpositive_prices=True),
    ]


def _reasons(trades: DataFrame, skew_seconds: int, *, nonpositive_prices: bool) -> Reasons:
    kinds = checked_types(trades)
    unreadable = F.col(UNREADABLE) if UNREADABLE in trades.columns else F.lit(None).cast("string")
    reasons: Reasons = [
        (unreadable.isNotNull(), unreadable),
        *reasons_of_symbol(F.col("symbol")),
        *_of_values(nonpositive_prices=nonpositive_prices),
    ]
    if "ingest_time" in kinds:
        ingest = F.col("ingest_time").cast("timestamp_ltz")
        reasons.append(reason_too_early(ingest, Reason.INGEST_TIME_TOO_EARLY))
        reasons.append(reason_ahead(F.col("event_time"), ingest, skew_seconds, Reason.EVENT_TIME_AHEAD))
    texts = {
        field.name: F.col(field.name)
        for field in trades.schema
        if field.name in TEXT_FIELDS and isinstance(field.dataType, StringType)
    }
    codes = (F.col("conditions") if "conditions" in kinds else F.lit(None)).cast("array<string>")
    why = first_of(reasons_of_text(texts, codes))
    return [*reasons, (is_suspect_text(texts.values(), codes) & why.isNotNull(), why)]


def _of_values(*, nonpositive_prices: bool) -> Reasons:
    event = F.col("event_time")
    too_late = F.timestamp_micros(F.lit(LAST_MICROSECOND))
    return [
        *reasons_of_amounts(
            F.col("price").cast("double"), F.col("size").cast("double"), nonpositive_prices=nonpositive_prices
        ),
        (event.isNull(), Reason.MISSING.of("event_time")),
        reason_too_early(event, Reason.EVENT_TIME_TOO_EARLY),
        (event > too_late, found_time(Reason.NOT_A_TIME.of("event_time"), event)),
    ]
