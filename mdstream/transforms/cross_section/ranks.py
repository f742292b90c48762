"""How a symbol stands among all at one time."""

from __future__ import annotations

from collections.abc import Iterable

from pyspark.sql import DataFrame
from pyspark.sql import Window as Over
from pyspark.sql import functions as F

from mdstream.transforms.cross_section.snapshot import CROSS_SECTION
from mdstream.transforms.stored_bars import check_stored


def with_ranks(snapshot: DataFrame, columns: str | Iterable[str]) -> DataFrame:
    """Add ranks among all symbols of a window and time, e.g. `volume_rank` and `volume_percentile` of `volume`.

    The greatest has rank 1, equal ones have the same, and the next after two of rank 1 has rank 3. The percentile is
    the share of the others that are smaller: 1 for the greatest, 0 for the smallest.

    Args:
        snapshot: At least window, snapshot_time and the columns; see `to_snapshot`.
        columns: What to rank, one or several.

    Returns:
        All columns and these. Null where the value is; a symbol alone has rank 1 and no percentile.

    Raises:
        InvalidInputError: A column is missing, or there already, or the snapshot is a stream.

    Example:
        >>> from mdstream.schemas import BAR
        >>> from mdstream.testing import frame_of
        >>> bars = frame_of(spark, BAR, [{"symbol": name, "volume": size} for name, size in (("A", 5), ("B", 9))])
        >>> ranked = bars.withColumn("snapshot_time", F.col("window_end")).transform(with_ranks, "volume")
        >>> ranked.select("symbol", "volume_rank", "volume_percentile").sort("symbol").collect()
        [Row(symbol='A', volume_rank=2, volume_percentile=0.0), Row(symbol='B', volume_rank=1, volume_percentile=1.0)]
    """
    names = [columns] if isinstance(columns, str) else list(columns)
    new = [f"{name}_{what}" for name in names for what in ("rank", "percentile")]
    check_stored(snapshot, (*CROSS_SECTION, *names), new, what="snapshots")
    ranks = {}
    for name in names:
        of_all = Over.partitionBy(*CROSS_SECTION, F.col(name).isNull())
        is_there, others = F.col(name).isNotNull(), F.count("*").over(of_all) - 1
        smaller = F.rank().over(of_all.orderBy(name)) - 1
        ranks[f"{name}_rank"] = F.when(is_there, F.rank().over(of_all.orderBy(F.desc(name))))
        ranks[f"{name}_percentile"] = F.when(is_there & (others > 0), smaller / others)
    return snapshot.withColumns(ranks)


def with_z_scores(snapshot: DataFrame, columns: str | Iterable[str]) -> DataFrame:
    """Add how many sample deviations a value is above the mean of all symbols, e.g. `volume_z` of `volume`.

    Args:
        snapshot: At least window, snapshot_time and the columns; see `to_snapshot`.
        columns: What to score, one or several.

    Returns:
        All columns and these. Null where the value is, and where all symbols have the same.

    Raises:
        InvalidInputError: A column is missing, or there already, or the snapshot is a stream.

    Example:
        >>> from mdstream.schemas import BAR
        >>> from mdstream.testing import frame_of
        >>> bars = frame_of(spark, BAR, [{"symbol": name, "volume": size} for name, size in zip("ABC", (1, 2, 3))])
        >>> scored = bars.withColumn("snapshot_time", F.col("window_end")).transform(with_z_scores, "volume")
        >>> [row.volume_z for row in scored.sort("symbol").collect()]
        [-1.0, 0.0, 1.0]
    """
    names = [columns] if isinstance(columns, str) else list(columns)
    check_stored(snapshot, (*CROSS_SECTION, *names), [f"{name}_z" for name in names], what="snapshots")
    of_all = Over.partitionBy(*CROSS_SECTION)
    scores = {}
    for name in names:
        mean, deviation = F.avg(name).over(of_all), F.stddev_samp(name).over(of_all)
        scores[f"{name}_z"] = F.when(deviation > 0, (F.col(name) - mean) / deviation)
    return snapshot.withColumns(scores)
