"""Puts the live engine and the connectors' jars beside Spark's own, so that containers fetch nothing at their start."""

from __future__ import annotations

import shutil

from mdstream.config import SparkSettings
from mdstream.runtime import find_java
from mdstream.runtime.engine import live_jars
from mdstream.runtime.jars import name_of, spark_home


def add_connectors() -> list[str]:
    """Copy the live engine, and what the default `spark.packages` need and Spark does not have; return their names."""
    *connectors, engine = live_jars(SparkSettings().packages, find_java())
    names = {jar: name_of(jar) for jar in connectors} | {engine: engine.name}
    for jar, name in names.items():
        shutil.copy(jar, spark_home() / "jars" / name)
    return list(names.values())


if __name__ == "__main__":
    print(*add_connectors(), sep="\n")  # noqa: T201 - for the log of the build
