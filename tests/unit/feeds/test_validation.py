"""Both ways of judging ticks, against rules written out by hand."""

from __future__ import annotations

import math
from datetime import timedelta
from typing import Any

import pyarrow as pa
import pytest
from hypothesis import given, settings
from hypothesis import strategies as st

from mdstream.feeds.validation import refusal, refusals
from mdstream.schemas import TICK
from mdstream.schemas.limits import kind_of

RECEIVED = 1_767_225_600_000_000  # 2026-01-01T00:00:00Z
SECOND = 1_000_000
SKEW = timedelta(seconds=300)
YEAR_1990 = 631_152_000 * SECOND
GOOD = {"symbol": "AAPL", "price": 190.5, "size": 100.0, "event_time": RECEIVED - SECOND}


def batch_of(*ticks: dict[str, Any]) -> pa.RecordBatch:
    rows = [{**dict.fromkeys(TICK.schema.names), **tick} for tick in ticks]
    fields = [pa.field(field.name, field.type) for field in TICK.schema]
    return pa.RecordBatch.from_pylist(rows, pa.schema(fields))


def judge_both(tick: dict[str, Any]) -> tuple[str | None, str | None]:
    in_batch = refusals(batch_of(GOOD, tick, GOOD), received_micros=RECEIVED, max_future_skew=SKEW)
    assert set(in_batch) <= {1}
    return in_batch.get(1), refusal({**tick, "ingest_time": RECEIVED}, max_future_skew=SKEW)


@pytest.mark.parametrize(
    "fields",
    [
        {"symbol": "A"},
        {"symbol": "BRK.B"},
        {"symbol": "X:BTC-USD"},
        {"symbol": "EUR/USD"},
        {"symbol": "ES=F"},
        {"symbol": "A" * 64},
        {"symbol": "^GSPC"},
        {"symbol": "M&M.NS"},
        {"symbol": "币安人生USDT"},
        {"symbol": "SPXW  240506C05100000"},
        {"symbol": "/ESM24"},
        {"symbol": "BAC-I*"},
        {"symbol": "USD₮"},
        {"price": 0.00000001},
        {"price": 1e12, "size": 1.0},
        {"size": 1e14, "price": 1.0},
        {"size": 1e-11},
        {"size": 0.00000001},
        {"price": 1e6, "size": 1e8},
        {"event_time": YEAR_1990},
        {"event_time": RECEIVED + 300 * SECOND},
        {"exchange": "", "source": "replay", "trade_id": "x" * 128},
        {"conditions": []},
        {"conditions": ["@", "F"] * 32},
        {"conditions": ["é"], "sequence": -(2**63)},
    ],
    ids=str,
)
def test_usable_ticks_pass(fields: dict[str, Any]) -> None:
    assert judge_both({**GOOD, **fields}) == (None, None)


@pytest.mark.parametrize(
    ("fields", "reason"),
    [
        ({"symbol": None}, "symbol missing"),
        ({"price": None}, "price missing"),
        ({"size": None}, "size missing"),
        ({"event_time": None}, "event_time missing"),
        ({"symbol": ""}, "symbol malformed: "),
        ({"symbol": "A" * 65}, "symbol malformed: " + "A" * 65),
        ({"symbol": " A"}, "symbol malformed:  A"),
        ({"symbol": "A "}, "symbol malformed: A "),
        ({"symbol": "*"}, "symbol malformed: *"),
        ({"symbol": "A\u202eB"}, "symbol malformed: A\u202eB"),
        ({"symbol": "A\u2028B"}, "symbol malformed: A\u2028B"),
        ({"symbol": "A\u200b"}, "symbol malformed: A\u200b"),
        ({"symbol": "A\ufffd"}, "symbol malformed: A\ufffd"),
        ({"symbol": "AAPL\n"}, "symbol malformed: AAPL\n"),
        ({"price": -1.0}, "price not positive: -1.0"),
        ({"price": 0.0}, "price not positive: 0.0"),
        ({"price": math.nan}, "price not finite: nan"),
        ({"price": math.inf}, "price not finite: inf"),
        ({"price": -math.inf}, "price not finite: -inf"),
        ({"price": 1.5e12}, "price above 1e+12: 1500000000000.0"),
        ({"size": 0.0}, "size not positive: 0.0"),
        ({"size": math.nan}, "size not finite: nan"),
        ({"size": 2e14}, "size above 1e+14: 200000000000000.0"),
        ({"size": 9e-12}, "size below 1e-11: 9e-12"),
        ({"price": 2e6, "size": 1e8}, "price x size above 1e+14: 200000000000000.0"),
        ({"event_time": 0}, "event_time before 1990-01-01: 1970-01-01T00:00:00+00:00"),
        ({"event_time": YEAR_1990 - 1}, "event_time before 1990-01-01: 1989-12-31T23:59:59.999999+00:00"),
        ({"event_time": -(2**63)}, "event_time before 1990-01-01: -9223372036854775808 us"),
        (
            {"event_time": RECEIVED + 300 * SECOND + 1},
            "event_time too far ahead of ingest_time: 2026-01-01T00:05:00.000001+00:00",
        ),
        ({"event_time": 2**63 - 1}, "event_time too far ahead of ingest_time: 9223372036854775807 us"),
        ({"exchange": "a\x00"}, "exchange malformed: a\x00"),
        ({"trade_id": "x" * 129}, "trade_id malformed: " + "x" * 80 + "…"),
        ({"source": "\x7f"}, "source malformed: \x7f"),
        ({"conditions": ["@", "\n"]}, "conditions malformed: ['@', '\\n']"),
        ({"conditions": ["@", None]}, "conditions malformed: ['@', None]"),
        ({"symbol": "", "price": -1.0}, "symbol malformed: "),
    ],
    ids=str,
)
def test_unusable_ticks_are_refused_for_the_same_reason(fields: dict[str, Any], reason: str) -> None:
    assert judge_both({**GOOD, **fields}) == (reason, reason)


@pytest.mark.parametrize(
    ("price", "reason"),
    [(0.0, None), (-37.63, None), (-1e12, None), (-2e12, "price below -1e+12: -2000000000000.0")],
)
def test_prices_of_zero_and_below_are_taken_where_they_may_be(price: float, reason: str | None) -> None:
    tick = {**GOOD, "price": price, "size": 1.0}
    in_batch = refusals(batch_of(GOOD, tick), received_micros=RECEIVED, nonpositive_prices=True)
    alone = refusal({**tick, "ingest_time": RECEIVED}, nonpositive_prices=True)
    assert (in_batch.get(1), alone) == (reason, reason)
    assert refusal({**tick, "ingest_time": RECEIVED}) == f"price not positive: {price}"


def test_too_many_conditions_are_refused() -> None:
    reasons = judge_both({**GOOD, "conditions": ["@"] * 65})
    assert [reason and kind_of(reason) for reason in reasons] == ["conditions malformed"] * 2


@pytest.mark.parametrize(
    ("fields", "reason"),
    [
        ({"symbol": 7}, "symbol not text: 7"),
        ({"price": "1"}, "price not a number: 1"),
        ({"price": True}, "price not a number: True"),
        ({"price": 10**400}, f"price above 1e+12: 1{'0' * 79}…"),
        ({"size": []}, "size not a number: []"),
        ({"event_time": 1.5}, "event_time not a time: 1.5"),
        ({"event_time": 2**63}, "event_time not a time: 9223372036854775808"),
        ({"sequence": "1"}, "sequence not an integer: 1"),
        ({"sequence": 2**63}, "sequence not an integer: 9223372036854775808"),
        ({"exchange": 1}, "exchange not text: 1"),
        ({"conditions": "@"}, "conditions malformed: @"),
        ({"conditions": [1]}, "conditions malformed: [1]"),
    ],
    ids=str,
)
def test_a_single_tick_of_wrong_types_is_refused(fields: dict[str, Any], reason: str) -> None:
    assert refusal({**GOOD, "ingest_time": RECEIVED, **fields}, max_future_skew=SKEW) == reason


def test_the_ingest_time_of_a_stored_tick_counts_and_is_judged_itself() -> None:
    late = RECEIVED + 400 * SECOND
    batch = batch_of(
        {**GOOD, "event_time": RECEIVED - 1000 * SECOND, "ingest_time": RECEIVED - 1400 * SECOND},
        {**GOOD, "ingest_time": 0},
        {**GOOD, "ingest_time": late, "event_time": late},
    )
    reasons = refusals(batch, received_micros=RECEIVED, max_future_skew=SKEW)
    assert [kind_of(reasons[row]) for row in range(3)] == [
        "event_time too far ahead of ingest_time",
        "ingest_time before 1990-01-01",
        "ingest_time too far ahead of the time of receipt",
    ]


def test_rows_of_a_slice_are_named_by_their_place_in_it() -> None:
    bad = {**GOOD, "conditions": ["\n"], "exchange": "Q"}
    batch = batch_of(GOOD, {**GOOD, "conditions": ["@"]}, bad, GOOD, bad).slice(2)
    assert set(refusals(batch, received_micros=RECEIVED)) == {0, 2}


anything = st.none() | st.booleans() | st.integers() | st.floats() | st.text() | st.lists(st.text() | st.none())


@settings(deadline=None)
@given(st.dictionaries(st.sampled_from(TICK.schema.names), anything))
def test_no_values_break_the_judgement_of_a_single_tick(fields: dict[str, Any]) -> None:
    reason = refusal({**GOOD, "ingest_time": RECEIVED, **fields})
    assert reason is None or (reason and kind_of(reason))


typed = {
    "symbol": st.none() | st.text(max_size=40) | st.from_regex(r"[A-Z.:]{1,33}", fullmatch=True),
    "price": st.none() | st.floats(),
    "size": st.none() | st.floats(),
    "event_time": st.none() | st.integers(-(2**63), 2**63 - 1),
    "sequence": st.none() | st.integers(-(2**63), 2**63 - 1),
    "exchange": st.none() | st.text(max_size=130),
    "conditions": st.none() | st.lists(st.none() | st.text(max_size=5), max_size=70),
}


@settings(deadline=None)
@given(st.lists(st.fixed_dictionaries({}, optional=typed), min_size=1, max_size=8))
def test_a_batch_is_judged_like_its_ticks(changes: list[dict[str, Any]]) -> None:
    ticks = [{**GOOD, **change} for change in changes]
    alone = {row: refusal({**tick, "ingest_time": RECEIVED}) for row, tick in enumerate(ticks)}
    expected = {row: reason for row, reason in alone.items() if reason is not None}
    assert refusals(batch_of(*ticks), received_micros=RECEIVED) == expected
