"""Kafka records that are ticks come through unchanged."""

from __future__ import annotations

from typing import Any

import pytest
from chispa import assert_df_equality
from pyspark.sql import SparkSession

from mdstream.schemas import STORED_TICK
from mdstream.schemas.spark import spark_schema
from mdstream.transforms import to_ticks, with_dead_letter, with_reject_reason
from tests.unit.transforms.frames import at, tick, ticks_frame
from tests.unit.transforms.records import (
    RECEIVED,
    RECEIVED_MICROS,
    SECOND,
    SKEW_SECONDS,
    payload,
    records_frame,
)

YEAR_1990 = 631_152_000 * SECOND
STAMPED = {"ingest_time": RECEIVED}

# JSON of a usable tick's changes to the common one, and the columns that differ then.
ACCEPTED: list[tuple[dict[str, Any], dict[str, Any]]] = [
    ({}, STAMPED),
    ({"price": 190, "size": 7}, {**STAMPED, "price": 190.0, "size": 7.0}),
    ({"price": 0.1 + 0.2, "size": 1e-8}, {**STAMPED, "price": 0.30000000000000004, "size": 1e-8}),
    ({"price": 1e12, "size": 1}, {**STAMPED, "price": 1e12, "size": 1.0}),
    ({"size": 1e14, "price": 0.1}, {**STAMPED, "price": 0.1, "size": 1e14}),
    ({"symbol": "X:BTC-USD"}, {**STAMPED, "symbol": "X:BTC-USD"}),
    *(
        ({"symbol": symbol}, {**STAMPED, "symbol": symbol})
        for symbol in ("A" * 64, "^GSPC", "M&M.NS", "币安人生USDT", "SPXW  240506C05100000", "/ESM24", "BAC-I*", "USD₮")
    ),
    *(
        ({"conditions": codes}, {**STAMPED, "conditions": ["12", "37"]})
        for codes in ("12,37", "12;37", "12 37", "[12,37]", '["12","37"]', "['12', 37.0]", "{12,37}", [12, 37])
    ),
    ({"conditions": 12}, {**STAMPED, "conditions": ["12"]}),
    ({"conditions": '"a\\"b" Q'}, {**STAMPED, "conditions": ['a"b', "Q"]}),
    ({"event_time": RECEIVED_MICROS - 1}, {**STAMPED, "event_time": at(-0.000001)}),
    ({"event_time": RECEIVED_MICROS + 300 * SECOND}, {**STAMPED, "event_time": at(300)}),
    ({"event_time": YEAR_1990}, {**STAMPED, "event_time": at(-(RECEIVED_MICROS - YEAR_1990) // SECOND)}),
    ({"ingest_time": RECEIVED_MICROS - 123_457}, {"ingest_time": at(-0.123457)}),
    ({"ingest_time": RECEIVED_MICROS + 300 * SECOND}, {"ingest_time": at(300)}),
    ({"ingest_time": None, "exchange": None, "conditions": None}, STAMPED),
    (
        {"source": "", "exchange": "Q", "trade_id": "é" * 128, "sequence": -(2**63), "conditions": ["", "@", "F"]},
        {
            **STAMPED,
            "source": "",
            "exchange": "Q",
            "trade_id": "é" * 128,
            "sequence": -(2**63),
            "conditions": ["", "@", "F"],
        },
    ),
    ({"conditions": [], "sequence": 2**63 - 1}, {**STAMPED, "conditions": [], "sequence": 2**63 - 1}),
    ({"conditions": ["x" * 128] * 64}, {**STAMPED, "conditions": ["x" * 128] * 64}),
    ({"source": "a\"}\\", "trade_id": "}{"}, {**STAMPED, "source": "a\"}\\", "trade_id": "}{"}),
    ({"unreadable": "x", "note": {"deep": [{}, {"symbol": "B"}]}}, STAMPED),
    ({"topic": "x", "reject_reason": "y", "payload": "z", "kafka_offset": 5}, STAMPED),
    ({"note": "x" * 60_000}, STAMPED),
    ({"source": "\ufffd"}, {**STAMPED, "source": "\ufffd"}),
]  # fmt: skip


def test_usable_records_become_ticks_unchanged_to_the_microsecond(spark: SparkSession) -> None:
    values = [payload(**changes) for changes, _ in ACCEPTED]
    ticks = records_frame(spark, values).transform(to_ticks, SKEW_SECONDS)
    expected = [
        {**tick("AAPL", -1, 190.5, 100.0, kafka_partition=3, kafka_offset=offset), **columns}
        for offset, (_, columns) in enumerate(ACCEPTED)
    ]
    assert_df_equality(
        ticks, ticks_frame(spark, expected), ignore_nullable=True, ignore_metadata=True, ignore_row_order=True
    )


def test_prices_of_zero_and_below_are_taken_where_they_may_be(spark: SparkSession) -> None:
    values = [payload(price=price, size=size) for price, size in ((0, 5), (-37.63, 10), (-1e12, 1e3), (-2e12, 1))]
    frame = records_frame(spark, values)
    ticks = frame.transform(to_ticks, SKEW_SECONDS, nonpositive_prices=True).sort("kafka_offset").collect()
    assert [row["price"] for row in ticks] == [0.0, -37.63]
    reasons = frame.transform(with_reject_reason, SKEW_SECONDS, nonpositive_prices=True).sort("kafka_offset").collect()
    assert [row["reject_reason"] for row in reasons] == [
        None,
        None,
        "price x size above 1e+14",
        "price below -1e+12: -2.0E12",
    ]


def test_blank_space_around_a_record_does_not_matter(spark: SparkSession) -> None:
    values = [b" \n\t" + payload() + b"\r\n ", payload().replace(b", ", b"\n,  ")]
    ticks = records_frame(spark, values).transform(to_ticks, SKEW_SECONDS)
    assert [row["price"] for row in ticks.collect()] == [190.5, 190.5]


def test_to_ticks_leaves_out_what_with_reject_reason_refuses(spark: SparkSession) -> None:
    records = records_frame(spark, [b"x", payload(), payload(price=-1), None, payload(symbol="B")])
    ticks = records.transform(to_ticks, SKEW_SECONDS)
    assert sorted(row["symbol"] for row in ticks.collect()) == ["AAPL", "B"]
    assert [(field.name, field.dataType) for field in ticks.schema] == [
        (field.name, field.dataType) for field in spark_schema(STORED_TICK)
    ]


@pytest.mark.parametrize("skew", [1, 86_400])
def test_the_skew_is_what_the_caller_allows(spark: SparkSession, skew: int) -> None:
    at_limit, beyond = RECEIVED_MICROS + skew * SECOND, RECEIVED_MICROS + skew * SECOND + 1
    values = [payload(event_time=at_limit), payload(event_time=beyond)]
    parsed = records_frame(spark, values).transform(with_reject_reason, skew).transform(with_dead_letter)
    refused = {row["kafka_offset"]: row["dead_letter"] and row["dead_letter"]["reason"] for row in parsed.collect()}
    assert refused == {0: None, 1: f"event_time too far ahead of ingest_time: {beyond}"}
