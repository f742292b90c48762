"""The job `live_bars` in real-time mode on a real broker."""

from __future__ import annotations

import itertools
import signal
import uuid
from collections.abc import Iterator
from concurrent.futures import ThreadPoolExecutor
from contextlib import contextmanager
from dataclasses import replace
from pathlib import Path
from random import Random
from typing import Any

import numpy as np
import orjson
import pytest
from pyspark import InheritableThread
from pyspark.sql import SparkSession
from pyspark.sql.streaming.query import StreamingQuery

from jobs import live_bars
from mdstream.config import KafkaSettings, Settings, SparkSettings, TickSettings
from mdstream.embedded import LocalKafka
from mdstream.embedded.server import free_port
from mdstream.errors import QueryFailedError
from mdstream.indicators import indicator_record, indicator_values
from mdstream.indicators.catalogue import BAR_SERIES
from mdstream.kafka.topics import TopicPlan, create_topics
from mdstream.schemas import ANOMALY, BAR, TICK
from mdstream.schemas.units import Unit
from mdstream.schemas.wire import to_micros
from mdstream.streaming import RunningQuery, kafka, live_engine, run_jobs, trigger_for
from mdstream.transforms import to_bars
from tests.servers.streaming.topics import Row, TestTopics, trades
from tests.unit.transforms.frames import at, tick, ticks_frame
from tests.waiting import until

pytestmark = [pytest.mark.servers, pytest.mark.slow]

_SECONDS = 180
_HOUR = 3600.0


@pytest.fixture
def topics(kafka_server: LocalKafka, monkeypatch: pytest.MonkeyPatch) -> Iterator[TestTopics]:
    """Topics of the test's own, which the job takes for those of ticks and bars."""
    settings = KafkaSettings(bootstrap_servers=kafka_server.bootstrap_servers)
    suffix = uuid.uuid4().hex[:8]
    names = [f"{topic}-{suffix}" for topic in ("tick_data", "aggregated_data", "technical_indicators")]
    anomalies = replace(ANOMALY, topic=f"anomalies-{suffix}")
    create_topics(settings, [TopicPlan(name, 2, 1) for name in (*names, anomalies.topic_name)])
    ticks, bars, indicators_topic = names
    topics = TestTopics(settings, ticks, bars, indicators_topic)
    indicators = replace(indicator_record(()), topic=topics.indicators)
    monkeypatch.setattr(live_engine, "BAR", replace(BAR, topic=topics.bars))
    monkeypatch.setattr(live_engine, "indicator_record", lambda _: indicators)
    monkeypatch.setattr(live_engine, "ANOMALY", anomalies)
    yield topics
    topics.close()


def settings_of(
    topics: TestTopics, folder: Path, trigger: str, lateness_seconds: int = 86_400, live_partitions: int = 1
) -> Settings:
    return Settings(
        kafka=topics.settings,
        spark=SparkSettings(
            checkpoint_location=str(folder), real_time_trigger=trigger, live_partitions=live_partitions
        ),
        ticks=TickSettings(
            topic=topics.ticks, allowed_lateness_seconds=lateness_seconds, primary_source={"A": "primary"}
        ),
    )


@contextmanager
def live(spark: SparkSession, settings: Settings) -> Iterator[StreamingQuery]:
    """Run the job until the end of the block, then cut it off as a signal does."""
    (running,) = live_bars.start(spark, settings)
    assert running.real_time == trigger_for(spark, settings.spark).real_time
    try:
        yield running.query
        assert running.query.isActive, running.query.exception()
    finally:
        running.query.stop()


def wire(row: Row) -> Row:
    """A tick as JSON holds it, stamped a millisecond after the trade."""
    micros = to_micros(row["event_time"])
    fields = {name: row[name] for name in TICK.schema.names}
    return {**fields, "event_time": micros, "ingest_time": micros + 1000}


def expected_bars(spark: SparkSession, settings: Settings, ticks: list[Row]) -> dict[tuple[object, ...], Row]:
    """The bars of these ticks by the same transforms in batch, which tests of their own hold to hand-made values."""
    stamped = [{**row, "ingest_time": row["event_time"] + (at(0.001) - at(0))} for row in ticks]
    bars = ticks_frame(spark, stamped).transform(to_bars, settings.windows).toArrow().to_pylist()
    return {tuple(bar[name] for name in BAR.key): bar for bar in bars}


def market(symbol: str, seed: int, count: int, start: float = 0.0) -> list[Row]:
    """Ticks of twenty minutes of the symbol's primary source, out of order, no two at one time."""
    random = Random(seed)
    seconds = random.sample(range(1200 * 1000), count)
    return [
        tick(
            symbol,
            start + time / 1000,
            round(random.uniform(10, 20), 2),
            round(random.uniform(0.1, 99), 4),
            source="primary",
        )
        for time in seconds
    ]


def test_bars_arrive_while_the_batch_is_under_way_and_bad_records_stop_nothing(
    spark: SparkSession, topics: TestTopics, tmp_path: Path
) -> None:
    settings = settings_of(topics, tmp_path, "5 minutes")
    ticks = [tick("A", 1, 10.0, 2.0, source="primary"), tick("B", 61, 20.0, 0.5, source="other")]
    trades_of_a = ((0.5, 12.0, 1.0), (59.999999, 11.0, 1.0), (60, 13.0, 3.0))
    more = ticks + [tick("A", *trade, source="primary") for trade in trades_of_a]
    # Computed beforehand: a batch in the same session takes slots that a real-time batch wants at its begin.
    expected, expected_of_more = (expected_bars(spark, settings, rows) for rows in (ticks, more))
    with live(spark, settings) as query:
        topics.put(0, wire(ticks[0]), b"no tick", b"\xff", wire(tick("A", 2, -1.0, source="primary")))
        topics.put(0, wire(tick("A", 1, 99.0, 2.0, source="other")))
        topics.put(1, b"", wire(ticks[1]))
        topics.await_bars(expected)
        assert {bar["window"] for bar in topics.newest().values()} == {"1min", "5min", "15min"}
        topics.put(0, *(wire(row) for row in more[2:]))
        topics.await_bars(expected_of_more)
        if trigger_for(spark, settings.spark).real_time:
            assert query.lastProgress is None, "the batch has ended"
    first = next(bar for bar in topics.newest().values() if (bar["symbol"], bar["window"]) == ("A", "1min"))
    assert [first[name] for name in ("open", "high", "low", "close", "volume", "trade_count")] == [
        12.0,
        12.0,
        10.0,
        11.0,
        4.0,
        3,
    ]
    # (12 x 1 + 10 x 2 + 11 x 1) / 4
    assert first["vwap"] == 10.75


def test_records_of_other_names_become_bars(spark: SparkSession, topics: TestTopics, tmp_path: Path) -> None:
    settings = settings_of(topics, tmp_path, "5 minutes")
    columns = {"symbol": "s", "price": "data.p", "size": "data.q", "event_time": "T", "source": "feed"}
    own = settings.ticks.model_copy(update={"columns": columns, "unit": Unit.MILLISECONDS})
    seconds = to_micros(at(0)) // 1_000_000
    records: list[Row] = [
        {"s": "A", "data": {"p": "10.5", "q": 2}, "T": seconds * 1000, "feed": "primary"},
        {"s": "A", "data": {"p": 12.0, "q": "0.5"}, "T": f"{seconds * 1000 + 59_999}", "feed": "primary"},
        {"s": "A", "data": {"p": "much", "q": 1}, "T": seconds * 1000, "feed": "primary"},
    ]
    with live(spark, settings.model_copy(update={"ticks": own})):
        topics.put(0, *map(orjson.dumps, records), wire(tick("A", 1, 99.0, source="primary")))
        topics.await_trades(2)
    (bar,) = (bar for bar in topics.newest().values() if bar["window"] == "1min")
    assert [bar[name] for name in ("window_start", "open", "close", "volume", "trade_count")] == [
        at(0), 10.5, 12.0, 2.5, 2
    ]  # fmt: skip


@pytest.mark.parametrize("live_partitions", [1, 2])
def test_a_job_cut_off_behind_a_checkpoint_and_started_again_gives_the_same_bars(
    spark: SparkSession, topics: TestTopics, tmp_path: Path, live_partitions: int
) -> None:
    settings = settings_of(topics, tmp_path, "5 seconds", live_partitions=live_partitions)
    ticks = {partition: market(symbol, partition, 300) for partition, symbol in enumerate("AB")}

    def put(first: int, last: int) -> None:
        for partition, rows in ticks.items():
            topics.put(partition, *(wire(row) for row in rows[first:last]))

    expected = expected_bars(spark, settings, [row for rows in ticks.values() for row in rows])
    put(0, 100)
    with live(spark, settings) as query:
        topics.await_trades(200)
        until(lambda: query.lastProgress is not None, _SECONDS)
        # These are in bars, and behind the last checkpoint.
        put(100, 200)
        topics.await_trades(400)
    put(200, 250)
    with live(spark, settings):
        put(250, 300)
        topics.await_bars(expected)


def test_indicators_follow_the_ticks_within_a_batch_and_over_a_restart(
    spark: SparkSession, topics: TestTopics, tmp_path: Path
) -> None:
    settings = settings_of(topics, tmp_path, "5 seconds").model_copy(
        update={
            "technical_indicators": {
                "sma": {"period": 3},
                "rsi": {"period": 14, "overbought": 70, "oversold": 30},
            }
        }
    )
    ticks = market("A", 11, 300) + market("B", 12, 300)
    Random(13).shuffle(ticks)

    def expected() -> dict[tuple[object, ...], Any]:
        analysed: dict[tuple[object, ...], Any] = {}
        by_series = sorted(topics.newest().items())
        for _, bars in itertools.groupby(by_series, key=lambda item: item[0][:2]):
            own = list(bars)
            arrays = {name: np.array([bar[name] for _, bar in own]) for name in BAR_SERIES}
            values = indicator_values(settings.indicators, arrays)
            for place, (key, bar) in enumerate(own):
                found = {name: float(column[place]) for name, column in values.items() if not np.isnan(column[place])}
                start = to_micros(bar["window_start"])
                analysed[(*key[:2], start)] = (bar["trade_count"], to_micros(bar["last_event_time"]), found)
        return analysed

    def found() -> dict[tuple[object, ...], Any]:
        columns = [column for indicator in settings.indicators for column in indicator.columns]
        return {
            key: (row["trade_count"], row["last_event_time"], {name: row[name] for name in columns if name in row})
            for key, row in topics.newest_indicators().items()
        }

    for first in (0, 300):
        with live(spark, settings):
            topics.put(0, *(wire(row) for row in ticks[first : first + 300] if row["symbol"] == "A"))
            topics.put(1, *(wire(row) for row in ticks[first : first + 300] if row["symbol"] == "B"))
            topics.await_trades(first + 300)
            until(lambda: found() == expected(), _SECONDS)


def test_symbols_that_are_hours_behind_lose_nothing_to_others_of_their_partition(
    spark: SparkSession, topics: TestTopics, tmp_path: Path
) -> None:
    settings = settings_of(topics, tmp_path, "5 seconds", lateness_seconds=60)
    ahead = [tick("A", 6 * _HOUR + minute * 60.0, 10.0 + minute, source="primary") for minute in range(4)]
    behind = [tick("B", minute * 60.0, 20.0 + minute) for minute in range(4)]
    too_late = tick("A", 6 * _HOUR + 119.999, 9.0, source="primary")
    expected = expected_bars(spark, settings, ahead + behind)
    with live(spark, settings) as query:

        def await_batch() -> None:
            done = None if query.lastProgress is None else query.lastProgress["batchId"]
            until(lambda: query.lastProgress is not None and query.lastProgress["batchId"] != done, _SECONDS)

        for number in range(4):
            topics.put(0, wire(ahead[number]), wire(behind[number]))
            topics.await_trades(2 * (number + 1))
            await_batch()
        topics.put(0, wire(too_late), wire(tick("B", 3 * 60.0, 23.0)))
        topics.await_trades(9)
        topics.await_bars(expected_bars(spark, settings, [*ahead, *behind, tick("B", 3 * 60.0, 23.0)]))
    assert trades(expected.values(), "15min") == 8


@contextmanager
def all_slots_taken(spark: SparkSession) -> Iterator[None]:
    """Let a batch have every slot of the session, and more tasks to come."""
    context, group, outcome = spark.sparkContext, uuid.uuid4().hex, []
    sleeping = spark.range(0, 100, 1, 100).selectExpr("reflect('java.lang.Thread', 'sleep', 240000L)")

    def run() -> None:
        context.setJobGroup(group, "sleeping", interruptOnCancel=True)
        with pytest.raises(Exception, match=group) as cancelled:
            sleeping.collect()
        outcome.append(cancelled)

    batch = InheritableThread(run)
    batch.start()
    try:
        yield
    finally:
        context.cancelJobGroup(group)
        batch.join(_SECONDS)
    assert outcome


def test_live_bars_that_find_no_slot_begin_again_when_there_are_some(
    spark: SparkSession, topics: TestTopics, tmp_path: Path, caplog: pytest.LogCaptureFixture
) -> None:
    if not trigger_for(spark, SparkSettings()).real_time:
        pytest.skip("only real-time mode wants all its slots at once")
    # One task waits for a slot; several want theirs at once.
    settings = settings_of(topics, tmp_path, "5 seconds", live_partitions=2)
    ticks = [tick("A", minute * 60.0, 10.0 + minute, source="primary") for minute in range(2)]
    expected = expected_bars(spark, settings, ticks)

    def watch() -> None:
        try:
            topics.put(0, wire(ticks[0]))
            topics.await_trades(1)
            with all_slots_taken(spark):
                until(lambda: "INSUFFICIENT_SLOT" in caplog.text and "it is started again" in caplog.text, _SECONDS)
            topics.put(0, wire(ticks[1]))
            topics.await_bars(expected)
        finally:
            signal.raise_signal(signal.SIGTERM)

    with ThreadPoolExecutor(1) as pool:
        watched = []

        def watching(_spark: SparkSession, _settings: Settings) -> list[RunningQuery]:
            watched.append(pool.submit(watch))
            return []

        run_jobs([watching, live_bars.start], spark, settings)
    spark.sparkContext.setLogLevel("WARN")  # as before it was stopped
    watched[0].result()


def test_a_missing_topic_is_named(topics: TestTopics, tmp_path: Path) -> None:
    missing = replace(TICK, topic=f"{topics.ticks}-missing")
    with pytest.raises(
        QueryFailedError, match=rf"topic {missing.topic} cannot be read: .*; 'mdstream topics create' makes it"
    ):
        kafka.require_topic(settings_of(topics, tmp_path, "5 seconds"), missing.topic_name)


def test_a_broker_that_does_not_answer_is_named(
    spark: SparkSession, tmp_path: Path, monkeypatch: pytest.MonkeyPatch
) -> None:
    monkeypatch.setattr(kafka, "_ANSWER_SECONDS", 1)
    address = f"127.0.0.1:{free_port()}"
    settings = Settings(kafka=KafkaSettings(bootstrap_servers=address))
    with pytest.raises(QueryFailedError, match=f"Kafka at {address} does not answer"):
        live_bars.start(spark, settings)
