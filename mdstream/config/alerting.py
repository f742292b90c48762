"""Settings of alerts."""

from __future__ import annotations

from typing import Annotated, ClassVar, Literal

from pydantic import AfterValidator, Field, SecretStr

from mdstream.config.extensible import ExtensibleSection
from mdstream.config.section import Seconds
from mdstream.extensions import CHANNELS, ExtensionPoint

AUTOMATIC = "auto"
"""Instead of a channel: Slack if its address is set, else the log."""

SHIPPED_CHANNELS = ("log", "slack")


def _web_address(url: SecretStr) -> SecretStr:
    if url.get_secret_value() and not url.get_secret_value().startswith(("https://", "http://")):
        raise ValueError("expected an address that begins with https:// (it is a secret and not shown)")
    return url


def _installed(channel: str) -> str:
    if channel not in (AUTOMATIC, *SHIPPED_CHANNELS) and channel not in CHANNELS.installed():
        raise ValueError(CHANNELS.unknown(channel))
    return channel


class AlertSettings(ExtensibleSection):
    """Which anomalies are sent where and how often, with a section for each channel of another package."""

    extension_point: ClassVar[ExtensionPoint] = CHANNELS

    channel: Annotated[str, AfterValidator(_installed)] = Field(
        AUTOMATIC, description="auto: slack if its address is set, else log; or the channel of an installed package"
    )
    slack_webhook_url: Annotated[SecretStr, AfterValidator(_web_address)] = Field(
        SecretStr(""), description="where Slack takes alerts; a secret: set SLACK_WEBHOOK_URL"
    )
    severities: tuple[Literal["low", "medium", "high", "critical"], ...] = Field(
        ("high", "critical"), min_length=1, description="which anomalies people are told of"
    )
    cooldown_seconds: Seconds = Field(300, description="after an alert, its symbol and rule are quiet for this long")
    max_age_seconds: Seconds = Field(
        900, description="an anomaly found longer ago is not sent any more, after a stop or while the channel is away"
    )
    queue_size: int = Field(100, ge=1, description="most alerts that wait for the channel; more are dropped")
    timeout_seconds: Seconds = Field(10, description="longest wait for the channel's answer")
    first_retry_seconds: float = Field(1, gt=0, description="wait before the second attempt; doubles each time")
    longest_retry_seconds: float = Field(60, gt=0, description="longest wait between two attempts")
    consumer_group: str = Field("mdstream-alerts", min_length=1, description="Kafka's name for the alerts processes")
