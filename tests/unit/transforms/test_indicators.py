"""Indicators of stored bars: each symbol and window by itself, in time order, null where there is no value."""

from __future__ import annotations

import math
import random
from pathlib import Path
from typing import Any

import numpy as np
import pandas as pd
import pytest
from pyspark.sql import SparkSession
from pyspark.sql import functions as F

from mdstream.errors import InvalidInputError
from mdstream.indicators import RULE_FIELDS, Indicator, parse_indicators
from mdstream.schemas import BAR
from mdstream.transforms import with_indicators
from tests.unit.transforms.frames import Row, at, bar, bars_frame

INDICATORS = parse_indicators({"sma": {"period": 3}, "stoch": {"fastk_period": 2}, "cdldoji": {}})
SERIES = [("A", "1min", 60), ("A", "5min", 300), ("B", "1min", 60), ("ISLAND", "1day", 86_400)]


def bars_of(symbol: str, window: str, seconds: int, count: int) -> list[Row]:
    numbers = random.Random(f"{symbol}{window}")
    rows = []
    for number in range(count):
        price = numbers.uniform(10, 20)
        prices = (price, price + 1, price - 1, numbers.uniform(price - 1, price + 1))
        start = at(number * seconds)
        rows.append(bar(symbol, prices, numbers.randint(1, 99), price, 1, 0, window=window, window_start=start))
    return rows


def computed(
    spark: SparkSession, rows: list[Row], indicators: tuple[Indicator, ...] = INDICATORS
) -> list[dict[str, Any]]:
    frame = bars_frame(spark, rows).transform(with_indicators, indicators)
    return [row.asDict() for row in frame.sort("symbol", "window", "window_start").collect()]


@pytest.fixture(scope="module")
def result(spark: SparkSession) -> list[dict[str, Any]]:
    """Four series of different lengths, one of a single bar, their rows shuffled."""
    rows = [row for number, series in enumerate(SERIES) for row in bars_of(*series, count=(40, 25, 13, 1)[number])]
    random.Random(3).shuffle(rows)
    return computed(spark, rows)


def test_each_bar_is_there_once_with_all_its_columns(result: list[dict[str, Any]]) -> None:
    names = [*BAR.schema.names, "sma_3", "stoch_slowk", "stoch_slowd", "cdldoji", *(f.name for f in RULE_FIELDS)]
    assert [list(row) for row in result] == [names] * 79
    given = {(*series[:2], row["window_start"]): row for series in SERIES for row in bars_of(*series, count=40)}
    for row in result:
        original = given[row["symbol"], row["window"], row["window_start"].astimezone(at(0).tzinfo)]
        assert {name: row[name] for name in ("open", "high", "low", "close", "volume", "trade_count")} == {
            name: original[name] for name in ("open", "high", "low", "close", "volume", "trade_count")
        }


@pytest.mark.parametrize("series", SERIES, ids=str)
def test_series_do_not_mix_and_are_in_time_order(result: list[dict[str, Any]], series: tuple[str, str, int]) -> None:
    frame = pd.DataFrame([row for row in result if (row["symbol"], row["window"]) == series[:2]])
    close, high, low = frame["close"], frame["high"], frame["low"]
    lowest, highest = low.rolling(2).min(), high.rolling(2).max()
    slowk = (100 * (close - lowest) / (highest - lowest)).rolling(3).mean()
    expected = {
        "sma_3": close.rolling(3).mean(),
        # TA-Lib gives both lines from where the slower one starts.
        "stoch_slowk": slowk.where(slowk.rolling(3).mean().notna()),
        "stoch_slowd": slowk.rolling(3).mean(),
        "average_close_20": close.shift(1).rolling(20).mean(),
        "average_volume_20": frame["volume"].shift(1).rolling(20).mean(),
        "previous_close": close.shift(1),
    }
    for name, values in expected.items():
        np.testing.assert_allclose(frame[name].to_numpy(float), values, rtol=1e-9, err_msg=name)


def test_where_there_is_no_value_there_is_null_and_not_nan(result: list[dict[str, Any]]) -> None:
    first = result[0]
    without = [name for name in first if name == "last_ingest_time" or name not in BAR.schema.names]
    assert [name for name, value in first.items() if value is None] == without
    assert not any(isinstance(value, float) and math.isnan(value) for row in result for value in row.values())


def test_types_are_doubles_that_may_be_null(spark: SparkSession) -> None:
    schema = bars_frame(spark, []).transform(with_indicators, INDICATORS).schema
    added = [field for field in schema if field.name not in BAR.schema.names]
    assert {(field.dataType.simpleString(), field.nullable) for field in added} == {("double", True)}
    assert len(added) == 7


def test_no_bars_and_no_indicators(spark: SparkSession) -> None:
    assert computed(spark, []) == []
    (only,) = computed(spark, bars_of("A", "1min", 60, 1), ())
    assert list(only) == [*BAR.schema.names, *(field.name for field in RULE_FIELDS)]


def test_columns_that_are_not_a_bars_stay_and_whole_volumes_are_fine(spark: SparkSession) -> None:
    frame = bars_frame(spark, bars_of("A", "1min", 60, 4))
    frame = frame.select("symbol", "window", "window_start", "open", "high", "low", "close", F.lit("x").alias("note"),
                         F.col("volume").cast("long"))  # fmt: skip
    rows = frame.transform(with_indicators, parse_indicators({"sma": {"period": 2, "price": "volume"}})).collect()
    ordered = sorted(rows, key=lambda row: row["window_start"])
    assert [row["note"] for row in ordered] == ["x"] * 4
    assert ordered[1]["sma_2_volume"] == (ordered[0]["volume"] + ordered[1]["volume"]) / 2


def test_what_cannot_be_computed_is_refused(spark: SparkSession, tmp_path: Path) -> None:
    bars = bars_frame(spark, [])
    with pytest.raises(InvalidInputError, match="bars have no column volume; found: symbol, window, "):
        with_indicators(bars.drop("volume"), INDICATORS)
    with pytest.raises(InvalidInputError, match="bars have a column sma_3 already; expected bars without it"):
        with_indicators(bars.withColumn("sma_3", F.lit(1.0)), INDICATORS)
    stream = spark.readStream.schema(bars.schema).parquet(str(tmp_path))
    with pytest.raises(InvalidInputError, match="found a stream of bars; expected stored bars"):
        with_indicators(stream, INDICATORS)
