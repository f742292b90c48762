"""Minute aggregates, which have no number of trades, as revisions of bars."""

from __future__ import annotations

import json
import math
import uuid
from collections.abc import Callable
from datetime import UTC, datetime
from fractions import Fraction

import orjson
import pyarrow as pa
import pytest
from hypothesis import example, given
from hypothesis import strategies as st
from pydantic import SecretStr

from mdstream.errors import FeedError
from mdstream.feeds.base import WireBar
from mdstream.feeds.validation import bar_refusal
from mdstream.feeds.websocket import EvictedError, MassiveVendor
from mdstream.feeds.websocket.massive_bars import MinuteAggregates
from mdstream.schemas import BAR, BarWindow
from mdstream.schemas.wire import encode
from mdstream.stores import MemorySink
from tests.real_trades import test_data
from tests.unit.feeds.websocket.any_frames import any_frames
from tests.unit.feeds.websocket.vendor_server import KEY, MassiveBarsServer

SPECIFICATION = "vendor_fixtures/massive_ws_stocks_schema_and_examples.json"
MINUTE = BarWindow("1min", 60)
MILLIS = 1_610_144_640_000


def vendor() -> MassiveVendor:
    return MassiveVendor(SecretStr(KEY), aggregates=MinuteAggregates(MINUTE))


def aggregate(volume: float = 300, average: float = 100, **changes: object) -> dict[str, object]:
    event = {"sym": "AAPL", "v": volume, "vw": 10.5, "o": 10.0, "c": 11.0, "h": 12.0, "l": 9.0, "z": average}
    return event | {"s": MILLIS, "e": MILLIS + 60_000} | changes


def test_the_example_of_the_specification_is_the_bar_it_says() -> None:
    example = json.loads(test_data(SPECIFICATION).read_text())["messages"]["/stocks/AM"]["example"]
    parsed = vendor().parse(orjson.dumps([example]))
    assert (parsed.ticks, parsed.rejects) == ([], [])
    start = int(datetime(2021, 1, 8, 22, 24, tzinfo=UTC).timestamp()) * 1_000_000
    # 4,110 shares of 685 on average are six trades.
    assert parsed.bars == [
        {
            "symbol": "GTE", "window": "1min", "window_start": start, "window_end": start + 60_000_000, "open": 0.4488,
            "high": 0.4489, "low": 0.4486, "close": 0.4486, "volume": 4110.0, "vwap": 0.4488, "trade_count": 6,
            "last_event_time": start + 59_999_000, "last_ingest_time": None,
        }
    ]  # fmt: skip


def test_what_is_no_bar_is_kept_beside_the_good_ones() -> None:
    good, bad = json.loads(MassiveBarsServer.trade(1)), json.loads(MassiveBarsServer.trade(2, z=None))
    parsed = vendor().parse(orjson.dumps([*good, *bad, {"ev": "Q", "sym": "MSFT", "bp": 114.1}, *good]))
    assert [bar["volume"] for bar in parsed.bars] == [1.0, 1.0]
    [reject] = parsed.rejects
    assert reject.reason == "not a bar: z not an amount: None"
    assert json.loads(reject.payload) == bad[0]
    assert MassiveVendor(SecretStr(KEY)).parse(orjson.dumps(good)).bars == [], "not asked for"


def test_an_aggregate_that_changed_is_a_newer_revision_though_its_average_grew() -> None:
    taken = MinuteAggregates(MINUTE)
    # 1,000 trades of 100,499 shares, of 100.499 on average; the same again; another one of 501: 100.899 on average.
    sent = [(100_499, 100), (100_499, 100), (101_000, 101)]
    revisions = [taken.bar(aggregate(*each)) for each in sent]
    # 100,499 / 101 = 995.04; 101,000 / 102 = 990.2
    assert [bar["trade_count"] for bar in revisions] == [996, 996, 997]
    assert MinuteAggregates(MINUTE).bar(aggregate(*sent[-1]))["trade_count"] == 991
    sink = MemorySink(f"test-{uuid.uuid4()}")
    for revision in revisions:
        sink.write(pa.RecordBatch.from_pylist([revision], schema=BAR.schema))
    assert sink.rows(BAR).column("volume").to_pylist() == [101_000.0]


def test_todays_figures_do_not_change_a_bar() -> None:
    taken = MinuteAggregates(MINUTE)
    counts = [taken.bar(aggregate(av=1000 * number, a=0.1 * number, op=number))["trade_count"] for number in (1, 2)]
    assert counts == [3, 3]


def test_symbols_and_minutes_are_counted_apart_and_old_minutes_are_forgotten() -> None:
    taken = MinuteAggregates(MINUTE)
    first = aggregate(100_499, 100)
    taken.bar(first)
    assert taken.bar({**first, "sym": "MSFT", "v": 100})["trade_count"] == 1
    for minute in range(1, 32):
        assert taken.bar({**first, "s": MILLIS + 60_000 * minute, "v": 100})["trade_count"] == 1
    changed = aggregate(101_000, 101)
    assert taken.bar(changed)["trade_count"] == 997
    taken.bar({**first, "s": MILLIS + 60_000 * 32})
    assert taken.bar({**changed, "c": 10.0})["trade_count"] == 991


@pytest.mark.parametrize(
    ("volume", "fraction", "average", "count"),
    [
        (300, None, 100, 3),
        (300, "300.75", 100, 3),
        (0, "0.25", 0, 1),
        (0, None, 0, 1),
        # Ten trades: nine of 2.9 shares and one of 1.9. Their whole parts are 19, 1.9 on average, which is cut to 1.
        (19, "28", 1, 10),
    ],
)
def test_fractions_of_shares_count_as_volume_and_not_as_trades(
    volume: int, fraction: str | None, average: int, count: int
) -> None:
    event = aggregate(volume, average) if fraction is None else aggregate(volume, average, dv=fraction)
    bar = MinuteAggregates(MINUTE).bar(event)
    assert (bar["volume"], bar["trade_count"]) == (float(fraction or volume), count)


@pytest.mark.parametrize(
    ("changes", "reason"),
    [
        ({"z": -1}, "z not an amount: -1"),
        ({"z": "100"}, "z not an amount: 100"),
        ({"v": None}, "v not an amount: None"),
        ({"dv": "many"}, "could not convert string to float"),
        ({"dv": "nan"}, "v not an amount: nan"),
        ({"v": 2**63, "z": 0}, "number of transactions missing"),
        ({"s": MILLIS + 1}, "not the start of a minute"),
        ({"s": 253_402_300_740_000}, "not the start of a minute"),
        ({"s": False}, "not the start of a minute"),
        ({"h": 10.5}, "open or close is not between low and high"),
        ({"sym": ["AAPL"]}, "unhashable type"),
    ],
)
def test_an_aggregate_that_is_no_bar_says_why(changes: dict[str, object], reason: str) -> None:
    with pytest.raises((TypeError, ValueError), match=reason):
        MinuteAggregates(MINUTE).bar(aggregate() | changes)


_QUARTERS = st.one_of(st.integers(1, 12), st.integers(1, 4_000), st.integers(1, 10**9))
_ROUNDINGS: list[Callable[[Fraction], int]] = [round, math.floor, math.ceil, lambda average: math.floor(average + 0.5)]


def summed(quarters: list[int], rounding: Callable[[Fraction], int], of_whole_shares: bool) -> dict[str, object]:
    """Return the aggregate of trades, sizes in quarters of a share."""
    whole, volume = sum(size // 4 for size in quarters), Fraction(sum(quarters), 4)
    average = rounding((Fraction(whole) if of_whole_shares else volume) / len(quarters))
    return aggregate(whole, average, dv=str(float(volume)))


@given(
    st.lists(st.lists(_QUARTERS, min_size=1, max_size=30), min_size=1, max_size=8),
    st.sampled_from(_ROUNDINGS),
    st.booleans(),
)
@example([[401] * 1000, [2004]], round, False)
def test_the_count_is_never_above_the_true_one_and_grows_with_every_late_trade(
    parts: list[list[int]], rounding: Callable[[Fraction], int], of_whole_shares: bool
) -> None:
    taken, trades, before = MinuteAggregates(MINUTE), list[int](), 0
    for late in parts:
        trades += late
        event = summed(trades, rounding, of_whole_shares)
        count = taken.bar(event)["trade_count"]
        assert before < count <= len(trades)
        assert taken.bar(event)["trade_count"] == count
        before = count


def usable(bar: WireBar) -> bool:
    judged = bar | {"last_ingest_time": 1_800_000_000_000_000}
    if bar_refusal(judged) is not None:
        return False
    encode(judged)
    pa.RecordBatch.from_pylist([judged], schema=BAR.schema).validate(full=True)
    return True


@given(any_frames("ev", "sym", "o", "h", "l", "c", "v", "z", "s"))
@example(b'[{"ev":"AM"}]')
@example(b'[{"ev":"AM","sym":[],"o":1,"h":1,"l":1,"c":1,"v":1,"z":1,"s":0}]')
@example(b'[{"ev":"AM","sym":7,"o":1,"h":1,"l":1,"c":1,"v":1e308,"z":0,"s":0}]')
def test_any_bytes_are_bars_or_rejects_or_a_status(frame: bytes) -> None:
    try:
        parsed = vendor().parse(frame)
    except (FeedError, EvictedError, TimeoutError):
        assert b"status" in frame
        return
    for bar in parsed.bars:
        usable(bar)


_VALUES = st.none() | st.booleans() | st.integers(-(2**63), 2**64 - 1) | st.floats() | st.text()
_FIELDS = ["ev", "sym", "o", "h", "l", "c", "v", "dv", "vw", "z", "s", "e"]


@given(st.dictionaries(st.sampled_from(_FIELDS[1:]), _VALUES, max_size=4))
def test_any_aggregate_is_a_bar_or_a_reject(changes: dict[str, object]) -> None:
    [event] = json.loads(MassiveBarsServer.trade(7))
    parsed = vendor().parse(orjson.dumps([event | changes, event]))
    assert len(parsed.bars) + len(parsed.rejects) == 2
    assert usable(parsed.bars[-1]), "the good one"
    for bar in parsed.bars[:-1]:
        usable(bar)
