"""Real bars through `mdstream run analytics`: indicators and anomalies are exact, whatever happens on the way."""

from __future__ import annotations

import os
import shutil
import signal
import subprocess
import sys
from collections.abc import Iterator
from contextlib import contextmanager
from pathlib import Path

import pytest
import sqlalchemy as sa
from confluent_kafka import OFFSET_END, TopicPartition
from confluent_kafka.admin import AdminClient

from mdstream.config import Settings
from mdstream.embedded import LocalServers
from mdstream.schemas import BAR
from mdstream.stores.timescaledb import create_schema
from mdstream.stores.timescaledb.database_url import database_url
from tests.servers.streaming.real_bars import (
    Row,
    assert_stored_indicators_are_talibs,
    expected_volume_spikes,
    real_bars,
    send,
)
from tests.waiting import until

pytestmark = [pytest.mark.servers, pytest.mark.slow, pytest.mark.timeout(900)]

_MDSTREAM = (sys.executable, "-m", "mdstream")
_SECONDS = 240
_LATE_BARS = 100


class Stage:
    """Servers, the job on them, and what it has stored."""

    def __init__(self, servers: LocalServers, folder: Path) -> None:
        self.servers = servers
        self.checkpoints = folder / "checkpoints"
        self._log = folder / "job.log"
        self._environment = {
            **os.environ,
            **servers.environment(),
            "MDSTREAM_SPARK__CHECKPOINT_LOCATION": str(self.checkpoints),
        }
        self.engine = sa.create_engine(database_url(servers.postgres.settings), poolclass=sa.NullPool)
        self.bootstrap_servers = servers.kafka.bootstrap_servers
        subprocess.run([*_MDSTREAM, "topics", "create"], env=self._environment, check=True, timeout=120)
        create_schema(servers.postgres.settings, Settings().table_records)

    @contextmanager
    def job(self) -> Iterator[subprocess.Popen[bytes]]:
        with self._log.open("ab") as log:
            job = subprocess.Popen([*_MDSTREAM, "run", "analytics"], env=self._environment, stderr=log)
        try:
            yield job
        finally:
            if job.poll() is None:
                job.kill()
            job.wait(60)

    def logged(self) -> str:
        return self._log.read_text(errors="replace")

    def ask(self, query: str) -> int:
        with self.engine.connect() as connection:
            return int(connection.execute(sa.text(query)).scalar_one() or 0)

    def await_indicators(self, revisions: int, job: subprocess.Popen[bytes]) -> None:
        """Wait until the stored bars and indicators hold that many revisions."""

        def is_reached() -> bool:
            assert job.poll() is None, f"the job ended with {job.returncode}:\n{self.logged()[-3000:]}"
            return all(
                self.ask(f"SELECT sum(trade_count) FROM {table}") >= revisions
                for table in ("aggregated_data", "technical_indicators")
            )

        until(is_reached, _SECONDS)

    def anomalies(self, rule: str) -> list[tuple[str, int]]:
        query = sa.text(
            "SELECT symbol, (extract(epoch FROM window_start) * 1000000)::bigint FROM anomalies WHERE rule = :rule"
        )
        with self.engine.connect() as connection:
            return [(symbol, start) for symbol, start in connection.execute(query, {"rule": rule})]

    def empty_topic(self) -> None:
        admin = AdminClient({"bootstrap.servers": self.bootstrap_servers})
        ends = [TopicPartition(BAR.topic_name, partition, OFFSET_END) for partition in range(2)]
        for future in admin.delete_records(ends).values():
            future.result(60)


@pytest.fixture
def stage(tmp_path: Path) -> Iterator[Stage]:
    with LocalServers() as servers:
        yield Stage(servers, tmp_path)


def finish(job: subprocess.Popen[bytes]) -> None:
    job.send_signal(signal.SIGTERM)
    assert job.wait(90) == 0


def test_indicators_and_anomalies_survive_kills_outages_and_lost_checkpoints(stage: Stage) -> None:
    bars = real_bars()
    early, middle, late, last = bars[:1500], bars[1500:3000], bars[3000:-_LATE_BARS], bars[-_LATE_BARS:]
    send(stage.bootstrap_servers, early)
    with stage.job() as job:
        stage.await_indicators(1, job)
        send(stage.bootstrap_servers, middle)
        job.send_signal(signal.SIGKILL)
    with stage.job() as job:
        until(lambda: stage.logged().count("starting Spark") == 2, _SECONDS)
        stage.await_indicators(2 * len(early), job)
        stage.servers.postgres.kill()
        send(stage.bootstrap_servers, late)
        until(lambda: "waiting for it" in stage.logged(), _SECONDS)
        stage.servers.postgres.start()
        stage.await_indicators(2 * len(bars[:-_LATE_BARS]), job)
        assert_anomalies(stage, bars[:-_LATE_BARS])
        finish(job)
    assert_stored_indicators_are_talibs(stage.engine)

    # Without checkpoint and with nothing in the topic, all there is before the next bars is in the database.
    shutil.rmtree(stage.checkpoints)
    stage.empty_topic()
    revised = {**last[0], "close": last[0]["close"] * 1.2, "high": last[0]["close"] * 1.2, "trade_count": 3}
    send(stage.bootstrap_servers, last)
    with stage.job() as job:
        stage.await_indicators(2 * len(bars), job)
        assert_stored_indicators_are_talibs(stage.engine)
        assert_anomalies(stage, bars)
        # A late revision changes what follows it, and is an anomaly itself.
        place = (revised["symbol"], revised["window_start"])
        assert place not in stage.anomalies("price_spike")
        send(stage.bootstrap_servers, [revised])
        stage.await_indicators(2 * len(bars) + 1, job)
        until(lambda: place in stage.anomalies("price_spike"), _SECONDS)
        finish(job)
    assert_stored_indicators_are_talibs(stage.engine)
    assert stage.anomalies("price_spike").count(place) == 1


def assert_anomalies(stage: Stage, bars: list[Row]) -> None:
    """Anomalies are stored right behind the indicators of their batch."""
    expected = expected_volume_spikes(bars)
    assert len(expected) > 10
    until(lambda: set(stage.anomalies("volume_spike")) >= expected, _SECONDS)
    assert sorted(stage.anomalies("volume_spike")) == sorted(expected)
