from __future__ import annotations

from datetime import UTC, datetime
from typing import Any

import pyarrow as pa
import pytest
from hypothesis import given
from hypothesis import strategies as st

from mdstream.errors import SinkError, SinkUnavailableError
from mdstream.schemas import BAR, STORED_TICK
from mdstream.schemas.batches import conform, last_of_each, newest_revisions
from tests.unit.stores.rows import bar, bars, tick, ticks

KEY = ("symbol", "window", "window_start")


def test_columns_come_into_the_records_order() -> None:
    batch = bars(bar())
    shuffled = batch.select(list(reversed(batch.schema.names)))
    assert conform(shuffled, BAR).equals(batch)


def test_types_that_lose_nothing_are_converted() -> None:
    batch = bars(bar(trade_count=7))
    small = batch.set_column(batch.schema.get_field_index("trade_count"), "trade_count", pa.array([7], pa.int16()))
    assert conform(small, BAR).equals(batch)


def test_times_of_another_zone_stay_the_same_instants() -> None:
    batch = bars(bar())
    zoned = batch.column("window_start").cast(pa.timestamp("us", tz="America/New_York"))
    other = batch.set_column(batch.schema.get_field_index("window_start"), "window_start", zoned)
    assert conform(other, BAR).equals(batch)


def test_a_missing_and_an_unknown_column_are_named() -> None:
    batch = bars(bar()).rename_columns(["ticker", *BAR.schema.names[1:]])
    with pytest.raises(SinkError, match=r"missing symbol, unknown ticker, repeated none"):
        conform(batch, BAR)


def test_a_repeated_column_is_named() -> None:
    batch = bars(bar())
    twice = pa.RecordBatch.from_arrays([*batch.columns, batch.column(0)], names=[*batch.schema.names, "symbol"])
    with pytest.raises(SinkError, match="repeated symbol"):
        conform(twice, BAR)


@pytest.mark.parametrize(
    ("column", "values", "message"),
    [
        ("close", pa.array(["ten"]), "column 'close' of a batch of bars is string; expected double"),
        ("trade_count", pa.array([1.5]), "column 'trade_count'"),
        ("close", pa.array([None], pa.float64()), "column 'close' of a batch of bars has 1 nulls"),
        ("window_start", pa.array([-(2**60)], pa.timestamp("us", "UTC")), "years 1 to 9999"),
        ("window_end", pa.array([2**62], pa.timestamp("us", "UTC")), "years 1 to 9999"),
    ],
)
def test_a_bad_column_is_refused(column: str, values: pa.Array, message: str) -> None:
    batch = bars(bar())
    bad = batch.set_column(batch.schema.get_field_index(column), column, values)
    with pytest.raises(SinkError, match=message) as caught:
        conform(bad, BAR)
    assert not isinstance(caught.value, SinkUnavailableError)


def test_the_first_and_last_instant_of_datetime_are_taken() -> None:
    first, last = datetime.min.replace(tzinfo=UTC), datetime.max.replace(tzinfo=UTC)
    rows = conform(ticks(tick(event_time=first), tick(event_time=last)), STORED_TICK)
    assert rows.column("event_time").to_pylist() == [first, last]


def test_last_of_each_of_nothing_is_nothing() -> None:
    assert last_of_each(bars(), KEY).num_rows == 0


def test_without_revisions_all_rows_stay_in_the_order_they_came() -> None:
    rows = ticks(tick(offset=2, price=1.0), tick(offset=1, price=2.0), tick(offset=1, price=3.0))
    assert newest_revisions(rows, STORED_TICK).column("price").to_pylist() == [2.0, 3.0, 1.0]


REVISIONS = st.lists(
    st.builds(
        bar,
        symbol=st.sampled_from(["A", "B"]),
        window=st.sampled_from(["1min", "5min"]),
        minute=st.integers(0, 2),
        trade_count=st.integers(1, 4),
        close=st.floats(1, 9),
    ),
    max_size=40,
)


@given(REVISIONS)
def test_of_several_revisions_the_newest_stays_and_of_equal_ones_the_later(rows: list[dict[str, Any]]) -> None:
    expected: dict[tuple[Any, ...], dict[str, Any]] = {}
    for row in rows:
        key = tuple(row[name] for name in KEY)
        if key not in expected or row["trade_count"] >= expected[key]["trade_count"]:
            expected[key] = row
    assert newest_revisions(bars(*rows), BAR).to_pylist() == [expected[key] for key in sorted(expected)]
