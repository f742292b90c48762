"""Daily bars from prices alone."""

from __future__ import annotations

from collections.abc import Iterable, Mapping, Sequence
from datetime import timedelta

import pytest
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


class Found:
    """What a frame has, by symbol and column, in order of time: by one action."""

    def __init__(self, frame: DataFrame) -> None:
        self.names = frame.columns
        self._rows = sorted(frame.toArrow().to_pylist(), key=lambda row: row["window_start"])

    def column(self, symbol: str, name: str) -> list[float | None]:
        return [row[name] for row in self._rows if row["symbol"] == symbol]


def near(values: Iterable[float | None], rel: float = 1e-12) -> list[object]:
    """What a column is to be, but for rounding."""
    return [None if value is None else pytest.approx(value, rel=rel) for value in values]
