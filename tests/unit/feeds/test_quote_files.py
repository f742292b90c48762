"""Files of quotes: our own fields and Alpaca's, any bytes between them, and how they are asked for."""

from __future__ import annotations

import asyncio
import gzip
import json
from pathlib import Path
from typing import Any

import pytest
from hypothesis import HealthCheck, example, given, settings
from hypothesis import strategies as st

from mdstream.cli.tick_files import file_form
from mdstream.config import Settings
from mdstream.errors import InvalidInputError
from mdstream.feeds.base import FeedBatch
from mdstream.feeds.extension import FeedOptions, Kind, Shift, open_feeds
from mdstream.feeds.form import FileForm
from mdstream.feeds.quote_files import QuoteReplayFeed
from mdstream.feeds.validation import quote_refusal
from mdstream.schemas.wire import encode

# As Alpaca's documentation prints them: of the history of a symbol, and of the live stream.
OF_HISTORY = {
    "t": "2021-02-06T13:04:56.334320128Z", "ax": "C", "ap": 387.62, "as": 1, "bx": "N", "bp": 387.67, "bs": 1,
    "c": ["R"], "z": "B",
}  # fmt: skip
OF_STREAM = {
    "T": "q", "S": "AMD", "bx": "U", "bp": 87.66, "bs": 1, "ax": "U", "ap": 87.68, "as": 4,
    "t": "2021-02-22T15:51:45.335689322Z", "c": ["R"], "z": "C",
}  # fmt: skip
OURS = {"symbol": "BTCUSDT", "event_time": 1_612_616_696_334_320, "bid": 9.5, "ask": 0, "exchange": "BINANCE"}


def batches(path: Path, symbols: tuple[str, ...] = (), **options: Any) -> list[FeedBatch]:  # noqa: ANN401 - of the feed
    async def read() -> list[FeedBatch]:
        feed = QuoteReplayFeed(path, speed=float("inf"), **options)
        await feed.connect()
        await feed.subscribe(symbols)
        return [batch async for batch in feed]

    return asyncio.run(read())


def quotes_of(found: list[FeedBatch]) -> list[dict[str, Any]]:
    return [quote for batch in found for quote in batch.quotes]


def test_quotes_of_alpaca_and_our_own_are_what_they_say(tmp_path: Path) -> None:
    with gzip.open(tmp_path / "a.jsonl.gz", "wt") as file:
        file.write("\n".join(map(json.dumps, (OF_HISTORY, OF_STREAM, OURS))))
    found = quotes_of(batches(tmp_path, symbol="SPY"))
    assert [quote.pop("ingest_time") > 0 for quote in found] == [True] * 3
    usual = {"sequence": None, "source": "replay"}
    assert found == [
        usual | {"symbol": "SPY", "event_time": 1_612_616_696_334_320, "bid": 387.67, "ask": 387.62, "bid_size": 1,
                 "ask_size": 1, "exchange": None},
        usual | {"symbol": "AMD", "event_time": 1_614_009_105_335_689, "bid": 87.66, "ask": 87.68, "bid_size": 1,
                 "ask_size": 4, "exchange": "U"},
        usual | {"bid_size": None, "ask_size": None} | OURS,
    ]  # fmt: skip
    assert [quote["symbol"] for quote in quotes_of(batches(tmp_path, ("AMD",), symbol="SPY"))] == ["AMD"]


def test_what_is_no_quote_is_rejected_with_its_line_and_the_rest_goes_on(tmp_path: Path) -> None:
    lines = [OURS, OF_HISTORY, OURS | {"bid": -1}, OURS | {"event_time": "soon"}, OURS | {"bid": None, "ask": None}]
    (tmp_path / "q.jsonl").write_text("\n".join([*map(json.dumps, lines), "x"]))
    found = batches(tmp_path / "q.jsonl")
    assert len(quotes_of(found)) == 1
    *rejects, (row, reason) = [(reject.row, reject.reason) for batch in found for reject in batch.rejects]
    assert rejects == [
        (2, "symbol missing"),
        (3, "bid negative: -1"),
        (4, "event_time not a time: soon"),
        (5, "neither bid nor ask"),
    ]
    assert (row, reason.partition(":")[0]) == (6, "not JSON")
    assert found[-1].fraction == 1


# Headers as Massive's files have them, and as Alpaca's client writes its frames.
MASSIVE = (
    "ticker,ask_exchange,ask_price,ask_size,bid_exchange,bid_price,bid_size,conditions,indicators,participant_timestamp,"
    "sequence_number,sip_timestamp,tape,trf_timestamp\n"
    'A,8,180.0,100,8,164.28,200,"1,81",,1629716400001245000,79497,1629716400044243200,1,0\n'
    "NA,12,0.0,0,12,9.5,1,1,,1629716400001245000,79498,1629716400044243999,1,0\n"
)
ALPACA = (
    "symbol,timestamp,ask_exchange,ask_price,ask_size,bid_exchange,bid_price,bid_size,conditions,tape\n"
    "AMD,2021-02-22 15:51:45.335689322+00:00,U,87.68,4.0,U,87.66,1.0,['R'],C\n"
    "AMD,2021-02-22 15:51:46+00:00,U,87.68,4.0,N,87.66,1.0,['R'],C\n"
)


def test_csv_files_of_vendors_and_our_own_are_what_they_say(tmp_path: Path) -> None:
    with gzip.open(tmp_path / "a.csv.gz", "wt") as file:
        file.write(MASSIVE)
    (tmp_path / "b.csv").write_text(ALPACA)
    (tmp_path / "c.csv").write_text("event_time,bid,ask,bid_size\n1612616696334320,9.5,,3\n")
    found = quotes_of(batches(tmp_path, symbol="SPY"))
    names = ("symbol", "event_time", "bid", "ask", "bid_size", "ask_size", "exchange", "sequence")
    assert [tuple(quote[name] for name in names) for quote in found] == [
        ("A", 1_629_716_400_044_243, 164.28, 180.0, 200.0, 100.0, None, 79_497),
        ("NA", 1_629_716_400_044_243, 9.5, 0.0, 1.0, 0.0, None, 79_498),
        ("AMD", 1_614_009_105_335_689, 87.66, 87.68, 1.0, 4.0, "U", None),
        ("AMD", 1_614_009_106_000_000, 87.66, 87.68, 1.0, 4.0, None, None),
        ("SPY", 1_612_616_696_334_320, 9.5, None, 3.0, None, None, None),
    ]


def test_rows_of_csv_files_that_are_no_quotes_are_rejected_with_their_lines(tmp_path: Path) -> None:
    file = tmp_path / "q.csv"
    file.write_text(
        'symbol,event_time,bid,ask\nA,soon,1,2\n\nA,1612616696334320,x,2\nA,1\nA,"1\nA,1612616696334320,1,2\n'
    )
    found = batches(file)
    assert len(quotes_of(found)) == 1
    assert [(reject.row, reject.reason) for batch in found for reject in batch.rejects] == [
        (2, "event_time not a time: soon"),
        (4, "bid not a number: x"),
        (5, "wrong number of columns: found 2, expected 4"),
        (6, "not CSV"),
    ]
    for text, said in (
        ("time,bid,ask\n", "no column event_time, also called t, timestamp, sip_timestamp; found: time, bid, ask"),
        ("event_time,bid,ask\n", "no column symbol, .*: --symbol AAPL"),
        ("", "is empty; expected a header"),
    ):
        file.write_text(text)
        with pytest.raises(InvalidInputError, match=said):
            batches(file)


LINE = st.binary(max_size=60).map(lambda data: data.replace(b"\n", b" "))
VALUE = st.none() | st.booleans() | st.integers() | st.floats() | st.text(max_size=8) | st.lists(st.none(), max_size=2)
OBJECT = st.dictionaries(st.sampled_from([*OURS, *OF_STREAM]), VALUE).map(lambda fields: json.dumps(OURS | fields))


@settings(deadline=None, suppress_health_check=[HealthCheck.function_scoped_fixture])
@given(lines=st.lists(LINE | OBJECT.map(str.encode), max_size=6))
@example(lines=[b"[" * 60])
@example(lines=[b'{"symbol":"\\ud800","bid":NaN}'])
def test_any_lines_between_good_ones(tmp_path: Path, lines: list[bytes]) -> None:
    good = json.dumps(OURS).encode()
    (tmp_path / "q.jsonl").write_bytes(b"\n".join([good, *(part for line in lines for part in (line, good))]))
    found = batches(tmp_path / "q.jsonl")
    quotes, rejects = quotes_of(found), sum(len(batch.rejects) for batch in found)
    assert len(quotes) + rejects == 2 * len(lines) + 1 - sum(not line.strip() for line in lines)
    assert len(quotes) >= len(lines) + 1
    for quote in quotes:
        encode(quote)
        assert quote_refusal(quote) is None


def test_how_they_are_asked_for(tmp_path: Path) -> None:
    file = tmp_path / "q.jsonl"

    def opened(name: str = "replay", **options: Any) -> object:  # noqa: ANN401 - options
        [(feed, _)] = open_feeds({name: []}, FeedOptions(kind=Kind.QUOTES, **options), Settings())
        return feed

    as_commands_ask = file_form(symbol="SPY", configured=Settings().ticks)
    for form in (FileForm(symbol="SPY"), as_commands_ask):
        assert isinstance(opened(file=file, form=form), QuoteReplayFeed)
    for refused, said in (
        ({}, "--file quotes.jsonl"),
        ({"file": file, "shift": Shift.NOW}, "takes --speed and --symbol"),
        ({"file": file, "form": FileForm("kraken")}, "takes --speed and --symbol"),
        ({"name": "binance"}, "feeds.binance.quotes"),
    ):
        with pytest.raises(InvalidInputError, match=said):
            opened(**refused)
    file.with_suffix(".parquet").write_text("")
    with pytest.raises(InvalidInputError, match=r"is no file of quotes; expected one of \.jsonl, .*\.csv"):
        batches(file.with_suffix(".parquet"))
