from __future__ import annotations

import gzip

import orjson
import pytest
from hypothesis import example, given
from hypothesis import strategies as st

from mdstream.errors import FeedError
from mdstream.feeds.validation import refusal
from mdstream.feeds.websocket import BinanceVenue
from tests.real_trades import test_data
from tests.unit.feeds.websocket.venue_server import trade

FRAMES_FILE = "binance_spot_ws_trade_frames_20240808_09.jsonl.gz"

_JSON = st.recursive(
    st.none() | st.booleans() | st.integers(-(2**63), 2**64 - 1) | st.floats() | st.text(),
    lambda inner: st.lists(inner) | st.dictionaries(st.text() | st.sampled_from(["e", "p", "q", "T", "t", "s"]), inner),
    max_leaves=8,
)


def test_every_recorded_frame_is_the_tick_it_says() -> None:
    venue = BinanceVenue()
    found: dict[str, list[int]] = {}
    with gzip.open(test_data(FRAMES_FILE)) as lines:
        for line in lines:
            recorded = orjson.loads(line)
            parsed = venue.parse(orjson.dumps(recorded["frame"]))
            assert not parsed.rejects
            [tick] = parsed.ticks
            event = recorded["frame"]["data"]
            assert (tick["symbol"], tick["price"], tick["size"]) == (event["s"], float(event["p"]), float(event["q"]))
            assert (tick["event_time"], tick["sequence"]) == (event["T"] * 1000, event["t"])
            # The recorder's clock is 1.27 s behind the exchange's, which is normal.
            assert refusal(tick | {"ingest_time": recorded["recv_ns"] // 1000}) is None
            found.setdefault(event["s"], []).append(tick["sequence"])
    assert {symbol: len(ids) for symbol, ids in found.items()} == {"BTCUSDT": 19_904, "ETHUSDT": 14_515}
    assert all(ids == list(range(ids[0], ids[0] + len(ids))) for ids in found.values())


@given(st.binary() | _JSON.map(lambda value: orjson.dumps(value, option=orjson.OPT_NON_STR_KEYS)))
@example(trade(1, p="1e999"))
@example(trade(1, T=True))
@example(trade(1, s=["BTCUSDT"]))
@example(b'{"data":{"e":"trade"}}')
def test_any_bytes_are_ticks_or_rejects_or_nothing(frame: bytes) -> None:
    try:
        parsed = BinanceVenue().parse(frame)
    except FeedError as exc:
        assert "binance refused a subscription" in str(exc)  # noqa: PT017 - most frames raise nothing
        return
    for tick in parsed.ticks:
        refusal(tick | {"ingest_time": 1_800_000_000_000_000, "source": "binance"})
    assert all(reject.payload == frame for reject in parsed.rejects)


@pytest.mark.parametrize("traded", [1_723_161_255_342, 1_723_161_255_342_000])
def test_times_are_milliseconds_or_microseconds(traded: int) -> None:
    [tick] = BinanceVenue().parse(trade(1, T=traded)).ticks
    assert tick["event_time"] == 1_723_161_255_342_000


@pytest.mark.parametrize("frame", [b'{"result":null,"id":0}', trade(1, e="aggTrade")])
def test_what_is_no_trade_is_left_alone(frame: bytes) -> None:
    parsed = BinanceVenue().parse(frame)
    assert (parsed.ticks, parsed.rejects) == ((), ())
