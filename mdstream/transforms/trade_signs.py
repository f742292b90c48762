"""Whether a trade was begun by its buyer or its seller, from prices before it and quotes."""

from __future__ import annotations

from collections.abc import Mapping
from datetime import timedelta
from enum import StrEnum

from pyspark.sql import Column, DataFrame, Window
from pyspark.sql import functions as F
from pyspark.sql.types import DataType, NumericType, StringType, TimestampType

from mdstream.errors import InvalidInputError
from mdstream.transforms.asof import with_asof
from mdstream.transforms.asof_terms import order_of
from mdstream.transforms.quotes import BASIS_POINTS, PRICES, QUOTED, fair_mid
from mdstream.transforms.required_columns import check_columns, refuse_stream

_TRADED: Mapping[str, type[DataType]] = {"symbol": StringType, "event_time": TimestampType, "price": NumericType}
_LATER, _CHANGE = "mid_later__", "price_change__"
ROUNDING = 1e-12
"""Share of a mid that is no difference to it: of cents, every fourth mid is not the very double that the price is."""
_NEEDS_MID = "with_trade_sign adds it if it is given quotes"


class SignRule(StrEnum):
    """How the side that began a trade is told."""

    TICK = "tick"
    QUOTE = "quote"
    LEE_READY = "lee_ready"


def with_trade_sign(
    trades: DataFrame,
    quotes: DataFrame | None = None,
    rule: SignRule | str = SignRule.LEE_READY,
    *,
    lag: timedelta = timedelta(0),
    tolerance: timedelta | None = None,
    bucket: timedelta | None = None,
) -> DataFrame:
    """Say of each trade who began it: 1 the buyer, -1 the seller, null where the rule does not tell.

    `tick` compares the price with the last other one before it: above it, the buyer began. `quote` compares it with the
    mid of the quote in force: above it, the buyer did; at the mid it does not tell. `lee_ready` is `quote`, and `tick`
    where that does not tell (Lee and Ready, 1991). The quote in force is the newest that is older than the trade by
    more than `lag`: one of the same microsecond may be the trade's own doing. A crossed quote tells nothing.

    The tick rule sorts the trades of a symbol in one task.

    Args:
        trades: At least symbol, event_time, price and size, in the order of event_time, sequence and kafka_offset as
            far as these are there. Cancelled trades and those at other than market prices are to be left out before.
        quotes: At least symbol, event_time, bid and ask, of one venue or the best of several (`to_nbbo`). `tick` needs
            none.
        rule: `tick`, `quote` or `lee_ready`.
        lag: By how much quotes are reported earlier than trades. Lee and Ready took 5 s for the New York of 1988; for
            times of one exchange's own clock it is 0.
        tolerance: How old a quote may be, measured from the trade less the lag; any age unless it is given.
        bucket: See `with_asof`.

    Returns:
        All columns, sign, signed_size (sign x size) and, if there are quotes, mid: that of the quote in force.

    Raises:
        InvalidInputError: A frame is a stream, a column is missing or of another type, there is no such rule, or it
            needs quotes.

    Example:
        >>> from datetime import UTC, datetime
        >>> from mdstream.schemas import QUOTE, TICK
        >>> from mdstream.testing import frame_of
        >>> at = [datetime(2026, 1, 5, 10, 0, second, tzinfo=UTC) for second in (0, 1)]
        >>> quotes = frame_of(spark, QUOTE, [{"event_time": at[0], "bid": 9.0, "ask": 11.0}])
        >>> trades = frame_of(spark, TICK, [{"event_time": at[1], "price": 10.1, "size": 5.0}])
        >>> trades.transform(with_trade_sign, quotes).select("price", "mid", "sign", "signed_size").collect()
        [Row(price=10.1, mid=10.0, sign=1, signed_size=5.0)]
    """
    check_sign_rule(rule, trades, quotes)
    refuse_stream(trades, "trades", "with_trade_sign")
    known = trades.drop("mid", "sign", "signed_size")
    if quotes is not None:
        mids = mids_of(quotes, "mid", lag)
        known = _with_mid(known, "mid", mids, tolerance=tolerance, allow_exact=False, bucket=bucket)
    sides = []
    if rule != SignRule.TICK:
        difference = F.col("price").cast("double") - F.col("mid")
        sides.append(_side(F.when(F.abs(difference) > ROUNDING * F.col("mid"), difference)))
    if rule != SignRule.QUOTE:
        known = known.transform(_with_last_change)
        sides.append(F.col(_CHANGE))
    signed = known.withColumn("sign", F.coalesce(*sides))
    return signed.withColumn("signed_size", F.col("sign") * F.col("size").cast("double")).drop(_CHANGE)


def with_paid_spreads(
    trades: DataFrame,
    quotes: DataFrame,
    horizon: timedelta = timedelta(minutes=5),
    *,
    tolerance: timedelta | None = None,
    bucket: timedelta | None = None,
) -> DataFrame:
    """Say of each trade what its taker paid for it: the effective spread, and what of it the maker kept.

    With the sign of the trade (1 or -1), its price and the mid before it, the effective spread is
    2 x sign x (price - mid); with the mid some time later, the realised spread is 2 x sign x (price - later mid) and
    the price impact 2 x sign x (later mid - mid), the difference of the two (Huang and Stoll, 1996).

    Args:
        trades: What `with_trade_sign` makes of trades and quotes: at least symbol, event_time, price, sign and mid.
        quotes: The same quotes.
        horizon: After which time the later mid is that of the quote in force. 5 minutes is what the SEC's Rule 605 long
            had; on fast markets most of the impact is there within seconds, so compare several.
        tolerance: How old that quote may be then; any age unless it is given.
        bucket: See `with_asof`.

    Returns:
        All columns, effective_spread, effective_spread_bps (of the mid), realised_spread and price_impact, each in the
        currency of a unit; null where sign or mid is.

    Raises:
        InvalidInputError: A frame is a stream, or a column is missing or of another type.

    Example:
        >>> from datetime import UTC, datetime
        >>> from mdstream.schemas import QUOTE, TICK
        >>> from mdstream.testing import frame_of
        >>> at = [datetime(2026, 1, 5, 10, minute, tzinfo=UTC) for minute in range(3)]
        >>> books = [{"event_time": at[0], "bid": 9.0, "ask": 11.0}, {"event_time": at[2], "bid": 9.2, "ask": 11.2}]
        >>> quotes = frame_of(spark, QUOTE, books)
        >>> trades = frame_of(spark, TICK, [{"event_time": at[1], "price": 10.5, "size": 5.0}])
        >>> paid = trades.transform(with_trade_sign, quotes).transform(with_paid_spreads, quotes)
        >>> spreads = paid.select("effective_spread", "realised_spread", "price_impact").first()
        >>> [round(spread, 4) for spread in spreads]
        [1.0, 0.6, 0.4]
    """
    check_columns(trades, "trades", {**_TRADED, "sign": NumericType})
    check_columns(trades, "trades", {"mid": NumericType}, _NEEDS_MID)
    check_columns(quotes, "quotes", {**QUOTED, **PRICES})
    later = mids_of(quotes, _LATER, -horizon)
    met = _with_mid(trades, _LATER, later, tolerance=tolerance, allow_exact=True, bucket=bucket)
    twice, price = 2 * F.col("sign"), F.col("price").cast("double")
    effective = twice * (price - F.col("mid"))
    paid = {
        "effective_spread": effective,
        "effective_spread_bps": effective / F.col("mid") * BASIS_POINTS,
        "realised_spread": twice * (price - F.col(_LATER)),
        "price_impact": twice * (F.col(_LATER) - F.col("mid")),
    }
    return met.withColumns(paid).drop(_LATER)


def check_sign_rule(rule: SignRule | str, trades: DataFrame, quotes: DataFrame | None) -> None:
    """See that there is such a rule, and what it needs."""
    if rule not in list(SignRule):
        raise InvalidInputError(f"there is no rule '{rule}'; expected one of {', '.join(SignRule)}")
    if quotes is None and rule != SignRule.TICK:
        raise InvalidInputError(f"the rule {rule} needs quotes; give with_trade_sign some, or take the rule tick")
    check_columns(trades, "trades", {**_TRADED, "size": NumericType})
    if quotes is not None:
        check_columns(quotes, "quotes", {**QUOTED, **PRICES})


def mids_of(quotes: DataFrame, name: str, lag: timedelta) -> DataFrame:
    """Return the mids of quotes as if all had come by so much later; what cannot be right has none."""
    late = F.timestamp_micros(F.unix_micros("event_time") + lag // timedelta(microseconds=1))
    return quotes.select("symbol", late.alias("event_time"), fair_mid().alias(name), *order_of(quotes))


def _with_mid(
    trades: DataFrame,
    name: str,
    mids: DataFrame,
    *,
    tolerance: timedelta | None,
    allow_exact: bool,
    bucket: timedelta | None,
) -> DataFrame:
    """Give trades the mid in force, and nothing else of its quote."""
    alone = trades.drop(name)
    met = alone.transform(with_asof, mids, tolerance=tolerance, allow_exact=allow_exact, bucket=bucket)
    return met.select(*alone.columns, name)


def _side(difference: Column) -> Column:
    """Return 1 for what is above 0, -1 for what is below, else null: also for what is not a number."""
    up, down = (difference > 0) & (difference < float("inf")), (difference < 0) & (difference > float("-inf"))
    return F.when(up, 1).when(down, -1)


def _with_last_change(trades: DataFrame) -> DataFrame:
    """Give trades the direction of the last change of price up to them."""
    # Prices that share a time and have no order get one that neither rises nor falls, and is the same in every run.
    order = Window.partitionBy("symbol").orderBy("event_time", *order_of(trades), F.xxhash64("price"))
    last = F.last("price", ignorenulls=True).over(order.rowsBetween(Window.unboundedPreceding, -1))
    change = _side(F.col("price").cast("double") - last.cast("double"))
    newest = F.last(_CHANGE, ignorenulls=True).over(order.rowsBetween(Window.unboundedPreceding, Window.currentRow))
    return trades.withColumn(_CHANGE, change).withColumn(_CHANGE, newest)
