"""Rows of the lake by time, symbol and version."""

from __future__ import annotations

import sys
from datetime import UTC, datetime, timedelta, timezone
from pathlib import Path

import pyarrow as pa
import pyarrow.compute as pc
import pytest

from mdstream.config import LakeSettings
from mdstream.errors import MissingDependencyError, StoreError
from mdstream.monitoring.doctor import check_lake
from mdstream.schemas import BAR, STORED_TICK
from mdstream.stores.lake import maintain_lake, open_table, read_rows, stored_days
from tests.unit.stores.lake.appending import TODAY, append, stored
from tests.unit.stores.rows import START, bar, tick
from tests.waiting import until

_MIDNIGHT = datetime(2024, 5, 7, tzinfo=UTC)
_MICROSECOND = timedelta(microseconds=1)
_TOKYO = timezone(timedelta(hours=9))


def test_rows_of_a_span_over_midnight(lake: LakeSettings) -> None:
    times = [_MIDNIGHT - timedelta(days=1), _MIDNIGHT - _MICROSECOND, _MIDNIGHT, _MIDNIGHT + timedelta(hours=1)]
    rows = [tick(offset=n, event_time=time, conditions=["@", "T"]) for n, time in enumerate(times)]
    append(lake, STORED_TICK, *rows, tick("MSFT", _MIDNIGHT, offset=9))
    found = read_rows(
        lake,
        STORED_TICK,
        (_MIDNIGHT - _MICROSECOND).astimezone(_TOKYO),
        (_MIDNIGHT + timedelta(hours=1)).astimezone(_TOKYO),
        where=pc.field("symbol") == "AAPL",
    )
    table = pa.Table.from_batches(found).sort_by("kafka_offset")
    assert table.schema == STORED_TICK.schema
    assert table.to_pylist() == rows[1:3]
    assert stored_days(lake, STORED_TICK) == [time.date() for time in (times[0], times[2])]
    assert stored_days(lake, BAR) == []


def test_some_columns_and_nothing(lake: LakeSettings) -> None:
    append(lake, BAR, bar(close=11.0), bar(minute=1, close=12.0))
    hour = timedelta(hours=1)
    (batch,) = read_rows(lake, BAR, START, START + hour, columns=["close", "window"])
    assert batch.to_pydict() == {"close": [11.0, 12.0], "window": ["1min", "1min"]}
    assert list(read_rows(lake, BAR, START + hour, START + 2 * hour)) == []


def test_as_it_was_by_version_and_by_time(lake: LakeSettings) -> None:
    append(lake, BAR, bar(trade_count=1))
    between = datetime.now(UTC)
    # Commits have their times in milliseconds.
    until(lambda: datetime.now(UTC) > between + timedelta(milliseconds=2))
    append(lake, BAR, bar(minute=1, trade_count=7))
    assert stored(lake, BAR, ["trade_count"]) == [(1,), (7,)]
    assert stored(lake, BAR, ["trade_count"], as_of=1) == [(1,)]
    assert stored(lake, BAR, ["trade_count"], as_of=between) == [(1,)]
    assert stored(lake, BAR, ["trade_count"], as_of=0) == []
    with pytest.raises(StoreError, match="refuses that"):
        open_table(lake, BAR, as_of=9)


def test_what_is_missing_is_said_by_name(tmp_path: Path, monkeypatch: pytest.MonkeyPatch) -> None:
    lake = LakeSettings(path=str(tmp_path))
    found = check_lake(lake)
    assert (found.reachable, found.fixes) == (True, ("mdstream maintain",))
    assert [line.partition(":")[0] for line in found.missing] == ["table tick_data", "table aggregated_data"]
    maintain_lake(lake, TODAY)
    append(lake, BAR, bar())
    whole = check_lake(lake)
    assert whole.ok
    assert "aggregated_data: version 1, 1 days" in whole.details
    monkeypatch.setitem(sys.modules, "deltalake", None)
    with pytest.raises(MissingDependencyError, match=r"mdstream-spark\[delta\]"):
        open_table(lake, BAR)
    assert not check_lake(lake).reachable
