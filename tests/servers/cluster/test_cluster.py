"""The jobs on a standalone cluster of two workers, one of which dies in the middle."""

from __future__ import annotations

import json
import os
import signal
import subprocess
import sys
from collections.abc import Iterator, Sequence
from contextlib import contextmanager
from pathlib import Path
from random import Random
from typing import Any

import pandas as pd
import psutil
import pytest
import sqlalchemy as sa
from confluent_kafka import Producer

from mdstream.config import Settings
from mdstream.embedded import LocalServers
from mdstream.runtime.java import QUICK_COMPILING, WITHOUT_TRACES
from mdstream.schemas import BAR, TICK
from mdstream.schemas.wire import encode
from mdstream.stores.timescaledb import create_schema
from mdstream.stores.timescaledb.database_url import database_url
from tests.servers.cluster.spark_cluster import LocalSparkCluster
from tests.servers.feeds.consuming import record_count, settings_of
from tests.waiting import until

pytestmark = [pytest.mark.servers, pytest.mark.slow, pytest.mark.timeout(900)]

_MDSTREAM = (sys.executable, "-m", "mdstream")
_JOBS = ("live_bars", "store_ticks", "analytics")
_SECONDS = 300
_CORES = 12
_SECRET = "of-a-bucket-d41d8cd9"
_KEY = ["symbol", "window", "window_start"]
_BEGIN = 1_767_364_200_000_000  # 2026-01-02 14:30 UTC
_LENGTHS = {"1min": 60, "5min": 300, "15min": 900}

Row = dict[str, Any]


def ticks() -> list[Row]:
    """Ticks of twenty minutes of four symbols, out of order, no two of a symbol at one time."""
    random = Random(8)
    rows = []
    for symbol in "ABCD":
        for number, millisecond in enumerate(random.sample(range(1_200_000), 600)):
            time = _BEGIN + millisecond * 1000
            rows.append(
                dict.fromkeys(TICK.schema.names)
                | {
                    "symbol": symbol,
                    "price": random.randrange(1000, 2000) / 100,
                    "size": float(random.randrange(1, 99)),
                }
                | {"event_time": time, "ingest_time": time + 1000, "source": "test", "sequence": number}
            )
    random.shuffle(rows)
    return rows


def bars_of(rows: Sequence[Row]) -> pd.DataFrame:
    """The bars of these ticks by pandas."""
    frame = pd.DataFrame(rows).sort_values("event_time")
    frame["value"] = frame["price"] * frame["size"]
    made: list[pd.DataFrame] = []
    for window, seconds in _LENGTHS.items():
        start = frame["event_time"] // (seconds * 1_000_000) * (seconds * 1_000_000)
        groups = frame.assign(window=window, window_start=pd.to_datetime(start, unit="us", utc=True)).groupby(_KEY)
        bars = groups.agg(
            open=("price", "first"),
            high=("price", "max"),
            low=("price", "min"),
            close=("price", "last"),
            volume=("size", "sum"),
            value=("value", "sum"),
            trade_count=("size", "size"),
        )
        made.append(bars.assign(vwap=bars["value"] / bars["volume"]).drop(columns="value").reset_index())
    return pd.concat(made).sort_values(_KEY, ignore_index=True)


class Stage:
    """Servers, a cluster, the jobs on it, and what they have stored."""

    def __init__(self, servers: LocalServers) -> None:
        self.cluster = LocalSparkCluster(servers.run)
        self.workers = self.cluster.start_workers(("one", "two"), cores=_CORES)
        self.log = servers.run.path / "jobs.log"
        self.password = servers.postgres.settings.password.get_secret_value()
        options = f"{QUICK_COMPILING} {WITHOUT_TRACES}"
        conf = {
            "spark.driver.host": "127.0.0.1",
            "spark.executor.memory": "512m",
            # Both executors first: a query would otherwise begin on one alone, and not notice that the other ends.
            "spark.cores.max": str(2 * _CORES),
            "spark.scheduler.minRegisteredResourcesRatio": "1",
            "spark.scheduler.maxRegisteredResourcesWaitingTime": "2m",
            "spark.driver.defaultJavaOptions": options,
            "spark.executor.defaultJavaOptions": options,
            # The machines of the cluster have Python, but not our environment.
            "spark.pyspark.python": str(Path(sys.base_prefix, "bin", "python3")),
            "spark.hadoop.fs.s3a.secret.key": _SECRET,
        }
        self._checkpoints = servers.run.path / "checkpoints"
        self._environment = {
            **os.environ,
            **servers.environment(),
            "SPARK_LOCAL_IP": "127.0.0.1",
            "MDSTREAM_SPARK__MASTER": self.cluster.url,
            "MDSTREAM_SPARK__CHECKPOINT_LOCATION": self._checkpoints.as_uri(),
            # Short, so that the worker ends behind a checkpoint.
            "MDSTREAM_SPARK__REAL_TIME_TRIGGER": "20 seconds",
            "MDSTREAM_SPARK__HEAD_START_SECONDS": "1",
            # Both executors have live bars then, whichever ends.
            "MDSTREAM_SPARK__LIVE_PARTITIONS": "2",
            "MDSTREAM_SPARK__CONF": json.dumps(conf),
        }
        self.engine = sa.create_engine(database_url(servers.postgres.settings), poolclass=sa.NullPool)
        self._kafka = settings_of(servers.kafka)
        self._producer = Producer({"bootstrap.servers": self._kafka.bootstrap_servers})
        subprocess.run([*_MDSTREAM, "topics", "create"], env=self._environment, check=True, timeout=120)
        create_schema(servers.postgres.settings, Settings().table_records)

    @contextmanager
    def submitted(self) -> Iterator[subprocess.Popen[bytes]]:
        with self.log.open("ab") as log:
            jobs = subprocess.Popen([*_MDSTREAM, "submit", *_JOBS], env=self._environment, stderr=log)
        try:
            yield jobs
        finally:
            if jobs.poll() is None:
                jobs.kill()
            jobs.wait(60)

    def put(self, rows: Sequence[Row]) -> None:
        for row in rows:
            self._producer.produce(TICK.topic_name, encode(row), row["symbol"])
        assert self._producer.flush(60) == 0

    def await_stored(self, count: int, jobs: subprocess.Popen[bytes]) -> None:
        """Wait until that many ticks are stored, and in the bars of every window and their indicators."""

        def is_reached() -> bool:
            assert jobs.poll() is None, f"the jobs ended with {jobs.returncode}:\n{self.logged()[-3000:]}"
            return self.ask("SELECT count(*) FROM tick_data") >= count and all(
                self.ask(f"SELECT sum(trade_count) FROM {table}") >= len(_LENGTHS) * count
                for table in ("aggregated_data", "technical_indicators")
            )

        until(is_reached, _SECONDS)

    def put_into_new_batch(self, row: Row) -> None:
        """Send a tick and wait for its bar, from a batch of live bars that has only just begun."""
        ended = self._ended_batches()
        until(lambda: self._ended_batches() > ended, _SECONDS)
        sent = record_count(self._kafka, BAR.topic_name)
        self.put([row])
        until(lambda: record_count(self._kafka, BAR.topic_name) > sent, _SECONDS)

    def _ended_batches(self) -> int:
        return len(list(self._checkpoints.glob("live_bars*/commits/[0-9]*")))

    def ask(self, query: str) -> int:
        with self.engine.connect() as connection:
            return int(connection.execute(sa.text(query)).scalar_one() or 0)

    def logged(self) -> str:
        return self.log.read_text(errors="replace")


@pytest.fixture
def stage() -> Iterator[Stage]:
    with LocalServers() as servers:
        yield Stage(servers)


def test_a_worker_killed_in_the_middle_changes_no_result(stage: Stage) -> None:
    rows = ticks()
    first, second = rows[:800], rows[800:]
    stage.put(first)
    with stage.submitted() as jobs:
        stage.await_stored(len(first), jobs)
        assert [(app["name"], app["state"]) for app in stage.cluster.state()["activeapps"]] == [
            (" ".join(_JOBS), "RUNNING")
        ]
        assert_executors_run_what_was_sent(stage)
        assert_no_secret_is_seen(stage)
        # Between two batches nothing of live bars would run there, and nothing would have to be started again.
        stage.put_into_new_batch(second[0])
        os.killpg(stage.workers["one"].pid, signal.SIGKILL)
        stage.put(second[1:])
        stage.await_stored(len(rows), jobs)
        assert sorted(worker["state"] for worker in stage.cluster.state()["workers"]) == ["ALIVE", "DEAD"]
        jobs.send_signal(signal.SIGTERM)
        assert jobs.wait(120) == 0
    assert "it is started again in 1 s" in stage.logged()
    assert stage.ask("SELECT count(*) FROM tick_data") == len(rows)
    stored = pd.read_sql('SELECT * FROM aggregated_data ORDER BY symbol, "window", window_start', stage.engine)
    expected = bars_of(rows)
    pd.testing.assert_frame_equal(stored[expected.columns], expected, check_dtype=False)
    assert_no_secret_is_seen(stage)


def assert_executors_run_what_was_sent(stage: Stage) -> None:
    """Packages with compiled parts are seen in the memory of the processes that have imported them."""
    workers = [each for each in psutil.process_iter() if "pyspark.daemon" in command_of(each)]
    own = [each for each in workers if Path(each.cwd()).is_relative_to(stage.cluster.folder)]
    mapped = {Path(file.path) for each in own for file in each.memory_maps()}
    assert any(path.is_relative_to(stage.cluster.folder) and "psycopg2" in path.parts for path in mapped)
    assert not any("site-packages" in path.parts for path in mapped)


def assert_no_secret_is_seen(stage: Stage) -> None:
    places = {str(path): path.read_text(errors="replace") for path in (stage.log, *stage.cluster.logs())}
    places["the master"] = json.dumps(stage.cluster.state())
    places["command lines"] = "\n".join(map(command_of, psutil.process_iter()))
    for secret in (stage.password, _SECRET):
        assert secret
        assert [place for place, text in places.items() if secret in text] == []


def command_of(process: psutil.Process) -> str:
    try:
        return " ".join(process.cmdline())
    except psutil.Error:
        return ""
