"""The same trade as an event of the WebSocket and as a record of the REST API."""

from __future__ import annotations

import json

import orjson
import pytest
from hypothesis import given
from hypothesis import strategies as st

from mdstream.feeds.validation import refusal
from mdstream.feeds.websocket.massive_trades import tick_of_event, tick_of_record
from tests.real_trades import test_data
from tests.unit.feeds.websocket.vendor_server import MassiveServer

NANOS = 1_536_036_818_784_123_456


def test_both_ways_give_the_same_tick() -> None:
    [event] = json.loads(MassiveServer.trade(7, "MSFT", ds="100.25"))
    record = {
        "conditions": [0, 12], "exchange": 4, "id": "7", "participant_timestamp": NANOS - 10**9, "price": 114.125,
        "sequence_number": 7, "sip_timestamp": NANOS, "size": 100, "decimal_size": "100.25", "tape": 3,
    }  # fmt: skip
    assert tick_of_record("MSFT", record) == tick_of_event(event)


def test_the_example_of_the_specification_is_the_tick_it_says() -> None:
    examples = json.loads(test_data("vendor_fixtures/massive_rest_examples.json").read_text())
    first, second = (tick_of_record("AAPL", record) for record in examples["/v3/trades/{stockTicker}"]["results"])
    assert first == {
        "symbol": "AAPL", "price": 171.55, "size": 100, "event_time": 1_517_562_000_016_000, "exchange": "11",
        "trade_id": "1", "sequence": 1063, "conditions": ["12", "41"],
    }  # fmt: skip
    assert (second["event_time"], second["sequence"]) == (1_517_562_000_016_000, 1064)
    assert refusal({**first, "ingest_time": 1_600_000_000_000_000}) is None


@pytest.mark.parametrize(
    ("correction", "marks"),
    [
        (None, []),
        (0, []),
        (1, ["correction:1"]),
        (7, ["correction:7", "cancel"]),
        (8, ["correction:8", "cancel"]),
        (10, ["correction:10", "cancel"]),
        (11, ["correction:11", "cancel"]),
        (12, ["correction:12", "cancel"]),
        (99, ["correction:99"]),
    ],
)
def test_a_correction_is_kept_as_it_came_and_what_is_void_is_marked(correction: int | None, marks: list[str]) -> None:
    record = {"price": 1.5, "size": 1, "sip_timestamp": NANOS, "conditions": [37], "correction": correction}
    assert tick_of_record("AAPL", record)["conditions"] == ["37", *marks]
    assert tick_of_record("AAPL", record | {"conditions": None})["conditions"] == (marks or None)
    assert tick_of_event({"c": [37], "e": correction})["conditions"] == ["37", *marks]


_INTEGERS = st.integers(-(2**63), 2**64 - 1)
_FIELDS = ["price", "size", "decimal_size", "sip_timestamp", "conditions", "correction", "exchange", "id"]
_VALUES = st.none() | st.booleans() | _INTEGERS | st.floats() | st.text() | st.lists(_INTEGERS)


@given(st.dictionaries(st.sampled_from(_FIELDS), _VALUES))
def test_any_record_is_a_tick_or_refused(record: dict[str, object]) -> None:
    record = orjson.loads(orjson.dumps(record))
    try:
        tick = tick_of_record("AAPL", record)
    except (TypeError, ValueError, OverflowError):
        return
    refusal({**tick, "ingest_time": 1_800_000_000_000_000, "source": "massive"})
