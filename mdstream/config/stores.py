"""Settings of the stores that results go to."""

from __future__ import annotations

from typing import ClassVar

from pydantic import Field, SecretStr

from mdstream.config.extensible import ExtensibleSection
from mdstream.config.section import Interval, Port, Seconds, Section
from mdstream.extensions import STORES, ExtensionPoint

SPARK_DELTA_PACKAGE = "io.delta:delta-spark_4.2_2.13:4.4.0"
"""Maven coordinate of Delta Lake: of the release of the package delta-spark, for the Spark that it allows."""


SHIPPED_STORES = ("timescaledb", "redis", "influxdb", "kafka")
"""Stores that come with mdstream, in the order in which they are written to."""


class StoreSection(Section):
    """A store of another package: off, unless it is switched on."""

    enabled: bool = False


class TimescaleSettings(Section):
    """TimescaleDB, or a PostgreSQL without the extension."""

    enabled: bool = True
    host: str = "127.0.0.1"
    port: Port = 5432
    database: str = "mdstream"
    user: str = "mdstream"
    password: SecretStr = SecretStr("")
    compress_after_days: int = Field(7, ge=1)
    retention_days: int = Field(365, ge=1, description="older rows, by their own time, are dropped by maintain")
    partitions_ahead_days: int = Field(
        7, ge=1, description="without TimescaleDB: day partitions that maintain creates ahead"
    )
    timeout_seconds: Seconds = Field(120, description="longest that connecting, or writing one batch, may take")


class RedisSettings(Section):
    """Redis, or Valkey."""

    enabled: bool = True
    host: str = "127.0.0.1"
    port: Port = 6379
    database: int = Field(0, ge=0)
    password: SecretStr = SecretStr("")
    latest_price_ttl_seconds: Seconds = 60
    aggregated_ttl_seconds: Seconds = 300
    indicators_ttl_seconds: Seconds = 300
    predictions_ttl_seconds: Seconds = 300
    timeout_seconds: Seconds = Field(10, description="longest wait for connecting, or for one answer")


class InfluxSettings(Section):
    """InfluxDB 2."""

    enabled: bool = False
    url: str = Field("http://127.0.0.1:8086", min_length=1)
    organisation: str = Field("mdstream", min_length=1)
    bucket: str = Field("mdstream", min_length=1, description="must exist; its retention is InfluxDB's own")
    token: SecretStr = SecretStr("")
    timeout_seconds: Seconds = Field(30, description="longest that writing one batch may take")


class LakeSettings(Section):
    """A lake: Delta tables of all ticks and bars, which the job archive fills."""

    enabled: bool = False
    path: str = Field("lake", min_length=1, description="folder or URL that holds the tables, e.g. s3a://bucket/lake")
    history_days: int = Field(
        30, ge=1, description="how far back time travel goes: files replaced longer ago are deleted by maintain"
    )
    trigger: Interval = Field(
        "1 minute", description="interval of the writes; each adds files, which maintain compacts"
    )
    max_offsets_per_trigger: int = Field(5_000_000, ge=1, description="most records a write takes")
    package: str = Field(
        SPARK_DELTA_PACKAGE, description="Maven coordinate of Delta Lake for Spark; empty if it is among Spark's jars"
    )


class KafkaResultSettings(Section):
    """Results as topics of the broker under `kafka`."""

    enabled: bool = True


class StoreSettings(ExtensibleSection):
    """Where results are kept, with a section for each store of another package."""

    extension_point: ClassVar[ExtensionPoint] = STORES

    timescaledb: TimescaleSettings = TimescaleSettings()
    redis: RedisSettings = RedisSettings()
    influxdb: InfluxSettings = InfluxSettings()
    lake: LakeSettings = LakeSettings()
    kafka: KafkaResultSettings = KafkaResultSettings()
    retry_seconds: Seconds = Field(300, description="how long a job waits for a store that is away before it fails")
