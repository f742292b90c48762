"""How many symbols rise and fall, and which do most."""

from __future__ import annotations

from pyspark.sql import DataFrame
from pyspark.sql import Window as Over
from pyspark.sql import functions as F

from mdstream.transforms.cross_section.snapshot import CROSS_SECTION
from mdstream.transforms.stored_bars import check_count, check_stored

MOVER_RANK = "mover_rank"
"""Column of a mover's place: 1, 2, … for those that rise most, -1, -2, … for those that fall most."""


def to_breadth(snapshot: DataFrame, *, of: str = "simple_return") -> DataFrame:
    """Count the symbols that rise and fall at each time.

    Args:
        snapshot: At least window, snapshot_time and the change; `volume` is summed if it is there. See `to_snapshot`.
        of: The change, above 0 for what rises, e.g. that of `with_returns` on days: since the close before.

    Returns:
        window, snapshot_time, advances, declines, unchanged, advance_share (of those that changed; null if none did)
        and, with volumes, advance_volume and decline_volume. A symbol whose change is null counts for nothing.

    Raises:
        InvalidInputError: A column is missing, or the snapshot is a stream.

    Example:
        >>> from mdstream.schemas import BAR
        >>> from mdstream.testing import frame_of
        >>> moves = {"A": 0.02, "B": 0.01, "C": -0.05, "D": 0.0}
        >>> bars = frame_of(spark, BAR, [{"symbol": symbol, "vwap": move} for symbol, move in moves.items()])
        >>> snapshot = bars.withColumn("snapshot_time", F.col("window_end"))
        >>> breadth = snapshot.transform(to_breadth, of="vwap").select("advances", "declines", "unchanged")
        >>> breadth.collect()
        [Row(advances=2, declines=1, unchanged=1)]
    """
    check_stored(snapshot, (*CROSS_SECTION, of), what="snapshots")
    rises, falls = F.col(of) > 0, F.col(of) < 0
    counts = [
        F.count_if(rises).alias("advances"),
        F.count_if(falls).alias("declines"),
        F.count_if(F.col(of) == 0).alias("unchanged"),
    ]
    volumes = [
        F.coalesce(F.sum(F.when(moves, F.col("volume"))), F.lit(0.0)).alias(name)
        for name, moves in (("advance_volume", rises), ("decline_volume", falls))
        if "volume" in snapshot.columns
    ]
    changed = F.col("advances") + F.col("declines")
    share = F.when(changed > 0, F.col("advances") / changed).alias("advance_share")
    names = ("advances", "declines", "unchanged")
    counted = snapshot.groupBy(*CROSS_SECTION).agg(*counts, *volumes)
    return counted.select(
        *CROSS_SECTION, *names, share, *(name for name in counted.columns if name.endswith("_volume"))
    )


def to_movers(snapshot: DataFrame, count: int = 10, *, of: str = "simple_return") -> DataFrame:
    """Keep the symbols that rise most and those that fall most at each time.

    Args:
        snapshot: At least symbol, window, snapshot_time and the change; see `to_snapshot`.
        count: How many of each; fewer if so many do not rise, or fall. Of equal ones the first by name.
        of: The change.

    Returns:
        All columns and `mover_rank`: 1, 2, … for those that rise, the most first, and -1, -2, … for those that fall.

    Raises:
        InvalidInputError: The count is below 1, a column is missing, or there already, or the snapshot is a stream.

    Example:
        >>> from mdstream.schemas import BAR
        >>> from mdstream.testing import frame_of
        >>> moves = {"A": 0.02, "B": 0.01, "C": -0.05, "D": 0.0}
        >>> bars = frame_of(spark, BAR, [{"symbol": symbol, "vwap": move} for symbol, move in moves.items()])
        >>> movers = bars.withColumn("snapshot_time", F.col("window_end")).transform(to_movers, 1, of="vwap")
        >>> movers.select("symbol", "mover_rank").sort("symbol").collect()
        [Row(symbol='A', mover_rank=1), Row(symbol='C', mover_rank=-1)]
    """
    check_count("count", count)
    check_stored(snapshot, (*CROSS_SECTION, "symbol", of), (MOVER_RANK,), what="snapshots")
    moved = snapshot.where(F.col(of) != 0)
    side = Over.partitionBy(*CROSS_SECTION, F.signum(of)).orderBy(F.abs(of).desc(), "symbol")
    ranked = moved.withColumn(MOVER_RANK, (F.row_number().over(side) * F.signum(of)).cast("int"))
    return ranked.where(F.abs(MOVER_RANK) <= count)
