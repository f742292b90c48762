"""Spark's Python workers come up fast."""

from __future__ import annotations

import os
import subprocess
import sys
from collections.abc import Iterator
from pathlib import Path

import pyarrow as pa
import pyspark
from pyspark.sql import SparkSession

from mdstream.streaming import session

_INSTALLED = str(Path(pyspark.__file__))
_ZIP = "python/lib/pyspark.zip"


def test_workers_import_the_installed_pyspark_and_not_the_zip_that_spark_offers(spark: SparkSession) -> None:
    def places(batches: Iterator[pa.RecordBatch]) -> Iterator[pa.RecordBatch]:
        import pyspark as imported

        for _ in batches:
            yield pa.RecordBatch.from_pydict({"place": [imported.__file__]})

    (found,) = spark.range(1).coalesce(1).mapInArrow(places, "place string").collect()
    assert found.place == _INSTALLED


def test_workers_share_what_their_daemon_has_imported_without_beginning_a_thread(spark: SparkSession) -> None:
    def seen(batches: Iterator[pa.RecordBatch]) -> Iterator[pa.RecordBatch]:
        daemon = Path("/proc") / str(os.getppid())
        arguments = (daemon / "cmdline").read_text()
        libraries = (daemon / "maps").read_text()
        for _ in batches:
            yield pa.RecordBatch.from_pydict(
                {
                    "is_daemon": ["pyspark.daemon" in arguments],
                    "packages": [" ".join(name for name in ("pandas", "pyarrow", "talib") if f"/{name}/" in libraries)],
                    "threads": [len(list((daemon / "task").iterdir()))],
                }
            )

    columns = "is_daemon boolean, packages string, threads bigint"
    (found,) = spark.range(1).coalesce(1).mapInArrow(seen, columns).collect()
    assert tuple(found) == (True, "pandas pyarrow talib", 1)


def test_the_zip_of_another_pyspark_stays_in_front(tmp_path: Path) -> None:
    def first_places(zipped: Path) -> list[str]:
        path = os.pathsep.join([str(zipped), str(session.PYTHON_WORKERS)])
        command = [sys.executable, "-c", "import sys; print(*sys.path[1:3], sep='\\n')"]
        said = subprocess.check_output(command, env={**os.environ, "PYTHONPATH": path}, text=True)
        return said.splitlines()

    own, other = Path(_INSTALLED).parent / _ZIP, tmp_path / "pyspark" / _ZIP
    assert own.exists()
    assert str(own) not in first_places(own)
    assert first_places(other)[0] == str(other)
