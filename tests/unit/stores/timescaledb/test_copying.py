from __future__ import annotations

import csv
import io

import pyarrow as pa
import pytest

from mdstream.errors import SinkError
from mdstream.stores.timescaledb.copying import copy_text
from tests.unit.stores.rows import START, bar, bars, tick, ticks

CONDITIONS = 9


def fields(batch: pa.RecordBatch) -> list[list[str]]:
    """The text as Python's own reader of CSV takes it."""
    return list(csv.reader(io.StringIO(copy_text(batch).decode(), newline="")))


def test_null_and_empty_text_differ() -> None:
    text = copy_text(ticks(tick(source=None, exchange="")))
    assert text.split(b",")[4:7] == [b"", b"", b'""']  # ingest_time, source, exchange


def test_array_literals_quote_every_element() -> None:
    rows = [[], ["a"], ["a,b", "{}", 'say "x"', "back\\slash", "NULL", "", " "], [None, "b"]]
    found = [row[CONDITIONS] for row in fields(ticks(*(tick(conditions=conditions) for conditions in rows)))]
    assert found == [
        "{}",
        '{"a"}',
        r'{"a,b","{}","say \"x\"","back\\slash","NULL",""," "}',
        '{NULL,"b"}',
    ]


def test_a_missing_list_is_null() -> None:
    assert copy_text(ticks(tick(conditions=None))).split(b",")[CONDITIONS] == b""


def test_a_slice_has_only_its_own_rows() -> None:
    batch = ticks(*(tick(offset=n, conditions=[f"c{n}"] * n) for n in range(6)))
    found = [row[CONDITIONS] for row in fields(batch.slice(2, 2))]
    assert found == ['{"c2","c2"}', '{"c3","c3","c3"}']


def test_doubles_and_times_lose_nothing() -> None:
    (row,) = fields(bars(bar(close=0.1 + 0.2)))
    assert float(row[7]) == 0.1 + 0.2
    assert row[2] == f"{START:%Y-%m-%d %H:%M:%S}.000000Z"
    assert row[11].endswith(":59.000001Z")


def test_a_nul_character_is_refused_with_its_row() -> None:
    batch = ticks(tick(), tick(offset=1, trade_id="a\0b"))
    with pytest.raises(SinkError, match=r"NUL character.*'kafka_offset': 1"):
        copy_text(batch)
