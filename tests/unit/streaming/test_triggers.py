"""Real-time mode where Spark can aggregate in it."""

from __future__ import annotations

import logging
from types import SimpleNamespace
from typing import cast

import pytest
from pyspark.sql import SparkSession
from pyspark.sql.streaming.readwriter import DataStreamWriter

from mdstream.config import SparkSettings
from mdstream.streaming import Trigger, trigger_for

SETTINGS = SparkSettings(real_time_trigger="7 minutes")


def spark_of(version: str) -> SparkSession:
    return cast("SparkSession", SimpleNamespace(version=version))


@pytest.mark.parametrize("version", ["4.3.0", "4.3.1-SNAPSHOT", "4.10.0", "5.0.0"])
def test_a_spark_that_can_runs_in_real_time(version: str, caplog: pytest.LogCaptureFixture) -> None:
    assert trigger_for(spark_of(version), SETTINGS) == Trigger(real_time=True, interval="7 minutes")
    assert caplog.records == []


@pytest.mark.parametrize("version", ["4.2.0", "4.2.1", "4.0.0-preview1", "3.5.9"])
def test_an_older_one_runs_micro_batches_and_says_so_once(version: str, caplog: pytest.LogCaptureFixture) -> None:
    assert trigger_for(spark_of(version), SETTINGS) == Trigger(real_time=False, interval="0 seconds")
    (record,) = caplog.records
    assert record.levelno == logging.WARNING
    assert f"Spark {version} has no real-time mode" in record.getMessage()
    assert "pyspark 4.3" in record.getMessage()


@pytest.mark.parametrize(
    ("trigger", "options"),
    [
        (Trigger(real_time=True, interval="5 minutes"), {"realTime": "5 minutes"}),
        (Trigger(real_time=False, interval="0 seconds"), {"processingTime": "0 seconds"}),
    ],
)
def test_a_trigger_sets_itself_on_a_writer(trigger: Trigger, options: dict[str, str]) -> None:
    given: dict[str, str] = {}
    writer = SimpleNamespace(trigger=given.update)
    trigger.apply(cast("DataStreamWriter", writer))
    assert given == options
