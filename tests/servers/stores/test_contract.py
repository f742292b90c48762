"""What every sink promises (`mdstream.stores.Sink`), on the real servers."""

from __future__ import annotations

import multiprocessing
import pickle
import random
import socket
import threading
from collections.abc import Iterator
from concurrent.futures import ProcessPoolExecutor, ThreadPoolExecutor
from datetime import timedelta
from typing import Any

import numpy as np
import pyarrow as pa
import pytest

from mdstream.config import InfluxSettings, KafkaSettings, RedisSettings, TimescaleSettings
from mdstream.errors import SinkError, SinkUnavailableError
from mdstream.schemas import ANOMALY, BAR, PREDICTION, STORED_QUOTE, STORED_TICK, Record
from mdstream.stores import (
    InfluxSink,
    KafkaSink,
    RedisSink,
    Sink,
    TimescaleSink,
)
from tests.servers.stores.stores import MAKERS, RedisStore, Store
from tests.unit.stores.rows import INDICATOR, START, anomaly, bar, batch_of, indicator, prediction, quote, tick

pytestmark = pytest.mark.servers

HUGE = 200_000

OF_EACH_SINK = (
    "memory",
    "table of bars",
    "table of ticks",
    "Redis bars",
    "Redis prices",
    "Redis indicators",
    "Redis predictions",
    "topic of bars",
    "InfluxDB ticks",
    "InfluxDB bars",
)
"""A store of each class of sinks, with revisions and without: outages and sizes are not met by the kind of record."""

SERVED = [name for name in OF_EACH_SINK if name != "memory"]
"""Those of them that have a server."""

ONCE_FOR_ALL = [name for name in MAKERS if not name.startswith("InfluxDB") or name == "InfluxDB ticks"]
"""Stores that hold their promise whoever writes at the same moment: InfluxDB has no conditional write."""


@pytest.fixture(params=list(MAKERS))
def store(request: pytest.FixtureRequest) -> Store:
    return MAKERS[request.param](request.getfixturevalue)


@pytest.fixture(params=[name for name in MAKERS if name not in ("table of ticks", "table of quotes", "InfluxDB ticks")])
def revised_store(request: pytest.FixtureRequest) -> Store:
    return MAKERS[request.param](request.getfixturevalue)


@pytest.fixture(params=SERVED)
def served_store(request: pytest.FixtureRequest) -> Store:
    return MAKERS[request.param](request.getfixturevalue)


def revision(record: Record, number: int, content: float = 10.0, symbol: str = "AAPL") -> dict[str, Any]:
    """The `number`th revision of what a record tells: a bar, an anomaly, the latest price of a symbol."""
    if record.table == BAR.table:
        return bar(symbol=symbol, trade_count=number, close=content)
    if record.table == INDICATOR.table:
        return indicator(symbol=symbol, trade_count=number, rsi=content)
    if record.table == ANOMALY.table:
        return anomaly(symbol=symbol, trade_count=number, value=content)
    if record.table == PREDICTION.table:
        return prediction(symbol=symbol, second=number, price=content)
    if record.table == STORED_QUOTE.table:
        return quote(symbol=symbol, offset=number, bid=content)
    return tick(symbol=symbol, event_time=START + timedelta(microseconds=number), offset=number, price=content)


def batch(store: Store, *rows: dict[str, Any]) -> pa.RecordBatch:
    return batch_of(store.record, list(rows))


def test_rows_arrive_as_they_are(store: Store) -> None:
    rows = [revision(store.record, 1, 10.25, symbol) for symbol in ("AAPL", "BRK.B", "X:BTC-USD")]
    store.sink.write(batch(store, *rows))
    assert store.rows() == rows


def test_writing_again_changes_nothing(store: Store) -> None:
    rows = batch(store, revision(store.record, 1), revision(store.record, 1, symbol="MSFT"))
    store.sink.write(rows)
    before = store.rows()
    store.sink.write(rows)
    pickle.loads(pickle.dumps(store.sink)).write(rows)  # noqa: S301 - our own
    assert store.rows() == before


def test_a_newer_revision_replaces(revised_store: Store) -> None:
    older, newer = (revision(revised_store.record, number, float(number)) for number in (9, 10))
    revised_store.sink.write(batch(revised_store, older))
    revised_store.sink.write(batch(revised_store, newer))
    assert revised_store.rows() == [newer]


def test_an_older_revision_changes_nothing(revised_store: Store) -> None:
    older, newer = (revision(revised_store.record, number, float(number)) for number in (9, 10))
    revised_store.sink.write(batch(revised_store, newer))
    revised_store.sink.write(batch(revised_store, older))
    assert revised_store.rows() == [newer]


def test_an_equal_revision_replaces(revised_store: Store) -> None:
    first, second = (revision(revised_store.record, 5, content) for content in (1.0, 2.0))
    revised_store.sink.write(batch(revised_store, first))
    revised_store.sink.write(batch(revised_store, second))
    assert revised_store.rows() == [second]


def test_of_several_revisions_in_a_batch_the_newest_stays(revised_store: Store) -> None:
    rows = [revision(revised_store.record, number, float(number)) for number in (3, 12, 7)]
    revised_store.sink.write(batch(revised_store, *rows))
    assert revised_store.rows() == [rows[1]]


def test_of_equal_revisions_in_a_batch_the_later_stays(revised_store: Store) -> None:
    rows = [revision(revised_store.record, 5, content) for content in (3.0, 1.0, 2.0)]
    revised_store.sink.write(batch(revised_store, *rows))
    assert revised_store.rows() == [rows[2]]


@pytest.mark.parametrize("store", ["table of ticks", "table of quotes"], indirect=True)
def test_without_revisions_the_first_stays(store: Store) -> None:
    first, second, third = (revision(store.record, 1, price) for price in (1.0, 2.0, 3.0))
    store.sink.write(batch(store, first, second))
    store.sink.write(batch(store, third))
    assert store.rows() == [first]


def test_an_empty_batch_does_nothing(store: Store) -> None:
    store.sink.write(batch(store))
    assert store.rows() == []


def test_a_slice_of_a_batch_writes_only_its_rows(store: Store) -> None:
    rows = [revision(store.record, 1, symbol=symbol) for symbol in "ABCD"]
    store.sink.write(batch(store, *rows).slice(1, 2))
    assert store.rows() == rows[1:3]


def test_a_bad_row_refuses_the_whole_batch(store: Store) -> None:
    good, bad = revision(store.record, 1), revision(store.record, 1, symbol="MSFT")
    rows = pa.RecordBatch.from_pylist([good, bad | {"symbol": None}], schema=store.record.schema)
    with pytest.raises(SinkError, match="column 'symbol'") as caught:
        store.sink.write(rows)
    assert not isinstance(caught.value, SinkUnavailableError)
    assert store.rows() == []


def test_a_server_that_goes_and_returns(served_store: Store) -> None:
    assert served_store.server
    before, after = revision(served_store.record, 1), revision(served_store.record, 2)
    served_store.sink.write(batch(served_store, before))
    served_store.server.stop()
    try:
        for _ in range(2):
            with pytest.raises(SinkUnavailableError):
                served_store.sink.write(batch(served_store, after))
    finally:
        served_store.server.start()
    served_store.sink.write(batch(served_store, after))
    assert after in served_store.rows()


def test_a_server_that_restarts_between_two_writes_is_not_noticed(served_store: Store) -> None:
    assert served_store.server
    rows = batch(served_store, revision(served_store.record, 1))
    served_store.sink.write(rows)
    served_store.server.stop()
    served_store.server.start()
    served_store.sink.write(rows)
    assert served_store.rows() == rows.to_pylist()


@pytest.mark.parametrize(
    "kind",
    ["PostgreSQL", "Redis bars", "Redis indicators", "Redis predictions", "Redis prices", "Kafka", "InfluxDB"],
)
def test_a_server_that_never_answers_is_unavailable(kind: str) -> None:
    with socket.create_server(("127.0.0.1", 0)) as deaf:
        port = deaf.getsockname()[1]
        redis = RedisSettings(port=port, timeout_seconds=1)
        kafka = KafkaSettings(bootstrap_servers=f"127.0.0.1:{port}", delivery_timeout_seconds=1)
        sinks: dict[str, tuple[Sink, Record]] = {
            "PostgreSQL": (TimescaleSink(TimescaleSettings(port=port, timeout_seconds=1), BAR), BAR),
            "Redis bars": (RedisSink(redis, BAR), BAR),
            "Redis indicators": (RedisSink(redis, INDICATOR), INDICATOR),
            "Redis predictions": (RedisSink(redis, PREDICTION), PREDICTION),
            "Redis prices": (RedisSink(redis, STORED_TICK), STORED_TICK),
            "Kafka": (KafkaSink(kafka, BAR), BAR),
            "InfluxDB": (InfluxSink(InfluxSettings(url=f"http://127.0.0.1:{port}", timeout_seconds=1), BAR), BAR),
        }
        sink, record = sinks[kind]
        with pytest.raises(SinkUnavailableError, match=str(port)):
            sink.write(batch_of(record, [revision(record, 1)]))


def _write_shuffled(sink: Sink, record: Record, seed: int) -> None:
    """Write all revisions of many things, in an order of its own, in batches of its own."""
    rows = [
        revision(record, number, float(number), symbol)
        for symbol in ("A", "B", "C", "D", "E")
        for number in range(1, 41)
    ]
    random.Random(seed).shuffle(rows)
    for start in range(0, len(rows), 23):
        sink.write(batch_of(record, rows[start : start + 23]))


def _expected_of_shuffled(store: Store) -> list[dict[str, Any]]:
    numbers = (40,) if store.revised else range(1, 41)
    return [revision(store.record, number, float(number), symbol) for symbol in "ABCDE" for number in numbers]


@pytest.mark.parametrize("store", ONCE_FOR_ALL, indirect=True)
def test_parallel_threads_end_with_the_newest(store: Store) -> None:
    start = threading.Barrier(4)

    def write(seed: int) -> None:
        start.wait()
        _write_shuffled(store.sink, store.record, seed)

    with ThreadPoolExecutor(4) as pool:
        list(pool.map(write, range(4)))
    assert store.rows() == _expected_of_shuffled(store)


@pytest.fixture(scope="module")
def processes() -> Iterator[ProcessPoolExecutor]:
    with ProcessPoolExecutor(2, mp_context=multiprocessing.get_context("spawn")) as pool:
        yield pool


@pytest.mark.parametrize("store", [name for name in SERVED if name in ONCE_FOR_ALL], indirect=True)
def test_parallel_processes_end_with_the_newest(store: Store, processes: ProcessPoolExecutor) -> None:
    writing = [processes.submit(_write_shuffled, store.sink, store.record, seed) for seed in range(4)]
    for one in writing:
        one.result()
    assert store.rows() == _expected_of_shuffled(store)


def _huge(record: Record) -> pa.RecordBatch:
    """Many rows: ticks of one symbol in microseconds, or bars of as many minutes, the last one the newest."""
    model = revision(record, 1)
    numbers = np.arange(HUGE)
    time = START.timestamp() * 1_000_000
    changing = {
        "event_time": (time + numbers, 1),
        "kafka_offset": (numbers, 1),
        "window_start": (time + numbers * 60_000_000, 1),
        "window_end": (time + (numbers + 1) * 60_000_000, 1),
        "target_time": (time + numbers * 60_000_000, 1),
    }
    columns = [
        pa.array(np.asarray(changing[field.name][0], np.int64)).cast(field.type)
        if field.name in changing
        else pa.repeat(pa.scalar(model[field.name], field.type), HUGE)
        for field in record.schema
    ]
    return pa.RecordBatch.from_arrays(columns, schema=record.schema)


@pytest.mark.slow
@pytest.mark.parametrize("store", OF_EACH_SINK, indirect=True)
def test_a_huge_batch(store: Store) -> None:
    store.sink.write(_huge(store.record))
    keeps_only_the_newest = isinstance(store, RedisStore)
    assert store.count() == (1 if keeps_only_the_newest else HUGE)
