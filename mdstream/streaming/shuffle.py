"""The ports on which tasks of live bars hand rows to each other, where there are several (`spark.live_partitions`)."""

from __future__ import annotations

from collections.abc import Sequence
from pathlib import Path

import pyspark

from mdstream.config import SparkSettings

ENGINE_JAR = "mdstream-engine.jar"
"""Name of the jar that holds the live engine, and this."""

SHUFFLE_SOURCES = "shuffle"
"""Folder of those of its sources that not every Spark can compile."""

_CLASS_PATHS = ("spark.jars", "spark.driver.extraClassPath")
_SETTING = "spark.shuffle.manager.incremental"
_CLASS = "mdstream.shuffle.SecretShuffle"
_SINCE = (4, 3)


def has_streaming_shuffle() -> bool:
    """Return whether the installed Spark has a streaming shuffle."""
    return tuple(int(part) for part in pyspark.__version__.split(".")[:2]) >= _SINCE


def shuffle_settings(settings: SparkSettings, jars: Sequence[Path] | None) -> dict[str, str]:
    """Return what lets Spark take our streaming shuffle for its own, which believes whoever connects to its ports.

    Without the engine's jar there are no live bars, and Spark would not start with a class that it does not find.

    Args:
        settings: What else of Spark is configured.
        jars: Jars that the session is started with.

    Example:
        >>> shuffle_settings(SparkSettings(), None)
        {}
    """
    places = [*map(str, jars or ()), *(settings.conf.get(name, "") for name in _CLASS_PATHS)]
    beside_spark = Path(pyspark.__file__).parent / "jars" / ENGINE_JAR
    is_there = any(ENGINE_JAR in place for place in places) or beside_spark.is_file()
    return {_SETTING: _CLASS} if is_there and has_streaming_shuffle() else {}
