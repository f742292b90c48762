"""Real servers and one Spark session for all tests, each started when the first test asks for it."""

from __future__ import annotations

import os
import re
import signal
import uuid
from collections.abc import Iterator

import hypothesis
import pytest
import redis

from mdstream.config import InfluxSettings, RedisSettings, TimescaleSettings
from mdstream.embedded import LocalKafka, LocalPostgres, LocalRedis, server
from tests import real_trades  # noqa: F401 - for what it does to the environment
from tests.servers.influxd import LocalInfluxDB, influxd, reason_without

# How long an example takes says how busy the machine is, not whether it is right.
hypothesis.settings.register_profile("mdstream", deadline=None)
hypothesis.settings.load_profile("mdstream")

pytest_plugins = ["tests.skips", "tests.java_archives"]

# What is a free port to one of several workers is not to be one to the others, until a server listens there.
_WORKER, _WORKERS = (
    int(os.environ.get("PYTEST_XDIST_WORKER", "gw0")[2:]),
    os.environ.get("PYTEST_XDIST_WORKER_COUNT", 1),
)
server._PORTS = server._PORTS[_WORKER :: int(_WORKERS)]

# The size of a terminal, which readline tells to the workers, is none that a test has chosen.
for _name in ("COLUMNS", "LINES"):
    os.environ.pop(_name, None)

# A run in the background is started with Ctrl-C ignored, and so would be what the tests start and interrupt.
signal.signal(signal.SIGINT, signal.default_int_handler)


collect_ignore = ["extension_example"]
"""A package of its own, which tests install."""


@pytest.fixture(scope="session", autouse=True)
def _logs_of_tests(tmp_path_factory: pytest.TempPathFactory) -> None:
    """Keep the traces of what tests start away from the user's own."""
    os.environ["XDG_STATE_HOME"] = str(tmp_path_factory.mktemp("state"))


@pytest.fixture(scope="session")
def kafka_server() -> Iterator[LocalKafka]:
    with LocalKafka() as server:
        yield server


@pytest.fixture(scope="session")
def postgres_server() -> Iterator[LocalPostgres]:
    with LocalPostgres() as server:
        yield server


@pytest.fixture(scope="session")
def redis_server() -> Iterator[LocalRedis]:
    with LocalRedis() as server:
        yield server


@pytest.fixture(scope="session")
def influxdb_server() -> Iterator[LocalInfluxDB]:
    program = influxd()
    if program is None:
        pytest.skip(reason_without())
    with LocalInfluxDB(program) as server:
        server.set_up()
        yield server


@pytest.fixture
def topic_name(request: pytest.FixtureRequest) -> str:
    """The name of a topic that no other test uses; the topic itself is not created."""
    return f"{re.sub(r'[^a-zA-Z0-9._-]', '-', request.node.name)[:150]}-{uuid.uuid4().hex[:8]}"


@pytest.fixture
def fresh_database(postgres_server: LocalPostgres) -> Iterator[TimescaleSettings]:
    """An empty database of the test's own."""
    name = f"test_{uuid.uuid4().hex}"
    yield postgres_server.create_database(name)
    postgres_server.drop_database(name)


@pytest.fixture
def fresh_redis(redis_server: LocalRedis) -> RedisSettings:
    """A Redis without any key."""
    with redis.Redis(port=redis_server.port) as client:
        client.flushall()
    return redis_server.settings


@pytest.fixture
def fresh_influxdb(influxdb_server: LocalInfluxDB) -> Iterator[InfluxSettings]:
    """An empty bucket of the test's own."""
    with influxdb_server.bucket() as settings:
        yield settings
