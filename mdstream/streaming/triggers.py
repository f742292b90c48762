"""Decides how a query of the live path is triggered."""

from __future__ import annotations

import logging
from dataclasses import dataclass
from typing import Any

from pyspark.sql import SparkSession
from pyspark.sql.streaming.readwriter import DataStreamWriter

from mdstream.config import SparkSettings

logger = logging.getLogger(__name__)

_REAL_TIME_SINCE = (4, 3)
"""First Spark whose real-time mode aggregates."""


@dataclass(frozen=True)
class Trigger:
    """How often a query does its work.

    Attributes:
        real_time: Ticks pass through at once, and batches only mark the checkpoints between them.
        interval: Length of a real-time batch, or time between micro-batches, as a Spark interval.
    """

    real_time: bool
    interval: str

    def apply(self, writer: DataStreamWriter) -> DataStreamWriter:
        """Return the writer with this trigger set."""
        options: dict[str, Any] = {"realTime" if self.real_time else "processingTime": self.interval}
        return writer.trigger(**options)


def trigger_for(spark: SparkSession, settings: SparkSettings) -> Trigger:
    """Return real-time mode where Spark can aggregate in it, else micro-batches as short as they can be, said once.

    Example:
        >>> trigger_for(spark, settings.spark).real_time  # doctest: +SKIP
        True
    """
    version = tuple(int(part) for part in spark.version.split(".")[:2])
    if version >= _REAL_TIME_SINCE:
        return Trigger(real_time=True, interval=settings.real_time_trigger)
    logger.warning(
        "Spark %s has no real-time mode for aggregations, so live bars come in micro-batches: expect seconds "
        "instead of milliseconds, or install pyspark 4.3",
        spark.version,
    )
    return Trigger(real_time=False, interval="0 seconds")
