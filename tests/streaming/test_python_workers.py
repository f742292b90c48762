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
