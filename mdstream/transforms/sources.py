"""Which ticks may be in one bar, where a symbol comes from several sources."""

from __future__ import annotations

from pyspark.sql import Column, DataFrame
from pyspark.sql import functions as F

from mdstream.schemas.sources import ALL_SOURCES, PrimarySources


def from_primary_source(ticks: DataFrame, primary: PrimarySources) -> DataFrame:
    """Keep the ticks of each symbol's primary source, and all of a symbol for which none was decided.

    Two vendors report the same trade each in its own way: a bar of both counts it twice. Which source is the primary
    one is configured and not found out from what comes first, because that would need state, and would differ between
    a stream and a rebuild.

    Args:
        ticks: Columns `symbol` and `source`, and any others.
        primary: What was decided.

    Example:
        >>> from mdstream.schemas import TICK
        >>> from mdstream.testing import frame_of
        >>> ticks = frame_of(spark, TICK, [{"source": "massive"}, {"source": "finage"}])
        >>> primary = PrimarySources.parse({"AAPL": "massive"})
        >>> ticks.transform(from_primary_source, primary).select("symbol", "source").collect()
        [Row(symbol='AAPL', source='massive')]
    """
    return ticks.where(is_from_primary_source(primary))


def is_from_primary_source(primary: PrimarySources) -> Column:
    """Return whether a tick is of its symbol's primary source, or none was decided; never null.

    Args:
        primary: What was decided.
    """
    symbols_of: dict[str, list[str]] = {}
    for symbol, source in primary.by_symbol.items():
        symbols_of.setdefault(source, []).append(symbol)
    verdict = _comes_from(primary.other or ALL_SOURCES)
    for source, symbols in symbols_of.items():
        verdict = F.when(F.col("symbol").isin(symbols), _comes_from(source)).otherwise(verdict)
    return verdict


def _comes_from(source: str) -> Column:
    """Return whether a tick is of this source; never null."""
    return F.lit(True) if source == ALL_SOURCES else F.col("source").eqNullSafe(source)
