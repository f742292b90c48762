"""Prices across splits and dividends: as if all had been traded on one side of them."""

from __future__ import annotations

from enum import StrEnum

from pyspark.sql import Column, DataFrame
from pyspark.sql import functions as F
from pyspark.sql.types import NumericType, StringType, TimestampType

from mdstream.errors import InvalidInputError
from mdstream.transforms.bar_terms import KEPT_SUMS
from mdstream.transforms.required_columns import check_columns

_PRICES = ("open", "high", "low", "close", "vwap")


class Adjustment(StrEnum):
    """Whose prices stay as they were."""

    BACK = "back"
    FORWARD = "forward"


def with_adjusted_prices(
    bars: DataFrame, factors: DataFrame, direction: Adjustment | str = Adjustment.BACK
) -> DataFrame:
    """Adjust bars for splits and dividends, so that none of these is a jump in price.

    Args:
        bars: At least symbol, window_start and window_end; of open, high, low, close, vwap and volume those that are
            there are adjusted. A stream is taken too.
        factors: One row a split or dividend, stored: symbol, effective_time (the first instant of the new price, a
            timestamp), price_factor (by which earlier prices are multiplied: 0.25 for a split of 4 to 1) and, if there,
            size_factor (by which earlier volumes are: 4). See `to_adjustment_factors`.
        direction: `back` changes the bars before, and the newest prices are as they were traded; `forward` changes
            those after, by the reciprocals, and the oldest are.

    Returns:
        All columns but `sums`, which hold no longer.

    Raises:
        InvalidInputError: A column is missing or of another type, or there is no such direction. A factor that is not
            above 0, and a bar that began before such an instant and ended after it, fail the query, which says so.

    Example:
        >>> from mdstream.schemas import BAR
        >>> from mdstream.testing import frame_of
        >>> bars = frame_of(spark, BAR, [{"close": 400.0, "volume": 100.0}])
        >>> split = (
        ...     "SELECT 'AAPL' AS symbol, TIMESTAMP '2026-01-05 14:30:00Z' AS effective_time, "
        ...     "0.25D AS price_factor, 4 AS size_factor"
        ... )
        >>> bars.transform(with_adjusted_prices, spark.sql(split)).select("close", "volume").collect()
        [Row(close=100.0, volume=400.0)]
    """
    if direction not in list(Adjustment):
        raise InvalidInputError(f"there is no direction '{direction}'; expected one of {', '.join(Adjustment)}")
    check_columns(bars, "bars", {"symbol": StringType, "window_start": TimestampType, "window_end": TimestampType})
    check_columns(
        factors, "factors", {"symbol": StringType, "effective_time": TimestampType, "price_factor": NumericType}
    )
    size = F.col("size_factor").cast("double") if "size_factor" in factors.columns else F.lit(1.0)
    at = F.unix_micros("effective_time").alias("at")
    change = F.struct(at, _checked("price_factor", F.col("price_factor").cast("double")), _checked("size_factor", size))
    changes = factors.groupBy("symbol").agg(F.array_sort(F.collect_list(change)).alias("changes"))
    joined = bars.join(F.broadcast(changes), "symbol", "left")
    wanted = dict.fromkeys(_PRICES, "price_factor") | {"volume": "size_factor"}
    adjusted = {name: F.col(name) * _product(wanted[name], direction) for name in wanted if name in bars.columns}
    kept = [name for name in bars.columns if name != KEPT_SUMS]
    return joined.where(_is_on_one_side()).withColumns(adjusted).select(*kept)


def to_adjustment_factors(actions: DataFrame, closes: DataFrame) -> DataFrame:
    """Return the factors of splits and dividends, as `with_adjusted_prices` takes them.

    Args:
        actions: One row a split or dividend: symbol, effective_time, split (new shares for one old: 4.0; null if it is
            none) and dividend (cash a share as it was before; null if it is none).
        closes: Bars of one window, as they were traded, with symbol, window_end and close: a dividend is a part of the
            last close before it.

    Returns:
        symbol, effective_time, price_factor = (1 - dividend / close) / split and size_factor = split. What has no close
        before it adjusts for the split alone.

    Raises:
        InvalidInputError: A column is missing or of another type.

    Example:
        >>> from mdstream.schemas import BAR
        >>> from mdstream.testing import frame_of
        >>> split = (
        ...     "SELECT 'AAPL' AS symbol, TIMESTAMP '2026-01-05 14:30:00Z' AS effective_time, "
        ...     "4.0D AS split, CAST(NULL AS DOUBLE) AS dividend"
        ... )
        >>> factors = spark.sql(split).transform(to_adjustment_factors, frame_of(spark, BAR, [{"close": 400.0}]))
        >>> factors.select("symbol", "price_factor", "size_factor").collect()
        [Row(symbol='AAPL', price_factor=0.25, size_factor=4.0)]
    """
    kinds: dict[str, type] = {"symbol": StringType, "effective_time": TimestampType}
    check_columns(actions, "actions", {**kinds, "split": NumericType, "dividend": NumericType})
    check_columns(closes, "closes", {"symbol": StringType, "window_end": TimestampType, "close": NumericType})
    split, dividend = (F.col(name).cast("double") for name in ("split", "dividend"))
    given = actions.select("symbol", "effective_time", split.alias("split"), dividend.alias("dividend"))
    prices = closes.select(F.col("symbol").alias("of"), F.col("window_end").alias("at"), "close")
    is_before = (F.col("of") == F.col("symbol")) & (F.col("at") <= F.col("effective_time"))
    last = F.max_by("close", F.when(F.col("close").isNotNull(), F.col("at"))).alias("last_close")
    known = given.join(prices, is_before, "left").groupBy(*given.columns).agg(last)
    paid = F.coalesce(F.col("dividend") / F.col("last_close"), F.lit(0.0))
    shares = F.coalesce("split", F.lit(1.0))
    return known.select(
        "symbol", "effective_time", ((1 - paid) / shares).alias("price_factor"), shares.alias("size_factor")
    )


def _checked(name: str, factor: Column) -> Column:
    is_usable = (factor > 0) & (factor < float("inf"))
    sentence = F.concat(F.lit(f"found a {name} of "), F.col("symbol"), F.lit(" that is not a number above 0"))
    return F.when(is_usable, factor).otherwise(F.raise_error(sentence).cast("double")).alias(name)


def _is_on_one_side() -> Column:
    """Return true; a bar that began before a change and ended after it fails the query."""
    begin, end = F.unix_micros("window_start"), F.unix_micros("window_end")
    is_across = F.exists("changes", lambda change: (change["at"] > begin) & (change["at"] < end))
    sentence = F.concat(
        F.lit("a bar of "), F.col("symbol"), F.lit(" began before a split or dividend and ended after it; adjust "
        "smaller bars, and put them together by to_larger_bars"),
    )  # fmt: skip
    return F.when(is_across, F.raise_error(sentence).cast("boolean")).otherwise(F.lit(True))


def _product(factor: str, direction: str) -> Column:
    begin = F.unix_micros("window_start")
    is_back = direction == Adjustment.BACK
    counted = F.filter(F.col("changes"), lambda change: change["at"] > begin if is_back else change["at"] <= begin)
    product = F.aggregate(counted, F.lit(1.0), lambda product, change: product * change[factor])
    return F.coalesce(product if is_back else 1 / product, F.lit(1.0))
