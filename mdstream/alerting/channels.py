"""Where alerts go."""

from __future__ import annotations

import logging
from typing import Protocol

from mdstream.alerting.alert import Alert
from mdstream.alerting.slack import SlackChannel
from mdstream.config import AlertSettings
from mdstream.errors import ConfigError

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


def open_channel(settings: AlertSettings) -> Channel:
    """Return the channel that is configured.

    Raises:
        ConfigError: It is Slack, and its address is not set.
        MissingDependencyError: It is Slack, and slack-sdk is not installed.
    """
    has_address = bool(settings.slack_webhook_url.get_secret_value())
    if settings.channel == "slack" and not has_address:
        raise ConfigError("alerts.channel is slack, but SLACK_WEBHOOK_URL is not set; put it into .env")
    if settings.channel == "log" or not has_address:
        return LogChannel()
    return SlackChannel(settings.slack_webhook_url, settings.timeout_seconds)
