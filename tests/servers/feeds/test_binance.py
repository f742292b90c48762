"""`mdstream ingest --feed binance` as a process: from a WebSocket that breaks off into Kafka, and bars of it."""

from __future__ import annotations

import asyncio
import signal
import threading
from collections.abc import Iterator
from contextlib import contextmanager
from pathlib import Path

import pytest

from mdstream.local import LocalKafka
from mdstream.operations.topics import describe_topics
from tests.servers.feeds.consuming import settings_of, values
from tests.servers.feeds.test_command import broker, counts_in, finish, own_broker, start
from tests.unit.feeds.websocket.venue_server import BinanceServer, Script, VendorServer, running, sending
from tests.waiting import until

__all__ = ["broker", "own_broker"]

trade = BinanceServer.trade

pytestmark = pytest.mark.servers


@contextmanager
def served(*scripts: Script) -> Iterator[VendorServer]:
    """Run a server in a thread of its own."""
    started: list[VendorServer] = []
    ready, stop = threading.Event(), asyncio.Event()
    loop = asyncio.new_event_loop()

    async def main() -> None:
        async with running(BinanceServer, *scripts) as server:
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


def test_without_symbols_it_says_which_to_name(broker: LocalKafka, tmp_path: Path) -> None:
    code, _, errors = finish(start(broker, tmp_path, "ingest", "--feed", "binance"))
    assert code == 1
    assert "--symbols BTCUSDT,ETHUSDT" in errors
