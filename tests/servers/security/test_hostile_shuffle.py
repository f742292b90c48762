"""What others send to Spark while several tasks build live bars: these go on, and let nobody in."""

from __future__ import annotations

import json
import socket
import struct
import time
import uuid
from collections.abc import Iterator
from concurrent.futures import ThreadPoolExecutor
from contextlib import ExitStack, suppress
from dataclasses import dataclass, replace
from pathlib import Path
from typing import Any

import psutil
import pytest
from confluent_kafka import Producer, TopicPartition
from pyspark.sql import SparkSession
from pyspark.sql.streaming.query import StreamingQuery

from mdstream.config import KafkaSettings, Settings, SparkSettings, TickSettings
from mdstream.kafka.latency import open_consumer
from mdstream.kafka.topics import TopicPlan, create_topics
from mdstream.schemas import BAR, TICK
from mdstream.streaming import live_engine, start_live_bars, trigger_for
from mdstream.transforms import ConditionTable
from tests.servers.embedded.processes import open_to_others
from tests.waiting import until
from tests.wrong_records import good

pytestmark = [pytest.mark.servers, pytest.mark.slow]

_SECONDS = 120
_TASKS = 2
_HELD_CONNECTIONS = 300
_RPC, _STREAM, _ONE_WAY = 3, 6, 9  # Spark's numbers of its messages


def frame(kind: int, rest: bytes) -> bytes:
    """A message as Spark's network layer has it: length of all, kind, and what belongs to the kind."""
    return struct.pack(">QB", 9 + len(rest), kind) + rest


def one_way(content: bytes) -> bytes:
    return frame(_ONE_WAY, struct.pack(">I", len(content)) + content)


WRONG_BYTES = (
    b"\xff" * 4096,
    b"\x00" * 4096,
    b"GET / HTTP/1.1\r\n\r\n",
    bytes(range(256)) * 16,
    # A message of 2 GB, of which a part comes.
    struct.pack(">QB", 2**31 - 100, _ONE_WAY) + bytes(1_000_000),
    frame(_RPC, struct.pack(">qI", 1, 32) + bytes(32)),
    frame(_RPC, struct.pack(">qI", 1, 0)),
    frame(_STREAM, struct.pack(">I", 1) + b"x"),
    frame(250, b""),
    one_way(b""),
    one_way(bytes(64)) * 100,
)


def forged(spark: SparkSession) -> list[bytes]:
    """What readers say to writers: that they may send, and that all has been read."""
    jvm: Any = spark._jvm
    messages = jvm.org.apache.spark.network.shuffle.streaming
    netty = jvm.io.netty.buffer
    found = []
    for reader in range(_TASKS):
        for message in (messages.CreditControlMessage(reader, 0, 1), messages.TerminationAckMessage(0, reader)):
            buffer = netty.UnpooledByteBufAllocator.DEFAULT.compositeBuffer()
            message.encode(buffer)
            found.append(one_way(bytes(netty.ByteBufUtil.getBytes(buffer))))
    return found


@dataclass
class Live:
    """Live bars under way."""

    query: StreamingQuery
    kafka: KafkaSettings
    ticks: str
    bars: str

    def count(self) -> int:
        consumer = open_consumer(self.kafka)
        try:
            partitions = (TopicPartition(self.bars, number) for number in range(_TASKS))
            return sum(consumer.get_watermark_offsets(partition)[1] for partition in partitions)
        finally:
            consumer.close()

    def flow(self) -> None:
        """Return when ticks of now have become bars."""
        before = self.count()
        producer = Producer({"bootstrap.servers": self.kafka.bootstrap_servers})

        def more() -> bool:
            assert self.query.isActive, self.query.exception()
            now = time.time_ns() // 1_000
            for number in range(20):
                tick = good(TICK, symbol=f"S{number}", event_time=now, ingest_time=now)
                producer.produce(self.ticks, json.dumps(tick), partition=number % _TASKS)
            assert producer.flush(60) == 0
            return self.count() > before

        until(more, _SECONDS)


@pytest.fixture
def live(spark: SparkSession, kafka: KafkaSettings, tmp_path: Path, monkeypatch: pytest.MonkeyPatch) -> Iterator[Live]:
    """Live bars of two tasks, which hand rows to each other."""
    settings = Settings(kafka=kafka, spark=SparkSettings(checkpoint_location=str(tmp_path), live_partitions=_TASKS))
    trigger = trigger_for(spark, settings.spark)
    if not trigger.real_time:
        pytest.skip("only real-time mode has ports for this")
    ticks, bars = (replace(record, topic=f"{record.topic}-{uuid.uuid4().hex[:8]}") for record in (TICK, BAR))
    create_topics(kafka, [TopicPlan(record.topic_name, _TASKS, 1) for record in (ticks, bars)])
    monkeypatch.setattr(live_engine, "BAR", bars)
    settings = settings.model_copy(update={"ticks": TickSettings(topic=ticks.topic_name)})
    running = start_live_bars(spark, settings, ConditionTable(), (), trigger)
    try:
        yield Live(running.query, kafka, ticks.topic_name, bars.topic_name)
    finally:
        running.query.stop()


def say(port: int, *sent: bytes) -> None:
    """Send, and wait until it has been looked at: the connection is closed, or nothing comes for a moment."""
    with suppress(OSError), socket.create_connection(("127.0.0.1", port), timeout=2) as peer:
        for each in sent:
            peer.sendall(each)
        while peer.recv(65_536):
            pass


def hold(port: int, held: ExitStack) -> int:
    """Hold connections open, as many as a port takes while it is busy; return how many."""
    for number in range(_HELD_CONNECTIONS):
        try:
            held.enter_context(socket.create_connection(("127.0.0.1", port), timeout=2))
        except TimeoutError:
            return number
    return _HELD_CONNECTIONS


def test_nothing_that_is_sent_ends_or_delays_live_bars(spark: SparkSession, live: Live) -> None:
    live.flow()
    jvm: Any = spark._jvm
    java = psutil.Process(jvm.java.lang.ProcessHandle.current().pid())
    assert open_to_others([java]) == set()
    ports = {each.laddr.port for each in java.net_connections("tcp") if each.status == psutil.CONN_LISTEN}
    # The driver's, the block manager's, that of Python, and one of each task that reads.
    assert len(ports) >= 3 + _TASKS

    real = forged(spark)
    with ThreadPoolExecutor(16) as attackers:
        for wrong in (*((each,) for each in (*WRONG_BYTES, *real)), (*real, *real)):
            for port in ports:
                attackers.submit(say, port, *wrong)
    live.flow()
    with ExitStack() as held:
        # One that is still busy with what was sent takes none.
        assert sum([hold(port, held) for port in ports]) >= _HELD_CONNECTIONS
        live.flow()
    assert live.query.exception() is None
