"""Files in and beside checkpoints, on whatever file system they are."""

from __future__ import annotations

import logging
from typing import Any

from py4j.protocol import Py4JJavaError
from pyspark.sql import SparkSession

from mdstream.config import Settings
from mdstream.kafka.checkpoints import offsets_of
from mdstream.streaming.kafka import checkpoint_of

logger = logging.getLogger(__name__)


def is_there(spark: SparkSession, place: str) -> bool:
    """Whether there is a file or a folder."""
    path, files = _files(spark, place)
    return bool(files.exists(path))


def remove(spark: SparkSession, place: str) -> None:
    """Remove a file, or a folder with all that is in it; nothing if there is none."""
    path, files = _files(spark, place)
    files.delete(path, True)


def reached_before(spark: SparkSession, settings: Settings, query: str) -> dict[int, int]:
    """Return how far a query's checkpoint says that it has read the topic of ticks.

    Args:
        spark: The session.
        settings: Where checkpoints are, and the topic.
        query: Name of the query.

    Returns:
        The offset behind the last record by partition; empty if it has not ended a batch, or if Spark will not read
        that checkpoint either.
    """
    checkpoint = checkpoint_of(settings, query)
    path, files = _files(spark, f"{checkpoint}/commits")
    jvm: Any = spark._jvm  # noqa: SLF001
    try:
        if not files.exists(path):
            return {}
        names = [file.getPath().getName() for file in files.listStatus(path)]
        done = max((int(name) for name in names if name.isdecimal()), default=None)
        if done is None:
            return {}
        with_offsets, _ = _files(spark, f"{checkpoint}/offsets/{done}")
        stream = files.open(with_offsets)
        try:
            batch = str(jvm.org.apache.commons.io.IOUtils.toString(stream, "UTF-8"))
        finally:
            stream.close()
        return offsets_of(batch).get(settings.tick_record.topic_name, {})
    except (Py4JJavaError, ValueError):
        # The start of the query says which file is torn, and what to do.
        logger.info("how far %s had come cannot be read", query, exc_info=True)
        return {}


def _files(spark: SparkSession, place: str) -> tuple[Any, Any]:
    """Return a path and the file system that it is in, as Spark sees them: it may be on no disk of this machine."""
    jvm: Any = spark._jvm  # noqa: SLF001 - there is no public way to look for a file
    path = jvm.org.apache.hadoop.fs.Path(place)
    return path, path.getFileSystem(spark._jsparkSession.sessionState().newHadoopConf())  # noqa: SLF001
