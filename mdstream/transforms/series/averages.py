"""What is usual for a column: its mean over the bars before."""

from __future__ import annotations

from collections.abc import Iterable

from pyspark.sql import DataFrame
from pyspark.sql import functions as F

from mdstream.transforms.stored_bars import ORDER, SERIES, check_count, check_stored, over_series


def with_averages(bars: DataFrame, columns: str | Iterable[str], count: int = 20) -> DataFrame:
    """Add means over the bars before, the bar's own value left out, e.g. `average_spread_20` of `spread`.

    So a bar can be held against what is usual, as rules do by `average_close_20` and `average_volume_20`.

    Args:
        bars: At least symbol, window, window_start and the columns, each series whole, in any order.
        columns: What to average, one or several.
        count: Over how many bars.

    Returns:
        All columns and these. Null while there are fewer bars before, or where one of them has no value.

    Raises:
        InvalidInputError: The count is below 1, a column is missing, or there already, or the bars are a stream.

    Example:
        >>> from datetime import UTC, datetime
        >>> from mdstream.schemas import BAR
        >>> from mdstream.testing import frame_of
        >>> days = {datetime(2026, 1, day, tzinfo=UTC): day for day in (5, 6, 7)}
        >>> bars = frame_of(spark, BAR, [{"window_start": day, "volume": number} for day, number in days.items()])
        >>> usual = bars.transform(with_averages, "volume", 2).sort("window_start")
        >>> [row.average_volume_2 for row in usual.collect()]
        [None, None, 5.5]
    """
    check_count("count", count)
    names = [columns] if isinstance(columns, str) else list(columns)
    new = {name: f"average_{name}_{count}" for name in names}
    check_stored(bars, (*SERIES, ORDER, *names), new.values())
    before = over_series().rowsBetween(-count, -1)
    means = {new[name]: F.when(F.count(name).over(before) == count, F.avg(name).over(before)) for name in names}
    return bars.withColumns(means)
