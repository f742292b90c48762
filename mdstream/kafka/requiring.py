"""Sees that a topic is there before somebody reads it: clients would wait for it without a word."""

from __future__ import annotations

from confluent_kafka import KafkaException
from confluent_kafka.admin import AdminClient

from mdstream.config import KafkaSettings
from mdstream.errors import StoreError, StoreUnavailableError
from mdstream.kafka.login import client_login

ANSWER_SECONDS = 30.0
"""How long a broker is waited for."""


def require_topic(settings: KafkaSettings, topic: str, seconds: float = ANSWER_SECONDS) -> None:
    """See that a topic is there.

    Args:
        settings: The broker.
        topic: The topic.
        seconds: How long the broker is waited for.

    Raises:
        StoreUnavailableError: The broker does not answer.
        StoreError: The topic does not exist, or may not be read.
    """
    # Silent: what it has to say is in the error below.
    client = AdminClient({**client_login(settings), "log_level": 0})
    try:
        found = client.list_topics(topic, timeout=seconds).topics[topic]
    except KafkaException as exc:
        raise StoreUnavailableError(
            f"Kafka at {settings.bootstrap_servers} does not answer: {exc.args[0].str()}; is it running, and is "
            "kafka.bootstrap_servers (MDSTREAM_KAFKA__BOOTSTRAP_SERVERS) right?"
        ) from exc
    if found.error is not None:
        raise StoreError(f"topic {topic} cannot be read: {found.error.str()}; 'mdstream topics create' makes it")
