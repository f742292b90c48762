"""Settings from `conf/*.yaml`, `.env` and the environment: frozen, checked, secrets redacted."""

from mdstream.errors import brought_by

with brought_by("commands"):
    from mdstream.config.alerting import AlertSettings
    from mdstream.config.feeds import FeedSettings
    from mdstream.config.forecasting import ForecastSettings
    from mdstream.config.kafka import KafkaSecuritySettings, KafkaSettings
    from mdstream.config.loading import CONFIG_VARIABLE, load_settings
    from mdstream.config.monitoring import MonitoringSettings
    from mdstream.config.rules import RULES_OF_QUOTES, load_rules
    from mdstream.config.serving import ServingSettings
    from mdstream.config.settings import Settings, SparkSettings, WindowConfiguration
    from mdstream.config.stores import (
        InfluxSettings,
        KafkaResultSettings,
        LakeSettings,
        RedisSettings,
        StoreSettings,
        TimescaleSettings,
    )
    from mdstream.config.ticks import TickSettings

__all__ = [
    "CONFIG_VARIABLE",
    "RULES_OF_QUOTES",
    "AlertSettings",
    "FeedSettings",
    "ForecastSettings",
    "InfluxSettings",
    "KafkaResultSettings",
    "KafkaSecuritySettings",
    "KafkaSettings",
    "LakeSettings",
    "MonitoringSettings",
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
