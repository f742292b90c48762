"""Where alerts go."""

from __future__ import annotations

import logging
from collections.abc import Callable
from dataclasses import dataclass
from typing import Generic, Protocol, TypeVar

from mdstream.alerting.alert import Alert
from mdstream.alerting.slack import SlackChannel
from mdstream.config import AlertSettings
from mdstream.config.alerting import AUTOMATIC
from mdstream.config.extensible import Extension
from mdstream.config.section import Section
from mdstream.errors import ConfigError
from mdstream.extensions import CHANNELS

Own = TypeVar("Own", bound=Section)

# A name of its own, so that alerts can be told from what the process says about itself.
_ALERTS = logging.getLogger("mdstream.alerts")


class Channel(Protocol):
    """A way to tell people. Called from one thread, one alert at a time.

    Attributes:
        name: What it is called in messages.
    """

    name: str

    def send(self, alert: Alert, summary: str) -> None:
        """Tell people; when it returns they have it, as far as the channel can promise that.

        Args:
            alert: What to tell.
            summary: What else to say, about alerts that were not sent; may be empty.

        Raises:
            AlertDelayedError: The channel cannot take the alert now; it may be sent again.
            AlertError: The channel refuses the alert.
        """
        ...


class LogChannel:
    """Writes alerts into the log, as warnings of the logger `mdstream.alerts`."""

    name = "the log"

    def send(self, alert: Alert, summary: str) -> None:
        """Write one alert."""
        more = f" ({summary})" if summary else ""
        _ALERTS.warning("%s: %s: %s%s", alert.severity.upper(), alert.title, alert.message, more)


@dataclass(frozen=True, kw_only=True)
class ChannelExtension(Extension, Generic[Own]):
    """A channel that is found by name: what an entry point of the group `mdstream.channels` gives.

    Attributes:
        settings: Class of its section `alerts.<name>` of the settings.
        open: Makes the channel from that section and the settings of alerts, without sending anything. It raises
            ConfigError where something that the channel needs is missing, such as its address.

    Example:
        >>> CHANNEL = ChannelExtension(open=lambda own, alerts: LogChannel())
    """

    open: Callable[[Own, AlertSettings], Channel]


def open_channel(settings: AlertSettings) -> Channel:
    """Return the channel that is configured.

    Raises:
        ConfigError: Something that it needs is missing, such as the address of Slack.
        MissingDependencyError: It is Slack, and slack-sdk is not installed.
        ExtensionError: It cannot be used.
    """
    name = settings.channel
    if name == AUTOMATIC:
        name = "slack" if settings.slack_webhook_url.get_secret_value() else "log"
    extension: ChannelExtension[Section] = CHANNELS.load(name, ChannelExtension)
    return extension.open(settings.section_of(name), settings)


def _open_log(_: Section, __: AlertSettings) -> Channel:
    return LogChannel()


def _open_slack(_: Section, settings: AlertSettings) -> Channel:
    if not settings.slack_webhook_url.get_secret_value():
        raise ConfigError("alerts.channel is slack, but SLACK_WEBHOOK_URL is not set; put it into .env")
    return SlackChannel(settings.slack_webhook_url, settings.timeout_seconds)


LOG = ChannelExtension(open=_open_log)
SLACK = ChannelExtension(open=_open_slack)
