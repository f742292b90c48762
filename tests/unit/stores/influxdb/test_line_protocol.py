from __future__ import annotations

from datetime import timedelta

import pytest

from mdstream.schemas import ANOMALY, BAR, KAFKA_METRIC, LATENCY_METRIC, STORED_TICK, Record
from mdstream.stores.influxdb.line_protocol import lines, tag_columns
from tests.unit.stores.rows import INDICATOR, START, anomaly, bar, bars, batch_of, indicator, tick, ticks

START_NANOS = 1_715_002_200_000_000_000
"""2024-05-06 13:30 UTC, by `date -d … +%s`."""


@pytest.mark.parametrize(
    ("record", "expected"),
    [
        (STORED_TICK, ["symbol", "kafka_partition", "source"]),
        (BAR, ["symbol", "window"]),
        (INDICATOR, ["symbol", "window"]),
        (ANOMALY, ["symbol", "window", "rule"]),
        (LATENCY_METRIC, ["source", "point"]),
        (KAFKA_METRIC, ["source", "topic"]),
    ],
    ids=lambda value: getattr(value, "name", ""),
)
def test_tags_tell_points_of_one_time_apart(record: Record, expected: list[str]) -> None:
    assert tag_columns(record) == expected


def test_a_bar_is_a_point_at_its_start() -> None:
    assert lines(bars(bar("BRK.B", trade_count=7)), BAR) == [
        (
            "aggregated_metrics,symbol=BRK.B,window=1min close=10,high=12,last_event_time=1715002259000001i,low=9,"
            f"open=10,trade_count=7i,volume=100,window_end=1715002260000000i {START_NANOS}"
        )
    ]


def test_a_tick_has_its_offset_in_the_last_digits_of_its_nanoseconds() -> None:
    later = START + timedelta(microseconds=5)
    rows = ticks(tick(event_time=later, offset=1_234_567, partition=3, source="replay", conditions=["@", "F"]))
    assert lines(rows, STORED_TICK) == [
        (
            'tick_metrics,kafka_partition=3,source=replay,symbol=AAPL conditions="@,F",kafka_offset=1234567i,price=10,'
            f"size=1 {START_NANOS + 5_567}"
        )
    ]


def test_equal_ticks_that_follow_each_other_are_points_of_their_own() -> None:
    rows = ticks(*(tick(offset=offset) for offset in range(700, 1_700)))
    points = {(line.split(" ")[0], line.split(" ")[-1]) for line in lines(rows, STORED_TICK)}
    assert len(points) == 1000
    assert {int(time) // 1000 for _, time in points} == {START_NANOS // 1000}


def test_values_that_influxdb_has_no_words_for_are_left_out() -> None:
    rows = [indicator(rsi=value, minute=n) for n, value in enumerate((None, float("nan"), float("inf"), 50.5))]
    written = lines(batch_of(INDICATOR, rows), INDICATOR)
    prefix = "technical_indicators,symbol=AAPL,window=1min macd=-0.25,"
    assert [line.removeprefix(prefix).rpartition(" ")[0] for line in written] == [
        "trade_count=1i",
        "trade_count=1i",
        "trade_count=1i",
        "rsi_14=50.5,trade_count=1i",
    ]


def test_texts_are_escaped() -> None:
    odd = anomaly(rule="a b,c=d") | {"message": 'say "x" \\ y'}
    [line] = lines(batch_of(ANOMALY, [odd]), ANOMALY)
    assert line.startswith(r"anomalies,rule=a\ b\,c\=d,symbol=AAPL,window=1min ")
    assert r'message="say \"x\" \\ y"' in line
