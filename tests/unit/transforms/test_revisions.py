"""Kafka records that are bar revisions, and those that are not."""

from __future__ import annotations

import json
from functools import reduce
from typing import Any

import pyarrow as pa
from chispa import assert_df_equality
from pyspark.sql import DataFrame, SparkSession

from mdstream.schemas import ANOMALY, BAR, TICK
from mdstream.schemas.limits import MAX_TEXT_CHARACTERS
from mdstream.schemas.spark import spark_schema
from mdstream.transforms import (
    DEAD_LETTER_COLUMN,
    to_bar_revisions,
    to_newest_revisions,
    with_bar_fields,
    with_dead_letter,
    with_records,
)
from tests.unit.transforms.frames import at, bar, bars_frame
from tests.unit.transforms.records import RECEIVED, RECEIVED_MICROS, SECOND, original, records_frame
from tests.wrong_records import NO_RECORDS, RECORDS, wrong

WIRE: dict[str, Any] = {
    "symbol": "AAPL",
    "window": "1min",
    "window_start": RECEIVED_MICROS,
    "window_end": RECEIVED_MICROS + 60 * SECOND,
    "open": 1.5,
    "high": 3,
    "low": 1.25,
    "close": 2.0,
    "volume": 0.1 + 0.2,
    "vwap": 1.75,
    "trade_count": 4,
    "last_event_time": RECEIVED_MICROS + 59_999_999,
    "last_ingest_time": RECEIVED_MICROS + 60_000_001,
}
COLUMNS = bar("AAPL", (1.5, 3.0, 1.25, 2.0), 0.30000000000000004, 1.75, 4, 59.999999, last_ingest_time=at(60.000001))


def encoded(**changes: object) -> bytes:
    return json.dumps({**WIRE, **changes}).encode()


def test_a_revision_comes_through_unchanged_to_the_microsecond(spark: SparkSession) -> None:
    optional = {name: value for name, value in WIRE.items() if name not in {"vwap", "last_ingest_time"}}
    values = [encoded(), json.dumps(optional).encode(), encoded(vwap=None, last_ingest_time=None, further={"a": []})]
    parsed = records_frame(spark, values, topic="aggregated_data").transform(with_bar_fields)
    bars = parsed.transform(with_dead_letter)
    without = {**COLUMNS, "vwap": None, "last_ingest_time": None}
    assert bars.where(f"{DEAD_LETTER_COLUMN} IS NOT NULL").count() == 0
    assert_df_equality(
        bars.drop(DEAD_LETTER_COLUMN),
        bars_frame(spark, [COLUMNS, without, without]),
        ignore_nullable=True,
        ignore_metadata=True,
        ignore_row_order=True,
    )


def test_what_is_no_bar_is_a_dead_letter(spark: SparkSession) -> None:
    required = [field.name for field in BAR.schema if not field.nullable]
    values = [
        None,
        b"",
        b"bar",
        b"null",
        b"[1]",
        b"{}",
        b"\xff{",
        encoded()[:-1],
        encoded(window_start="2026-01-02"),
        encoded(window_start=-1),
        encoded(window_end=253_402_300_800_000_000),
        encoded(last_event_time=2**63 - 1),
        encoded(last_ingest_time=2**63 - 1),
        encoded(trade_count=1.5),
        encoded(trade_count=0),
        encoded(close=-1.0),
        encoded(open=float("nan")),
        encoded(high=float("inf")),
        encoded(vwap=float("nan")),
        encoded(symbol="A\x00"),
        encoded(symbol=""),
        encoded(window="1min\x00"),
        *(encoded(**{name: None}) for name in required),
    ]
    bars = records_frame(spark, values, topic="aggregated_data").transform(with_bar_fields).transform(with_dead_letter)
    assert [field.name for field in bars.schema] == [*(field.name for field in spark_schema(BAR)), DEAD_LETTER_COLUMN]
    letters = [row[DEAD_LETTER_COLUMN] for row in bars.select(DEAD_LETTER_COLUMN).toArrow().to_pylist()]
    assert len(letters) == len(values)
    assert {letter["reason"] for letter in letters} == {"not a bar"}
    assert {(letter["source"], letter["received_time"]) for letter in letters} == {("aggregated_data", RECEIVED)}
    assert sorted(original(letter) for letter in letters) == sorted(value or b"" for value in values)


def test_of_each_bar_the_newest_revision_is_kept(spark: SparkSession) -> None:
    values = [encoded(trade_count=count, close=count) for count in (2, 9, 4)]
    other = encoded(symbol="MSFT", trade_count=1, vwap=None)
    records = records_frame(spark, [*values, b"no bar", other, None], topic="aggregated_data")
    newest = records.transform(to_bar_revisions).transform(to_newest_revisions, BAR)
    assert [field.name for field in newest.schema] == BAR.schema.names
    rows = newest.select("symbol", "trade_count", "close", "vwap").sort("symbol").collect()
    assert [tuple(row) for row in rows] == [("AAPL", 9, 9.0, 1.75), ("MSFT", 1, 2.0, None)]


ANOMALY_WIRE: dict[str, Any] = {
    "symbol": "AAPL",
    "window": "1min",
    "window_start": RECEIVED_MICROS,
    "rule": "price_spike",
    "severity": "high",
    "value": -6.5,
    "threshold": 5,
    "message": "close 1.00 is -6.5 % from 1.07",
    "detected_time": RECEIVED_MICROS + 1,
    "trade_count": 4,
    "last_event_time": RECEIVED_MICROS,
    "withdrawn": True,
}


def test_records_of_several_topics_are_each_what_their_topic_carries(spark: SparkSession) -> None:
    optional: dict[str, Any] = dict.fromkeys(("value", "threshold", "last_event_time", "withdrawn"))
    anomalies = [ANOMALY_WIRE, {**ANOMALY_WIRE, **optional, "severity": "low"}]
    wrong: list[dict[str, Any]] = [
        {"severity": "grave"},
        {"rule": "No Name"},
        {"value": float("inf")},
        {"message": "\x00"},
    ]
    bad = [b"[]", None, *(json.dumps({**ANOMALY_WIRE, **changes}).encode() for changes in wrong)]
    values = [json.dumps(fields).encode() for fields in anomalies]
    records = records_frame(spark, [*values, *bad], topic="anomalies").unionAll(
        records_frame(spark, [encoded(), encoded(close=-1.0)], topic="aggregated_data")
    )
    rows = records.transform(with_records, [BAR, ANOMALY]).transform(with_dead_letter).toArrow().to_pylist()
    found = sorted((row["anomaly"] for row in rows if row["anomaly"]), key=lambda row: str(row["severity"]))
    expected = {**ANOMALY_WIRE, "threshold": 5.0}
    expected.update(dict.fromkeys(("window_start", "last_event_time"), at(0)), detected_time=at(0.000001))
    assert found == [expected, {**expected, **optional, "severity": "low"}]
    assert [row["bar"] for row in rows if row["bar"]] == [COLUMNS]
    reasons = [row[DEAD_LETTER_COLUMN]["reason"] for row in rows if row[DEAD_LETTER_COLUMN]]
    assert sorted(reasons) == ["not a anomaly"] * len(bad) + ["not a bar"]
    assert all(sum(row[name] is not None for name in ("bar", "anomaly", DEAD_LETTER_COLUMN)) == 1 for row in rows)


def test_of_records_with_a_wrong_field_stores_get_what_they_can_hold(spark: SparkSession) -> None:
    kinds = [record for record in RECORDS if record != TICK]
    frames = []
    for kind in kinds:
        cases = [fields for _, fields in wrong(kind)]
        values = [*NO_RECORDS, *(json.dumps(fields).encode() for fields in cases)]
        frames.append(records_frame(spark, values, topic=kind.topic_name))
    records = reduce(DataFrame.unionAll, frames)
    rows = records.transform(with_records, kinds).transform(with_dead_letter).toArrow().to_pylist()

    by_kind = {kind.name: [row[kind.name] for row in rows if row[kind.name] is not None] for kind in kinds}
    letters = sum(row[DEAD_LETTER_COLUMN] is not None for row in rows)
    assert letters + sum(map(len, by_kind.values())) == len(rows)
    for kind in kinds:
        needed = [field.name for field in kind.schema if not field.nullable]
        assert all(held[name] is not None for held in by_kind[kind.name] for name in needed)
        texts = [held[field.name] for held in by_kind[kind.name] for field in kind.schema if field.type == pa.string()]
        assert all(len(text or "") <= MAX_TEXT_CHARACTERS for text in texts)
