"""How far readers of Kafka's topics are behind."""

from __future__ import annotations

import logging
from collections.abc import Iterator, Mapping
from contextlib import closing
from dataclasses import dataclass
from pathlib import Path
from urllib.parse import unquote, urlsplit

from confluent_kafka import TopicPartition as Place
from kafka import KafkaAdminClient, TopicPartition
from kafka.errors import CoordinatorLoadInProgressError, CoordinatorNotAvailableError, NotCoordinatorError

from mdstream.config import KafkaSettings, Settings
from mdstream.config.jobs import LIVE_JOB
from mdstream.kafka.checkpoints import reached_offsets
from mdstream.kafka.latency import ingest_micros, open_consumer
from mdstream.kafka.topics import TopicState, admin_client, describe_topics
from mdstream.schemas import ANOMALY, BAR

LIVE_BARS = LIVE_JOB
"""What the lag of live bars is measured for, whatever names their queries have."""

_ALERTS = "alerts"
_ANSWER_SECONDS = 5.0
_WITHOUT_COORDINATOR = (CoordinatorNotAvailableError, CoordinatorLoadInProgressError, NotCoordinatorError)

logger = logging.getLogger(__name__)


@dataclass(frozen=True)
class ReaderLag:
    """How far one reader of a topic has come.

    Attributes:
        query: The reader: a query, or `alerts`.
        topic: What it reads.
        lag: Records that it has not done with.
        done: Records that it has done with since the topic was made.
    """

    query: str
    topic: str
    lag: int
    done: int


def measure_lags(settings: Settings, topics: Mapping[str, TopicState]) -> list[ReaderLag]:
    """Return how far the readers of topics are behind, now.

    - Queries that store are as far as their checkpoints say, if these are in a folder that can be read from here.
    - `live_bars` is as far as the newest bar: what came into the topic of ticks after that bar's last tick is the
      lag. It is an estimate, because in real-time mode Spark says no more than once in `spark.real_time_trigger` how
      far it is: ticks that came within the same millisecond, or that are in no bar (too late, of another source),
      may count.
    - `alerts` is as far as it has committed.

    Args:
        settings: Broker, checkpoints and the alerts' consumer group.
        topics: The topics as they are, by name.

    Raises:
        StoreUnavailableError: Kafka stopped answering.
    """
    lags = list(_of_checkpoints(settings.spark.checkpoint_location, topics))
    with admin_client(settings.kafka) as admin:
        lags += _of_live_bars(settings, admin, topics)
        lags += _of_alerts(admin, settings.alerts.consumer_group, topics)
    return lags


def describe_records(settings: Settings) -> dict[str, TopicState]:
    """Return the topics of all records that are there, by name.

    Raises:
        StoreUnavailableError: Kafka cannot be reached.
    """
    names = [record.topic_name for record in settings.topic_records]
    return {topic.name: topic for topic in describe_topics(settings.kafka, names)}


def checkpoint_folder(location: str) -> Path | None:
    """Return the folder that a checkpoint location is; None if it is not on a file system of this machine.

    Example:
        >>> checkpoint_folder("file:///var/mdstream")
        PosixPath('/var/mdstream')
        >>> checkpoint_folder("s3a://bucket/mdstream") is None
        True
    """
    parts = urlsplit(location)
    if parts.scheme not in ("", "file"):
        return None
    return Path(unquote(parts.path) if parts.scheme else location)


def _of_checkpoints(location: str, topics: Mapping[str, TopicState]) -> Iterator[ReaderLag]:
    folder = checkpoint_folder(location)
    for checkpoint in sorted(folder.glob("*/")) if folder else ():
        if checkpoint.name.startswith(LIVE_BARS):
            continue
        try:
            reached = reached_offsets(checkpoint)
        except OSError as exc:
            # Somebody removes it while we look.
            logger.info("the checkpoint of %s cannot be read: %s", checkpoint.name, exc)
            continue
        for topic in reached.keys() & topics.keys():
            yield _lag(checkpoint.name, topics[topic], reached[topic])


def _lag(query: str, topic: TopicState, reached: Mapping[int, int]) -> ReaderLag:
    """Return the lag of a reader that has come this far; what Kafka has deleted is nobody's any more."""
    ends = {number: end for number, (_, end) in topic.offsets.items()}
    places = {number: max(start, reached.get(number, start)) for number, (start, _) in topic.offsets.items()}
    lag = sum(max(0, end - places[number]) for number, end in ends.items())
    return ReaderLag(query, topic.name, lag, sum(ends.values()) - lag)


def _of_live_bars(settings: Settings, admin: KafkaAdminClient, topics: Mapping[str, TopicState]) -> Iterator[ReaderLag]:
    ticks, bars = topics.get(settings.ticks.topic), topics.get(BAR.topic_name)
    if ticks is None or bars is None:
        return
    if not any(end for _, end in bars.offsets.values()):
        yield _lag(LIVE_BARS, ticks, {})
        return
    newest = _newest_ingest_micros(settings.kafka, bars)
    if newest is None:
        return
    # Kafka's times are those of sending, in whole milliseconds: at the arrival of a tick or just after it.
    since = newest // 1000 + 1
    places = [TopicPartition(ticks.name, number) for number in ticks.offsets]
    found = admin.list_partition_offsets(dict.fromkeys(places, since))
    reached = {
        place.partition: found[place].offset if found[place].offset >= 0 else ticks.offsets[place.partition][1]
        for place in places
    }
    yield _lag(LIVE_BARS, ticks, reached)


def _newest_ingest_micros(settings: KafkaSettings, bars: TopicState) -> int | None:
    """Return the newest ingest time of the last bars of all partitions; None if none of them can be read."""
    places = [Place(bars.name, number, end - 1) for number, (start, end) in bars.offsets.items() if end > start]
    with closing(open_consumer(settings)) as consumer:
        consumer.assign(places)
        last: dict[int, int | None] = {}
        while len(last) < len(places) and (messages := consumer.consume(1, _ANSWER_SECONDS)):
            message = messages[0]
            if message.error():
                return None
            if (value := message.value()) is not None:
                last.setdefault(int(message.partition() or 0), ingest_micros(value))
    return max((ingested for ingested in last.values() if ingested is not None), default=None)


def _of_alerts(admin: KafkaAdminClient, group: str, topics: Mapping[str, TopicState]) -> Iterator[ReaderLag]:
    try:
        committed = admin.list_group_offsets(group).get(group, {})
    except _WITHOUT_COORDINATOR as exc:
        # A new broker makes what keeps groups when it is first asked for it.
        logger.info("Kafka cannot say now how far the group %s is: %s", group, exc)
        return
    reached = {place.partition: found.offset for place, found in committed.items() if place.topic == ANOMALY.topic}
    if reached and ANOMALY.topic_name in topics:
        yield _lag(_ALERTS, topics[ANOMALY.topic_name], reached)
