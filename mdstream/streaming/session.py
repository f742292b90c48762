"""The Spark session of mdstream's jobs."""

from __future__ import annotations

import os
import shlex
import sys
import tempfile
from collections.abc import Iterator, Mapping, Sequence
from contextlib import contextmanager, suppress
from pathlib import Path
from typing import Any
from urllib.parse import urlsplit

import psutil
import pyspark
from pyspark import SparkConf, SparkContext
from pyspark.java_gateway import launch_gateway
from pyspark.sql import SparkSession

from mdstream.config import SparkSettings
from mdstream.streaming.compiler_threads import let_compiler_yield
from mdstream.streaming.leftovers import own_temporary_folder
from mdstream.streaming.shuffle import shuffle_settings
from mdstream.streaming.spark_log import CONFIGURATION, prepare_spark_log

_STATE_STORE = "org.apache.spark.sql.execution.streaming.state.RocksDBStateStoreProvider"

# Spark's default starts a process for each rename in a local folder: 200 ms at the end of every batch.
_LOCAL_CHECKPOINTS = "org.apache.spark.sql.execution.streaming.checkpointing.FileSystemBasedCheckpointFileManager"

_SUBMIT_ARGUMENTS = "PYSPARK_SUBMIT_ARGS"
_GATEWAY_PORT = "PYSPARK_GATEWAY_PORT"
_JAVA_OPTIONS = "spark.driver.extraJavaOptions"

# What stops a query within a batch is told from a failure by a pattern over its whole trace, which recurs so deep that
# the megabyte of a thread is not enough. Only what is used of it takes memory.
_STACK = "-Xss16m"

# A Java that says how to start Java, and ends.
_LAUNCHER = "-XX:TieredStopAtLevel=1 -XX:+UseSerialGC -XX:-UsePerfData"

# What is in it says why.
PYTHON_WORKERS = Path(__file__).with_name("python_workers")


def build_session(settings: SparkSettings, name: str = "mdstream", jars: Sequence[Path] | None = None) -> SparkSession:
    """Return the session that jobs, batch commands and notebooks run in.

    Args:
        settings: Master, packages and whatever else of Spark is configured; `settings.conf` has the last word.
        name: Name of the application.
        jars: Jars of the connectors where they are at hand; None lets Spark fetch `settings.packages` itself.

    Example:
        >>> spark = build_session(SparkSettings(master="local[4]"))  # doctest: +SKIP
    """
    # The workers must be of the same Python as the driver: this one, unless another is configured.
    os.environ.setdefault("PYSPARK_PYTHON", settings.conf.get("spark.pyspark.python", sys.executable))
    # Else Spark's script starts a Python to find it.
    os.environ.setdefault("SPARK_HOME", str(Path(pyspark.__file__).parent))
    os.environ.setdefault("SPARK_LAUNCHER_OPTS", _LAUNCHER)
    connectors = {}
    if jars:
        connectors["spark.jars"] = ",".join(str(jar) for jar in jars)
    elif jars is None and settings.packages:
        connectors["spark.jars.packages"] = ",".join(settings.packages)
    secrets = settings.secret_conf
    conf: dict[str, bool | float | int | str | None] = {
        "spark.ui.enabled": "false",
        "spark.ui.showConsoleProgress": "false",
        "spark.driver.memory": "2g",
        _JAVA_OPTIONS: f"-Dlog4j2.configurationFile={CONFIGURATION.as_uri()} {_STACK}",
        # Where in Python a Column was made is told to Java by seven calls for each, beside the two that make it.
        "spark.python.sql.dataFrameDebugging.enabled": "false",
        "spark.sql.session.timeZone": "UTC",
        "spark.sql.ansi.enabled": "true",
        # Without it one waits for ever for a task that does not let itself be interrupted.
        "spark.sql.streaming.stopTimeout": "5s",
        "spark.sql.shuffle.partitions": str(settings.shuffle_partitions),
        # Micro-batches would be planned anew by it, and streams refuse it with a warning.
        "spark.sql.adaptive.enabled": "false",
        "spark.sql.streaming.stateStore.providerClass": _STATE_STORE,
        "spark.sql.streaming.stateStore.rocksdb.changelogCheckpointing.enabled": "true",
        # By default a Python worker, and the driver where it fetches results, has 15 s to say who it is.
        "spark.python.authenticate.socketTimeout": "2m",
        # Counting rows costs a read before each write.
        "spark.sql.streaming.stateStore.rocksdb.trackTotalNumberOfRows": "false",
        # Live bars read by one task say so with an operator, CoalesceExec, that is not on Spark's list.
        "spark.sql.streaming.realTimeMode.allowlistCheck": "false",
        "spark.shuffle.streaming.networkBufferMaxWaitTimeMs": str(settings.network_buffer_max_wait_ms),
        **connectors,
        **shuffle_settings(settings, jars),
        **_on_this_machine(settings),
        **{name: value for name, value in settings.conf.items() if name not in secrets},
    }
    prepare_spark_log(name, settings.trace_folder)
    if settings.is_local and SparkSession.getActiveSession() is None:
        own = own_temporary_folder(settings)
        conf["spark.local.dir"] = str(own)
        conf[_JAVA_OPTIONS] = f"{conf[_JAVA_OPTIONS]} {shlex.quote(f'-Djava.io.tmpdir={own}')}"
    with _handed_over(secrets), _ended_if_broken_off():
        _start_java({"spark.master": settings.master, "spark.app.name": name, **conf})
        spark = SparkSession.builder.master(settings.master).appName(name).config(map=conf).getOrCreate()
    jvm: Any = spark._jvm  # noqa: SLF001 - there is no public way
    # What ends a thread of Java goes where all else of the log does.
    jvm.java.lang.Thread.setDefaultUncaughtExceptionHandler(
        jvm.org.apache.spark.util.SparkUncaughtExceptionHandler(False)
    )
    return spark


def _on_this_machine(settings: SparkSettings) -> dict[str, str]:
    """Return what holds where everything runs in this process, and where checkpoints are in a folder."""
    conf = {}
    if settings.is_local:
        os.environ.setdefault("SPARK_LOCAL_IP", "127.0.0.1")
        conf = {
            "spark.driver.host": "127.0.0.1",
            "spark.driver.bindAddress": "127.0.0.1",
            # Other users of this machine reach its ports: Spark makes a secret for the run.
            "spark.authenticate": "true",
            "spark.executorEnv.PYTHONPATH": str(PYTHON_WORKERS),
        }
    # Without a scheme a cluster may have a file system of its own in mind.
    if urlsplit(settings.checkpoint_location).scheme in (("", "file") if settings.is_local else ("file",)):
        conf["spark.sql.streaming.checkpointFileManagerClass"] = _LOCAL_CHECKPOINTS
    return conf


def _start_java(conf: Mapping[str, object]) -> None:
    """Start Java in a session of its own: signals to our group of processes are for us to act on, and it ends with us.

    Within spark-submit it is there already.
    """
    if SparkContext._gateway is not None or _GATEWAY_PORT in os.environ:  # noqa: SLF001
        return
    launched = SparkConf(loadDefaults=False).setAll([(name, str(value)) for name, value in conf.items()])
    gateway = launch_gateway(launched, {"start_new_session": True})  # type: ignore[no-untyped-call]
    let_compiler_yield(gateway.proc.pid)
    SparkContext._ensure_initialized(gateway=gateway)  # noqa: SLF001 - the only way to hand it over


@contextmanager
def _ended_if_broken_off() -> Iterator[None]:
    """End a Java that was being started when something went wrong: it would wait for ever to be asked something."""
    before = {child.pid for child in psutil.Process().children()}
    try:
        yield
    except BaseException:
        for child in psutil.Process().children():
            if child.pid not in before:
                with suppress(psutil.NoSuchProcess):
                    child.kill()
        raise


@contextmanager
def _handed_over(secrets: Mapping[str, str]) -> Iterator[None]:
    """Let the Java that is started meanwhile read secret settings from a file: all others are in its command line."""
    if not secrets:
        yield
        return
    before = os.environ.get(_SUBMIT_ARGUMENTS)
    # Made so that nobody else can read it, and gone when Java has.
    with tempfile.NamedTemporaryFile("w", prefix="mdstream-", suffix=".properties", encoding="utf-8") as file:
        file.writelines(f"{name}={_escaped(value)}\n" for name, value in secrets.items())
        file.flush()
        options = shlex.join(["--properties-file", file.name, "--load-spark-defaults"])
        os.environ[_SUBMIT_ARGUMENTS] = f"{options} {before or 'pyspark-shell'}"
        try:
            yield
        finally:
            del os.environ[_SUBMIT_ARGUMENTS]
            if before is not None:
                os.environ[_SUBMIT_ARGUMENTS] = before


def _escaped(value: str) -> str:
    """Return a value as a file of Java properties holds it."""
    return value.replace("\\", "\\\\").replace("\n", "\\n")
