"""`mdstream alerts`: tells people of anomalies."""

from __future__ import annotations

import signal
import threading
from contextlib import ExitStack
from dataclasses import asdict

from mdstream.cli.configuration import ConfigFile
from mdstream.cli.console import errors
from mdstream.cli.metrics_port import MetricsPort
from mdstream.config import load_settings


def alerts(metrics_port: MetricsPort = None, config: ConfigFile = None) -> None:
    """Tell people of severe anomalies, until SIGTERM or Ctrl-C.

    Alerts go to Slack if `SLACK_WEBHOOK_URL` is set in the environment or `.env`, else to the log. `alerts` in the
    configuration says which severities (`high` and `critical`) and how often: one alert a symbol and rule in
    `cooldown_seconds`, which Redis remembers over a restart. The next alert says how many were held back.

    A channel that is away holds up nothing: alerts wait in a queue, are tried again until they are `max_age_seconds`
    old, and what is lost is counted. While Redis is away alerts go on, and only a restart may repeat one.

    Example: `SLACK_WEBHOOK_URL=https://hooks.slack.com/... mdstream alerts`
    """
    # Imported here so that `mdstream --help` stays quick.
    from prometheus_client import CollectorRegistry

    from mdstream.alerting import AlertService, open_channel
    from mdstream.alerting.metrics import AlertMetrics
    from mdstream.serving.metrics_port import serve_metrics

    settings = load_settings(config)
    channel = open_channel(settings.alerts)
    service = AlertService(settings, channel)
    stop = threading.Event()
    for number in (signal.SIGTERM, signal.SIGINT):
        signal.signal(number, lambda *_: stop.set())
    errors.print(
        f"alerts of severity {', '.join(settings.alerts.severities)} go to {channel.name}",
        highlight=False,
        soft_wrap=True,
    )
    port = metrics_port or settings.monitoring.alerts_port
    with ExitStack() as stack:
        if port is not None:
            registry = CollectorRegistry()
            registry.register(AlertMetrics(service.counts))
            stack.enter_context(serve_metrics(registry, settings.monitoring.host, port))
        service.run(stop)
    counted = ", ".join(f"{name.replace('_', ' ')} {number:,}" for name, number in asdict(service.counts).items())
    errors.print(counted, highlight=False, soft_wrap=True)
