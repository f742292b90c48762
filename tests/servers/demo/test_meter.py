from __future__ import annotations

import time
from collections.abc import Iterator
from datetime import UTC, datetime

import kafka
import pyarrow as pa
import pytest

from mdstream.config import Settings, load_settings
from mdstream.demo.meter import Meter
from mdstream.demo.past import make_past, store_past
from mdstream.embedded import LocalServers
from mdstream.kafka.topics import create_topics, plan_topics
from mdstream.operations.maintain import maintain_stores
from mdstream.schemas import BAR, DEAD_LETTER, STORED_TICK, TICK, Record
from mdstream.schemas.wire import encode
from mdstream.stores import TimescaleSink
from mdstream.testing import table_of
from tests.waiting import until

pytestmark = pytest.mark.servers


@pytest.fixture
def settings() -> Iterator[Settings]:
    """Settings of servers whose topics and tables hold nothing."""
    with LocalServers() as servers:
        settings = servers.settings(load_settings())
        create_topics(settings.kafka, plan_topics(settings))
        maintain_stores(settings)
        yield settings


def _send(settings: Settings, record: Record, *values: dict[str, object]) -> None:
    producer = kafka.KafkaProducer(bootstrap_servers=settings.kafka.bootstrap_servers, linger_ms=0)
    for value in values:
        producer.send(record.topic, encode(value)).get(timeout=30)
    producer.close()


def test_counts_what_is_in_kafka_and_in_the_database(settings: Settings) -> None:
    _send(settings, TICK, {"symbol": "AAPL"}, {"symbol": "AAPL"}, {"symbol": "MSFT"})
    _send(settings, BAR, {"symbol": "AAPL"}, {"symbol": "AAPL"})
    _send(settings, DEAD_LETTER, {"source": "test"})
    now = datetime.now(UTC)
    tick = {"symbol": "AAPL", "price": 1.0, "size": 1.0, "event_time": now, "kafka_partition": 0}
    rows = [{**tick, "kafka_offset": offset} for offset in range(5)]
    batch = pa.RecordBatch.from_pylist(rows, schema=STORED_TICK.schema)
    sink = TimescaleSink(settings.stores.timescaledb, STORED_TICK)
    sink.write(batch)
    sink.write(batch)
    meter = Meter(settings)
    try:
        snapshot = meter.snapshot()
        assert (snapshot.ticks, snapshot.bars, snapshot.dead_letters) == (3, 2, 1)
        # The server's statistics follow what is committed by about a second.
        until(lambda: meter.snapshot().stored_ticks == 5)
        assert (meter.count_rows(STORED_TICK), meter.count_rows(BAR)) == (5, 0)
        assert meter.snapshot().stored_bars == 0
    finally:
        meter.close()


def test_bars_of_the_days_before_do_not_count(settings: Settings) -> None:
    past = make_past(settings, "AAPL", 10.0, datetime.now(UTC).replace(second=0, microsecond=0))
    store_past(settings, past)
    meter = Meter(settings, past.bars.num_rows)
    try:
        assert meter.count_rows(BAR) == 0
        TimescaleSink(settings.stores.timescaledb, BAR).write(table_of(BAR, [{"symbol": "MSFT"}]).to_batches()[0])
        assert meter.count_rows(BAR) == 1
        until(lambda: meter.snapshot().stored_bars == 1)
        assert meter.count_rows(settings.indicator_record) == past.indicators.num_rows
    finally:
        meter.close()


def test_latency_is_the_age_of_the_newest_tick_when_its_bar_comes(settings: Settings) -> None:
    meter = Meter(settings)
    try:
        assert meter.snapshot().latency is None
        begin = time.monotonic()
        now = time.time_ns() // 1_000
        _send(settings, BAR, {"symbol": "AAPL"}, *({**_BAR, "last_ingest_time": now - age} for age in _AGES))
        until(lambda: (found := meter.latency.of_bars_since(begin)) and found.bars == len(_AGES))
        latency = meter.latency.of_bars_since(begin)
        assert latency
        assert latency.p50 >= 2_000_000
        assert latency.p99 >= latency.p95 >= 3_000_000 > latency.p50
        assert meter.latency.first_bar is not None
        assert meter.latency.since_settled() is None, "all those ticks had arrived long before"
    finally:
        meter.close()


_BAR = {
    "symbol": "AAPL",
    "window": "1min",
    "window_start": 1_714_996_800_000_000,
    "window_end": 1_714_996_860_000_000,
    **dict.fromkeys(("open", "high", "low", "close"), 10.0),
    "volume": 1.0,
    "trade_count": 1,
    "last_event_time": 1_714_996_800_000_000,
}
_AGES = [age * 1_000_000_000 for age in (1, 2, 3, 1, 2, 3, 2)]
"""Microseconds; whoever measures adds less than a thousand seconds to them."""
