"""Topics on a real broker."""

from __future__ import annotations

import logging

import pytest
from kafka import KafkaAdminClient
from kafka.admin import ConfigResource, ConfigResourceType

from mdstream.config import KafkaSettings, Settings
from mdstream.embedded import LocalKafka
from mdstream.embedded.server import free_port
from mdstream.errors import ConfigError, StoreUnavailableError
from mdstream.kafka.topics import TopicPlan, create_topics, describe_topics, plan_topics
from tests.servers.feeds.consuming import settings_of

pytestmark = pytest.mark.servers


def configs_of(settings: KafkaSettings, topic: str) -> dict[str, str]:
    with KafkaAdminClient(bootstrap_servers=settings.bootstrap_servers) as admin:
        found = admin.describe_configs([ConfigResource(ConfigResourceType.TOPIC, topic)], config_filter="all")
    return {name: entry["value"] for name, entry in found["topic"][topic].items()}


def test_topics_are_created_as_configured_and_once(kafka_server: LocalKafka, topic_name: str) -> None:
    settings = settings_of(kafka_server, partitions=3, retention_hours=5)
    plans = [
        TopicPlan(f"{plan.name}-{topic_name}", plan.partitions, plan.replication_factor, plan.configs)
        for plan in plan_topics(Settings(kafka=settings))
    ]
    names = tuple(plan.name for plan in plans)
    assert create_topics(settings, plans) == names
    assert create_topics(settings, plans) == ()
    states = describe_topics(settings, names)
    assert [(state.name, state.partitions, state.replication_factor) for state in states] == [
        (name, 3, 1) for name in names
    ]
    assert all(state.records == 0 for state in states)
    configs = {name.removesuffix(f"-{topic_name}"): configs_of(settings, name) for name in names}
    assert {name: found["cleanup.policy"] for name, found in configs.items()} == dict.fromkeys(configs, "delete")
    assert {name: found["retention.ms"] for name, found in configs.items()} == dict.fromkeys(configs, "18000000")
    assert configs["dead_letter"]["max.message.bytes"] == "8388608"


def test_a_topic_with_fewer_partitions_is_reported_and_left(
    kafka_server: LocalKafka, topic_name: str, caplog: pytest.LogCaptureFixture
) -> None:
    settings = settings_of(kafka_server)
    create_topics(settings, [TopicPlan(topic_name, 1, 1)])
    with caplog.at_level(logging.WARNING, "mdstream"):
        assert create_topics(settings, [TopicPlan(topic_name, 4, 1)]) == ()
    [record] = [record for record in caplog.records if record.name.startswith("mdstream")]
    assert f"topic {topic_name} has 1 partitions, configured are 4" in record.getMessage()
    [state] = describe_topics(settings, [topic_name])
    assert state.partitions == 1


def test_topics_that_are_not_there_are_left_out(kafka_server: LocalKafka, topic_name: str) -> None:
    assert describe_topics(settings_of(kafka_server), [topic_name]) == ()


@pytest.mark.parametrize(
    ("plan", "message"),
    [
        (TopicPlan("no good!", 1, 1), "refuses to create the topic no good!"),
        (TopicPlan("three-copies", 1, 3), "replication factor"),
        (TopicPlan("odd", 1, 1, {"cleanup.policy": "shred"}), "shred"),
    ],
    ids=lambda value: getattr(value, "name", None),
)
def test_what_kafka_refuses_is_said_with_its_reason(kafka_server: LocalKafka, plan: TopicPlan, message: str) -> None:
    with pytest.raises(ConfigError, match=message):
        create_topics(settings_of(kafka_server), [plan])


@pytest.mark.parametrize(
    "form", ["127.0.0.1:{port}", "127.0.0.1:{port}, 127.0.0.1:1", "nowhere", "127.0.0.1:x", "h:99999"]
)
def test_a_broker_that_is_not_there_is_said_with_its_address(form: str) -> None:
    address = form.format(port=free_port())
    with pytest.raises(StoreUnavailableError) as raised:
        create_topics(KafkaSettings(bootstrap_servers=address), [TopicPlan("any", 1, 1)])
    assert all(part.strip() in str(raised.value) for part in address.split(","))


def test_one_address_that_answers_is_enough(kafka_server: LocalKafka) -> None:
    both = f"127.0.0.1:{free_port()},{kafka_server.bootstrap_servers}"
    assert describe_topics(KafkaSettings(bootstrap_servers=both), []) == ()
