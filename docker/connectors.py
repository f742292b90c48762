"""Puts the connectors' jars beside Spark's own, so that containers fetch nothing when they start."""

from __future__ import annotations

import re
import shutil

from mdstream.config import SparkSettings
from mdstream.local import find_java
from mdstream.local.engine import live_jars
from mdstream.local.jars import spark_home

_LIBRARY = re.compile(r"(.+?)-\d")
"""What a jar's name says before its version."""


def add_connectors() -> list[str]:
    """Copy the live engine, and what the default `spark.packages` need and Spark does not have; return their names.

    What Spark has stays alone: of two versions of a library on a class path luck decides.
    """
    folder = spark_home() / "jars"
    there = {_library(jar.name) for jar in folder.glob("*.jar")}
    added = []
    *connectors, engine = live_jars(SparkSettings().packages, find_java())
    for jar in connectors:
        # Ivy puts the group before the name.
        name = jar.name.partition("_")[2]
        if _library(name) not in there:
            shutil.copy(jar, folder / name)
            added.append(name)
    shutil.copy(engine, folder)
    return [*added, engine.name]


def _library(jar: str) -> str:
    found = _LIBRARY.match(jar)
    return found[1] if found else jar


if __name__ == "__main__":
    print(*add_connectors(), sep="\n")  # noqa: T201 - for the log of the build
