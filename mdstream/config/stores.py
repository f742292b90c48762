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

    enabled: bool = Field(False, description="whether jobs write to it")


class TimescaleSettings(Section):
    """TimescaleDB, or a PostgreSQL without the extension."""

    enabled: bool = Field(True, description="whether jobs write to it, and the servers read from it")
    host: str = Field("127.0.0.1", description="machine, or folder of a socket, that PostgreSQL listens on")
    port: Port = Field(5432, description="port that it listens on")
    database: str = Field("mdstream", description="database with the tables")
    user: str = Field("mdstream", description="role that owns the tables")
    password: SecretStr = Field(SecretStr(""), description="password of that role")
    compress_after_days: int = Field(7, ge=1, description="with TimescaleDB: older chunks are compressed")
    retention_days: int = Field(365, ge=1, description="older rows, by their own time, are dropped by maintain")
    partitions_ahead_days: int = Field(
        7, ge=1, description="without TimescaleDB: day partitions that maintain creates ahead"
    )
    timeout_seconds: Seconds = Field(120, description="longest that connecting, or writing one batch, may take")


class RedisSettings(Section):
    """Redis, or Valkey."""

    enabled: bool = Field(True, description="whether jobs write the newest values to it")
    host: str = Field("127.0.0.1", description="machine that it listens on")
    port: Port = Field(6379, description="port that it listens on")
    database: int = Field(0, ge=0, description="number of its database")
    password: SecretStr = Field(SecretStr(""), description="its password, if it asks for one")
    latest_price_ttl_seconds: Seconds = Field(60, description="how long a newest tick is kept without another")
    aggregated_ttl_seconds: Seconds = Field(300, description="how long a newest bar is kept without another")
    indicators_ttl_seconds: Seconds = Field(300, description="how long newest indicators are kept without others")
    predictions_ttl_seconds: Seconds = Field(300, description="how long a newest forecast is kept without another")
    timeout_seconds: Seconds = Field(10, description="longest wait for connecting, or for one answer")


class InfluxSettings(Section):
    """InfluxDB 2."""

    enabled: bool = Field(False, description="whether jobs and `mdstream metrics` write to it")
    url: str = Field("http://127.0.0.1:8086", min_length=1, description="where it is asked")
    organisation: str = Field("mdstream", min_length=1, description="organisation that has the bucket")
    bucket: str = Field("mdstream", min_length=1, description="must exist; its retention is InfluxDB's own")
    token: SecretStr = Field(SecretStr(""), description="API token that may write to the bucket, and read it")
    timeout_seconds: Seconds = Field(30, description="longest that writing one batch may take")


class LakeSettings(Section):
    """A lake: Delta tables of all ticks and bars, which the job archive fills."""

    enabled: bool = Field(False, description="whether there is one")
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

    enabled: bool = Field(True, description="whether forecasts, and what is found in vendors' bars, are sent to topics")


class StoreSettings(ExtensibleSection):
    """Where results are kept, with a section for each store of another package."""

    extension_point: ClassVar[ExtensionPoint] = STORES

    timescaledb: TimescaleSettings = TimescaleSettings()
    redis: RedisSettings = RedisSettings()
    influxdb: InfluxSettings = InfluxSettings()
    lake: LakeSettings = LakeSettings()
    kafka: KafkaResultSettings = KafkaResultSettings()
    retry_seconds: Seconds = Field(300, description="how long a job waits for a store that is away before it fails")
