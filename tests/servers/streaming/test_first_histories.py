"""The bars that a first start of live bars has from before, of the topic of bars where no database has them."""

from __future__ import annotations

import uuid
from pathlib import Path
from typing import Any

import numpy as np
import pytest
from confluent_kafka import Producer
from pyspark.sql import SparkSession

from mdstream.config import KafkaSettings, Settings, SparkSettings
from mdstream.embedded import LocalKafka
from mdstream.kafka.topics import TopicPlan, create_topics
from mdstream.schemas.wire import encode
from mdstream.streaming.histories import first_histories
from mdstream.streaming.history_chunks import BAR_IN_STATE

pytestmark = pytest.mark.servers

MINUTE = 60_000_000
NOON = 1_714_996_800_000_000
HISTORY_BARS = 50


@pytest.fixture
def topic(kafka_server: LocalKafka) -> str:
    name = f"bars-{uuid.uuid4().hex[:8]}"
    create_topics(KafkaSettings(bootstrap_servers=kafka_server.bootstrap_servers), [TopicPlan(name, 2, 1)])
    return name


@pytest.fixture
def settings(kafka_server: LocalKafka, tmp_path: Path) -> Settings:
    return Settings(
        kafka=KafkaSettings(bootstrap_servers=kafka_server.bootstrap_servers),
        spark=SparkSettings(checkpoint_location=str(tmp_path)),
        history_bars=HISTORY_BARS,
    )


def bar(symbol: str, minute: int, trade_count: int, window: str = "1min") -> dict[str, Any]:
    start = NOON + minute * MINUTE
    price = 100.0 + minute + trade_count / 100
    return {
        "symbol": symbol,
        "window": window,
        "window_start": start,
        "window_end": start + MINUTE,
        **dict.fromkeys(("open", "high", "low", "close"), price),
        "volume": 10.0 * trade_count,
        "vwap": None,
        "trade_count": trade_count,
        "last_event_time": start + trade_count,
        "last_ingest_time": None,
    }


def send(settings: Settings, topic: str, *values: dict[str, Any] | bytes) -> None:
    producer = Producer({"bootstrap.servers": settings.kafka.bootstrap_servers})
    for place, value in enumerate(values):
        producer.produce(topic, value if isinstance(value, bytes) else encode(value), partition=place % 2)
    assert producer.flush(60) == 0


def test_the_newest_revisions_of_the_last_bars_are_there(spark: SparkSession, settings: Settings, topic: str) -> None:
    revisions = [bar(symbol, minute, count) for minute in range(70) for symbol in "AB" for count in (1, 3, 2)]
    send(settings, topic, *revisions, b"no bar", bar("C", 0, 1, window="of nobody"))

    found = first_histories(spark, settings, "bars", topic)

    assert found is not None
    rows = sorted(found.collect(), key=lambda row: (row["symbol"], row["number"]))
    for symbol in "AB":
        entries = [row for row in rows if row["symbol"] == symbol]
        bars = np.concatenate([np.frombuffer(row["bars"], BAR_IN_STATE) for row in entries])
        expected = [bar(symbol, minute, 3) for minute in range(70 - HISTORY_BARS, 70)]
        assert [dict(zip(BAR_IN_STATE.names or (), one.item(), strict=True)) for one in bars] == [
            {name: each[name] for name in BAR_IN_STATE.names or ()} for each in expected
        ]
        assert {row["seconds"] for row in entries} == {60}
        for row in entries:
            starts = np.frombuffer(row["bars"], BAR_IN_STATE)["window_start"]
            assert set(starts // (32 * MINUTE)) == {row["number"]}
    assert {row["symbol"] for row in rows} == {"A", "B"}


def test_an_empty_topic_gives_none(spark: SparkSession, settings: Settings, topic: str) -> None:
    assert first_histories(spark, settings, "bars", topic) is None


def test_a_query_that_has_started_before_has_its_own(
    spark: SparkSession, settings: Settings, topic: str, tmp_path: Path
) -> None:
    send(settings, topic, bar("A", 0, 1))
    (tmp_path / "bars" / "commits").mkdir(parents=True)
    (tmp_path / "bars" / "commits" / "0").touch()
    assert first_histories(spark, settings, "bars", topic) is None
