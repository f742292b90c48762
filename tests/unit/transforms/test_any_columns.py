"""Trades in columns of any types that people have, to bars as plain Python makes them, or refused."""

from __future__ import annotations

import math
import struct
from collections.abc import Sequence
from dataclasses import dataclass
from datetime import UTC, datetime, timedelta
from decimal import Decimal
from functools import reduce
from zoneinfo import ZoneInfo

import pytest
from hypothesis import strategies as st
from pyspark.sql import DataFrame, SparkSession
from pyspark.sql import functions as F

from mdstream.errors import MdstreamError
from mdstream.transforms import filter_usable_trades, to_bars, with_trade_columns
from tests.unit.transforms.examples import examples_of
from tests.unit.transforms.frames import MINUTE, OPENING

TABLES = 3
_OPENING_MICROS = 1_767_364_200_000_000
_NEW_YORK = ZoneInfo("America/New_York")

Trade = tuple[str | None, int | None, Decimal | None, Decimal | None, int | None]
"""Symbol, microseconds after the opening, price, size, sequence; a value that is null, NaN or none is not there."""


def _number(kind: str, value: Decimal | None) -> object:
    if value is None or (value.is_nan() and kind not in {"float", "double", "string"}):
        return None
    if kind == "string":
        return f" {value}"
    return float(value) if kind in {"float", "double"} else value if kind.startswith("decimal") else int(value)


def _time(kind: str, micros: int | None) -> object:
    if micros is None:
        return None
    time = OPENING + timedelta(microseconds=micros)
    count = _OPENING_MICROS + micros
    values: dict[str, object] = {
        "timestamp_ltz": time,
        "timestamp_ntz": time.astimezone(_NEW_YORK).replace(tzinfo=None),
        "us": count,
        "ns": count * 1_000 + 999,
        "text of us": f"{count} ",
        "decimal of s": Decimal(count) / 1_000_000,
        "ISO 8601": time.astimezone(_NEW_YORK).isoformat(timespec="microseconds"),
        "boolean": True,
        "date": time.date(),
    }
    return values[kind]


TIMES = {
    "timestamp_ltz": ("timestamp_ltz", {}),
    "timestamp_ntz": ("timestamp_ntz", {"zone": "America/New_York"}),
    "us": ("bigint", {"unit": "us"}),
    "ns": ("bigint", {"unit": "ns"}),
    "text of us": ("string", {"unit": "us"}),
    "decimal of s": ("decimal(20,6)", {"unit": "s"}),
    "ISO 8601": ("string", {}),
    "boolean": ("boolean", {}),
    "date": ("date", {}),
}
UNREADABLE_TIMES = {"boolean", "date"}
NUMBERS = ("double", "float", "int", "bigint", "decimal(18,4)", "string", "boolean", "binary")
UNREADABLE_NUMBERS = {"boolean", "binary"}
KEPT = ("symbol", "event_time", "price", "size", "sequence", "kafka_offset", "unreadable")


@dataclass(frozen=True)
class Table:
    """What the columns are of, and what is in them."""

    price: str
    size: str
    time: str
    sequence: str | None
    trades: Sequence[Trade]

    @property
    def is_readable(self) -> bool:
        return not ({self.price, self.size} & UNREADABLE_NUMBERS or self.time in UNREADABLE_TIMES)

    def frame(self, spark: SparkSession, number: int) -> DataFrame:
        kind, options = TIMES[self.time]
        schema = (
            f"Ticker string, t {kind}, `last price` {self.price}, q {self.size}, n {self.sequence or 'int'}, at int"
        )
        rows = [
            (
                symbol and f"{symbol}{number}",
                _time(self.time, micros),
                self._value(self.price, price),
                self._value(self.size, size),
                sequence if self.sequence != "double" or sequence is None else float(sequence),
                place,
            )
            for place, (symbol, micros, price, size, sequence) in enumerate(self.trades)
        ]
        named = with_trade_columns(
            spark.createDataFrame(rows, schema),
            symbol="ticker",
            event_time="t",
            price="last price",
            size="q",
            sequence="n" if self.sequence else None,
            kafka_offset="at",
            **options,
        )
        return named if self.sequence else named.withColumn("sequence", F.lit(None).cast("bigint"))

    def _value(self, kind: str, value: Decimal | None) -> object:
        unreadable = {"boolean": True, "binary": b"1"}
        return unreadable[kind] if kind in unreadable else _number(kind, value)


amounts = st.decimals(Decimal("1"), Decimal("9999"), places=2)
spoilt = st.sampled_from([None, Decimal("NaN"), Decimal(-1), Decimal(0)])
trade = st.tuples(
    st.sampled_from(["A", "A", "A", "B", None]),
    st.integers(1, 119_999_999) | st.sampled_from([30_000_000, 59_999_999, 60_000_000]) | st.none(),
    amounts | amounts | amounts | spoilt,
    amounts | amounts | amounts | spoilt,
    st.none() | st.integers(1, 5),
)
tables = st.builds(
    Table,
    st.sampled_from(NUMBERS),
    st.sampled_from(NUMBERS),
    st.sampled_from(list(TIMES)),
    st.sampled_from([None, "int", "double"]),
    st.lists(trade, min_size=1, max_size=30),
)


def _amount(kind: str, value: Decimal | None) -> float | None:
    """The double that a column of this type has of a value; None if no trade can have it."""
    stored = _number(kind, value)
    if stored is None or value is None or value.is_nan():
        return None
    number = narrowed(float(value)) if kind == "float" else float(str(stored))
    return number if number > 0 else None


def narrowed(value: float) -> float:
    narrow: float = struct.unpack("f", struct.pack("f", value))[0]
    return narrow


def plain_bars(table: Table, number: int) -> dict[tuple[str, datetime], list[float]]:
    """Open, high, low, close, volume, VWAP and count of each bar, by loops."""
    kept: dict[tuple[str, datetime], list[tuple[tuple[int, int, int], float, float]]] = {}
    for place, (symbol, micros, price, size, sequence) in enumerate(table.trades):
        paid, units = _amount(table.price, price), _amount(table.size, size)
        if symbol is None or micros is None or paid is None or units is None:
            continue
        order = sequence if table.sequence and sequence is not None else place
        key = (f"{symbol}{number}", OPENING + timedelta(minutes=micros // 60_000_000))
        kept.setdefault(key, []).append(((micros, order, place), paid, units))
    bars = {}
    for key, trades in kept.items():
        trades.sort()
        prices, volume = [price for _, price, _ in trades], math.fsum(size for *_, size in trades)
        vwap = math.fsum(price * size for _, price, size in trades) / volume
        bars[key] = [prices[0], max(prices), min(prices), prices[-1], volume, vwap, len(prices)]
    return bars


def test_any_columns_give_the_bars_of_plain_loops_or_are_refused(spark: SparkSession) -> None:
    drawn = list(enumerate(examples_of(tables, TABLES)))
    # Some that are read at least, and not only what is refused.
    kinds = ("timestamp_ntz", "ns", "ISO 8601")
    drawn += [
        (TABLES + place, Table("decimal(18,4)", "string", kind, "int", drawn[0][1].trades))
        for place, kind in enumerate(kinds)
    ]
    frames: list[DataFrame] = []
    expected: dict[tuple[str, datetime], list[float]] = {}
    for number, table in drawn:
        if not table.is_readable:
            with pytest.raises(MdstreamError, match="expected"):
                table.frame(spark, number)
            continue
        frames.append(table.frame(spark, number).select(*KEPT))
        expected |= plain_bars(table, number)
    # As one frame, whatever was in their columns: Spark takes seconds for each that it plans.
    bars = reduce(DataFrame.unionByName, frames).transform(filter_usable_trades).transform(to_bars, MINUTE)
    named = ("open", "high", "low", "close", "volume", "vwap", "trade_count")
    found = {
        (row["symbol"], datetime.fromtimestamp(row["start"], UTC)): [row[name] for name in named]
        for row in bars.select("symbol", F.unix_seconds("window_start").alias("start"), *named).collect()
    }
    assert found.keys() == expected.keys(), drawn
    for key, values in expected.items():
        exact, sums = values[:4], values[4:]
        assert found[key][:4] == exact, (key, drawn)
        assert found[key][4:] == pytest.approx(sums, rel=1e-10), (key, drawn)
