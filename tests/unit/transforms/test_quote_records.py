"""Kafka records that are quotes come through unchanged; what is none is kept with the reason.

Feeds and the WebSocket server judge by the same rules.
"""

from __future__ import annotations

import json
from collections.abc import Sequence
from typing import Any

import pyarrow as pa
import pyarrow.compute as pc
from hypothesis import strategies as st
from pyspark.sql import SparkSession

from mdstream.feeds.validation import quote_refusal
from mdstream.schemas import QUOTE, STORED_QUOTE
from mdstream.schemas.checking import MalformedRecordError, RecordCheck
from mdstream.schemas.limits import kind_of
from mdstream.schemas.quotes import why_refused
from mdstream.transforms import DEAD_LETTER_COLUMN, with_dead_letter, with_quote_fields
from tests.unit.transforms.examples import examples_of
from tests.unit.transforms.frames import at
from tests.unit.transforms.records import RECEIVED_MICROS, SECOND, SKEW_SECONDS, records_frame

GOOD = {"symbol": "AAPL", "event_time": RECEIVED_MICROS - SECOND, "bid": 190.25, "ask": 190.5}
FAR = RECEIVED_MICROS + 301 * SECOND

# Changes to a usable quote, and the columns that differ then.
ACCEPTED: list[tuple[dict[str, Any], dict[str, Any]]] = [
    ({}, {}),
    ({"bid": 190, "bid_size": 7, "ask_size": 0.5}, {"bid": 190.0, "bid_size": 7.0, "ask_size": 0.5}),
    ({"bid": 0, "bid_size": 0}, {"bid": 0.0, "bid_size": 0.0}),
    ({"ask": None}, {"ask": None}),
    # Crossed: it is what the source said.
    ({"bid": 191.0}, {"bid": 191.0}),
    ({"bid": 1e12, "ask_size": 1e14}, {"bid": 1e12, "ask_size": 1e14}),
    ({"exchange": "Q", "sequence": -(2**63), "source": ""}, {"exchange": "Q", "sequence": -(2**63), "source": ""}),
    ({"ingest_time": RECEIVED_MICROS - 1}, {"ingest_time": at(-0.000001)}),
    ({"event_time": RECEIVED_MICROS + 300 * SECOND}, {"event_time": at(300)}),
    ({"unreadable": "x", "payload": {"a": [1]}}, {}),
]  # fmt: skip
REFUSED: list[tuple[dict[str, Any], str]] = [
    ({"symbol": None}, "symbol missing"),
    ({"symbol": " A"}, "symbol malformed:  A"),
    ({"bid": None, "ask": None}, "neither bid nor ask"),
    ({"bid": -0.5}, "bid negative: -0.5"),
    ({"ask": -0.5}, "ask negative: -0.5"),
    ({"ask": 1.5e12}, "price above 1e+12: 1.5E12"),
    ({"bid_size": -1}, "bid_size negative: -1.0"),
    ({"ask_size": 2e14}, "size above 1e+14: 2.0E14"),
    ({"event_time": None}, "event_time missing"),
    ({"event_time": 1}, "event_time before 1990-01-01: 1"),
    ({"event_time": FAR}, f"event_time too far ahead of ingest_time: {FAR}"),
    ({"ingest_time": FAR}, f"ingest_time too far ahead of the time of receipt: {FAR}"),
    ({"exchange": "a\u0001"}, "exchange malformed"),
    ({"bid": "190"}, "not a quote"),
    ({"sequence": 1.5}, "not a quote"),
]  # fmt: skip
NO_QUOTES: list[tuple[bytes | None, str]] = [
    (None, "not JSON"),
    (b"", "not JSON"),
    (b"\xff", "not UTF-8"),
    (b"[]", "not a JSON object"),
    (b"3", "not a JSON object"),
    (b'{"symbol":"AAPL"', "not JSON"),
    (json.dumps(GOOD).encode() * 2, "not JSON"),
    (json.dumps(GOOD | {"x": "x" * 70_000}).encode(), "payload longer than 65536 bytes"),
    (json.dumps(GOOD).replace("190.25", "NaN").encode(), "bid not finite: NaN"),
]


def outcomes_of(spark: SparkSession, values: Sequence[bytes | None]) -> pa.Table:
    """What Spark makes of each value, in their order."""
    frame = records_frame(spark, values, topic="quote_data").transform(with_quote_fields, SKEW_SECONDS)
    return frame.transform(with_dead_letter).toArrow().sort_by("kafka_offset")


def test_each_record_is_a_quote_or_a_dead_letter_with_its_reason(spark: SparkSession) -> None:
    values = [
        *(json.dumps(GOOD | changes).encode() for changes, _ in (*ACCEPTED, *REFUSED)),
        *(value for value, _ in NO_QUOTES),
    ]
    table = outcomes_of(spark, values)
    letters = table.column(DEAD_LETTER_COLUMN)
    accepted = table.filter(pc.is_null(letters)).select(STORED_QUOTE.schema.names).to_pylist()

    usual = dict.fromkeys(STORED_QUOTE.schema.names) | GOOD | {"event_time": at(-1), "ingest_time": at(0)}
    assert accepted == [
        usual | {"kafka_partition": 3, "kafka_offset": offset} | columns for offset, (_, columns) in enumerate(ACCEPTED)
    ]
    reasons = [letter["reason"] for letter in letters.to_pylist() if letter is not None]
    assert reasons == [reason for _, reason in (*REFUSED, *NO_QUOTES)]


def test_below_zero_where_such_prices_are_taken(spark: SparkSession) -> None:
    values = [json.dumps(GOOD | changes).encode() for changes in ({"bid": -3.5}, {"bid": -2e12}, {"bid_size": -1})]
    frame = records_frame(spark, values, topic="quote_data")
    rows = frame.transform(with_quote_fields, SKEW_SECONDS, nonpositive_prices=True).sort("kafka_offset").collect()
    assert [row.reject_reason for row in rows] == [None, "price below -1e+12: -2.0E12", "bid_size negative: -1.0"]
    ours = {"ingest_time": RECEIVED_MICROS}
    assert quote_refusal(GOOD | {"bid": -3.5} | ours, nonpositive_prices=True) is None
    assert (
        quote_refusal(GOOD | {"bid": -2e12} | ours, nonpositive_prices=True) == "price below -1e+12: -2000000000000.0"
    )


def test_feeds_and_servers_refuse_the_same() -> None:
    check = RecordCheck(QUOTE)
    for changes, _ in ACCEPTED:
        quote = GOOD | {"ingest_time": RECEIVED_MICROS} | changes
        assert quote_refusal(quote) is None, changes
        assert why_refused(check.check(dict(quote)), RECEIVED_MICROS, SKEW_SECONDS) is None, changes
    for changes, reason in REFUSED:
        quote = GOOD | changes
        # A feed stamps the ingest time itself.
        if "ingest_time" not in changes:
            found = quote_refusal(quote | {"ingest_time": RECEIVED_MICROS})
            assert found is not None, changes
            assert reason == "not a quote" or found.partition(":")[0] == reason.partition(":")[0]
        try:
            assert why_refused(check.check(dict(quote)), RECEIVED_MICROS, SKEW_SECONDS) is not None, changes
        except MalformedRecordError:
            continue


json_values = st.recursive(
    st.none() | st.booleans() | st.integers() | st.floats() | st.text(max_size=20),
    lambda inner: st.lists(inner, max_size=3) | st.dictionaries(st.text(max_size=4), inner, max_size=3),
    max_leaves=5,
)
json_quotes = st.dictionaries(st.sampled_from([*QUOTE.schema.names, "unreadable"]), json_values).map(
    lambda changes: json.dumps(GOOD | changes).encode()
)
cut_quotes = st.tuples(json_quotes, st.integers(0, 99)).map(lambda drawn: drawn[0][: drawn[1]])
anything = st.none() | st.binary(max_size=60) | st.text(max_size=40).map(str.encode) | json_quotes | cut_quotes


def test_any_bytes_become_a_quote_or_a_dead_letter(spark: SparkSession) -> None:
    values = examples_of(anything, 300)
    table = outcomes_of(spark, values)
    assert table.num_rows == len(values)
    letters = table.column(DEAD_LETTER_COLUMN)
    for value, letter in zip(values, letters.to_pylist(), strict=True):
        assert letter is None or kind_of(letter["reason"]), value
    for quote in table.filter(pc.is_null(letters)).select(STORED_QUOTE.schema.names).to_pylist():
        prices = [quote[name] for name in ("bid", "ask") if quote[name] is not None]
        assert prices, quote
        assert all(0 <= price <= 1e12 for price in prices), quote
        assert quote["symbol"] is not None, quote
        assert quote["event_time"] is not None, quote


amounts = st.none() | st.sampled_from([-1.0, 0.0, 1e-8, 0.5, 100.0, 1e12, 1e13, 1e14, 2e14]) | st.floats()
times = st.integers(-(2**63), 2**63 - 1) | st.integers(RECEIVED_MICROS - 400 * SECOND, RECEIVED_MICROS + 400 * SECOND)
texts = st.none() | st.text(max_size=4) | st.sampled_from(["x" * 128, "x" * 129, "\x1f", "\x80"])
fields_of_quotes = {
    "symbol": st.none() | st.from_regex(r"[A-Z.:/]{1,33}", fullmatch=True) | st.text(max_size=4),
    **dict.fromkeys(("bid", "ask", "bid_size", "ask_size"), amounts),
    "event_time": st.none() | times,
    "sequence": st.none() | st.integers(-(2**63), 2**63 - 1),
    **dict.fromkeys(("source", "exchange"), texts),
}


def test_spark_and_ingest_agree_on_which_quotes_are_usable_and_why(spark: SparkSession) -> None:
    quotes = [GOOD | changes for changes in examples_of(st.fixed_dictionaries({}, optional=fields_of_quotes), 300)]
    table = outcomes_of(spark, [json.dumps(quote).encode() for quote in quotes])
    for quote, letter in zip(quotes, table.column(DEAD_LETTER_COLUMN).to_pylist(), strict=True):
        expected = quote_refusal(quote | {"ingest_time": RECEIVED_MICROS})
        assert (letter and kind_of(letter["reason"])) == (expected and kind_of(expected)), quote
