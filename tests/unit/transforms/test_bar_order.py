"""Open and close: the first and the last trade by (event_time, sequence, offset)."""

from __future__ import annotations

from typing import Any

from pyspark.sql import SparkSession

from mdstream.schemas import BarWindow
from mdstream.transforms import ConditionTable, Eligibility
from tests.unit.transforms.frames import MINUTE, OPENING, Row, assert_bars, bar, tick, ticks_frame

OPEN, MIDDLE, CLOSE = 20.0, 10.0, 30.0

# What tells the opening, the middle and the closing trade apart: seconds, sequence, offset.
ORDERED: dict[str, tuple[tuple[float, int | None, int], ...]] = {
    "time": ((1, None, 9), (2, None, 8), (3, None, 7)),
    "last-microsecond": ((1.000001, None, 9), (1.000002, None, 8), (1.000003, None, 7)),
    "time-before-sequence": ((1, 9, 9), (2, 5, 8), (3, 1, 7)),
    "sequence": ((1, 3, 9), (1, 5, 8), (1, 9, 7)),
    "sequence-as-numbers": ((1, 9, 9), (1, 10, 8), (1, 100, 7)),
    "negative-sequence": ((1, -5, 9), (1, 0, 8), (1, 3, 7)),
    "extreme-sequences": ((1, -(2**63), 9), (1, 0, 8), (1, 2**63 - 1, 7)),
    "equal-sequences": ((1, 4, 11), (1, 4, 12), (1, 4, 13)),
    "no-sequence": ((1, None, 11), (1, None, 12), (1, None, 13)),
    "far-offsets": ((1, None, 2**20 - 1), (1, None, 2**20), (1, None, 2**62)),
    "window-edges": ((0, 2**63 - 1, 2**20 - 1), (30, 0, 0), (59.999999, -(2**63), 0)),
}


def _trades(symbol: str, keys: tuple[tuple[float, int | None, int], ...]) -> list[Row]:
    return [
        tick(symbol, seconds, price, sequence=sequence, kafka_offset=offset)
        for price, (seconds, sequence, offset) in zip((OPEN, MIDDLE, CLOSE), keys, strict=True)
    ]


def test_the_first_trade_opens_and_the_last_closes(spark: SparkSession) -> None:
    ticks = [trade for symbol, keys in ORDERED.items() for trade in _trades(symbol, keys)]
    expected = [bar(symbol, (OPEN, 30.0, 10.0, CLOSE), 3.0, 20.0, 3, keys[-1][0]) for symbol, keys in ORDERED.items()]
    for arrival in (ticks, ticks[::-1]):
        assert_bars(ticks_frame(spark, arrival), expected)


def test_trades_that_may_not_open_stand_behind_all_that_may_even_at_the_extremes(spark: SparkSession) -> None:
    # 1,767,364,200 = 409 x 4,320,000 + 484,200: the 50 days began 484,200 s before the opening.
    start, seconds = -484_200.0, 50 * 86_400
    window = BarWindow("50d", seconds)
    smallest: dict[str, Any] = {"sequence": -(2**63), "kafka_offset": 0}
    greatest: dict[str, Any] = {"sequence": 2**63 - 1, "kafka_offset": 2**20 - 1}
    end = start + seconds - 0.000001
    ticks = [
        tick("last-may", start, 1.0, conditions=["not"], **smallest),
        tick("last-may", end, 2.0, **greatest),
        tick("first-may", start, 1.0, **smallest),
        tick("first-may", end, 2.0, conditions=["not"], **greatest),
        tick("none-may", start, 1.0, conditions=["not"], **smallest),
        tick("none-may", end, 2.0, conditions=["not"], **greatest),
    ]
    edges = {
        "window": "50d",
        "window_start": tick("", start, 0)["event_time"],
        "window_end": tick("", start + seconds, 0)["event_time"],
    }
    expected = [
        bar("last-may", (2.0, 2.0, 1.0, 2.0), 2.0, 1.5, 2, end, **edges),
        bar("first-may", (1.0, 2.0, 1.0, 1.0), 2.0, 1.5, 2, end, **edges),
        bar("none-may", (1.0, 2.0, 1.0, 2.0), 2.0, 1.5, 2, end, **edges),
    ]
    table = ConditionTable({"not": Eligibility(open_close=False)})
    assert OPENING.timestamp() % seconds == 484_200
    assert_bars(ticks_frame(spark, ticks), expected, [window], table)


def test_the_real_tie_of_equal_prints_keeps_every_one(spark: SparkSession) -> None:
    equal = [tick("SPY", 1.5, 169.5, 100.0, sequence=7, kafka_offset=offset) for offset in range(5)]
    assert_bars(ticks_frame(spark, equal), [bar("SPY", (169.5,) * 4, 500.0, 169.5, 5, 1.5)], [MINUTE])
