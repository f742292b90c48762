"""What can be configured, with its meaning, unit and default."""

from __future__ import annotations

import re
from dataclasses import replace
from pathlib import Path
from typing import TYPE_CHECKING, Annotated, Any, Literal

from pydantic import AfterValidator, BeforeValidator, Field, field_serializer, model_validator
from pydantic_settings import BaseSettings, NoDecode, SettingsConfigDict

from mdstream.config.alerting import AlertSettings
from mdstream.config.feeds import FeedSettings
from mdstream.config.forecasting import ForecastSettings
from mdstream.config.kafka import KafkaSettings
from mdstream.config.monitoring import MonitoringSettings
from mdstream.config.section import Interval, Seconds, Section
from mdstream.config.serving import ServingSettings
from mdstream.config.stores import StoreSettings
from mdstream.config.ticks import TickSettings
from mdstream.errors import ConfigError, InvalidInputError
from mdstream.schemas import (
    ANOMALY,
    BAR,
    DEAD_LETTER,
    PREDICTION,
    QUOTE,
    STORED_QUOTE,
    STORED_TICK,
    TICK,
    BarWindow,
    Record,
)
from mdstream.schemas.limits import TEXT_PATTERN
from mdstream.schemas.symbols import Symbol
from mdstream.schemas.text_lists import read_symbols
from mdstream.schemas.windows import check_lengths

if TYPE_CHECKING:
    from mdstream.indicators import Indicator

SPARK_KAFKA_PACKAGE = "org.apache.spark:spark-sql-kafka-0-10_2.13:4.2.0"
"""Maven coordinate of the Kafka connector; 4.2.0 serves Spark 4.2 and 4.3."""

# The default of Spark's own spark.redaction.regex.
_SECRET_SPARK_SETTING = re.compile("secret|password|token|access[.]?key", re.IGNORECASE)

_DEPLOY_MODE = "spark.submit.deployMode"

_MINUTE_SECONDS = 60


def _listed(symbols: object) -> object:
    return read_symbols(symbols) if isinstance(symbols, str) else symbols


class WindowConfiguration(Section):
    """One window of bars."""

    name: str = Field(min_length=1, pattern=f"^{TEXT_PATTERN}$", description="what the bars are called, e.g. 1min")
    duration: Seconds = Field(description="length in seconds")

    @model_validator(mode="after")
    def _name_says_its_length(self) -> WindowConfiguration:
        try:
            BarWindow(self.name, self.duration)
        except InvalidInputError as exc:
            raise ValueError(str(exc)) from exc
        return self

    @property
    def window(self) -> BarWindow:
        """The window as the transforms take it."""
        return BarWindow(self.name, self.duration)


def _usable_windows(windows: tuple[WindowConfiguration, ...]) -> tuple[WindowConfiguration, ...]:
    names = [window.name for window in windows]
    if len(set(names)) < len(names):
        raise ValueError(f"two windows have the same name: {', '.join(names)}")
    try:
        check_lengths([window.window for window in windows])
    except InvalidInputError as exc:
        raise ValueError(str(exc)) from exc
    return windows


def _computable(configuration: dict[str, Any]) -> dict[str, Any]:
    # Imported late: TA-Lib brings pandas, and not everybody who reads this module computes indicators.
    from mdstream.indicators import parse_indicators

    try:
        parse_indicators(configuration)
    except ConfigError as exc:
        raise ValueError(str(exc)) from exc
    return configuration


def _usual_indicators() -> dict[str, Any]:
    return {
        "sma": {"periods": [20, 50, 200]},
        "ema": {"periods": [12, 26]},
        "rsi": {"period": 14, "overbought": 70, "oversold": 30},
        "macd": {"fast": 12, "slow": 26, "signal": 9},
        "bollinger": {"period": 20, "stddev": 2},
    }


_ANYWHERE = re.compile("/|[a-z0-9]+:/", re.IGNORECASE)
"""A path or address that means the same in every working folder."""

SPARK_SETTINGS_OF_OURS = {
    "spark.master": "master",
    "spark.jars.packages": "packages",
    "spark.sql.shuffle.partitions": "shuffle_partitions",
}
"""Settings of Spark that have a key of their own in the section `spark`."""


def _other_settings(conf: dict[str, str]) -> dict[str, str]:
    for name, own in SPARK_SETTINGS_OF_OURS.items():
        if name in conf:
            raise ValueError(f"{name} does not belong here: set spark.{own} instead")
    if conf.get(_DEPLOY_MODE, "client") != "client":
        raise ValueError(
            f"{_DEPLOY_MODE} is {conf[_DEPLOY_MODE]}; expected client: the driver runs where 'mdstream submit' does, "
            "on Kubernetes in a pod of its own, on YARN on a machine of the cluster"
        )
    return conf


class SparkSettings(Section):
    """The Spark application that runs the jobs."""

    master: str = Field("local[32]", description="real-time mode needs a slot for each task of a query at once")
    packages: tuple[str, ...] = Field((SPARK_KAFKA_PACKAGE,), description="Maven coordinates of the connectors")
    checkpoint_location: str = Field("checkpoints", description="folder or URL that outlives the application")
    shuffle_partitions: int = Field(
        2, ge=1, description="tasks that aggregate, each a slot; kept by the checkpoint of a query"
    )
    real_time_trigger: Interval = Field("5 minutes", description="length of a real-time batch, between checkpoints")
    micro_batch_trigger: Interval = Field("1 second", description="interval of the micro-batch queries")
    live_partitions: int = Field(
        1, ge=1, description="tasks that build live bars: with 1 there is no shuffle; kept by the checkpoint"
    )
    live_wait_ms: int = Field(
        2, ge=0, description="how long live bars wait to send more at once, and half of it to fetch: 0 to 10"
    )
    live_fetch_bytes: int = Field(8_192, ge=1, description="a fetch of live bars that has so many bytes waits no more")
    live_compression: Literal["none", "gzip", "snappy", "lz4", "zstd"] = Field(
        "none", description="of live bars, which are sent in batches too small to gain by it"
    )
    live_indicators: str = Field(
        "revision",
        pattern=r"^(revision|close|[1-9][0-9]{0,4}ms)$",
        description="how often indicators of a forming bar are computed: revision, close (closed bars alone), or e.g. "
        "100ms; under load revision thins out by itself",
    )
    network_buffer_max_wait_ms: int = Field(
        1, ge=0, description="flush wait of the streaming shuffle, where live_partitions is above 1"
    )
    max_offsets_per_trigger: int = Field(100_000, ge=1, description="most records a micro-batch reads")
    head_start_seconds: Seconds = Field(
        12,
        description="how much later than live bars the jobs named behind them begin, in one run: Java compiles first",
    )
    restart_seconds: Seconds = Field(
        1800,
        description="how long a query is started again that has lost a broker, a store, space, executors or slots, "
        "before the job fails",
    )
    trace_folder: Path | None = Field(
        None,
        description="folder for Spark's log with all traces; else $XDG_STATE_HOME/mdstream, ~/.local/state/mdstream",
    )
    class_archive: bool = Field(
        True,
        description="keep what Java loads for live bars on this machine in an archive of 200 MB, for quicker starts",
    )
    conf: Annotated[dict[str, str], AfterValidator(_other_settings)] = Field(
        default_factory=dict, repr=False, description="any other Spark setting"
    )

    @model_validator(mode="after")
    def _checkpoints_are_shared(self) -> SparkSettings:
        location = self.checkpoint_location
        if not self.is_local and not _ANYWHERE.match(location):
            raise ValueError(
                f"checkpoint_location is {location}, a folder of one machine, and the executors of {self.master} keep "
                "the state of queries there; expected what all machines reach, e.g. s3a://bucket/mdstream, "
                "hdfs:///mdstream or a mounted file:///mnt/shared/mdstream"
            )
        return self

    @property
    def is_local(self) -> bool:
        """Whether everything runs in one process on this machine."""
        return self.master.startswith("local")

    @property
    def live_slots(self) -> int:
        """How many tasks live bars hold for good: one, or as many that read as build bars."""
        return 1 if self.live_partitions == 1 else 2 * self.live_partitions

    @property
    def secret_conf(self) -> dict[str, str]:
        """The part of `conf` that is secret by its names, which are those that Spark takes for secret itself."""
        return {name: value for name, value in self.conf.items() if _SECRET_SPARK_SETTING.search(name)}

    @field_serializer("conf", when_used="json")
    def _redacted(self, conf: dict[str, str]) -> dict[str, str]:
        return conf | dict.fromkeys(self.secret_conf, "**********")


class Settings(BaseSettings):
    """All settings, from `conf/mdstream.yaml`, `.env` and the environment, the last one first.

    Environment variables are named `MDSTREAM_` and the path of the setting with two underscores between its
    parts, e.g. `MDSTREAM_KAFKA__BOOTSTRAP_SERVERS`.
    """

    model_config = SettingsConfigDict(
        frozen=True,
        extra="forbid",
        hide_input_in_errors=True,
        env_prefix="MDSTREAM_",
        env_nested_delimiter="__",
    )

    symbols: Annotated[tuple[Symbol, ...], NoDecode, BeforeValidator(_listed)] = Field(
        ("AAPL", "MSFT", "GOOGL", "AMZN", "TSLA"),
        min_length=1,
        description="what feeds are asked for, and models trained for, unless a command says otherwise",
    )
    window_configurations: Annotated[
        tuple[WindowConfiguration, ...], Field(min_length=1), AfterValidator(_usable_windows)
    ] = Field(
        (
            WindowConfiguration(name="1min", duration=60),
            WindowConfiguration(name="5min", duration=300),
            WindowConfiguration(name="15min", duration=900),
        ),
        description="windows that bars are made of: a name, and a duration in seconds",
    )
    technical_indicators: Annotated[dict[str, Any], AfterValidator(_computable)] = Field(
        default_factory=_usual_indicators, description="TA-Lib functions with their parameters, by name"
    )
    history_bars: int = Field(
        600, ge=21, description="bars a symbol and window that the stream keeps to compute indicators from"
    )
    ticks: TickSettings = TickSettings()
    kafka: KafkaSettings = KafkaSettings()
    feeds: FeedSettings = FeedSettings()
    spark: SparkSettings = SparkSettings()
    stores: StoreSettings = StoreSettings()
    serving: ServingSettings = ServingSettings()
    rules_file: Path | None = Field(
        None, description="anomaly rules; else conf/rules.yaml if it exists, else those that come with mdstream"
    )
    alerts: AlertSettings = AlertSettings()
    forecasting: ForecastSettings = ForecastSettings()
    monitoring: MonitoringSettings = MonitoringSettings()

    @property
    def windows(self) -> tuple[BarWindow, ...]:
        """The configured windows as the transforms take them."""
        return tuple(configuration.window for configuration in self.window_configurations)

    @property
    def shortest_window(self) -> BarWindow:
        """The window whose bars close most often: forecasts are made of them."""
        return min(self.windows, key=lambda window: window.seconds)

    @property
    def minute_window(self) -> BarWindow:
        """The window of one minute, which bars of vendors are of.

        Raises:
            ConfigError: None is configured.
        """
        found = next((window for window in self.windows if window.seconds == _MINUTE_SECONDS), None)
        if found is None:
            raise ConfigError("bars of vendors are of a minute, and window_configurations has no window of 60 seconds")
        return found

    @property
    def indicators(self) -> tuple[Indicator, ...]:
        """The configured indicators."""
        from mdstream.indicators import parse_indicators

        return parse_indicators(self.technical_indicators)

    @property
    def indicator_record(self) -> Record:
        """The record that holds the configured indicators of one bar."""
        from mdstream.indicators import indicator_record

        return indicator_record(self.indicators)

    @property
    def tick_record(self) -> Record:
        """The record that the jobs read ticks as, with the topic that is configured."""
        return replace(TICK, topic=self.ticks.topic)

    @property
    def topic_records(self) -> tuple[Record, ...]:
        """The records that travel through Kafka, one topic each."""
        return (self.tick_record, QUOTE, BAR, self.indicator_record, ANOMALY, PREDICTION, DEAD_LETTER)

    @property
    def table_records(self) -> tuple[Record, ...]:
        """The records that are stored in tables."""
        return (STORED_TICK, STORED_QUOTE, BAR, self.indicator_record, ANOMALY, PREDICTION)
