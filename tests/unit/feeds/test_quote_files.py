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
    file.with_suffix(".csv").write_text("symbol\n")
    with pytest.raises(InvalidInputError, match="is no file of quotes; expected JSON lines"):
        batches(file.with_suffix(".csv"))
