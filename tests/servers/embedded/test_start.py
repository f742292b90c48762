from __future__ import annotations

from typing import TYPE_CHECKING

import kafka
import psycopg2
import pytest
import redis
from kafka.admin import NewTopic

from mdstream.config import RedisSettings, TimescaleSettings
from mdstream.embedded import LocalKafka, LocalPostgres

if TYPE_CHECKING:
    from pyspark.sql import SparkSession

pytestmark = pytest.mark.servers


def _connect(settings: TimescaleSettings) -> psycopg2.extensions.connection:
    return psycopg2.connect(
        host=settings.host,
        port=settings.port,
        dbname=settings.database,
        user=settings.user,
        password=settings.password.get_secret_value(),
    )


def _ask(settings: TimescaleSettings, question: str) -> object:
    connection = _connect(settings)
    with connection, connection.cursor() as cursor:
        cursor.execute(question)
        row = cursor.fetchone()
    connection.close()
    assert row is not None
    return row[0]


def test_kafka_creates_no_topic_by_itself(kafka_server: LocalKafka, topic_name: str) -> None:
    producer = kafka.KafkaProducer(bootstrap_servers=kafka_server.bootstrap_servers, max_block_ms=1000)
    with pytest.raises(kafka.errors.KafkaError):
        producer.send(topic_name, b"a tick").get(timeout=5)
    producer.close()
    with kafka.KafkaAdminClient(bootstrap_servers=kafka_server.bootstrap_servers) as admin:
        assert topic_name not in admin.list_topics()


def test_kafka_takes_a_message_of_eight_mebibytes(kafka_server: LocalKafka, topic_name: str) -> None:
    payload = b"x" * (8 * 1024 * 1024)
    with kafka.KafkaAdminClient(bootstrap_servers=kafka_server.bootstrap_servers) as admin:
        admin.create_topics([NewTopic(topic_name, 1, 1)])
    producer = kafka.KafkaProducer(
        bootstrap_servers=kafka_server.bootstrap_servers, max_request_size=16 * 1024 * 1024, acks="all"
    )
    assert producer.send(topic_name, payload).get(timeout=30).offset == 0
    producer.close()


def test_postgres_wants_the_password(postgres_server: LocalPostgres) -> None:
    wrong = postgres_server.settings.model_copy(update={"password": RedisSettings().password})
    with pytest.raises(psycopg2.OperationalError):
        _connect(wrong)


def test_role_owns_its_database_and_is_no_superuser(fresh_database: TimescaleSettings) -> None:
    assert _ask(fresh_database, "SELECT usesuper FROM pg_user WHERE usename = current_user") is False
    assert _ask(fresh_database, "CREATE SCHEMA mine; SELECT current_user") == "mdstream"


def test_postgres_is_as_durable_as_elsewhere(fresh_database: TimescaleSettings) -> None:
    assert _ask(fresh_database, "SELECT current_setting('fsync')") == "on"
    assert _ask(fresh_database, "SELECT current_setting('synchronous_commit')") == "on"


def test_redis_answers(fresh_redis: RedisSettings) -> None:
    with redis.Redis(host=fresh_redis.host, port=fresh_redis.port) as client:
        client.set("latest_price:AAPL", "1")
        assert client.dbsize() == 1


def test_spark_reads_kafka(spark: SparkSession, kafka_server: LocalKafka, topic_name: str) -> None:
    with kafka.KafkaAdminClient(bootstrap_servers=kafka_server.bootstrap_servers) as admin:
        admin.create_topics([NewTopic(topic_name, 2, 1)])
    producer = kafka.KafkaProducer(bootstrap_servers=kafka_server.bootstrap_servers)
    producer.send(topic_name, b"a tick").get(timeout=30)
    producer.close()
    frame = (
        spark.read.format("kafka")
        .option("kafka.bootstrap.servers", kafka_server.bootstrap_servers)
        .option("subscribe", topic_name)
        .load()
    )
    assert [bytes(row.value) for row in frame.select("value").collect()] == [b"a tick"]
