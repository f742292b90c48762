"""`mdstream ingest` of live feeds as a process: from sockets that break off into Kafka."""

from __future__ import annotations

import asyncio
import gzip
import re
import signal
import threading
from collections import Counter
from collections.abc import Iterator
from contextlib import contextmanager
from datetime import UTC, datetime, timedelta
from pathlib import Path

import httpx
import orjson
import pytest

from mdstream.embedded import LocalKafka
from mdstream.embedded.server import free_port
from mdstream.kafka.topics import describe_topics
from mdstream.schemas import BAR
from mdstream.schemas.wire import decode
from tests.real_trades import test_data
from tests.servers.feeds.consuming import messages, settings_of, values
from tests.servers.feeds.test_command import broker, counts_in, finish, own_broker, start
from tests.unit.feeds.alphavantage.vendor_server import KEY as ALPHAVANTAGE_KEY
from tests.unit.feeds.alphavantage.vendor_server import AlphaVantageServer, bars
from tests.unit.feeds.websocket.test_binance import FRAMES_FILE
from tests.unit.feeds.websocket.vendor_server import (
    KEY,
    BinanceServer,
    FmpServer,
    MassiveBarsServer,
    Script,
    VendorServer,
    running,
    sending,
)
from tests.waiting import until

__all__ = ["broker", "own_broker"]

trade = BinanceServer.trade

pytestmark = pytest.mark.servers


@contextmanager
def served(*scripts: Script, vendor: type[VendorServer] = BinanceServer) -> Iterator[VendorServer]:
    """Run a server in a thread of its own."""
    started: list[VendorServer] = []
    ready, stop = threading.Event(), asyncio.Event()
    loop = asyncio.new_event_loop()

    async def main() -> None:
        async with running(vendor, *scripts) as server:
            started.append(server)
            ready.set()
            await stop.wait()

    thread = threading.Thread(target=loop.run_until_complete, args=[main()])
    thread.start()
    try:
        assert ready.wait(10)
        yield started[0]
    finally:
        loop.call_soon_threadsafe(stop.set)
        thread.join(10)
        loop.close()


def test_trades_reach_kafka_over_a_lost_connection_and_sigterm_ends_it(broker: LocalKafka, tmp_path: Path) -> None:
    first = [trade(number) for number in range(1000)]
    second = [*(trade(number) for number in range(1000, 2000)), b"what?"]
    kafka = settings_of(broker)
    with served(sending(first, then="abort"), sending(second)) as server:
        process = start(
            broker,
            tmp_path,
            *("ingest", "--feed", "binance", "--symbols", "BTCUSDT"),
            MDSTREAM_FEEDS__BINANCE__URL=server.url,
        )
        try:
            until(lambda: any(state.records for state in describe_topics(kafka, ["dead_letter"])), seconds=60)
        finally:
            process.send_signal(signal.SIGTERM)
        code, output, errors = finish(process)
    assert code == 0, errors
    assert counts_in(output) == (2000, 2000, 1)
    ticks = values(kafka, "tick_data")
    assert [tick["sequence"] for tick in ticks] == list(range(2000))
    assert {(tick["symbol"], tick["source"], tick["price"]) for tick in ticks} == {("BTCUSDT", "binance", 61837.63)}
    assert [letter["reason"] for letter in values(kafka, "dead_letter")] == ["not JSON"]


def test_every_recorded_trade_is_in_kafka_once_and_in_order(broker: LocalKafka, tmp_path: Path) -> None:
    with gzip.open(test_data(FRAMES_FILE)) as lines:
        frames = [orjson.dumps(orjson.loads(line)["frame"]) for line in lines]
    kafka = settings_of(broker)
    with served(sending(frames)) as server:
        process = start(
            broker,
            tmp_path,
            *("ingest", "--feed", "binance", "--symbols", "BTCUSDT,ETHUSDT"),
            MDSTREAM_FEEDS__BINANCE__URL=server.url,
        )
        try:
            until(lambda: [state.records for state in describe_topics(kafka, ["tick_data"])] == [34_419], seconds=90)
        finally:
            process.send_signal(signal.SIGTERM)
        code, output, errors = finish(process)
    assert code == 0, errors
    assert counts_in(output) == (34_419, 34_419, 0)
    found: dict[str, list[int]] = {}
    for tick in values(kafka, "tick_data"):
        found.setdefault(tick["symbol"], []).append(tick["sequence"])
    assert {symbol: len(ids) for symbol, ids in found.items()} == {"BTCUSDT": 19_904, "ETHUSDT": 14_515}
    assert all(ids == list(range(ids[0], ids[0] + len(ids))) for ids in found.values())


def test_without_symbols_it_says_which_to_name(broker: LocalKafka, tmp_path: Path) -> None:
    code, _, errors = finish(start(broker, tmp_path, "ingest", "--feed", "binance"))
    assert code == 1
    assert "--symbols BTCUSDT,ETHUSDT" in errors


def test_several_feeds_run_at_once_and_are_counted_apart(broker: LocalKafka, tmp_path: Path) -> None:
    minutes = [(f"2024-03-08 09:{minute}:00", 86.5, minute) for minute in range(30, 50)]
    kafka, port = settings_of(broker), free_port()
    coins, shares = ([*map(make, range(1, 301)), b"what?"] for make in (trade, FmpServer.trade))
    with (
        served(sending(coins)) as binance,
        served(sending(shares), vendor=FmpServer) as fmp,
        AlphaVantageServer(bars(*minutes[:1]), bars(*minutes)).running() as alphavantage,
    ):
        process = start(
            broker,
            tmp_path,
            *("--verbose", "ingest", "--feed", "binance", "--feed", "fmp", "--feed", "alphavantage"),
            *("--symbols", "binance=BTCUSDT,fmp=AAPL,alphavantage=IBM", "--metrics-port", str(port)),
            MDSTREAM_FEEDS__BINANCE__URL=binance.url,
            MDSTREAM_FEEDS__FMP__URL=fmp.url,
            MDSTREAM_FEEDS__FMP__API_KEY=KEY,
            MDSTREAM_FEEDS__ALPHAVANTAGE__URL=alphavantage.url,
            MDSTREAM_FEEDS__ALPHAVANTAGE__API_KEY=ALPHAVANTAGE_KEY,
            MDSTREAM_FEEDS__ALPHAVANTAGE__POLL_SECONDS="1",
            MDSTREAM_FEEDS__ALPHAVANTAGE__CALLS_PER_MINUTE="600",
            MDSTREAM_FEEDS__ALPHAVANTAGE__CALLS_PER_DAY="1000000",
        )
        try:
            until(lambda: [state.records for state in describe_topics(kafka, ["tick_data"])] == [619], seconds=60)
            until(lambda: [state.records for state in describe_topics(kafka, ["dead_letter"])] == [2], seconds=60)
            metrics = httpx.get(f"http://127.0.0.1:{port}/metrics").text
            command = Path(f"/proc/{process.pid}/cmdline").read_text()
        finally:
            process.send_signal(signal.SIGTERM)
        code, output, errors = finish(process)
    assert code == 0, errors
    ticks = values(kafka, "tick_data")
    assert Counter(tick["source"] for tick in ticks) == {"binance": 300, "fmp": 300, "alphavantage": 19}
    assert sorted(letter["source"] for letter in values(kafka, "dead_letter")) == ["binance", "fmp"]
    sent = re.findall(r"(\w+): (\d+) ticks sent, (\d+) acknowledged by Kafka, (\d+) dead letters", output)
    assert sent == [("binance", "300", "300", "1"), ("fmp", "300", "300", "1"), ("alphavantage", "19", "19", "0")]
    assert 'tick_messages_received_total{source="alphavantage",symbol="IBM"} 19.0' in metrics
    assert 'ingest_dead_letters_total{reason="not JSON",source="fmp"} 1.0' in metrics
    assert 'feed_connects_total{source="binance"} 1.0' in metrics
    for shown in (output, errors, metrics, command):
        assert KEY not in shown
        assert ALPHAVANTAGE_KEY not in shown


def test_minute_aggregates_are_revisions_of_bars_in_kafka(broker: LocalKafka, tmp_path: Path) -> None:
    minute = MassiveBarsServer.trade
    first = minute(100_499, "AAPL", z=100)
    before = [first, minute(4110, "MSFT"), minute(7, "MSFT", l=0.5), minute(8, "MSFT", s=4_102_444_800_000)]
    kafka, port = settings_of(broker), free_port()
    # One trade more makes the average grow, and what it alone says of their number smaller.
    after = [first, minute(101_000, "AAPL", z=101, c=0.4487)]
    with served(sending(before, then="abort"), sending(after), vendor=MassiveBarsServer) as server:
        process = start(
            broker,
            tmp_path,
            *("--verbose", "ingest", "--feed", "massive", "--kind", "bars", "--symbols", "AAPL,MSFT"),
            *("--metrics-port", str(port)),
            MDSTREAM_FEEDS__MASSIVE__URL=server.url,
            MDSTREAM_FEEDS__MASSIVE__API_KEY=KEY,
        )
        try:
            until(lambda: [state.records for state in describe_topics(kafka, [str(BAR.topic)])] == [4], seconds=60)
            metrics = httpx.get(f"http://127.0.0.1:{port}/metrics").text
        finally:
            process.send_signal(signal.SIGTERM)
        code, output, errors = finish(process)
    assert code == 0, errors
    assert "4 bars sent, 4 acknowledged by Kafka, 2 dead letters" in output
    assert server.asked == [("subscribe", ["AAPL", "MSFT"])] * 2
    sent = messages(kafka, str(BAR.topic))
    bars = [decode(BAR, message.value() or b"") for message in sent]
    assert [message.key() for message in sent] == [str(bar["symbol"]).encode() for bar in bars]
    found = [(bar["volume"], bar["close"], bar["trade_count"]) for bar in bars if bar["symbol"] == "AAPL"]
    assert found == [(100_499.0, 0.4486, 996), (100_499.0, 0.4486, 996), (101_000.0, 0.4487, 997)]
    [msft] = [bar for bar in bars if bar["symbol"] == "MSFT"]
    received = msft.pop("last_ingest_time")
    assert isinstance(received, datetime)
    assert abs(datetime.now(UTC) - received) < timedelta(minutes=5)
    start_of_bar = datetime(2021, 1, 8, 22, 24, tzinfo=UTC)
    assert msft == {
        "symbol": "MSFT", "window": "1min", "window_start": start_of_bar,
        "window_end": start_of_bar + timedelta(minutes=1), "open": 0.4488, "high": 0.4489, "low": 0.4486,
        "close": 0.4486, "volume": 4110.0, "vwap": 0.4488, "trade_count": 6,
        "last_event_time": start_of_bar + timedelta(seconds=59, milliseconds=999),
    }  # fmt: skip
    reasons = sorted(letter["reason"] for letter in values(kafka, "dead_letter"))
    assert [reason.partition(":")[0] for reason in reasons] == ["event_time too far ahead of ingest_time", "not a bar"]
    assert values(kafka, "tick_data") == []
    assert 'bar_messages_received_total{source="massive",symbol="AAPL"} 3.0' in metrics
    assert 'feed_connects_total{source="massive"} 2.0' in metrics
    for shown in (output, errors, metrics):
        assert KEY not in shown


def test_a_feed_that_fails_for_good_ends_the_others(broker: LocalKafka, tmp_path: Path) -> None:
    kafka = settings_of(broker)
    with (
        served(sending([trade(number) for number in range(100)])) as binance,
        served(vendor=FmpServer) as fmp,
    ):
        process = start(
            broker,
            tmp_path,
            *("ingest", "--feed", "binance", "--feed", "fmp", "--symbols", "binance=BTCUSDT,fmp=AAPL"),
            MDSTREAM_FEEDS__BINANCE__URL=binance.url,
            MDSTREAM_FEEDS__FMP__URL=fmp.url,
            MDSTREAM_FEEDS__FMP__API_KEY="hunter2",
        )
        code, output, errors = finish(process)
    assert code == 1
    assert "fmp refuses us: Unauthorized; check MDSTREAM_FEEDS__FMP__API_KEY" in errors
    assert "Traceback" not in errors
    assert "hunter2" not in output + errors
    sent = re.search(r"binance: (\d+) ticks sent, (\d+) acknowledged", output)
    assert sent, output
    assert sent[1] == sent[2] == str(len(values(kafka, "tick_data")))


def test_a_symbol_of_two_feeds_needs_a_decision(broker: LocalKafka, tmp_path: Path) -> None:
    arguments = ("ingest", "--feed", "binance", "--feed", "synthetic", "--symbols", "BTCUSDT")
    code, _, errors = finish(start(broker, tmp_path, *arguments))
    assert code == 1
    assert "BTCUSDT may come from binance and synthetic: say in ticks.primary_source" in errors


def test_a_port_that_is_taken_is_said(broker: LocalKafka, tmp_path: Path) -> None:
    port = broker.bootstrap_servers.partition(":")[2]
    code, _, errors = finish(start(broker, tmp_path, "ingest", "--feed", "synthetic", "--metrics-port", port))
    assert code == 1
    assert f"metrics cannot be served on 127.0.0.1:{port}" in errors
    assert "Traceback" not in errors
