"""One Spark session for all tests, and for the examples of docstrings that name it."""

from __future__ import annotations

import importlib.util
from collections.abc import Iterator
from typing import TYPE_CHECKING

import pytest

if TYPE_CHECKING:
    from pyspark.sql import SparkSession

pytest_plugins = ["tests.examples_of_docstrings"]


@pytest.fixture(scope="session")
def spark(tmp_path_factory: pytest.TempPathFactory) -> Iterator[SparkSession]:
    """One session for all tests; no test stops it. It writes Delta tables if delta-spark is installed."""
    from mdstream.config import LakeSettings, Settings, SparkSettings, StoreSettings
    from mdstream.runtime import use_java
    from mdstream.runtime.engine import live_jars
    from mdstream.streaming import build_session, with_delta

    folder = tmp_path_factory.mktemp("spark")
    settings = SparkSettings(
        conf={
            "spark.local.dir": str(folder / "local"),
            "spark.sql.warehouse.dir": str(folder / "warehouse"),
            "spark.driver.defaultJavaOptions": f"-Djava.io.tmpdir={folder}",
            # The slots are many for the sake of real-time mode. Without these, a frame of a few rows is cut into as
            # many parts, each with a task, and where Python is asked a process of its own.
            "spark.default.parallelism": "2",
            "spark.sql.leafNodeDefaultParallelism": "2",
        }
    )
    if importlib.util.find_spec("delta") is not None:
        settings = with_delta(Settings(spark=settings, stores=StoreSettings(lake=LakeSettings(enabled=True))))
    session = build_session(settings, "mdstream tests", live_jars(settings.packages, use_java()))
    yield session
    session.stop()
