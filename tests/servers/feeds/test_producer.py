"""Ticks reach a real broker, all of them and in order, or the failure is raised."""

from __future__ import annotations

import asyncio
import json
from collections import Counter
from collections.abc import AsyncIterator, Sequence
from pathlib import Path
from typing import Any

import orjson
import pyarrow.parquet as pq
import pytest
from kafka.partitioner.default import murmur2

from mdstream.config import KafkaSettings
from mdstream.embedded import LocalKafka
from mdstream.embedded.server import free_port
from mdstream.errors import DeliveryError, FeedError
from mdstream.feeds import FeedBatch, Reject, ReplayFeed, SyntheticFeed, TickProducer, pump
from mdstream.feeds.validation import refusal
from mdstream.testing import MarketOptions
from tests.real_trades import DAY_ONE_TRADE_COUNT, write_ticks
from tests.servers.feeds.consuming import create, messages, record_count, settings_of, values

pytestmark = pytest.mark.servers

MICROS = 1_381_154_400_464_123


def tick(number: int, symbol: str = "AAPL") -> dict[str, Any]:
    return {
        "symbol": symbol,
        "price": 1.5,
        "size": 1.0,
        "event_time": MICROS,
        "ingest_time": MICROS,
        "sequence": number,
    }


class ListFeed:
    """A feed of batches made beforehand; after them it is silent until it is closed, or fails."""

    name = "list"

    def __init__(self, *batches: FeedBatch, error: Exception | None = None, silent: bool = False) -> None:
        self._batches = batches
        self._error = error
        self._silent = silent
        self.closed = asyncio.Event()

    async def connect(self) -> None:
        """Nothing to open."""

    async def subscribe(self, symbols: Sequence[str]) -> None:
        """All is delivered."""

    async def __aiter__(self) -> AsyncIterator[FeedBatch]:
        for batch in self._batches:
            yield batch
        if self._error is not None:
            raise self._error
        if self._silent:
            await self.closed.wait()

    async def close(self) -> None:
        self.closed.set()


def make_producer(settings: KafkaSettings, topic: str, source: str = "list") -> TickProducer:
    return TickProducer(settings, source, tick_topic=topic, dead_letter_topic=f"{topic}-dead")


@pytest.mark.slow
def test_the_real_trades_arrive_each_once_and_in_order(
    kafka_server: LocalKafka, topic_name: str, tmp_path: Path
) -> None:
    path = tmp_path / "ticks.parquet"
    assert write_ticks(path, day_one=True) == DAY_ONE_TRADE_COUNT
    settings = settings_of(kafka_server)
    create(settings, topic_name, f"{topic_name}-dead")
    producer = make_producer(settings, topic_name, "replay")
    asyncio.run(pump(ReplayFeed(path, speed=float("inf")), producer))
    assert (producer.counts.sent, producer.counts.acknowledged) == (DAY_ONE_TRADE_COUNT, DAY_ONE_TRADE_COUNT)
    assert record_count(settings, topic_name) == DAY_ONE_TRADE_COUNT
    assert record_count(settings, f"{topic_name}-dead") == 0

    table = pq.read_table(path)
    expected: dict[str, list[tuple[object, ...]]] = {}
    names = ("price", "size", "exchange", "sequence", "conditions")
    times = table["event_time"].cast("int64").to_pylist()
    rows = zip(times, *(table[name].to_pylist() for name in names), strict=True)
    for symbol, row in zip(table["symbol"].to_pylist(), rows, strict=True):
        expected.setdefault(symbol, []).append(row)
    found: dict[str, list[tuple[object, ...]]] = {symbol: [] for symbol in expected}
    for message in messages(settings, topic_name):
        value = orjson.loads(message.value() or b"")
        assert message.key() == value["symbol"].encode()
        found[value["symbol"]].append((value["event_time"], *(value[name] for name in names)))
    # Equal prints are among them: each list has every one, in the order of the file.
    assert found == expected
    prints = Counter((symbol, *row[:4], row[5][0]) for symbol, part in found.items() for row in part)  # type: ignore[index]
    assert sum(prints.values()) - len(prints) > 0.15 * DAY_ONE_TRADE_COUNT


def test_a_symbol_has_one_partition_and_its_own_order(kafka_server: LocalKafka, topic_name: str) -> None:
    settings = settings_of(kafka_server)
    create(settings, topic_name, f"{topic_name}-dead", partitions=5)
    producer = make_producer(settings, topic_name)
    symbols = [f"S{number}" for number in range(40)]
    ticks = [tick(number, symbol) for number in range(50) for symbol in symbols]
    asyncio.run(pump(ListFeed(FeedBatch(ticks)), producer))
    partitions: dict[str, set[int | None]] = {symbol: set() for symbol in symbols}
    sequences: dict[str, list[int]] = {symbol: [] for symbol in symbols}
    for message in messages(settings, topic_name):
        value = json.loads(message.value() or b"")
        partitions[value["symbol"]].add(message.partition())
        sequences[value["symbol"]].append(value["sequence"])
    assert all(len(found) == 1 for found in partitions.values())
    assert {number for found in partitions.values() for number in found} == set(range(5))
    assert all(found == list(range(50)) for found in sequences.values())


def test_quotes_go_to_a_topic_of_their_own(kafka_server: LocalKafka, topic_name: str) -> None:
    settings = settings_of(kafka_server)
    create(settings, topic_name, f"{topic_name}-quotes", f"{topic_name}-dead")
    producer = TickProducer(
        settings,
        "list",
        tick_topic=topic_name,
        quote_topic=f"{topic_name}-quotes",
        dead_letter_topic=f"{topic_name}-dead",
    )
    quotes = [
        {"symbol": f"S{n % 3}", "event_time": MICROS, "bid": n / 2, "ask": None, "sequence": n} for n in range(30)
    ]
    asyncio.run(pump(ListFeed(FeedBatch([tick(0)], quotes=quotes)), producer))
    counts = producer.counts
    assert (counts.sent, counts.quotes_sent, counts.quotes_acknowledged, counts.waiting) == (1, 30, 30, 0)
    assert record_count(settings, topic_name) == 1
    found = messages(settings, f"{topic_name}-quotes")
    sent = [{name: value for name, value in quote.items() if value is not None} for quote in quotes]
    assert sorted((json.loads(message.value() or b"") for message in found), key=lambda row: row["sequence"]) == sent
    assert all(message.key() == json.loads(message.value() or b"")["symbol"].encode() for message in found)


def test_partitions_are_those_of_java(kafka_server: LocalKafka, topic_name: str) -> None:
    """Spark and Java tools put a symbol where kafka-python's port of their hash says."""
    settings = settings_of(kafka_server)
    create(settings, topic_name, f"{topic_name}-dead", partitions=7)
    producer = make_producer(settings, topic_name)
    asyncio.run(pump(ListFeed(FeedBatch([tick(0, f"S{number}") for number in range(100)])), producer))
    for message in messages(settings, topic_name):
        key = message.key()
        assert isinstance(key, bytes)
        assert message.partition() == (murmur2(key) & 0x7FFFFFFF) % 7


def test_rejects_are_dead_letters_with_reason_and_whole_payload(kafka_server: LocalKafka, topic_name: str) -> None:
    settings = settings_of(kafka_server)
    create(settings, topic_name)
    create(settings, f"{topic_name}-dead", max_message_bytes=8_388_608)
    payloads = [b"garbage", b"\xff\x00", b"z" * 1_000_000, b"\x01" * 9_000_000]
    rejects = [Reject(f"not JSON: {number}", payload) for number, payload in enumerate(payloads)]
    producer = make_producer(settings, topic_name)
    asyncio.run(pump(ListFeed(FeedBatch([tick(0)], rejects[:2]), FeedBatch((), rejects[2:])), producer))
    letters = {letter["reason"]: letter for letter in values(settings, f"{topic_name}-dead")}
    assert {letter["source"] for letter in letters.values()} == {"list"}
    assert letters["not JSON: 0"]["payload"] == "garbage"
    assert letters["not JSON: 1"]["payload"] == "base64:/wA="
    assert letters["not JSON: 2"]["payload"] == "z" * 1_000_000
    assert len(letters["not JSON: 3 (only the first 1048576 characters are kept)"]["payload"]) == 1_048_576
    assert producer.counts.dead_letters == {"not JSON": 4}
    assert producer.counts.dead_letters_acknowledged == 4
    assert record_count(settings, topic_name) == 1


def test_a_made_up_market_arrives_usable(kafka_server: LocalKafka, topic_name: str) -> None:
    settings = settings_of(kafka_server)
    create(settings, topic_name, f"{topic_name}-dead")
    options = MarketOptions(("AAPL", "MSFT"), rate=100_000.0, late_share=0.05, duplicate_share=0.05)
    producer = make_producer(settings, topic_name, "synthetic")
    asyncio.run(pump(SyntheticFeed(options, limit=20_000), producer))
    found = values(settings, topic_name)
    assert len(found) == producer.counts.acknowledged == 20_000
    assert [reason for reason in map(refusal, found) if reason] == []


def test_a_topic_that_is_not_there_is_an_error_and_ends_a_silent_feed(
    kafka_server: LocalKafka, topic_name: str
) -> None:
    settings = settings_of(kafka_server, delivery_timeout_seconds=2)
    producer = make_producer(settings, topic_name)
    feed = ListFeed(FeedBatch([tick(0)]), silent=True)
    with pytest.raises(DeliveryError, match=f"did not take a record for {topic_name}"):
        asyncio.run(asyncio.wait_for(pump(feed, producer), 120))
    assert feed.closed.is_set()
    assert (producer.counts.sent, producer.counts.acknowledged) == (1, 0)


def test_a_message_that_the_topic_is_too_small_for_is_an_error(kafka_server: LocalKafka, topic_name: str) -> None:
    settings = settings_of(kafka_server, compression="none")
    create(settings, topic_name)
    create(settings, f"{topic_name}-dead", max_message_bytes=1000)
    producer = make_producer(settings, topic_name)
    with pytest.raises(DeliveryError, match=f"{topic_name}-dead: Broker: Message size too large"):
        asyncio.run(pump(ListFeed(FeedBatch([tick(0)], [Reject("not JSON", b"x" * 5000)])), producer))
    assert record_count(settings, topic_name) == 1, "what could be sent was sent"


def test_a_broker_that_never_comes_is_an_error(topic_name: str) -> None:
    settings = KafkaSettings(bootstrap_servers=f"127.0.0.1:{free_port()}", delivery_timeout_seconds=1)
    producer = make_producer(settings, topic_name)
    with pytest.raises(DeliveryError, match=settings.bootstrap_servers):
        asyncio.run(pump(ListFeed(FeedBatch([tick(0)])), producer))
    assert producer.counts.waiting == 1


def test_what_came_before_a_feed_failed_is_sent(kafka_server: LocalKafka, topic_name: str) -> None:
    settings = settings_of(kafka_server)
    create(settings, topic_name, f"{topic_name}-dead")
    feed = ListFeed(FeedBatch([tick(number) for number in range(1000)]), error=FeedError("the key is wrong"))
    with pytest.raises(FeedError, match="the key is wrong"):
        asyncio.run(pump(feed, make_producer(settings, topic_name)))
    assert record_count(settings, topic_name) == 1000


class GatedFeed(ListFeed):
    """Waits for `gate` after a tenth of its batches."""

    def __init__(self, *batches: FeedBatch) -> None:
        super().__init__(*batches)
        self.gate = asyncio.Event()

    async def __aiter__(self) -> AsyncIterator[FeedBatch]:
        tenth = len(self._batches) // 10
        for number, batch in enumerate(self._batches):
            if number == tenth:
                await self.gate.wait()
            yield batch


@pytest.mark.slow
@pytest.mark.parametrize("end", ["stop", "kill"])
def test_the_broker_goes_away_in_the_middle_and_returns(topic_name: str, end: str) -> None:
    """More ticks than the queue holds are sent while the broker is away: the feed waits, nothing is lost."""
    with LocalKafka() as server:
        settings = settings_of(server)
        create(settings, topic_name, f"{topic_name}-dead")
        producer = make_producer(settings, topic_name)
        feed = GatedFeed(*(FeedBatch([tick(1000 * part + number) for number in range(1000)]) for part in range(150)))

        async def run() -> None:
            pumping = asyncio.create_task(pump(feed, producer))
            while producer.counts.acknowledged < 15_000:
                await asyncio.sleep(0.005)
            await asyncio.to_thread(server.stop if end == "stop" else server.kill)
            feed.gate.set()
            while producer.counts.waiting < 100_000:
                await asyncio.sleep(0.005)
            assert not pumping.done()
            await asyncio.to_thread(server.start)
            await pumping

        asyncio.run(run())
        assert (producer.counts.sent, producer.counts.acknowledged) == (150_000, 150_000)
        assert sorted(value["sequence"] for value in values(settings, topic_name)) == list(range(150_000))
