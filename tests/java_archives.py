"""A pytest plugin: Spark and Kafka start from archives of the classes that they load, with a third of the work.

Tests start both dozens of times. The archives are made once, by a short run of each, before the first slow tests, and
lie in pytest's cache. Every Spark and Kafka that a test starts, by whatever means, gets them through the environment
variables that Spark and Kafka have for options of Java.
"""

from __future__ import annotations

import fcntl
import hashlib
import os
import subprocess
import sys
from collections.abc import Callable
from pathlib import Path

import pytest

from mdstream.embedded import LocalKafka
from mdstream.runtime.jars import spark_home
from mdstream.runtime.java import QUICK_COMPILING, WITHOUT_TRACES, Java, use_java

_ROOT = Path(__file__).parents[1]
_MAKE_SECONDS = 900
# One thread for the garbage of a process that lives for seconds.
_QUICK = f"{WITHOUT_TRACES} {QUICK_COMPILING} -XX:+UseSerialGC"
# A Java of other jars, as of another Spark, does without the archive, and need not say so on its standard output.
_SILENT = "-Xlog:cds=off -Xlog:cds+dynamic=off"


def pytest_collection_finish(session: pytest.Session) -> None:
    """Let all Javas of the run start quickly."""
    if session.config.option.collectonly:
        return
    folder, java = session.config.cache.mkdir("java"), use_java()
    makers: dict[str, Callable[[Path], None]] = {"SPARK_SUBMIT_OPTS": _run_spark, "KAFKA_OPTS": _run_kafka}
    archives = {variable: folder / f"{variable.lower()}-{_state(java)}.jsa" for variable in makers}
    if any(item.get_closest_marker("slow") for item in session.items):
        with (folder / "lock").open("w") as lock:
            fcntl.flock(lock, fcntl.LOCK_EX)  # each of several workers comes here
            for variable, archive in archives.items():
                _make_once(archive, makers[variable])
    # The product's own would be made anew for each of the many caches of tests.
    os.environ["MDSTREAM_SPARK__CLASS_ARCHIVE"] = "false"
    for variable, archive in archives.items():
        os.environ[variable] = _QUICK + (f" -XX:SharedArchiveFile={archive} {_SILENT}" if archive.exists() else "")


def _make_once(archive: Path, make: Callable[[Path], None]) -> None:
    if archive.exists():
        return
    for old in archive.parent.glob(f"{archive.name.partition('-')[0]}-*"):
        old.unlink()
    unfinished = archive.with_suffix(".unfinished")
    make(unfinished)
    if unfinished.exists():  # a Java without an archive of its own classes makes none
        unfinished.rename(archive)


def _state(java: Java) -> str:
    """Name the Java and the jars: an archive of others would not be used."""
    files = [java.home / "lib" / "server" / "libjvm.so", *sorted((spark_home() / "jars").glob("spark-*.jar"))]
    times = [f"{file} {file.stat().st_mtime_ns}" for file in files if file.exists()]
    return hashlib.sha256("\n".join(times).encode()).hexdigest()[:16]


def _run_spark(archive: Path) -> None:
    command: list[str | Path] = [spark_home() / "bin" / "spark-submit", _ROOT / "tests" / "short_stream.py"]
    made = {"SPARK_SUBMIT_OPTS": f"{_QUICK} -XX:ArchiveClassesAtExit={archive}", "PYSPARK_PYTHON": sys.executable}
    environment = {**os.environ, **made, "SPARK_HOME": str(spark_home()), "PYTHONPATH": str(_ROOT)}
    done = subprocess.run(command, env=environment, capture_output=True, text=True, timeout=_MAKE_SECONDS, check=False)
    assert done.returncode == 0, done.stdout + done.stderr


def _run_kafka(archive: Path) -> None:
    os.environ["KAFKA_OPTS"] = f"{_QUICK} -XX:ArchiveClassesAtExit={archive}"
    with LocalKafka():
        pass
