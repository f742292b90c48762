"""The Spark session of mdstream's jobs."""

from __future__ import annotations

import os
import sys
from collections.abc import Sequence
from pathlib import Path
from urllib.parse import urlsplit

from pyspark.sql import SparkSession

from mdstream.config import SparkSettings

_STATE_STORE = "org.apache.spark.sql.execution.streaming.state.RocksDBStateStoreProvider"

# Spark's default starts a process for each rename in a local folder: 200 ms at the end of every batch.
_LOCAL_CHECKPOINTS = "org.apache.spark.sql.execution.streaming.checkpointing.FileSystemBasedCheckpointFileManager"

_LOGGING = Path(__file__).with_name("log4j2.properties")

# What is in it says why.
_PYTHON_WORKERS = Path(__file__).with_name("python_workers")


def build_session(settings: SparkSettings, name: str = "mdstream", jars: Sequence[Path] | None = None) -> SparkSession:
    """Return the session that jobs, batch commands and notebooks run in.

    Args:
        settings: Master, packages and whatever else of Spark is configured; `settings.conf` has the last word.
        name: Name of the application.
        jars: Jars of the connectors where they are at hand; None lets Spark fetch `settings.packages` itself.

    Example:
        >>> spark = build_session(SparkSettings(master="local[4]"))  # doctest: +SKIP
    """
    # The workers must be of the same Python as the driver.
    os.environ.setdefault("PYSPARK_PYTHON", sys.executable)
    connectors = {}
    if jars:
        connectors["spark.jars"] = ",".join(str(jar) for jar in jars)
    elif jars is None and settings.packages:
        connectors["spark.jars.packages"] = ",".join(settings.packages)
    local = {}
    if settings.master.startswith("local"):
        os.environ.setdefault("SPARK_LOCAL_IP", "127.0.0.1")
        local = {
            "spark.driver.host": "127.0.0.1",
            "spark.driver.bindAddress": "127.0.0.1",
            "spark.executorEnv.PYTHONPATH": str(_PYTHON_WORKERS),
        }
        if urlsplit(settings.checkpoint_location).scheme in ("", "file"):
            local["spark.sql.streaming.checkpointFileManagerClass"] = _LOCAL_CHECKPOINTS
    conf: dict[str, bool | float | int | str | None] = {
        "spark.ui.enabled": "false",
        "spark.ui.showConsoleProgress": "false",
        "spark.driver.memory": "2g",
        "spark.driver.extraJavaOptions": f"-Dlog4j2.configurationFile={_LOGGING.as_uri()}",
        "spark.sql.session.timeZone": "UTC",
        "spark.sql.ansi.enabled": "true",
        "spark.sql.shuffle.partitions": str(settings.shuffle_partitions),
        # Micro-batches would be planned anew by it, and streams refuse it with a warning.
        "spark.sql.adaptive.enabled": "false",
        "spark.sql.streaming.stateStore.providerClass": _STATE_STORE,
        "spark.sql.streaming.stateStore.rocksdb.changelogCheckpointing.enabled": "true",
        # By default a Python worker, and the driver where it fetches results, has 15 s to say who it is.
        "spark.python.authenticate.socketTimeout": "2m",
        # Counting rows costs a read before each write.
        "spark.sql.streaming.stateStore.rocksdb.trackTotalNumberOfRows": "false",
        "spark.shuffle.streaming.networkBufferMaxWaitTimeMs": str(settings.network_buffer_max_wait_ms),
        **connectors,
        **local,
        **settings.conf,
    }
    return SparkSession.builder.master(settings.master).appName(name).config(map=conf).getOrCreate()
