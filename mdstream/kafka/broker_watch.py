"""Asks Kafka now and then whether it is there, and says when it goes and when it is back."""

from __future__ import annotations

import logging
import re
import threading
from collections.abc import Iterator
from contextlib import contextmanager

from confluent_kafka import KafkaException
from confluent_kafka.admin import AdminClient

from mdstream.config import KafkaSettings
from mdstream.kafka.login import client_login
from mdstream.telemetry.outages import Outages

logger = logging.getLogger(__name__)

_LOOK_SECONDS = 2.0
_ANSWER_SECONDS = 3.0
_END_SECONDS = 0.2

_OF_CONNECTIONS = re.compile(
    r"\b(?:FAIL|ERROR|REQTMOUT|METADATA|COORD|BROKERUPDATE|MAXPOLL|SESSTMOUT|HEARTBEAT|GETPID|METADATAUPDATE)\b.*"
    r"(?:not found in cache|Coordinator lo|Connect(?:ion)? (?:to|refused|setup)|[Dd]isconnected"
    r"|brokers? (?:is|are) down|timed out|[Rr]esolve|reset by)"
)


@contextmanager
def watched_broker(settings: KafkaSettings) -> Iterator[None]:
    """Log when Kafka stops answering, once a minute that it still does, and when it is back, until the block ends.

    Kafka's clients say each failed attempt, some twenty times a second, and nothing when they are connected again.
    """
    # Silent: what it has to say is said below.
    client = AdminClient({**client_login(settings), "log_level": 0, "reconnect.backoff.max.ms": 1_000})
    stop = threading.Event()
    thread = threading.Thread(target=_watch, args=(client, settings, stop), name="broker watch", daemon=True)
    thread.start()
    try:
        yield
    finally:
        stop.set()
        # An answer that does not come is not waited for.
        thread.join(_END_SECONDS)


def _watch(client: AdminClient, settings: KafkaSettings, stop: threading.Event) -> None:
    outages, server = Outages(logger), f"Kafka at {settings.bootstrap_servers}"
    while not stop.is_set():
        try:
            client.list_topics(timeout=_ANSWER_SECONDS)
        except KafkaException as exc:
            if not stop.is_set():
                outages.away(server, f"{server} does not answer: {exc.args[0].str()}; check kafka.bootstrap_servers")
        else:
            outages.back(server)
        stop.wait(_LOOK_SECONDS)


class WithoutConnections(logging.Filter):
    """Leaves out what Kafka's client says of its connections, where a `watched_broker` does."""

    def filter(self, record: logging.LogRecord) -> bool:
        """Say whether a line is about something else."""
        return _OF_CONNECTIONS.search(record.getMessage()) is None
