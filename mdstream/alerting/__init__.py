"""Sends what the rules found to people: channels, the quiet time between two alerts, and retries."""

from mdstream.errors import brought_by

with brought_by("serving"):
    from mdstream.alerting.alert import Alert
    from mdstream.alerting.channels import Channel, ChannelExtension, LogChannel, open_channel
    from mdstream.alerting.counts import AlertCounts
    from mdstream.alerting.service import AlertService

__all__ = ["Alert", "AlertCounts", "AlertService", "Channel", "ChannelExtension", "LogChannel", "open_channel"]
