"""Whatever is in the topic: each record is a tick or a dead letter, by the rules that ingest has."""

from __future__ import annotations

import json
from datetime import timedelta

import pyarrow as pa
from hypothesis import strategies as st
from pyspark.sql import SparkSession

from mdstream.feeds.validation import refusals
from mdstream.schemas import TICK
from mdstream.schemas.limits import kind_of
from tests.unit.transforms.examples import examples_of
from tests.unit.transforms.records import (
    GOOD,
    RECEIVED_MICROS,
    SECOND,
    SKEW_SECONDS,
    original,
    outcomes_of,
    payload,
)

json_values = st.recursive(
    st.none() | st.booleans() | st.integers() | st.floats() | st.text(max_size=20),
    lambda inner: st.lists(inner, max_size=4) | st.dictionaries(st.text(max_size=8), inner, max_size=4),
    max_leaves=8,
)
json_ticks = st.dictionaries(st.sampled_from([*TICK.schema.names, "price", "unreadable"]), json_values).map(
    lambda changes: json.dumps({**GOOD, **changes}).encode()
)


def _damaged(drawn: tuple[bytes, int, bytes]) -> bytes:
    value, place, inserted = drawn
    place %= len(value) + 1
    return value[:place] + inserted + value[place + len(inserted) :]


damaged_ticks = st.tuples(json_ticks, st.integers(0, 1000), st.binary(max_size=3)).map(_damaged)
anything = st.none() | st.binary(max_size=60) | st.text(max_size=40).map(str.encode) | json_ticks | damaged_ticks


def test_any_bytes_become_a_tick_or_a_dead_letter(spark: SparkSession) -> None:
    values = examples_of(anything, 600)
    for value, outcome in zip(values, outcomes_of(spark, values), strict=True):
        tick = outcome.tick
        assert (tick is None) != (outcome.letter is None), value
        if tick is not None:
            assert all(tick[field.name] is not None for field in TICK.schema if not field.nullable), value
            assert 0 < tick["price"] * tick["size"] <= 1e12, value
        if outcome.letter is not None:
            assert kind_of(outcome.letter["reason"]), value
            assert original(outcome.letter) == (value or b""), value


amounts = st.sampled_from([1e-8, 0.5, 1.0, 100.0, 1e6, 1e12, 1e13]) | st.floats()
times = (
    st.integers(-(2**63), 2**63 - 1)
    | st.integers(RECEIVED_MICROS - 400 * SECOND, RECEIVED_MICROS + 400 * SECOND)
    | st.sampled_from([RECEIVED_MICROS, 631_152_000 * SECOND])
)
texts = st.none() | st.text(max_size=4) | st.sampled_from(["x" * 128, "x" * 129, "\x1f", "\x80", "\U0001f600" * 128])
fields = {
    "symbol": st.none() | st.from_regex(r"[A-Z.:/]{1,33}", fullmatch=True) | st.text(max_size=4),
    "price": st.none() | amounts,
    "size": st.none() | amounts,
    "event_time": st.none() | times,
    "ingest_time": st.none() | times,
    "sequence": st.none() | st.integers(-(2**63), 2**63 - 1),
    "source": texts,
    "exchange": texts,
    "trade_id": texts,
    "conditions": st.none() | st.lists(texts, max_size=3) | st.lists(st.just("@"), min_size=63, max_size=66),
}


def test_spark_and_ingest_agree_on_which_ticks_are_usable_and_why(spark: SparkSession) -> None:
    changes = examples_of(st.fixed_dictionaries({}, optional=fields), 600)
    ticks = [{**dict.fromkeys(TICK.schema.names), **GOOD, **change} for change in changes]
    loose = pa.schema([pa.field(field.name, field.type) for field in TICK.schema])
    batch = pa.RecordBatch.from_pylist(ticks, loose)
    by_ingest = refusals(batch, received_micros=RECEIVED_MICROS, max_future_skew=timedelta(seconds=SKEW_SECONDS))
    outcomes = outcomes_of(spark, [payload(**change) for change in changes])
    for number, (tick, outcome) in enumerate(zip(ticks, outcomes, strict=True)):
        expected, found = by_ingest.get(number), outcome.reason
        assert (found and kind_of(found)) == (expected and kind_of(expected)), tick
        if outcome.tick is not None:
            unchanged = ("symbol", "price", "size", "sequence", "source", "exchange", "trade_id", "conditions")
            assert {name: outcome.tick[name] for name in unchanged} == {name: tick[name] for name in unchanged}
