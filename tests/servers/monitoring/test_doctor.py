from __future__ import annotations

import json
import logging
from collections.abc import Iterator
from pathlib import Path

import pytest
import redis
import sqlalchemy as sa
from pydantic import SecretStr
from typer.testing import CliRunner

from mdstream.cli.app import app
from mdstream.config import InfluxSettings, KafkaSettings, RedisSettings, Settings, StoreSettings, TimescaleSettings
from mdstream.embedded import LocalKafka, LocalRedis
from mdstream.embedded.server import free_port
from mdstream.errors import ConfigError
from mdstream.monitoring.doctor import check_database, check_influxdb, check_kafka, check_redis, check_servers
from mdstream.monitoring.findings import Finding
from mdstream.monitoring.preflight import check_jobs
from mdstream.operations.maintain import maintain_stores
from mdstream.stores.timescaledb.connection import engine_of

pytestmark = pytest.mark.servers

_COMPONENTS = ["Python", "Java", "Spark", "Kafka", "PostgreSQL", "Redis"]


@pytest.fixture(autouse=True)
def _quiet_clients() -> Iterator[None]:
    """The command silences the client library's logger, which belongs to the whole process."""
    level = logging.getLogger("kafka").level
    yield
    logging.getLogger("kafka").setLevel(level)


def _doctor() -> tuple[int, dict[str, dict[str, object]]]:
    result = CliRunner().invoke(app, ["doctor", "--json"])
    findings = json.loads(result.stdout)
    assert [finding["component"] for finding in findings] == _COMPONENTS
    return result.exit_code, {finding["component"]: finding for finding in findings}


def test_says_what_is_missing_until_it_is_there(
    monkeypatch: pytest.MonkeyPatch, request: pytest.FixtureRequest
) -> None:
    database = request.getfixturevalue("fresh_database")
    cache = request.getfixturevalue("fresh_redis")
    # Of its own: the broker of other tests has topics.
    with LocalKafka() as kafka:
        monkeypatch.setenv("MDSTREAM_KAFKA__BOOTSTRAP_SERVERS", kafka.bootstrap_servers)
        monkeypatch.setenv("MDSTREAM_STORES__REDIS__PORT", str(cache.port))
        monkeypatch.setenv("MDSTREAM_STORES__TIMESCALEDB__PORT", str(database.port))
        monkeypatch.setenv("MDSTREAM_STORES__TIMESCALEDB__DATABASE", database.database)
        monkeypatch.setenv("MDSTREAM_STORES__TIMESCALEDB__PASSWORD", database.password.get_secret_value())

        code, found = _doctor()
        assert code == 1
        names = ["tick_data", "quote_data", "aggregated_data", "technical_indicators", "anomalies", "predictions"]
        assert found["Kafka"]["missing"] == [f"topic {name}" for name in (*names, "dead_letter")]
        assert found["PostgreSQL"]["missing"] == [f"table {name}" for name in names]
        assert [name for name in _COMPONENTS if found[name]["ok"]] == ["Python", "Java", "Spark", "Redis"]
        assert all(finding["reachable"] for finding in found.values())

        for component in ("Kafka", "PostgreSQL"):
            fixes = found[component]["fixes"]
            assert isinstance(fixes, list)
            assert [CliRunner().invoke(app, fix.split()[1:]).exit_code for fix in fixes] == [0]

        code, found = _doctor()
        assert code == 0
        assert all(finding["ok"] for finding in found.values())
        assert found["Kafka"]["version"] == "4.2"
        assert str(found["PostgreSQL"]["version"]).startswith("18.")
        assert str(found["Redis"]["version"]).startswith("Valkey 9.")
        assert "tick_data: 2 partitions, 0 records" in found["Kafka"]["details"]  # type: ignore[operator]


def test_servers_that_are_away_are_all_named_with_what_to_set(monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.setenv("MDSTREAM_KAFKA__BOOTSTRAP_SERVERS", f"127.0.0.1:{free_port()}")
    for store in ("TIMESCALEDB", "REDIS"):
        monkeypatch.setenv(f"MDSTREAM_STORES__{store}__PORT", str(free_port()))
    code, found = _doctor()
    assert code == 1
    away = [finding for finding in found.values() if not finding["reachable"]]
    assert [finding["component"] for finding in away] == ["Kafka", "PostgreSQL", "Redis"]
    settings = ("kafka.bootstrap_servers", "stores.timescaledb.host", "stores.redis.host")
    assert [name for name, finding in zip(settings, away, strict=True) if name in str(finding["fixes"])] == [*settings]


def test_a_refused_password_is_not_shown(monkeypatch: pytest.MonkeyPatch, request: pytest.FixtureRequest) -> None:
    database = request.getfixturevalue("fresh_database")
    monkeypatch.setenv("MDSTREAM_KAFKA__BOOTSTRAP_SERVERS", f"127.0.0.1:{free_port()}")
    monkeypatch.setenv("MDSTREAM_STORES__REDIS__PORT", str(request.getfixturevalue("redis_server").port))
    monkeypatch.setenv("MDSTREAM_STORES__REDIS__PASSWORD", "hunter2-for-redis")
    monkeypatch.setenv("MDSTREAM_STORES__TIMESCALEDB__PORT", str(database.port))
    monkeypatch.setenv("MDSTREAM_STORES__TIMESCALEDB__PASSWORD", "hunter2-for-postgres")
    for arguments in (["doctor"], ["doctor", "--json"]):
        result = CliRunner().invoke(app, arguments)
        assert result.exit_code == 1
        assert "password" in result.output
        assert "hunter2" not in result.output


def test_a_wrong_password_is_told_from_an_absent_server(
    fresh_database: TimescaleSettings, redis_server: LocalRedis
) -> None:
    wrong = {"password": SecretStr("wrong")}

    def found(**changed: object) -> Finding:
        store = StoreSettings(timescaledb=fresh_database.model_copy(update=changed))
        return check_database(Settings(stores=store))

    login, database, away = found(**wrong), found(database="nobodys"), found(port=free_port())
    assert [finding.reachable for finding in (login, database, away)] == [True, True, False]
    assert login.missing[0] == f"a login as {fresh_database.user}"
    assert database.missing[0] == "database nobodys"
    assert "password" in login.fixes[0]
    assert "port" in away.fixes[0]
    with redis.Redis(port=redis_server.port) as client:
        client.config_set("requirepass", "right")
        try:
            cache = check_redis(redis_server.settings.model_copy(update=wrong))
        finally:
            client.config_set("requirepass", "")
    assert (cache.reachable, cache.fixes) == (True, ("set stores.redis.password",))


def test_a_right_that_is_missing_is_named(fresh_database: TimescaleSettings) -> None:
    settings = Settings(stores=StoreSettings(timescaledb=fresh_database, redis=RedisSettings(enabled=False)))
    maintain_stores(settings)
    with engine_of(fresh_database).begin() as connection:
        connection.execute(sa.text(f"REVOKE INSERT ON tick_data FROM {fresh_database.user}"))
    finding = check_database(settings)
    assert finding.missing == ("the right to INSERT in tick_data",)
    assert finding.fixes == (f"GRANT SELECT, INSERT, UPDATE ON ALL TABLES IN SCHEMA public TO {fresh_database.user}",)


def test_jobs_are_refused_before_spark_starts_with_what_the_doctor_says(
    fresh_database: TimescaleSettings, monkeypatch: pytest.MonkeyPatch, tmp_path: Path
) -> None:
    monkeypatch.setenv("MDSTREAM_KAFKA__BOOTSTRAP_SERVERS", f"127.0.0.1:{free_port()}")
    monkeypatch.setenv("MDSTREAM_STORES__REDIS__ENABLED", "false")
    monkeypatch.setenv("MDSTREAM_STORES__TIMESCALEDB__PORT", str(fresh_database.port))
    monkeypatch.setenv("MDSTREAM_STORES__TIMESCALEDB__DATABASE", fresh_database.database)
    monkeypatch.setenv("MDSTREAM_STORES__TIMESCALEDB__PASSWORD", fresh_database.password.get_secret_value())
    monkeypatch.setenv("MDSTREAM_SPARK__CHECKPOINT_LOCATION", str(tmp_path / "checkpoints"))
    result = CliRunner().invoke(app, ["run", "store_ticks"])
    assert isinstance(result.exception, ConfigError)
    said = str(result.exception)
    assert "Kafka at 127.0.0.1:" in said
    assert "is not reachable: " in said
    assert "PostgreSQL" in said
    assert "table tick_data" in said
    assert "fix: mdstream maintain" in said
    assert "Redis" not in said


def test_live_bars_alone_need_no_store() -> None:
    found = check_jobs(Settings(kafka=KafkaSettings(bootstrap_servers=f"127.0.0.1:{free_port()}")), ["live_bars"])
    assert [finding.component for finding in found] == ["Folders", "Kafka"]


def test_a_replica_is_reachable_but_will_not_do(redis_server: LocalRedis) -> None:
    with LocalRedis() as replica:
        with redis.Redis(port=replica.port) as client:
            client.replicaof("127.0.0.1", redis_server.port)
        finding = check_redis(replica.settings)
    assert (finding.reachable, finding.ok) == (True, False)
    assert "replica" in finding.missing[0]


@pytest.mark.parametrize(
    ("addresses", "reachable", "said"),
    [
        ("127.0.0.1:{away},127.0.0.1:{port}", True, "127.0.0.1:{away}: Connection refused"),
        ("127.0.0.1:{away}", False, "127.0.0.1:{away}: Connection refused"),
        ("localhost", False, "localhost: expected HOST:PORT"),
    ],
)
def test_one_broker_of_several_is_enough(kafka_server: LocalKafka, addresses: str, reachable: bool, said: str) -> None:
    away = free_port()
    broker = KafkaSettings(bootstrap_servers=addresses.format(away=away, port=kafka_server.port))
    finding = check_kafka(Settings(kafka=broker))
    assert finding.reachable is reachable
    assert said.format(away=away) in (*finding.details, *finding.missing)


@pytest.mark.parametrize(
    ("changed", "reachable", "missing"),
    [
        ({}, True, ""),
        ({"bucket": "no such"}, True, "no such"),
        ({"token": SecretStr("not-the-token")}, True, "INFLUXDB__TOKEN"),
        ({"url": "http://127.0.0.1:9"}, False, "cannot be reached"),
    ],
)
def test_influxdb_is_looked_at_closely(
    fresh_influxdb: InfluxSettings, changed: dict[str, object], reachable: bool, missing: str
) -> None:
    finding = check_influxdb(fresh_influxdb.model_copy(update=changed))
    assert (finding.reachable, finding.ok) == (reachable, not changed)
    assert missing in " ".join(finding.missing)
    assert bool(finding.version) is not bool({"url", "token"} & set(changed))
    assert "not-the-token" not in str(finding)


def test_only_what_is_switched_on_is_asked(fresh_influxdb: InfluxSettings) -> None:
    settings = Settings(
        kafka=KafkaSettings(bootstrap_servers="127.0.0.1:9"),
        stores=StoreSettings(
            timescaledb=TimescaleSettings(enabled=False), redis=RedisSettings(enabled=False), influxdb=fresh_influxdb
        ),
    )
    assert [(finding.component, finding.ok) for finding in check_servers(settings)] == [
        ("Kafka", False),
        ("InfluxDB", True),
    ]
    assert maintain_stores(settings) == []
