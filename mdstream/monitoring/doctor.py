"""Asks the servers that mdstream needs whether they can be used, and says what to do if not."""

from __future__ import annotations

import importlib.util
import re
import socket
from collections.abc import Callable, Iterable, Sequence
from concurrent.futures import ThreadPoolExecutor
from datetime import UTC, datetime
from functools import partial
from typing import TypeAlias
from urllib.parse import urlsplit

import redis
import sqlalchemy as sa
from kafka import KafkaAdminClient
from redis.backoff import NoBackoff
from redis.retry import Retry

from mdstream.config import InfluxSettings, LakeSettings, RedisSettings, Settings, TimescaleSettings
from mdstream.errors import MissingDependencyError, SinkError, SinkUnavailableError
from mdstream.extensions import STORES
from mdstream.kafka.topics import admin_client, describe_topics, plan_topics
from mdstream.monitoring.findings import Finding
from mdstream.schemas import Record
from mdstream.stores.extension import EnabledStore, enabled_stores
from mdstream.stores.influxdb.sink import open_client, require_client
from mdstream.stores.influxdb.sink import translated as translated_influxdb
from mdstream.stores.lake import LAKE_RECORDS, open_table
from mdstream.stores.redis.address import redis_address
from mdstream.stores.timescaledb import maintain
from mdstream.stores.timescaledb.connection import engine_of, translated

_LOGIN = re.compile(r"authentication failed|no password supplied|no pg_hba.conf entry|role .* does not exist")
_NO_DATABASE = re.compile(r"database \".*\" does not exist")
_RIGHTS = ("SELECT", "INSERT", "UPDATE")

Check: TypeAlias = Callable[[], Finding]
"""Asks for one thing."""

TIMEOUT_SECONDS = 3
"""How long a server may take for an answer before it counts as unreachable."""


def check_servers(settings: Settings) -> list[Finding]:
    """Ask Kafka and the stores that are switched on, at the same time.

    Example:
        >>> [finding.component for finding in check_servers(Settings())]  # doctest: +SKIP
        ['Kafka', 'PostgreSQL', 'Redis']
    """
    stores = settings.stores
    checks = [lambda: check_kafka(settings), *checks_of_stores(settings)]
    if stores.lake.enabled:
        checks.append(lambda: check_lake(stores.lake))
    return findings_of(checks)


def checks_of_stores(settings: Settings) -> list[Check]:
    """Return what asks the servers of the stores that are switched on."""
    stores = settings.stores
    checks: list[Check] = []
    if stores.timescaledb.enabled:
        checks.append(lambda: check_database(settings))
    if stores.redis.enabled:
        checks.append(lambda: check_redis(stores.redis))
    if stores.influxdb.enabled:
        checks.append(lambda: check_influxdb(stores.influxdb))
    others = [store for store in enabled_stores(settings) if store.name in stores.extensions()]
    return [*checks, *(partial(check_extension, store) for store in others)]


def check_extension(store: EnabledStore) -> Finding:
    """Ask a store of another package what is missing, as far as it can say."""
    where, check = STORES.installed()[store.name], store.extension.check
    try:
        missing = () if check is None else tuple(check(store.own))
    except SinkError as exc:
        return Finding(store.name, where, reachable=False, missing=(str(exc),), fixes=_fixes(f"stores.{store.name}"))
    return Finding(store.name, where, reachable=True, missing=missing)


def findings_of(checks: Sequence[Check]) -> list[Finding]:
    """Ask all at the same time."""
    with ThreadPoolExecutor(len(checks)) as pool:
        return [started.result() for started in [pool.submit(check) for check in checks]]


def check_kafka(settings: Settings, topics: Iterable[str] | None = None) -> Finding:
    """Find out whether the broker answers and has topics: those named, or those of all records."""
    where = settings.kafka.bootstrap_servers
    # Asked first: Kafka's own client waits for every address, and does not say why one is silent.
    silent = {address: _why_silent(address.strip()) for address in where.split(",")}
    answering = ",".join(address for address, reason in silent.items() if reason is None)
    reasons = tuple(f"{address}: {reason}" for address, reason in silent.items() if reason)
    fixes = _fixes("kafka.bootstrap_servers")
    names = [plan.name for plan in plan_topics(settings)] if topics is None else list(topics)
    if not answering:
        return Finding("Kafka", where, reachable=False, missing=reasons, fixes=fixes)
    try:
        broker = settings.kafka.model_copy(update={"bootstrap_servers": answering})
        with admin_client(broker) as admin:
            version = _broker_version(admin)
        found = {topic.name: topic for topic in describe_topics(broker, names)}
    except SinkUnavailableError as exc:
        # It takes connections: it is the login that fails, or what is spoken.
        fixes = (f"set kafka.security to what the broker wants; it is {settings.kafka.security.protocol} now",)
        return Finding("Kafka", where, reachable=True, missing=(*reasons, str(exc)), fixes=fixes)
    sizes = tuple(f"{topic.name}: {topic.partitions} partitions, {topic.records:,} records" for topic in found.values())
    missing = tuple(f"topic {name}" for name in names if name not in found)
    return Finding(
        "Kafka",
        where,
        reachable=True,
        version=version,
        details=(*reasons, *sizes),
        missing=missing,
        fixes=("mdstream topics create",) if missing else (),
    )


def check_database(settings: Settings) -> Finding:
    """Find out whether the database answers, has the tables of all records, and what upkeep would do now."""
    database = settings.stores.timescaledb.model_copy(update={"timeout_seconds": TIMEOUT_SECONDS})
    where = f"{database.host}:{database.port}/{database.database}"
    try:
        version, details = _database_versions(database)
        missing = _missing_tables(database, settings.table_records)
        rights = _missing_rights(database, settings.table_records)
    except SinkError as exc:
        return _database_finding(where, database, str(exc))
    try:
        steps = maintain(database, settings.table_records, datetime.now(UTC).date(), dry_run=True)
    except SinkError as exc:
        return Finding("PostgreSQL", where, reachable=True, version=version, details=details, missing=(str(exc),))
    due = tuple(f"{step.table}: {step.action} {step.detail}" for step in steps if step.table not in missing)
    return Finding(
        "PostgreSQL",
        where,
        reachable=True,
        version=version,
        details=(*details, *(f"due: {step}" for step in due)) if steps else (*details, "tables are as configured"),
        missing=(*(f"table {table}" for table in missing), *rights),
        fixes=(
            *(("mdstream maintain",) if steps else ()),
            *((f"GRANT SELECT, INSERT, UPDATE ON ALL TABLES IN SCHEMA public TO {database.user}",) if rights else ()),
        ),
    )


def _database_finding(where: str, database: TimescaleSettings, reason: str) -> Finding:
    """Tell a server that is not there from one that does not let us in, or has no such database."""
    for said, missing, fix in (
        (_LOGIN, f"a login as {database.user}", "set stores.timescaledb.user and password"),
        (_NO_DATABASE, f"database {database.database}", f"createdb {database.database}, or set its name"),
    ):
        if said.search(reason):
            return Finding("PostgreSQL", where, reachable=True, missing=(missing, reason), fixes=(fix,))
    section = "stores.timescaledb.host or port"
    return Finding("PostgreSQL", where, reachable=False, missing=(reason,), fixes=_fixes(section))


def check_redis(settings: RedisSettings) -> Finding:
    """Find out whether Redis answers and takes writes."""
    where = f"{settings.host}:{settings.port}/{settings.database}"
    client = redis.Redis(
        **redis_address(settings),
        socket_timeout=TIMEOUT_SECONDS,
        socket_connect_timeout=TIMEOUT_SECONDS,
        retry=Retry(NoBackoff(), 0),
    )
    try:
        with client:
            server, replication = client.info("server"), client.info("replication")
            keys = client.dbsize()
    except (redis.AuthenticationError, redis.exceptions.NoPermissionError) as exc:
        fixes = ("set stores.redis.password",)
        return Finding("Redis", where, reachable=True, missing=(f"a login: {exc}",), fixes=fixes)
    except redis.RedisError as exc:
        section = "stores.redis.host or port"
        return Finding("Redis", where, reachable=False, missing=(str(exc),), fixes=_fixes(section))
    valkey = server.get("valkey_version")
    replica = replication["role"] != "master"
    return Finding(
        "Redis",
        where,
        reachable=True,
        version=f"Valkey {valkey}" if valkey else server["redis_version"],
        details=(f"{keys:,} keys",),
        missing=("write access: this server is a replica",) if replica else (),
        fixes=("point stores.redis at its primary server",) if replica else (),
    )


def check_influxdb(settings: InfluxSettings) -> Finding:
    """Find out whether InfluxDB answers, takes our token and has the bucket."""
    settings = settings.model_copy(update={"timeout_seconds": TIMEOUT_SECONDS})
    where = f"{urlsplit(settings.url).netloc.rpartition('@')[2]}/{settings.bucket}"
    section = "stores.influxdb.url, organisation, bucket or token"
    try:
        require_client()
        with translated_influxdb(settings), open_client(settings) as client:
            version = client.version()
            bucket = client.buckets_api().find_bucket_by_name(settings.bucket)
    except (SinkUnavailableError, MissingDependencyError) as exc:
        return Finding("InfluxDB", where, reachable=False, missing=(str(exc),), fixes=_fixes(section))
    except SinkError as exc:
        return Finding("InfluxDB", where, reachable=True, missing=(str(exc),), fixes=_fixes(section))
    missing = () if bucket else (f"bucket '{settings.bucket}' of the organisation '{settings.organisation}'",)
    fixes = (f"influx bucket create --org {settings.organisation} --name {settings.bucket}",) if missing else ()
    return Finding("InfluxDB", where, reachable=True, version=version, missing=missing, fixes=fixes)


def check_lake(lake: LakeSettings) -> Finding:
    """Find out whether the lake has its tables, and whether the job that fills it can run in this environment."""
    filled = importlib.util.find_spec("delta") is not None
    details = [
        "the job archive can run here" if filled else "the job archive needs another environment: mdstream-spark[lake]"
    ]
    missing = []
    for record in LAKE_RECORDS:
        try:
            table = open_table(lake, record)
        except (MissingDependencyError, SinkUnavailableError) as exc:
            fixes = ("pip install 'mdstream-spark[delta]', or set stores.lake.path to where the lake is",)
            return Finding("Lake", lake.path, reachable=False, missing=(str(exc),), fixes=fixes)
        except SinkError as exc:
            missing.append(f"table {record.table}: {exc}")
        else:
            details.append(f"{record.table}: version {table.version()}, {len(table.partitions())} days")
    return Finding(
        "Lake",
        lake.path,
        reachable=True,
        details=tuple(details),
        missing=tuple(missing),
        fixes=("mdstream maintain",) if missing else (),
    )


def _why_silent(address: str) -> str | None:
    """Return why a broker's address takes no connection, None if it does."""
    host, _, port = address.rpartition(":")
    if not port.isdecimal():
        return "expected HOST:PORT"
    try:
        socket.create_connection((host.strip("[]"), int(port)), TIMEOUT_SECONDS).close()
    except OSError as exc:
        return exc.strerror or str(exc)
    return None


def _broker_version(admin: KafkaAdminClient) -> str:
    broker = admin.describe_cluster()["brokers"][0]["broker_id"]
    return ".".join(map(str, admin.get_broker_version_data(broker).broker_version))


def _database_versions(settings: TimescaleSettings) -> tuple[str, tuple[str, ...]]:
    with translated(settings), engine_of(settings).connect() as connection:
        version = connection.execute(sa.text("SHOW server_version")).scalar_one()
        extension = connection.execute(
            sa.text("SELECT extversion FROM pg_extension WHERE extname = 'timescaledb'")
        ).scalar()
    if extension:
        return f"{version}, TimescaleDB {extension}", ()
    return str(version), ("without TimescaleDB: tables are partitioned by day, and nothing is compressed",)


def _missing_tables(settings: TimescaleSettings, records: Iterable[Record]) -> list[str]:
    with translated(settings), engine_of(settings).connect() as connection:
        there = sa.inspect(connection)
        return [str(record.table) for record in records if not there.has_table(str(record.table))]


def _missing_rights(settings: TimescaleSettings, records: Iterable[Record]) -> list[str]:
    """Return what we may not do with the tables that there are: `INSERT into tick_data`."""
    allowed = sa.text("SELECT has_table_privilege(:table, :right)")
    with translated(settings), engine_of(settings).connect() as connection:
        there = sa.inspect(connection)
        tables = [str(record.table) for record in records if there.has_table(str(record.table))]
        return [
            f"the right to {right} in {table}"
            for table in tables
            for right in _RIGHTS
            if not connection.execute(allowed, {"table": table, "right": right}).scalar()
        ]


def _fixes(setting: str) -> tuple[str, ...]:
    return (f"start it, or set {setting} to where it runs; `mdstream demo` brings servers of its own",)
