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

from mdstream.config import InfluxSettings, LakeSettings, RedisSettings, Settings, TimescaleSettings
from mdstream.errors import MissingDependencyError, StoreError, StoreUnavailableError
from mdstream.extensions import STORES
from mdstream.kafka.topics import broker_version, describe_topics, plan_topics
from mdstream.monitoring.findings import Finding
from mdstream.stores.extension import EnabledStore, enabled_stores
from mdstream.stores.influxdb.sink import state_of as influxdb_state
from mdstream.stores.lake import LAKE_RECORDS, open_table
from mdstream.stores.redis.client import state_of
from mdstream.stores.timescaledb import maintain
from mdstream.stores.timescaledb.state import missing_rights, missing_tables, versions

_LOGIN = re.compile(r"authentication failed|no password supplied|no pg_hba.conf entry|role .* does not exist")
_NO_DATABASE = re.compile(r"database \".*\" does not exist")

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
    except StoreError as exc:
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
        version = broker_version(broker)
        found = {topic.name: topic for topic in describe_topics(broker, names)}
    except StoreUnavailableError as exc:
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
        missing = missing_tables(database, settings.table_records)
        rights = missing_rights(database, settings.table_records)
    except StoreError as exc:
        return _database_finding(where, database, str(exc))
    try:
        steps = maintain(database, settings.table_records, datetime.now(UTC).date(), dry_run=True)
    except StoreError as exc:
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
    try:
        state = state_of(settings, TIMEOUT_SECONDS)
    except StoreUnavailableError as exc:
        section = "stores.redis.host or port"
        return Finding("Redis", where, reachable=False, missing=(str(exc),), fixes=_fixes(section))
    except StoreError as exc:
        fixes = ("set stores.redis.password",)
        return Finding("Redis", where, reachable=True, missing=(f"a login: {exc}",), fixes=fixes)
    return Finding(
        "Redis",
        where,
        reachable=True,
        version=state.version,
        details=(f"{state.keys:,} keys",),
        missing=("write access: this server is a replica",) if state.is_replica else (),
        fixes=("point stores.redis at its primary server",) if state.is_replica else (),
    )


def check_influxdb(settings: InfluxSettings) -> Finding:
    """Find out whether InfluxDB answers, takes our token and has the bucket."""
    settings = settings.model_copy(update={"timeout_seconds": TIMEOUT_SECONDS})
    where = f"{urlsplit(settings.url).netloc.rpartition('@')[2]}/{settings.bucket}"
    section = "stores.influxdb.url, organisation, bucket or token"
    try:
        version, has_bucket = influxdb_state(settings)
    except (StoreUnavailableError, MissingDependencyError) as exc:
        return Finding("InfluxDB", where, reachable=False, missing=(str(exc),), fixes=_fixes(section))
    except StoreError as exc:
        return Finding("InfluxDB", where, reachable=True, missing=(str(exc),), fixes=_fixes(section))
    missing = () if has_bucket else (f"bucket '{settings.bucket}' of the organisation '{settings.organisation}'",)
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
        except (MissingDependencyError, StoreUnavailableError) as exc:
            fixes = ("pip install 'mdstream-spark[delta]', or set stores.lake.path to where the lake is",)
            return Finding("Lake", lake.path, reachable=False, missing=(str(exc),), fixes=fixes)
        except StoreError as exc:
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


def _database_versions(database: TimescaleSettings) -> tuple[str, tuple[str, ...]]:
    version, extension = versions(database)
    if extension:
        return f"{version}, TimescaleDB {extension}", ()
    return version, ("without TimescaleDB: tables are partitioned by day, and nothing is compressed",)


def _fixes(setting: str) -> tuple[str, ...]:
    return (f"start it, or set {setting} to where it runs; `mdstream servers start` brings some",)
