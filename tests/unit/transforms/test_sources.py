"""Whose ticks may be in one bar."""

from __future__ import annotations

import pytest
from pyspark.sql import SparkSession

from mdstream.schemas.sources import PrimarySources
from mdstream.transforms import from_primary_source
from tests.unit.transforms.frames import assert_bars, bar, tick, ticks_frame

PAIRS = [("A", "massive"), ("A", "finage"), ("A", None), ("B", "massive"), ("B", "finage"), ("B", None)]


@pytest.mark.parametrize(
    ("configured", "kept"),
    [
        (None, PAIRS),
        ("all", PAIRS),
        ("massive", [("A", "massive"), ("B", "massive")]),
        ({"A": "finage"}, [("A", "finage"), *PAIRS[3:]]),
        ({"A": "finage", "*": "massive"}, [("A", "finage"), ("B", "massive")]),
        ({"A": "all", "*": "massive"}, [*PAIRS[:3], ("B", "massive")]),
        ({"A": "finage", "B": "massive", "C": "finage"}, [("A", "finage"), ("B", "massive")]),
        ("nobody", []),
    ],
)
def test_ticks_of_the_decided_source_stay(
    spark: SparkSession, configured: str | dict[str, str] | None, kept: list[tuple[str, str | None]]
) -> None:
    ticks = ticks_frame(spark, [tick(symbol, 0, 1.0, source=source) for symbol, source in PAIRS])
    found = ticks.transform(from_primary_source, PrimarySources.parse(configured)).collect()
    assert sorted((row.symbol, row.source or "") for row in found) == sorted((a, b or "") for a, b in kept)


def test_a_trade_that_two_vendors_report_is_counted_once(spark: SparkSession) -> None:
    reports = [tick("A", second, 10.0 + second, 5.0, source=source) for second in (0, 1) for source in ("a", "b")]
    ticks = ticks_frame(spark, reports).transform(from_primary_source, PrimarySources.parse("b"))
    assert_bars(ticks, [bar("A", (10.0, 11.0, 10.0, 11.0), 10.0, 10.5, 2, 1)])
