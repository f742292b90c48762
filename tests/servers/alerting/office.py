"""The alerts service on real Kafka and Redis, in a thread or as a process."""

from __future__ import annotations

import os
import subprocess
import sys
import threading
from collections.abc import Iterator
from concurrent.futures import ThreadPoolExecutor
from contextlib import contextmanager
from dataclasses import dataclass

from confluent_kafka import Consumer, Producer, TopicPartition
from pydantic import SecretStr

from mdstream.alerting import AlertService, open_channel
from mdstream.config import AlertSettings, KafkaSettings, RedisSettings, Settings, StoreSettings
from mdstream.kafka.topics import describe_topics
from tests.slack_server import SlackServer
from tests.unit.alerting.alerts import alert, wire

COMMAND = [sys.executable, "-c", "from mdstream.cli import main; main()", "--verbose", "alerts"]


@dataclass(frozen=True)
class Topic:
    """A topic of anomalies."""

    kafka: KafkaSettings
    name: str

    def send(self, **changes: object) -> None:
        found = alert(**changes)
        self.send_value(found.symbol, wire(found))

    def send_value(self, symbol: str, value: bytes) -> None:
        producer = Producer({"bootstrap.servers": self.kafka.bootstrap_servers, "partitioner": "murmur2_random"})
        producer.produce(self.name, value, symbol)
        assert producer.flush(60) == 0

    def committed(self, group: str) -> int:
        """How many records a group has handled for good."""
        [state] = describe_topics(self.kafka, [self.name])
        consumer = Consumer({"bootstrap.servers": self.kafka.bootstrap_servers, "group.id": group})
        try:
            places = consumer.committed([TopicPartition(self.name, number) for number in state.offsets], 30)
            return sum(max(place.offset, 0) for place in places)
        finally:
            consumer.close()

    def skip_to_end(self, group: str) -> None:
        """Let a group begin behind what other tests have sent."""
        [state] = describe_topics(self.kafka, [self.name])
        consumer = Consumer({"bootstrap.servers": self.kafka.bootstrap_servers, "group.id": group})
        try:
            ends = [TopicPartition(self.name, number, end) for number, (_, end) in state.offsets.items()]
            consumer.commit(offsets=ends, asynchronous=False)
        finally:
            consumer.close()


def configured(topic: Topic, redis: RedisSettings, slack: SlackServer, **alerts: object) -> Settings:
    fast = {"first_retry_seconds": 0.05, "longest_retry_seconds": 0.2, "timeout_seconds": 1}
    named = {"slack_webhook_url": SecretStr(slack.url), "consumer_group": topic.name}
    return Settings(
        kafka=topic.kafka,
        stores=StoreSettings(redis=redis),
        alerts=AlertSettings(**(fast | named | alerts)),
    )


@contextmanager
def serving(settings: Settings, topic: Topic) -> Iterator[AlertService]:
    """Run the service in a thread; at the end it is stopped as SIGTERM does."""
    service = AlertService(settings, open_channel(settings.alerts), topic.name)
    stop = threading.Event()
    with ThreadPoolExecutor(1) as executor:
        running = executor.submit(service.run, stop)
        try:
            yield service
        finally:
            stop.set()
            running.result(60)


def process(settings: Settings) -> subprocess.Popen[str]:
    """Start `mdstream alerts` on these settings."""
    variables = {
        "MDSTREAM_KAFKA__BOOTSTRAP_SERVERS": settings.kafka.bootstrap_servers,
        "MDSTREAM_STORES__REDIS__PORT": str(settings.stores.redis.port),
        "MDSTREAM_ALERTS__CONSUMER_GROUP": settings.alerts.consumer_group,
        "MDSTREAM_ALERTS__TIMEOUT_SECONDS": "60",
        "SLACK_WEBHOOK_URL": settings.alerts.slack_webhook_url.get_secret_value(),
    }
    return subprocess.Popen(COMMAND, env=os.environ | variables, stderr=subprocess.PIPE, text=True)
