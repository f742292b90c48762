"""Volume and VWAP: exact, whatever the order and the partitions of the ticks."""

from __future__ import annotations

import struct
from fractions import Fraction
from random import Random

import pytest
from hypothesis import strategies as st
from pyspark.sql import DataFrame, SparkSession
from pyspark.sql import functions as F

from mdstream.schemas import BAR, STORED_TICK
from mdstream.schemas.limits import MAX_NOTIONAL, MAX_SIZE
from mdstream.schemas.spark import spark_schema
from mdstream.transforms import ConditionTable, Eligibility, to_bars
from tests.unit.transforms.examples import examples_of
from tests.unit.transforms.frames import MINUTE, Row, assert_bars, bar, tick, ticks_frame

TABLE = ConditionTable({"late": Eligibility(open_close=False, high_low=False), "odd": Eligibility(volume=False)})


def decimals(high: int) -> st.SearchStrategy[str]:
    """Decimal numbers above 0.01 with up to 8 decimals, as venues print them."""
    return st.tuples(st.integers(0, high), st.integers(1_000_000, 99_999_999)).map(lambda n: f"{n[0]}.{n[1]:08d}")


Print = tuple[str, str, int, int | None, str | None]
prints = st.tuples(
    decimals(99_999),
    decimals(9_999),
    st.integers(0, 59_999_999),
    st.none() | st.integers(-3, 3),
    st.sampled_from([None, "late", "odd"]),
)


def _ticks(symbol: str, market: list[Print]) -> list[Row]:
    return [
        tick(
            symbol,
            micros / 1_000_000,
            float(price),
            float(size),
            sequence=sequence,
            kafka_offset=offset,
            conditions=code and [code],
        )
        for offset, (price, size, micros, sequence, code) in enumerate(market)
    ]


def _bits(bars: DataFrame) -> dict[str, list[object]]:
    """Every value of each bar, floats by their bits."""
    names = [name for name in BAR.schema.names if name != "symbol"]
    return {
        row["symbol"]: [struct.pack("<d", row[name]) if isinstance(row[name], float) else row[name] for name in names]
        for row in bars.toArrow().to_pylist()
    }


def test_any_order_and_partitioning_of_the_same_ticks_gives_the_same_bits(spark: SparkSession) -> None:
    markets = examples_of(st.lists(prints, min_size=1, max_size=12), 60)
    random = Random(0)
    in_order: list[Row] = []
    shuffled: list[Row] = []
    for number, market in enumerate(markets):
        in_order += _ticks(f"M{number}", market)
        for copy in range(4):
            ticks = _ticks(f"M{number}/{copy}", market)
            random.shuffle(ticks)
            shuffled += ticks
    random.shuffle(shuffled)
    expected = _bits(ticks_frame(spark, in_order, 1).transform(to_bars, [MINUTE], TABLE))
    bars = _bits(ticks_frame(spark, shuffled, 5).transform(to_bars, [MINUTE], TABLE))
    assert bars == {f"{symbol}/{copy}": values for symbol, values in expected.items() for copy in range(4)}


def test_volume_and_vwap_are_those_of_exact_arithmetic(spark: SparkSession) -> None:
    markets = examples_of(st.lists(prints, min_size=1, max_size=20), 100)
    ticks = [row for number, market in enumerate(markets) for row in _ticks(f"M{number}", market)]
    bars = {row["symbol"]: row for row in ticks_frame(spark, ticks).transform(to_bars, [MINUTE], TABLE).collect()}
    assert len(bars) == len(markets)
    for number, market in enumerate(markets):
        row = bars[f"M{number}"]
        exact = [(Fraction(price), Fraction(size), code) for price, size, _, _, code in market]
        ordinary = [trade for trade in exact if trade[2] is None]
        weighing = ordinary or exact
        notional = sum(price * size for price, size, _ in weighing)
        assert row["volume"] == pytest.approx(float(sum(size for _, size, code in exact if code != "odd")), rel=4e-16)
        # Each notional is at least 0.0001 and kept to 11 decimals.
        assert row["vwap"] == pytest.approx(float(notional / sum(size for _, size, _ in weighing)), rel=1e-7)
        prices = [float(price) for price, _, _ in exact]
        able = [float(price) for price, _, code in exact if code != "late"] or prices
        assert (row["low"], row["high"]) == (min(able), max(able))
        extremes = able if ordinary else prices
        assert min(extremes) <= row["vwap"] <= max(extremes)


def test_sums_that_plain_floats_get_wrong(spark: SparkSession) -> None:
    # 0.1 + ... + 0.1, ten times, is 0.9999999999999999 in floats; 1e9 swallows 1e-8; 0.1 x 3 / 3 is not 0.1.
    ticks = [tick("tenths", second, 2.5, 0.1) for second in range(10)]
    ticks += [tick("dust", 0, 1.0, 1e9), *(tick("dust", second, 1.0, 1e-8) for second in range(1, 51))]
    ticks += [tick("one", 0, 0.1, 3.0), tick("cheap", 0, 1.23456789e-8, 1.0)]
    ticks += [tick("nearly-whole", second, 1.0, 0.99999999) for second in range(3)]
    expected = [
        bar("tenths", (2.5,) * 4, 1.0, 2.5, 10, 9),
        bar("dust", (1.0,) * 4, 1_000_000_000.0000005, 1.0, 51, 50),
        bar("one", (0.1,) * 4, 3.0, 0.1, 1, 0),
        bar("cheap", (1.23456789e-8,) * 4, 1.0, 1.23456789e-8, 1, 0),
        bar("nearly-whole", (1.0,) * 4, 2.99999997, 1.0, 3, 2),
    ]
    assert_bars(ticks_frame(spark, ticks), expected)


def test_trades_at_the_limits_do_not_overflow(spark: SparkSession) -> None:
    ticks = [tick("sizes", second, MAX_NOTIONAL / MAX_SIZE, MAX_SIZE) for second in range(60)]
    ticks += [tick("prices", second, 1e12, 1.0) for second in range(60)]
    ticks += [tick("smallest", second, 1e-8, 1e-8) for second in range(60)]
    expected = [
        bar("sizes", (1.0,) * 4, 6e15, 1.0, 60, 59),
        bar("prices", (1e12,) * 4, 60.0, 1e12, 60, 59),
        bar("smallest", (1e-8,) * 4, 6e-7, 1e-8, 60, 59),
    ]
    assert_bars(ticks_frame(spark, ticks), expected)


def test_a_million_trades_in_one_bar(spark: SparkSession) -> None:
    # Every fourth trade at 2, the others at 1: a mean of 1.25; sizes of 9e12 sum up to 9e18, near the end of 64 bits.
    number = F.col("id")
    values = {
        "symbol": F.when(number % 2 == 0, "HUGE").otherwise("TENTH"),
        "price": F.when(number % 8 < 2, 0.02).otherwise(0.01),
        "size": F.when(number % 2 == 0, 9e12).otherwise(0.1),
        "event_time": F.timestamp_micros(F.lit(1_767_364_200_000_000) + number * 29),
        "kafka_partition": F.lit(0),
        "kafka_offset": number,
    }
    ticks = spark.range(2_000_000, numPartitions=3).select(
        *(
            values.get(field.name, F.lit(None)).cast(field.dataType).alias(field.name)
            for field in spark_schema(STORED_TICK)
        )
    )
    expected = [
        bar("HUGE", (0.02, 0.02, 0.01, 0.01), 9e18, 0.0125, 1_000_000, 57.999942),
        bar("TENTH", (0.02, 0.02, 0.01, 0.01), 100_000.0, 0.0125, 1_000_000, 57.999971),
    ]
    assert_bars(ticks, expected)
