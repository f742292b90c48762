from __future__ import annotations

import json
from datetime import UTC, datetime, timedelta

import pytest
from hypothesis import given
from hypothesis import strategies as st

from mdstream.feeds.websocket.massive_bars import bars_of_records
from mdstream.schemas import BAR, BarWindow
from tests.real_trades import test_data
from tests.unit.feeds.massive.rest_server import minute_bar

MINUTE = BarWindow("1min", 60)
MILLIS = 1_517_562_000_000
OPENING = datetime(2018, 2, 2, 9, tzinfo=UTC)


def test_a_vendors_bar_is_a_bar_of_ours_with_its_transactions_as_the_count() -> None:
    bars, reasons = bars_of_records("AAPL", MINUTE, [minute_bar(MILLIS, count=7, vw=10.25)])
    assert reasons == []
    assert bars.schema == BAR.schema
    assert bars.to_pylist() == [
        {
            "symbol": "AAPL", "window": "1min", "window_start": OPENING, "window_end": OPENING + timedelta(minutes=1),
            "open": 10.0, "high": 12.0, "low": 9.0, "close": 11.0, "volume": 300.0, "vwap": 10.25, "trade_count": 7,
            "last_event_time": OPENING + timedelta(seconds=59, milliseconds=999), "last_ingest_time": None,
        }
    ]  # fmt: skip


def test_the_examples_of_the_vendor_are_read() -> None:
    examples = json.loads(test_data("vendor_fixtures/massive_rest_aggs_AAPL_day.json").read_text())["results"]
    bars, reasons = bars_of_records("AAPL", MINUTE, examples)
    assert reasons == []
    assert bars.column("trade_count").to_pylist() == [82_132, 65_543]
    assert bars.column("close").to_pylist() == [1.4604, 1.4675]


@pytest.mark.parametrize(
    ("changes", "reason"),
    [
        ({"n": None}, "number of transactions missing: None"),
        ({"n": 0}, "number of transactions missing: 0"),
        ({"n": 2**63}, f"number of transactions missing: {2**63}"),
        ({"t": MILLIS + 1}, f"not the start of a minute: {MILLIS + 1}"),
        ({"t": "2018-02-02"}, "not the start of a minute: 2018-02-02"),
        ({"t": 60_000 * 10**15}, None),
        ({"o": 13.0}, "open or close is not between low and high"),
        ({"v": -1}, "v not an amount: -1"),
        ({"vw": "10"}, "vw not an amount: 10"),
        ({"c": True}, "c not an amount: True"),
        ({"h": None}, "h not an amount: None"),
    ],
)
def test_what_is_no_bar_is_left_out_with_its_reason(changes: dict[str, object], reason: str | None) -> None:
    bars, reasons = bars_of_records("AAPL", MINUTE, [minute_bar(MILLIS), minute_bar(MILLIS) | changes])
    assert bars.num_rows == 1
    assert len(reasons) == 1
    assert reasons[0].startswith(reason or "")


def test_without_a_vwap_there_is_none() -> None:
    bars, _ = bars_of_records("AAPL", MINUTE, [{k: v for k, v in minute_bar(MILLIS).items() if k != "vw"}])
    assert bars.column("vwap").to_pylist() == [None]


_VALUES = st.none() | st.booleans() | st.integers(-(2**63), 2**64 - 1) | st.floats() | st.text()


@given(st.dictionaries(st.sampled_from(["o", "h", "l", "c", "v", "vw", "n", "t"]), _VALUES))
def test_any_record_is_a_bar_or_left_out(changes: dict[str, object]) -> None:
    bars, reasons = bars_of_records("AAPL", MINUTE, [{**minute_bar(MILLIS), **changes}])
    assert bars.num_rows + len(reasons) == 1
