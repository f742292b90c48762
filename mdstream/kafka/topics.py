"""Kafka topics of the records: created as configured, and described."""

from __future__ import annotations

import logging
import socket
from collections.abc import Iterable, Iterator, Sequence
from contextlib import contextmanager
from dataclasses import dataclass, field
from typing import Any

from kafka import KafkaAdminClient, TopicPartition
from kafka.admin import OffsetSpec
from kafka.errors import KafkaError, TopicAlreadyExistsError, for_code

from mdstream.config import KafkaSettings, Settings
from mdstream.errors import ConfigError, StoreUnavailableError
from mdstream.kafka.login import admin_login
from mdstream.schemas import DEAD_LETTER
from mdstream.schemas.limits import MAX_DEAD_LETTER_BYTES

_CONNECT_MS = 5_000
_REQUEST_MS = 30_000

logger = logging.getLogger(__name__)


@dataclass(frozen=True)
class TopicPlan:
    """A topic as it should be.

    Attributes:
        name: What it is called.
        partitions: How many at least.
        replication_factor: Copies of each partition.
        configs: Kafka's own settings of the topic.
    """

    name: str
    partitions: int
    replication_factor: int
    configs: dict[str, str] = field(default_factory=dict)


@dataclass(frozen=True)
class TopicState:
    """A topic as it is.

    Attributes:
        name: What it is called.
        partitions: How many.
        replication_factor: Copies of each partition.
        offsets: First and next offset of each partition, by its number.
    """

    name: str
    partitions: int
    replication_factor: int
    offsets: dict[int, tuple[int, int]]

    @property
    def records(self) -> int:
        """Records that it holds now."""
        return sum(end - start for start, end in self.offsets.values())


def plan_topics(settings: Settings) -> tuple[TopicPlan, ...]:
    """Return the topics of all records, as configured.

    Old records are deleted, never compacted: the key is the symbol, and compaction would keep one bar of each.
    """
    kafka, plans = settings.kafka, []
    for record in settings.topic_records:
        configs = {"cleanup.policy": "delete", "retention.ms": str(kafka.retention_hours * 3_600_000)}
        if record is DEAD_LETTER:
            configs["max.message.bytes"] = str(MAX_DEAD_LETTER_BYTES)
        plans.append(TopicPlan(str(record.topic), kafka.partitions, kafka.replication_factor, configs))
    return tuple(plans)


def create_topics(settings: KafkaSettings, plans: Sequence[TopicPlan]) -> tuple[str, ...]:
    """Create the topics that are not there yet; those that are stay as they are.

    Fewer partitions than planned are reported in the log and not changed: more would put ticks of a symbol
    into another partition than its earlier ones.

    Args:
        settings: The broker.
        plans: The topics, e.g. those of `plan_topics`.

    Returns:
        The names of the topics that were created.

    Raises:
        StoreUnavailableError: Kafka cannot be reached.
        ConfigError: It refuses a topic as it is configured.
    """
    with admin_client(settings) as admin:
        existing = {topic["name"]: len(topic["partitions"]) for topic in _describe(admin)}
        created = tuple(plan.name for plan in plans if plan.name not in existing and _create(admin, plan))
    for plan in plans:
        found = existing.get(plan.name, plan.partitions)
        if found < plan.partitions:
            logger.warning(
                "topic %s has %d partitions, configured are %d; add them with Kafka's own tools while nothing runs",
                plan.name,
                found,
                plan.partitions,
            )
    return created


def describe_topics(settings: KafkaSettings, names: Iterable[str]) -> tuple[TopicState, ...]:
    """Return the state of topics, in the order of the names; those that do not exist are left out.

    Args:
        settings: The broker.
        names: The topics.

    Raises:
        StoreUnavailableError: Kafka cannot be reached.
    """
    with admin_client(settings) as admin:
        found = {topic["name"]: topic for topic in _describe(admin)}
        return tuple(_state(admin, found[name]) for name in names if name in found)


def broker_version(settings: KafkaSettings) -> str:
    """Return the release of the first broker of the cluster.

    Raises:
        StoreUnavailableError: Kafka cannot be reached.
    """
    with admin_client(settings) as admin:
        broker = admin.describe_cluster()["brokers"][0]["broker_id"]
        return ".".join(map(str, admin.get_broker_version_data(broker).broker_version))


def is_whole(settings: KafkaSettings, milliseconds: int) -> bool:
    """Say whether a broker is in its cluster and every partition it has can be used, within a time."""
    try:
        with KafkaAdminClient(
            **admin_login(settings),
            bootstrap_servers=settings.bootstrap_servers,
            bootstrap_timeout_ms=milliseconds,
            request_timeout_ms=milliseconds,
        ) as admin:
            topics = _describe(admin)
            brokers = admin.describe_cluster()["brokers"]
    except (OSError, KafkaError):
        return False
    return bool(brokers) and all(part["leader_id"] >= 0 for topic in topics for part in topic["partitions"])


@contextmanager
def admin_client(settings: KafkaSettings) -> Iterator[KafkaAdminClient]:
    """Connect for administration until the end of the block.

    Raises:
        StoreUnavailableError: Kafka cannot be reached, or stops answering.
    """
    servers = _reachable(settings)
    try:
        with KafkaAdminClient(
            **admin_login(settings),
            bootstrap_servers=servers,
            bootstrap_timeout_ms=_CONNECT_MS,
            request_timeout_ms=_REQUEST_MS,
        ) as admin:
            yield admin
    except KafkaError as exc:
        # A broker hangs up on who does not log in as it wants, and the client cannot say why.
        raise StoreUnavailableError(
            f"Kafka at {settings.bootstrap_servers} takes connections and does not answer: {exc}; is kafka.security "
            f"({settings.security.protocol}) what the broker wants, with the right password?"
        ) from exc


def _reachable(settings: KafkaSettings) -> list[str]:
    """Return the servers that take a connection: Kafka's client logs every refusal and leaves its socket open."""
    reachable, reasons = [], []
    for address in settings.bootstrap_servers.split(","):
        host, _, port = address.strip().rpartition(":")
        try:
            socket.create_connection((host.strip("[]"), int(port)), timeout=_CONNECT_MS / 1000).close()
        except (OSError, ValueError, OverflowError) as exc:
            reasons.append(f"{address.strip()}: {exc}")
        else:
            reachable.append(address.strip())
    if reachable:
        return reachable
    raise StoreUnavailableError(
        f"Kafka cannot be reached ({'; '.join(reasons)}); is it running, and is kafka.bootstrap_servers "
        "(MDSTREAM_KAFKA__BOOTSTRAP_SERVERS, host:port,...) right?"
    )


def _describe(admin: KafkaAdminClient) -> list[dict[str, Any]]:
    topics: list[dict[str, Any]] = admin.describe_topics()
    return topics


def _create(admin: KafkaAdminClient, plan: TopicPlan) -> bool:
    """Create a topic; False if someone else just did."""
    options = {
        "num_partitions": plan.partitions,
        "replication_factor": plan.replication_factor,
        "configs": plan.configs,
    }
    [answer] = admin.create_topics({plan.name: options}, raise_errors=False)["topics"]
    if answer["error_code"] == TopicAlreadyExistsError.errno:
        return False
    if answer["error_code"]:
        reason = answer["error_message"] or for_code(answer["error_code"]).description
        raise ConfigError(f"Kafka refuses to create the topic {plan.name}: {reason}")
    admin.wait_for_topics([plan.name])
    return True


def _state(admin: KafkaAdminClient, topic: dict[str, Any]) -> TopicState:
    parts = [TopicPartition(topic["name"], part["partition_index"]) for part in topic["partitions"]]
    first = admin.list_partition_offsets(dict.fromkeys(parts, OffsetSpec.EARLIEST))
    following = admin.list_partition_offsets(dict.fromkeys(parts, OffsetSpec.LATEST))
    return TopicState(
        name=topic["name"],
        partitions=len(parts),
        replication_factor=len(topic["partitions"][0]["replica_nodes"]),
        offsets={part.partition: (first[part].offset, following[part].offset) for part in sorted(parts)},
    )
