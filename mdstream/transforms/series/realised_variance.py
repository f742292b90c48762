"""How much a price moved within a session: the sum of its squared returns."""

from __future__ import annotations

from collections.abc import Sequence

from pyspark.sql import Column, DataFrame
from pyspark.sql import Window as Over
from pyspark.sql import functions as F
from pyspark.sql.window import WindowSpec

from mdstream.schemas.session_windows import Window, parse_window, read_windows
from mdstream.transforms.bars import check_names
from mdstream.transforms.series.returns import price_ratio
from mdstream.transforms.session_columns import names_of, with_windows
from mdstream.transforms.stored_bars import ORDER, SERIES, check_count, check_periods, check_stored

_GROUP = ("symbol", "number", "start", "end")


def to_realised_variance(
    bars: DataFrame,
    source: Window | str,
    windows: Window | str | Sequence[Window | str],
    *,
    step: int = 1,
    subsampled: bool = True,
    periods_a_year: float = 1.0,
) -> DataFrame:
    """Sum the squared log returns of small bars within larger windows, e.g. of minutes within sessions.

    The prices are the open of the first bar and the close of each. A return is over `step` bars, which tames the noise
    of bids and asks; with `subsampled` each of the `step` ways to part the bars is taken, and their mean is the result
    (docs/volatility.md has the sources). What happens between the windows, such as over a night, is not in it.

    Args:
        bars: At least symbol, window, window_start, open and close. A bar without trades is left out, and the returns
            around it are longer: `to_complete_bars(..., fill="last_close")` puts it in.
        source: The window of the bars to sum; others are left out.
        windows: What to sum them in, or their names; those of a calendar have its sessions alone.
        step: Bars of a return.
        subsampled: Whether returns begin with each bar, else with every `step`-th.
        periods_a_year: What the variance is multiplied by to annualise `realised_volatility`; see `periods_a_year`.

    Returns:
        symbol, window, window_start, window_end, realised_variance, realised_volatility (its root, annualised) and
        return_count. The first two are null where there are too few bars for one return.

    Raises:
        InvalidInputError: The step is too small, a column is missing, or the bars are a stream.

    Example:
        >>> from datetime import UTC, datetime
        >>> from mdstream.schemas import BAR
        >>> from mdstream.testing import frame_of
        >>> times = [datetime(2026, 1, 5, 14, minute, tzinfo=UTC) for minute in (30, 31)]
        >>> rows = [{"window_start": times[0], "open": 100.0, "close": 101.0}]
        >>> rows += [{"window_start": times[1], "open": 101.0, "close": 100.0}]
        >>> realised = frame_of(spark, BAR, rows).transform(to_realised_variance, "1min", "1d@UTC")
        >>> realised.select("window", "realised_variance", "return_count").collect()  # twice the square of ln(1.01)
        [Row(window='1d@UTC', realised_variance=0.000198018168..., return_count=2)]
    """
    check_count("step", step)
    check_periods(periods_a_year)
    check_stored(bars, (*SERIES, ORDER, "open", "close"))
    small = parse_window(source) if isinstance(source, str) else source
    large = read_windows(windows)
    check_names(large)
    traded = bars.where((F.col("window") == small.name) & F.col("close").isNotNull())
    placed = (
        traded.select("symbol", F.unix_micros(ORDER).alias("at"), "open", "close")
        .transform(with_windows, F.col("at"), large)
        .where(F.col("placed.start").isNotNull() & ~F.col("placed.extended"))
        .select("symbol", "at", "open", "close", "placed.*")
    )
    square, counts = _square(step), F.col("place") % (1 if subsampled else step) == 0
    summed = (
        placed.withColumn("place", F.row_number().over(_in_order()))
        .withColumn("square", F.when(counts, square))
        .groupBy(*_GROUP)
        .agg(F.sum("square").alias("total"), F.count("square").alias("return_count"))
    )
    variance = F.col("total") / (step if subsampled else 1)
    return summed.select(
        "symbol",
        names_of(large, F.col("number")).alias("window"),
        F.timestamp_micros("start").alias("window_start"),
        F.timestamp_micros("end").alias("window_end"),
        variance.alias("realised_variance"),
        F.sqrt(variance * periods_a_year).alias("realised_volatility"),
        "return_count",
    )


def _in_order() -> WindowSpec:
    return Over.partitionBy(*_GROUP).orderBy("at")


def _square(step: int) -> Column:
    """Return the squared log return over the last `step` bars; the first such begins with the first bar's open."""
    before = F.when(F.col("place") == step, F.first("open").over(_in_order())).otherwise(
        F.lag("close", step).over(_in_order())
    )
    return F.ln(price_ratio(F.col("close"), before)) ** 2
