"""The life of jobs: together until one fails or all are told to stop."""

from __future__ import annotations

import errno
import os
import signal
import subprocess
import sys
import threading
import time
from collections.abc import Iterator
from dataclasses import replace
from pathlib import Path

import pytest
from pyspark.sql import SparkSession

from mdstream.config import Settings, SparkSettings
from mdstream.errors import ConfigError, QueryFailedError, SinkError
from mdstream.streaming import RunningQuery, run_jobs, store_stream
from tests.streaming.sinks import AilingSink, FolderSink
from tests.streaming.streams import add_file, ticks_stream
from tests.unit.transforms.frames import tick
from tests.waiting import until

SIGNALS = (signal.SIGTERM, signal.SIGINT)
_REFUSED = SinkError("no table tick_data")


@pytest.fixture(autouse=True)
def _spark_speaks_again(spark: SparkSession) -> Iterator[None]:
    yield
    spark.sparkContext.setLogLevel("WARN")


@pytest.fixture
def settings(tmp_path: Path) -> Settings:
    return Settings(spark=SparkSettings(checkpoint_location=f"{tmp_path}/checkpoints", micro_batch_trigger="0 seconds"))


class Jobs:
    """Two jobs that store the same ticks, and the queries that they have started."""

    def __init__(self, folder: Path, refuse: str = "", error: Exception = _REFUSED) -> None:
        self.folder = folder
        self.refuse = refuse
        self.error = error
        self.started: list[RunningQuery] = []
        add_file(folder / "ticks", [tick("A", 1, 1.0)])

    def good(self, spark: SparkSession, settings: Settings) -> list[RunningQuery]:
        return self._start(spark, settings, "good")

    def bad(self, spark: SparkSession, settings: Settings) -> list[RunningQuery]:
        return self._start(spark, settings, "bad")

    def _start(self, spark: SparkSession, settings: Settings, name: str) -> list[RunningQuery]:
        well = FolderSink(self.folder / name)
        failures = int(name == self.refuse)
        sink = AilingSink(self.folder / f"{name}-attempts", failures, self.error, well)
        running = store_stream(ticks_stream(spark, self.folder / "ticks"), [sink], settings, name)
        self.started.append(running)
        return [running]

    def active(self) -> list[bool]:
        return [running.query.isActive for running in self.started]


def test_a_query_that_fails_ends_all_with_its_name_and_reason(
    spark: SparkSession, settings: Settings, tmp_path: Path
) -> None:
    jobs = Jobs(tmp_path, refuse="bad")
    before = [signal.getsignal(number) for number in SIGNALS]
    with pytest.raises(QueryFailedError, match=r"^query bad ended: no table tick_data; the trace is in .*\.log$"):
        run_jobs([jobs.good, jobs.bad], spark, settings)
    assert jobs.active() == [False, False]
    assert [signal.getsignal(number) for number in SIGNALS] == before


def test_a_query_that_fails_for_want_of_space_is_started_again_and_the_other_goes_on(
    spark: SparkSession, settings: Settings, tmp_path: Path, caplog: pytest.LogCaptureFixture
) -> None:
    jobs = Jobs(tmp_path, refuse="bad", error=OSError(errno.ENOSPC, "No space left on device"))
    good: list[RunningQuery] = []

    def begins(spark: SparkSession, settings: Settings) -> list[RunningQuery]:
        good.extend(jobs.good(spark, settings))
        return good

    def stop_when_both_have_stored() -> None:
        until(lambda: len(jobs_rows(tmp_path)) == 2, 120)
        still_the_same.append(good[0].query.isActive)
        os.kill(os.getpid(), signal.SIGTERM)

    still_the_same: list[bool] = []
    waiting = threading.Thread(target=stop_when_both_have_stored)
    waiting.start()
    run_jobs([begins, jobs.bad], spark, settings)
    waiting.join()
    assert still_the_same == [True]
    said = [record.getMessage() for record in caplog.records if record.name == "mdstream.streaming.restarts"]
    assert said[0].startswith("query bad ended: ")
    assert "no space left on device; free some" in said[0]
    assert said[0].endswith("it is started again in 1 s, the others go on")
    # What it had not stored came again, and once.
    assert [row["symbol"] for row in FolderSink(tmp_path / "bad").rows()] == ["A"]


def test_a_query_that_ends_by_itself_is_a_failure_too(spark: SparkSession, settings: Settings, tmp_path: Path) -> None:
    jobs = Jobs(tmp_path)

    def ends(spark: SparkSession, settings: Settings) -> list[RunningQuery]:
        (running,) = jobs.good(spark, settings)
        running.query.stop()
        return [running]

    with pytest.raises(QueryFailedError, match=r"^query good ended: without an error; the trace"):
        run_jobs([ends, jobs.bad], spark, settings)
    assert jobs.active() == [False, False]


class LiveJobs(Jobs):
    """Its good job has, as far as anyone can tell, real-time queries."""

    began: float = 0.0

    def good(self, spark: SparkSession, settings: Settings) -> list[RunningQuery]:
        (running,) = super().good(spark, settings)
        self.began = time.monotonic()
        return [replace(running, real_time=True)]


def with_head_start(settings: Settings, seconds: float) -> Settings:
    return settings.model_copy(update={"spark": settings.spark.model_copy(update={"head_start_seconds": seconds})})


def test_live_bars_have_a_head_start_and_the_others_come_one_after_the_other(
    spark: SparkSession, settings: Settings, tmp_path: Path
) -> None:
    jobs, begins = LiveJobs(tmp_path), []

    def later(_spark: SparkSession, _settings: Settings) -> list[RunningQuery]:
        begins.append(time.monotonic() - jobs.began)
        return []

    def last(_spark: SparkSession, _settings: Settings) -> list[RunningQuery]:
        begins.append(time.monotonic() - jobs.began)
        signal.raise_signal(signal.SIGTERM)
        return []

    run_jobs([jobs.good, later, last], spark, with_head_start(settings, 3))
    assert begins[0] >= 3
    assert begins[1] - begins[0] < 3


def test_told_to_stop_in_the_head_start_no_other_job_begins(
    spark: SparkSession, settings: Settings, tmp_path: Path
) -> None:
    jobs = LiveJobs(tmp_path)

    def live(spark: SparkSession, settings: Settings) -> list[RunningQuery]:
        signal.raise_signal(signal.SIGTERM)
        return jobs.good(spark, settings)

    run_jobs([live, jobs.bad], spark, with_head_start(settings, 600))
    assert jobs.active() == [False]


def test_live_bars_that_fail_in_their_head_start_end_the_run(
    spark: SparkSession, settings: Settings, tmp_path: Path
) -> None:
    jobs = LiveJobs(tmp_path, refuse="good")
    with pytest.raises(QueryFailedError, match=r"^query good ended: (.|\n)*no table tick_data"):
        run_jobs([jobs.good, jobs.bad], spark, with_head_start(settings, 600))
    assert jobs.active() == [False]


def test_a_job_that_does_not_start_ends_those_before_it(
    spark: SparkSession, settings: Settings, tmp_path: Path
) -> None:
    jobs = Jobs(tmp_path)

    def unable(_spark: SparkSession, _settings: Settings) -> list[RunningQuery]:
        raise ConfigError("no table of conditions")

    with pytest.raises(ConfigError, match=r"^no table of conditions$"):
        run_jobs([jobs.good, unable, jobs.bad], spark, settings)
    assert jobs.active() == [False]


@pytest.mark.parametrize("number", SIGNALS)
def test_a_signal_ends_all_without_an_error(
    spark: SparkSession, settings: Settings, tmp_path: Path, number: signal.Signals
) -> None:
    jobs = Jobs(tmp_path)

    def signalled(spark: SparkSession, settings: Settings) -> list[RunningQuery]:
        running = jobs.bad(spark, settings)
        until(lambda: len(jobs_rows(tmp_path)) == 2, 120)
        signal.raise_signal(number)
        return running

    run_jobs([jobs.good, signalled], spark, settings)
    assert jobs.active() == [False, False]
    assert [running.query.exception() for running in jobs.started] == [None, None]


def jobs_rows(folder: Path) -> list[object]:
    return [row for name in ("good", "bad") for row in FolderSink(folder / name).rows()]


@pytest.mark.parametrize("where", [(), ("within",)], ids=["between batches", "within the next batch"])
def test_a_process_that_is_told_to_stop_finishes_its_batch_and_ends_well(
    tmp_path: Path, where: tuple[str, ...]
) -> None:
    # From the project's folder, where Spark's workers find the sink.
    process = subprocess.Popen(
        [sys.executable, "-m", "tests.streaming.stopping_process", str(tmp_path), *where],
        cwd=Path(__file__).parents[2],
        stderr=subprocess.PIPE,
        text=True,
    )
    try:
        until(lambda: (tmp_path / "writing").exists() or process.poll() is not None, 240)
        process.send_signal(signal.SIGTERM)
        _, said = process.communicate(timeout=240)
    finally:
        process.kill()
        process.wait()
    assert process.returncode == 0, said
    assert "stopping on SIGTERM" in said
    assert "ERROR" not in said
    # Batches follow each other without a pause: it is the end of one that counts.
    assert "stopped within a batch" not in said
    commits = sorted(file.name for file in (tmp_path / "checkpoints" / "numbers" / "commits").glob("[0-9]*"))
    assert commits
    written = FolderSink(tmp_path / "written").writes()
    assert len(written) - len(commits) in {0, 1}
    assert [len(batch) for batch in written] == [10] * len(written)
    assert len({row["value"] for batch in written for row in batch}) == 10 * len(written)
