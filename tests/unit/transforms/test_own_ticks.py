"""Records of other people's topics: their names and types, our checks and dead letters."""

from __future__ import annotations

import json
from typing import Any

import pytest
from pyspark.sql import DataFrame, SparkSession
from pyspark.sql import functions as F

from mdstream.errors import InvalidInputError
from mdstream.transforms import with_dead_letter, with_reject_reason
from mdstream.transforms.ticks import IS_USABLE, with_usability
from tests.unit.transforms.records import RECEIVED_MICROS, SKEW_SECONDS, records_frame

COLUMNS = {
    "symbol": "data.s",
    "price": "data.p",
    "size": "data.q",
    "event_time": "data.T",
    "trade_id": "data.t",
    "sequence": "data.t",
    "conditions": "codes",
    "exchange": "E",
}
SECOND_BEFORE = 1_767_364_199_250
GOOD: dict[str, Any] = {"s": "BTCUSDT", "p": "93012.50", "q": "0.001", "T": SECOND_BEFORE, "t": 417}


def own(codes: object = None, **changes: object) -> bytes:
    return json.dumps({"stream": "btcusdt@trade", "data": {**GOOD, **changes}, "codes": codes, "E": 3}).encode()


RECORDS: list[tuple[bytes | None, str | None]] = [
    (own(), None),
    (own(p=93012.5, q=1e-3, T=str(SECOND_BEFORE), t="417"), None),
    (own(T="2026-01-02T09:29:59.25-05:00"), None),
    (own(codes=["12", 37]), None),
    (own(codes="12,37"), None),
    (own(codes=12), None),
    (own(p="cheap"), "price not a number: cheap"),
    (own(p=None), "price missing"),
    (own(q=-1), "size not positive: -1.0"),
    (own(T="soon"), "event_time not a time: soon"),
    (own(T=SECOND_BEFORE * 1000), "event_time too far ahead of ingest_time: 1767364199250000000"),
    (own(t=1.5), "sequence not an integer: 1.5"),
    (own(s=""), "symbol malformed: "),
    (own(codes={"a": 1}), "conditions malformed"),
    (b'{"data": 5}', "symbol missing"),
    (b'{"data": {"s": "A"', "not JSON"),
    (own() + own(), "not JSON"),
    (b"[1]", "not a JSON object"),
    (b"null", "not a JSON object"),
    (own().replace(b'"E": 3', b'"E": "\xff"'), "not UTF-8"),
    (None, "not JSON"),
    (own(note="x" * 70_000), "payload longer than 65536 bytes"),
]


def read(spark: SparkSession) -> DataFrame:
    records = records_frame(spark, [record for record, _ in RECORDS], topic="trades")
    return records.transform(with_reject_reason, SKEW_SECONDS, columns=COLUMNS, unit="ms")


def test_records_of_other_names_and_types_are_ticks_or_dead_letters(spark: SparkSession) -> None:
    rows = read(spark).transform(with_dead_letter).sort("kafka_offset")
    micros = {"micros": F.unix_micros("event_time"), "ingested": F.unix_micros("ingest_time")}
    # Times of what is refused may be none that Python has.
    shown = rows.withColumns(micros).drop("event_time", "ingest_time").collect()
    assert [row["dead_letter"] and row["dead_letter"]["reason"] for row in shown] == [reason for _, reason in RECORDS]
    assert {row["dead_letter"]["source"] for row in shown if row["dead_letter"]} == {"trades"}
    first = shown[0]
    fields = ("symbol", "price", "size", "micros", "trade_id", "sequence", "exchange", "conditions", "ingested")
    assert [first[name] for name in fields] == [
        "BTCUSDT", 93012.5, 0.001, SECOND_BEFORE * 1000, "417", 417, "3", None, RECEIVED_MICROS
    ]  # fmt: skip
    for other in shown[1:3]:
        assert [other[name] for name in fields] == [first[name] for name in fields]
    assert [row["conditions"] for row in shown[3:6]] == [["12", "37"], ["12", "37"], ["12"]]


def test_usability_agrees_with_the_reasons(spark: SparkSession) -> None:
    records = records_frame(spark, [record for record, _ in RECORDS])
    usable = records.transform(with_usability, SKEW_SECONDS, columns=COLUMNS, unit="ms").sort("kafka_offset")
    assert [row[IS_USABLE] for row in usable.select(IS_USABLE).collect()] == [reason is None for _, reason in RECORDS]


@pytest.mark.parametrize(
    ("columns", "message"),
    [
        ({"ticker": "symbol"}, "a tick has no field ticker"),
        ({"symbol": " "}, "nothing is named that holds the field symbol"),
        ({"symbol": "data", "price": "data.p"}, "data.p is within data, which is to be the symbol"),
        ({"price": "symbol.last"}, "symbol.last is within symbol, which is to be the symbol"),
    ],
)
def test_what_cannot_be_read_is_refused_with_what_to_do(
    spark: SparkSession, columns: dict[str, str], message: str
) -> None:
    with pytest.raises(InvalidInputError, match=message):
        records_frame(spark, []).transform(with_reject_reason, SKEW_SECONDS, columns=columns)


def test_times_of_other_units_need_the_unit(spark: SparkSession) -> None:
    with pytest.raises(InvalidInputError, match="there is no unit 'minutes'"):
        records_frame(spark, []).transform(with_reject_reason, SKEW_SECONDS, columns=COLUMNS, unit="minutes")
