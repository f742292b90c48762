"""Daily bars from prices alone."""

from __future__ import annotations

from collections.abc import Mapping, Sequence
from datetime import timedelta

from pyspark.sql import DataFrame, SparkSession

from mdstream.schemas import BAR
from mdstream.testing import frame_of
from tests.unit.transforms.frames import OPENING

Prices = Sequence[float]


def bars_of(spark: SparkSession, series: Mapping[str, Sequence[Prices]], window: str = "1d") -> DataFrame:
    """Bars of each symbol, one a day, last day first; each is open, high, low and close, and the volume if there."""
    names = ("open", "high", "low", "close", "volume")
    rows = [
        {
            "symbol": symbol,
            "window": window,
            "window_start": OPENING + timedelta(days=day),
            **dict(zip(names, prices, strict=False)),
        }
        for symbol, bars in series.items()
        for day, prices in reversed(list(enumerate(bars)))
    ]
    return frame_of(spark, BAR, rows)


def column(frame: DataFrame, symbol: str, name: str) -> list[float | None]:
    """The values of a column in order of time."""
    rows = frame.where(frame.symbol == symbol).sort("window_start").select(name).collect()
    return [row[0] for row in rows]
