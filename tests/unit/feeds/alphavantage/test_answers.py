from __future__ import annotations

from datetime import UTC, datetime

import orjson
import pytest
from hypothesis import example, given
from hypothesis import strategies as st

from mdstream.errors import FeedError, InvalidInputError, MdstreamError
from mdstream.feeds.alphavantage.answers import read_answer
from mdstream.feeds.alphavantage.failures import LaterError, NotEntitledError, QuotaSpentError
from mdstream.feeds.validation import refusal
from mdstream.schemas.wire import from_micros
from tests.real_trades import test_data
from tests.unit.feeds.alphavantage.vendor_server import WRONG_KEY, bars, said
from tests.unit.feeds.websocket.any_frames import any_frames

FIXTURE = "vendor_fixtures/alphavantage_time_series_intraday_1min.json"
_LAST_MICROSECOND = 59_999_999


def test_the_vendors_own_example_is_a_hundred_ticks_oldest_first() -> None:
    answer = read_answer(test_data(FIXTURE).read_bytes(), "MSFT")
    assert (len(answer.ticks), list(answer.rejects)) == (100, [])
    # 13:17 on a winter's day in New York is 18:17 UTC.
    assert answer.ticks[0] == {
        "symbol": "MSFT", "price": 86.80, "size": 31172.0, "exchange": None, "trade_id": None, "sequence": None,
        "event_time": int(datetime(2017, 12, 18, 18, 17, tzinfo=UTC).timestamp()) * 1_000_000 + _LAST_MICROSECOND,
        "conditions": ["bar"],
    }  # fmt: skip
    last = answer.ticks[-1]
    assert (last["price"], last["size"]) == (86.50, 10494.0)
    assert from_micros(last["event_time"]).isoformat() == "2017-12-18T19:56:59.999999+00:00"
    times = [tick["event_time"] for tick in answer.ticks]
    assert times == sorted(set(times))
    assert all(refusal(tick | {"ingest_time": times[-1]}) is None for tick in answer.ticks)


@pytest.mark.parametrize(
    ("wall", "hour_utc"),
    [
        ("2024-03-08 09:30:00", 14),  # the Friday before summer time begins in New York
        ("2024-03-11 09:30:00", 13),
        ("2024-11-01 09:30:00", 13),  # the Friday before it ends
        ("2024-11-04 09:30:00", 14),
        ("2024-03-25 09:30:00", 13),  # London is still in winter
    ],
)
def test_wall_time_is_that_of_new_york_with_its_summer_time(wall: str, hour_utc: int) -> None:
    [tick] = read_answer(bars((wall, 86.5, 100)).content, "IBM").ticks
    time = from_micros(tick["event_time"])
    assert (time.hour, time.minute, time.second) == (hour_utc, 30, 59)


def test_delayed_data_are_known_although_their_name_has_a_remark() -> None:
    series = "Time Series (1min) - DATA DELAYED BY 15 MINUTES"
    assert len(read_answer(bars(("2024-03-08 09:30:00", 86.5, 100), series=series).content, "IBM").ticks) == 1


def test_a_minute_without_trades_gives_no_tick() -> None:
    answer = read_answer(bars(("2024-03-08 09:30:00", 86.5, 0), ("2024-03-08 09:31:00", 86.6, 7)).content, "IBM")
    assert [tick["size"] for tick in answer.ticks] == [7.0]
    assert not answer.rejects


@pytest.mark.parametrize("body", [b"{}", b'{"Meta Data":{}}', b'{"Global Quote":{}}'])
def test_no_data_are_no_ticks_and_no_error(body: bytes) -> None:
    answer = read_answer(body, "IBM")
    assert (answer.ticks, answer.rejects) == ((), ())


@pytest.mark.parametrize(
    ("body", "reason"),
    [
        (b"<html>busy</html>", "not JSON"),
        (b"[]", "not a JSON object"),
        (bars(("2024-03-08 09:30:00", 86.5, 1), zone="UTC").body, "not bars of alphavantage in time zone US/Eastern"),
        (b'{"Time Series (1min)":[]}', "not bars of alphavantage"),
    ],
)
def test_what_is_no_answer_is_refused_whole(body: bytes, reason: str) -> None:
    answer = read_answer(body, "IBM")
    [reject] = answer.rejects
    assert reject.reason.startswith(reason)
    assert reject.payload == body


def test_a_bad_bar_costs_only_itself() -> None:
    body = orjson.loads(bars(("2024-03-08 09:30:00", 86.5, 1), ("2024-03-08 09:31:00", 86.6, 2)).body)
    series = body["Time Series (1min)"]
    series["2024-03-08 09:32:00"] = {"4. close": "86.6"}
    series["2024-03-08 09:33:00"] = {"4. close": "much", "5. volume": "1"}
    series["yesterday"] = {"4. close": "86.6", "5. volume": "1"}
    series["2024-03-08 09:34:00"] = 7
    answer = read_answer(orjson.dumps(body), "IBM")
    assert [tick["size"] for tick in answer.ticks] == [1.0, 2.0]
    assert [next(iter(orjson.loads(reject.payload))) for reject in answer.rejects] == list(series)[2:]


DAILY = (
    "We have detected your API key as K3Y and our standard API rate limit is 25 requests per day. Please subscribe to "
    "any of the premium plans at https://www.alphavantage.co/premium/ to instantly remove all daily rate limits."
)
BURST = (
    "Thank you for using Alpha Vantage! Please consider spreading out your free API requests more sparingly (1 request "
    "per second). You may subscribe to any of the premium plans at https://www.alphavantage.co/premium/ to lift the "
    "free key rate limit (25 requests per day), raise the per-second burst limit, and instantly unlock all premium "
    "endpoints"
)
OLD_NOTE = (
    "Thank you for using Alpha Vantage! Our standard API call frequency is 5 calls per minute and 500 calls per day. "
    "Please visit https://www.alphavantage.co/premium/ if you would like to target a higher API call frequency."
)
PREMIUM = (
    "Thank you for using Alpha Vantage! This is a premium endpoint. You may subscribe to any of the premium plans at "
    "https://www.alphavantage.co/premium/ to instantly unlock all premium endpoints"
)
DEMO = "The **demo** API key is for demo purposes only. Please claim your free API key to explore our full offerings."
BAD_CALL = "Invalid API call. Please retry or visit the documentation for TIME_SERIES_INTRADAY."


@pytest.mark.parametrize(
    ("message", "error", "text"),
    [
        ({"Note": OLD_NOTE}, LaterError, "5 calls per minute"),
        ({"Information": BURST}, LaterError, "more sparingly"),
        ({"Information": "Something new."}, LaterError, "Something new"),
        ({"Information": DAILY}, QuotaSpentError, "25 requests per day"),
        ({"Information": PREMIUM}, NotEntitledError, "feeds.alphavantage.entitlement"),
        ({"Information": DEMO}, FeedError, "set your own in MDSTREAM_FEEDS__ALPHAVANTAGE__API_KEY"),
        ({"Error Message": BAD_CALL}, InvalidInputError, "no bars of IBM: Invalid API call"),
        (WRONG_KEY, FeedError, "check MDSTREAM_FEEDS__ALPHAVANTAGE__API_KEY"),
    ],
)
def test_every_refusal_is_known_behind_its_http_200(
    message: dict[str, str], error: type[MdstreamError], text: str
) -> None:
    with pytest.raises(error, match=text) as raised:
        read_answer(said(message).content, "IBM")
    assert type(raised.value) is error


@given(
    any_frames(
        "Meta Data",
        "6. Time Zone",
        "Time Series (1min)",
        "4. close",
        "5. volume",
        "Note",
        "Information",
        "Error Message",
    )
)
@example(b'{"Meta Data":{"6. Time Zone":"US/Eastern"},"Time Series (1min)":{"0001-01-01 00:00:00":{"4. close":1}}}')
@example(b'{"Meta Data":{"6. Time Zone":["UTC"]},"Time Series (1min)":{}}')
@example(b'{"Information":null,"Error Message":{}}')
def test_any_bytes_are_ticks_or_rejects_or_a_message(body: bytes) -> None:
    try:
        answer = read_answer(body, "IBM")
    except MdstreamError:
        assert any(name in body for name in (b"Note", b"Information", b"Error Message"))
        return
    for tick in answer.ticks:
        refusal(tick | {"ingest_time": 1_800_000_000_000_000, "source": "alphavantage"})


@given(any_frames("4. close", "5. volume"), st.text() | st.datetimes().map(str))
def test_any_bar_is_a_tick_or_a_reject(frame: bytes, time: str) -> None:
    try:
        bar = orjson.loads(frame)
    except orjson.JSONDecodeError:
        bar = {"4. close": "1", "5. volume": "1"}
    body = {"Meta Data": {"6. Time Zone": "US/Eastern"}, "Time Series (1min)": {time: bar}}
    answer = read_answer(orjson.dumps(body), "IBM")
    assert len(answer.ticks) + len(answer.rejects) == 1
