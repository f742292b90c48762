"""Frames of any record, and whether they hold the same bars."""

from __future__ import annotations

from datetime import datetime
from typing import Any

import pytest
from pyspark.sql import SparkSession

from mdstream.errors import InvalidInputError
from mdstream.schemas import ANOMALY, BAR, DEAD_LETTER, PREDICTION, STORED_TICK, TICK, Record
from mdstream.testing import assert_bars_equal, frame_of, kafka_records, table_of

BARS: list[dict[str, Any]] = [
    {"symbol": "AAPL", "close": 2.0},
    {"symbol": "MSFT", "close": 3.0, "vwap": float("nan")},
]


@pytest.mark.parametrize("record", [TICK, STORED_TICK, BAR, ANOMALY, PREDICTION, DEAD_LETTER], ids=lambda r: r.name)
def test_a_row_of_nothing_is_complete(record: Record) -> None:
    table = table_of(record, [{}])
    table.validate(full=True)
    assert table.schema == record.schema
    for field in record.schema:
        assert (table[field.name].null_count == 0) == (not field.nullable), field.name
    assert table_of(record).num_rows == 0


def test_a_frame_without_rows_has_its_columns(spark: SparkSession) -> None:
    empty, one = frame_of(spark, BAR), frame_of(spark, BAR, [{}])
    assert (empty.columns, empty.dtypes) == (BAR.schema.names, one.dtypes)
    assert (empty.count(), one.count()) == (0, 1)
    records = kafka_records(spark, [])
    assert records.dtypes == kafka_records(spark, [b"{}", None]).dtypes
    assert records.count() == 0


@pytest.mark.parametrize(
    ("row", "message"),
    [
        ({"prise": 1.0}, "a tick has no field prise; did you mean 'price'"),
        ({"price": "much"}, "a tick cannot have this"),
    ],
    ids=str,
)
def test_what_the_record_does_not_have_is_refused(row: dict[str, object], message: str) -> None:
    with pytest.raises(InvalidInputError, match=message):
        table_of(TICK, [row])


def test_the_same_bars_in_any_order_and_form_are_equal() -> None:
    table = table_of(BAR, BARS)
    rows = [{**row, "vwap": None} for row in reversed(table.to_pylist())]
    assert_bars_equal(table, rows)
    assert_bars_equal(table.to_pandas(), table)
    naive = [{**row, "window_start": row["window_start"].replace(tzinfo=None)} for row in rows]
    assert_bars_equal(naive, table)
    assert_bars_equal(table.select([*BAR.key, "close"]), table)


def test_what_differs_is_named() -> None:
    table = table_of(BAR, BARS)
    other = table_of(BAR, [{**BARS[0], "close": 2.0 + 1e-12, "high": 7.0}, {**BARS[1], "symbol": "SPY"}])
    with pytest.raises(AssertionError) as caught:
        assert_bars_equal(other, table)
    assert str(caught.value).splitlines() == [
        "3 of 3 bars differ",
        "SPY 1min 2026-01-02 14:30:00+00:00: not expected",
        "MSFT 1min 2026-01-02 14:30:00+00:00: missing",
        "AAPL 1min 2026-01-02 14:30:00+00:00: high is 7.0, expected 1.0; close is 2.000000000001, expected 2.0",
    ]
    assert_bars_equal(table_of(BAR, [{"close": 2.0 + 1e-12}]), table_of(BAR, [{"close": 2.0}]), rel_tol=1e-9)


def test_many_differences_are_counted() -> None:
    table = table_of(BAR, [{"symbol": f"S{number}"} for number in range(8)])
    with pytest.raises(AssertionError, match=r"8 of 8 bars differ(.|\n)*and 3 more"):
        assert_bars_equal([], table)


def test_a_bar_that_is_there_twice_is_no_frame_of_bars() -> None:
    with pytest.raises(AssertionError, match=r"AAPL 1min 2026-01-02 14:30:00.00:00 is there twice"):
        assert_bars_equal(table_of(BAR, [{}, {}]), table_of(BAR, [{}]))


@pytest.mark.parametrize(
    ("frame", "message"),
    [
        ("bars", "expected a frame, a table or rows of bars, found str"),
        (7, "found int"),
        ([{"symbol": "A", "window_start": datetime(2026, 1, 2)}], "bars have no column window; found: symbol, win"),  # noqa: DTZ001
    ],
    ids=str,
)
def test_what_is_no_frame_of_bars_is_refused(frame: object, message: str) -> None:
    with pytest.raises(InvalidInputError, match=message):
        assert_bars_equal(frame, [])
