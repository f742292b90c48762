"""Settings from `conf/*.yaml`, `.env` and the environment: frozen, checked, secrets redacted."""

from mdstream.config.feeds import FeedSettings
from mdstream.config.loading import CONFIG_VARIABLE, load_settings
from mdstream.config.rules import load_rules
from mdstream.config.settings import (
    AlertSettings,
    InfluxSettings,
    KafkaSettings,
    RedisSettings,
    ServingSettings,
    Settings,
    SparkSettings,
    StoreSettings,
    TickSettings,
    TimescaleSettings,
    WindowConfiguration,
)

__all__ = [
    "CONFIG_VARIABLE",
    "AlertSettings",
    "FeedSettings",
    "InfluxSettings",
    "KafkaSettings",
    "RedisSettings",
    "ServingSettings",
    "Settings",
    "SparkSettings",
    "StoreSettings",
    "TickSettings",
    "TimescaleSettings",
    "WindowConfiguration",
    "load_rules",
    "load_settings",
]
