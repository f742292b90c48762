"""Trades in columns of any name and type give the bars of the same trades in ours, or are refused with a sentence."""

from __future__ import annotations

from decimal import Decimal
from functools import reduce
from typing import Any

import pytest
from pyspark.sql import DataFrame, SparkSession
from pyspark.sql import functions as F

from mdstream.errors import InvalidInputError
from mdstream.transforms import ConditionTable, Eligibility, to_bars, with_trade_columns
from tests.unit.transforms.frames import MINUTE, OPENING, assert_bars, at, bar, frame_of

SECONDS = int(OPENING.timestamp())
LATE = ConditionTable({"12": Eligibility(open_close=False, high_low=False)})

# Seconds after the opening, price, size and conditions; the third trade neither opens nor is the low.
TRADES = ((0.25, "10.5", 100, None), (1, "11", 50, "37"), (59.999999, "2.25", 10, "12,37"), (30, "10.75", 40, ""))
EXPECTED = ((10.5, 11.0, 10.5, 10.75), 200.0, (1050 + 550 + 430) / 190, 4, 59.999999)


def plain_trades(spark: SparkSession) -> DataFrame:
    """The trades with an exact time in `micros`, and all else as text."""
    rows = [(SECONDS * 1_000_000 + round(after * 1e6), p, str(s), codes) for after, p, s, codes in TRADES]
    return frame_of(spark, rows, "micros bigint, p string, s string, codes string")


TIMES: dict[str, tuple[str, dict[str, str]]] = {
    "us": ("micros", {"unit": "us"}),
    "ns": ("micros * 1000 + 999", {"unit": "ns"}),
    "decimal-seconds": ("CAST(CAST(micros AS decimal(16,0)) / 1000000 AS decimal(20,6))", {"unit": "s"}),
    "decimal-millis": ("CAST(CAST(micros AS decimal(16,0)) / 1000 AS decimal(38,18))", {"unit": "ms"}),
    "double-seconds": ("micros / 1e6D", {"unit": "s"}),
    "text-of-nanos": ("CAST(micros * 1000 AS string)", {"unit": "ns"}),
    "text-of-seconds": ("concat(micros div 1000000, '.', lpad(micros % 1000000, 6, '0'))", {"unit": "s"}),
    "timestamp": ("timestamp_micros(micros)", {}),
}


def test_every_way_to_write_a_time(spark: SparkSession) -> None:
    frames = [
        plain_trades(spark)
        .select(F.lit(name).alias("ticker"), F.expr(time).alias("t"), "p", "s", "codes")
        .transform(with_trade_columns, symbol="ticker", event_time="t", price="p", size="s", conditions="codes", **how)
        for name, (time, how) in TIMES.items()
    ]
    assert_bars(reduce(DataFrame.unionByName, (f.drop("t") for f in frames)), [bar(n, *EXPECTED) for n in TIMES],
                conditions=LATE)  # fmt: skip


CLOCKS = [
    # What is written, the zone that is named, and the instant.
    ("2026-01-02T14:30:00Z", None, at(0)),
    ("2026-01-02 14:30:00.5+00:00", None, at(0.5)),
    ("2026-01-02T09:30:00.123456789-05:00", None, at(0.123456)),
    ("2026-01-02T20:00:00+0530", "America/New_York", at(0)),
    ("2026-01-02 09:30:01 America/New_York", None, at(1)),
    ("2026-01-02T09:30:00", "America/New_York", at(0)),
    ("2026-01-02 14:30", "UTC", at(0)),
    (" 2026-01-02 20:00:02 ", "+05:30", at(2)),
    ("2026-01-02 09:30:00", None, None),
    ("2026-01-02", "UTC", None),
    ("2026", "UTC", None),
    ("14:30:00", "UTC", None),
    ("2026-13-02 14:30:00", "UTC", None),
    ("now", "UTC", None),
    ("1767364200", "UTC", None),
]


def test_times_as_text_need_a_zone(spark: SparkSession) -> None:
    frames = []
    for number, (text, zone, _) in enumerate(CLOCKS):
        row = [(number, "A", text, 1.0, 1)]
        frame = frame_of(spark, row, "number int, symbol string, event_time string, price double, size int")
        frames.append(frame.transform(with_trade_columns, zone=zone))
    rows = reduce(DataFrame.unionByName, frames).select("number", F.unix_micros("event_time"), "unreadable").collect()
    micros = [None if time is None else round(time.timestamp() * 1e6) for _, _, time in CLOCKS]
    lost = [f"event_time not a time: {text}" if time is None else None for text, _, time in CLOCKS]
    assert sorted(map(tuple, rows)) == list(zip(range(len(CLOCKS)), micros, lost, strict=True))


def test_clocks_across_a_change_to_summer_time(spark: SparkSession) -> None:
    clocks = ["2026-03-08 01:59:59.999999", "2026-03-08 03:00:00", "2026-11-01 01:30:00", "2026-11-01 02:00:00"]
    frame = frame_of(spark, [("A", c, 1.0, 1.0) for c in clocks], "symbol string, t string, price double, size double")
    frame = frame.withColumn("t", F.col("t").cast("timestamp_ntz"))
    frame = frame.transform(with_trade_columns, event_time="t", zone="America/New_York")
    # From zdump: the clocks went forward at 07:00 UTC and back at 06:00 UTC.
    assert [row[0] for row in frame.select(F.unix_micros("event_time")).collect()] == [
        1_772_953_199_999_999, 1_772_953_200_000_000, 1_793_511_000_000_000, 1_793_516_400_000_000,
    ]  # fmt: skip


def test_numbers_and_codes_of_any_type(spark: SparkSession) -> None:
    columns = "symbol int, event_time timestamp_ltz, price decimal(10,2), size smallint, sequence double, "
    columns += "conditions array<int>"
    rows = [
        (7, at(0), Decimal("0.10"), 3, 2.0, [1, 12]),
        (7, at(0), Decimal("0.30"), 1, 1.0, None),
        (7, at(0), Decimal("0.20"), 1, float("nan"), []),
    ]
    frame = frame_of(spark, rows, columns).transform(with_trade_columns)
    # A sequence that is missing is 0: the last row comes first.
    assert_bars(frame, [bar("7", (0.2, 0.3, 0.2, 0.3), 5.0, 0.25, 3, 0)], conditions=LATE)
    texts = frame_of(spark, [("1.5e2", " 12 "), ("1,5", "x")], "price string, conditions string")
    texts = texts.withColumns({"symbol": F.lit("A"), "event_time": F.lit(SECONDS), "size": F.lit(".5")})
    read = texts.transform(with_trade_columns, unit="s", separator="").select(
        "price", "size", "conditions", "unreadable"
    )
    assert sorted(map(tuple, read.collect()), key=str) == [
        (150.0, 0.5, ["1", "2"], None),
        (None, 0.5, ["x"], "price not a number: 1,5"),
    ]


def test_a_column_may_be_an_expression_and_others_stay(spark: SparkSession) -> None:
    frame = frame_of(
        spark, [(OPENING, (1100, 2), "x")], "at timestamp_ltz, trade struct<cents:int,n:int>, `a.b` string"
    )
    read = frame.transform(
        with_trade_columns, symbol=F.lit("BTCUSDT"), event_time="at", price=F.col("trade.cents") / 100, size="trade.n"
    )
    assert read.columns == ["at", "trade", "a.b", "symbol", "event_time", "price", "size", "unreadable"]
    assert_bars(read, [bar("BTCUSDT", (11.0,) * 4, 2.0, 11.0, 1, 0)])
    assert_bars(frame.transform(with_trade_columns, symbol="a.b", event_time="at", price="trade.n", size="trade.n"),
                [bar("x", (2.0,) * 4, 2.0, 2.0, 1, 0)])  # fmt: skip


REFUSED: list[tuple[dict[str, Any], str]] = [
    ({"event_time": "micros"}, "event_time is bigint: say its unit with unit=, one of s, ms, us, ns"),
    ({"event_time": "micros", "unit": "µs"}, "there is no unit 'µs' of time; expected one of s, ms, us, ns"),
    ({"event_time": "clock"}, "event_time is timestamp_ntz, which is not an instant without a time zone: say which"),
    ({"event_time": "clock", "zone": "America/NewYork"}, "zone 'America/NewYork'; did you mean 'America/New_York'?"),
    ({"event_time": "clock", "zone": "EDT5"}, "there is no time zone 'EDT5'; "),
    ({"event_time": "day"}, "event_time is date; expected timestamps, epoch numbers with their unit=, or text"),
    ({"event_time": "single", "unit": "s"}, "event_time is float; expected timestamps, "),
    ({"event_time": "micros", "unit": "us", "size": "siz"}, "trades have no column siz; known are: clock, codes,"),
    ({"event_time": "micros", "unit": "us", "price": "day"}, "column price is date; expected numbers, or text"),
    ({"event_time": "micros", "unit": "us", "symbol": "single"}, "column symbol is float; expected text or integers"),
    ({"event_time": "micros", "unit": "us", "conditions": "day"}, "column conditions is date; expected an array of"),
]  # fmt: skip


@pytest.mark.parametrize("number", range(len(REFUSED)))
def test_what_cannot_be_read_is_refused_before_anything_runs(spark: SparkSession, number: int) -> None:
    named, message = REFUSED[number]
    frame = plain_trades(spark).withColumns(
        {
            "clock": F.col("micros").cast("string").try_cast("timestamp_ntz"),
            "day": F.current_date(),
            "single": F.lit(1.0).cast("float"),
        }
    )
    with pytest.raises(InvalidInputError) as refused:
        with_trade_columns(frame, **{"symbol": "p", "price": "p", "size": "s", **named})
    assert message in str(refused.value)


@pytest.mark.parametrize(
    ("column", "kind", "message"),
    [
        (
            "event_time",
            "timestamp_ntz",
            "column event_time is timestamp_ntz, which is not an instant without a time zone;",
        ),
        ("event_time", "bigint", r"column event_time is bigint; expected timestamps: with_trade_columns reads epoch"),
        ("price", "string", "column price is string; expected numbers: "),
        ("sequence", "double", "column sequence is double; expected integers: "),
        ("conditions", "string", "column conditions is string; expected an array of codes: "),
        ("symbol", None, "trades have no column symbol; found: event_time, price, size. Columns of other names"),
    ],
)
def test_bars_want_the_right_types(spark: SparkSession, column: str, kind: str | None, message: str) -> None:
    types = {"symbol": "string", "event_time": "timestamp_ltz", "price": "double", "size": "double", column: kind}
    schema = ", ".join(f"{name} {kind}" for name, kind in types.items() if kind)
    with pytest.raises(InvalidInputError, match=message):
        frame_of(spark, [], schema).transform(to_bars, [MINUTE])
