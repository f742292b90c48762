"""Adjusted prices against series that others have published."""

from __future__ import annotations

from datetime import UTC, datetime, timedelta

import pytest
from pyspark.sql import DataFrame, SparkSession
from pyspark.sql import functions as F

from mdstream.errors import InvalidInputError
from mdstream.transforms import to_adjustment_factors, with_adjusted_prices

# Yahoo's, as they were in 2014: Yahoo Inc. around its split of 2 to 1 on 2004-05-12; close and adjusted close.
SPLIT = [
    ("2004-05-06", 52.36, 26.18),
    ("2004-05-07", 52.80, 26.40),
    ("2004-05-10", 51.33, 25.665),
    ("2004-05-11", 53.53, 26.765),
    ("2004-05-12", 27.08, 27.08),
    ("2004-05-13", 27.10, 27.10),
]
# Yahoo's, as they were in 2023: National Presto around its dividend of 4.50 on 2022-02-28. Later dividends are in the
# adjusted closes too: all of these days by the same factor.
DIVIDEND = [
    ("2022-02-23", 77.41999816894531, 65.45219421386719),
    ("2022-02-24", 80.3499984741211, 67.92926788330078),
    ("2022-02-25", 83.5, 70.59233093261719),
    ("2022-02-28", 79.5, 71.03911590576172),
    ("2022-03-01", 79.41999816894531, 70.9676284790039),
]
LATER_DIVIDENDS = 71.03911590576172 / 79.5


def day(text: str) -> datetime:
    return datetime.fromisoformat(text).replace(tzinfo=UTC)


def bars(spark: SparkSession, closes: list[tuple[str, float, float]], symbol: str = "A") -> DataFrame:
    rows = [(symbol, int(day(text).timestamp()), close, 100.0) for text, close, _ in closes]
    frame = spark.createDataFrame(rows, "symbol string, start bigint, close double, volume double")
    ends = {"window_start": F.timestamp_seconds("start"), "window_end": F.timestamp_seconds(F.col("start") + 86_400)}
    return frame.withColumns(ends).drop("start")


def actions(spark: SparkSession, *rows: tuple[str, float | None, float | None]) -> DataFrame:
    told = [("A", int(day(text).timestamp()), split, dividend) for text, split, dividend in rows]
    frame = spark.createDataFrame(told, "symbol string, at bigint, split double, dividend double")
    return frame.withColumn("effective_time", F.timestamp_seconds("at")).drop("at")


def values(frame: DataFrame, name: str = "close") -> list[float]:
    return [row[name] for row in frame.sort("window_start").collect()]


def test_closes_before_a_split_are_the_published_ones(spark: SparkSession) -> None:
    traded = bars(spark, SPLIT)
    factors = actions(spark, ("2004-05-12", 2.0, None)).transform(to_adjustment_factors, traded)
    adjusted = traded.transform(with_adjusted_prices, factors).cache()
    assert values(adjusted) == [published for _, _, published in SPLIT]
    assert values(adjusted, "volume") == [200.0] * 4 + [100.0] * 2
    assert adjusted.columns == traded.columns
    forward = traded.transform(with_adjusted_prices, factors, "forward")
    assert values(forward) == [close for _, close, _ in SPLIT[:4]] + [2 * close for _, close, _ in SPLIT[4:]]


def test_closes_before_a_dividend_are_the_published_ones(spark: SparkSession) -> None:
    traded = bars(spark, DIVIDEND).unionByName(bars(spark, SPLIT, "B"))
    factors = actions(spark, ("2022-02-28", None, 4.5)).transform(to_adjustment_factors, traded)
    adjusted = traded.transform(with_adjusted_prices, factors)
    published = [value / LATER_DIVIDENDS for _, _, value in DIVIDEND]
    assert values(adjusted.where("symbol = 'A'")) == pytest.approx(published, rel=1e-6)
    assert values(adjusted.where("symbol = 'A'"), "volume") == [100.0] * 5
    assert values(adjusted.where("symbol = 'B'")) == [close for _, close, _ in SPLIT]


def test_several_changes_are_multiplied(spark: SparkSession) -> None:
    traded = bars(spark, SPLIT)
    # Of a dividend before all bars nothing is known, nor changed.
    told = actions(spark, ("2004-05-12", 2.0, None), ("2004-05-10", 5.0, None), ("2004-01-05", None, 1.0))
    factors = told.transform(to_adjustment_factors, traded)
    adjusted = values(traded.transform(with_adjusted_prices, factors))
    assert adjusted == pytest.approx([5.236, 5.28, 25.665, 26.765, 27.08, 27.10], rel=1e-15)


def test_what_cannot_be_adjusted_is_refused(spark: SparkSession) -> None:
    traded = bars(spark, SPLIT)
    factors = actions(spark, ("2004-05-12", 2.0, None)).transform(to_adjustment_factors, traded)
    with pytest.raises(InvalidInputError, match="there is no direction 'backward'; expected one of back, forward"):
        traded.transform(with_adjusted_prices, factors, "backward")
    with pytest.raises(InvalidInputError, match="factors have no column price_factor"):
        traded.transform(with_adjusted_prices, factors.drop("price_factor"))
    with pytest.raises(InvalidInputError, match="column effective_time of factors is string; expected timestamps"):
        traded.transform(with_adjusted_prices, factors.withColumn("effective_time", F.lit("2004-05-12")))
    with pytest.raises(Exception, match="found a price_factor of A that is not a number above 0"):
        traded.transform(with_adjusted_prices, factors.withColumn("price_factor", F.lit(0.0))).collect()
    week = traded.withColumn("window_end", F.col("window_end") + F.lit(timedelta(days=6)))
    with pytest.raises(Exception, match="a bar of A began before a split or dividend and ended after it"):
        week.transform(with_adjusted_prices, factors).collect()
