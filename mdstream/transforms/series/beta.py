"""How a symbol moves with another."""

from __future__ import annotations

from pyspark.sql import DataFrame
from pyspark.sql import Window as Over
from pyspark.sql import functions as F

from mdstream.transforms.series.returns import price_ratio
from mdstream.transforms.stored_bars import ORDER, SERIES, check_count, check_stored, last_bars, over_series

_PRICE, _RETURN, _BENCHMARK_RETURN = "benchmark_close", "beta_return", "benchmark_return"


def with_beta(bars: DataFrame, benchmark: str, length: int = 60) -> DataFrame:
    """Add beta and correlation of each symbol's simple returns to another's, e.g. in `beta_60` and `correlation_60`.

    The other's price at a bar is its newest close at that time, of a bar of the same window: as of it. So both returns
    are over the same time, and a bar in which the other did not trade has a return of 0 of it.

    Args:
        bars: At least symbol, window, window_start and close, each series whole, in any order; the other symbol's bars
            are among them.
        benchmark: The other symbol.
        length: How many returns, at least 2.

    Returns:
        All columns and these two. Null until there are so many returns of both, and where the other has not moved; the
        correlation, where one of both has not.

    Raises:
        InvalidInputError: The length is too small, a column is missing, or there already, or the bars are a stream.

    Example:
        >>> from datetime import UTC, datetime
        >>> from mdstream.schemas import BAR
        >>> from mdstream.testing import frame_of
        >>> closes = {"SPY": (100.0, 101.0, 100.0), "AAPL": (100.0, 102.0, 100.0)}
        >>> bars = frame_of(spark, BAR, [
        ...     {"symbol": symbol, "close": close, "window_start": datetime(2026, 1, day, tzinfo=UTC)}
        ...     for symbol in closes for day, close in enumerate(closes[symbol], 5)
        ... ])
        >>> found = bars.transform(with_beta, "SPY", 2).where("symbol = 'AAPL' AND beta_2 IS NOT NULL")
        >>> found.select(F.round("beta_2", 3).alias("beta"), F.round("correlation_2", 3).alias("correlation")).collect()
        [Row(beta=1.99, correlation=1.0)]
    """
    check_count("length", length, 2)
    names = f"beta_{length}", f"correlation_{length}"
    check_stored(bars, (*SERIES, ORDER, "close"), (*names, _PRICE, _RETURN, _BENCHMARK_RETURN))
    # One row a time, whoever has a bar then: so it is joined by equal times alone.
    times = bars.groupBy("window", ORDER).agg(F.max(F.when(F.col("symbol") == benchmark, F.col("close"))).alias(_PRICE))
    known = Over.partitionBy("window").orderBy(ORDER).rowsBetween(Over.unboundedPreceding, Over.currentRow)
    prices = times.withColumn(_PRICE, F.last(_PRICE, ignorenulls=True).over(known))
    returns = {
        name: price_ratio(F.col(price), F.lag(price).over(over_series())) - 1
        for name, price in ((_RETURN, "close"), (_BENCHMARK_RETURN, _PRICE))
    }
    pairs = bars.join(prices, ["window", ORDER]).withColumns(returns)
    counted, both = last_bars(length), F.when(F.col(_BENCHMARK_RETURN).isNotNull(), F.col(_RETURN))
    covariance = F.covar_samp(_RETURN, _BENCHMARK_RETURN).over(counted)
    variances = [F.var_samp(name).over(counted) for name in (_RETURN, _BENCHMARK_RETURN)]
    is_whole = F.count(both).over(counted) == length
    beta = F.when(is_whole & (variances[1] > 0), covariance / variances[1])
    spread = F.sqrt(variances[0] * variances[1])
    correlation = F.when(is_whole & (spread > 0), covariance / spread)
    values = dict(zip(names, (beta, correlation), strict=True))
    return pairs.withColumns(values).select(*bars.columns, *names)
