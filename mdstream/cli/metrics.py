"""`mdstream metrics`: lag, latency and health for Prometheus."""

from __future__ import annotations

import logging
import signal
import threading
from typing import Annotated

import typer

from mdstream.cli.configuration import ConfigFile
from mdstream.cli.console import errors
from mdstream.config import load_settings


def metrics(
    host: Annotated[
        str | None, typer.Option(help="Address to listen on; else monitoring.host.", show_default=False)
    ] = None,
    port: Annotated[
        int | None, typer.Option(min=1, max=65535, help="Port; else monitoring.port.", show_default=False)
    ] = None,
    config: ConfigFile = None,
) -> None:
    """Serve what no other process can measure for Prometheus, until SIGTERM or Ctrl-C.

    That is the lag of every reader of a topic, the latency from a tick's arrival to its bar, and whether Kafka,
    database, Redis and InfluxDB work. Where InfluxDB is switched on, lag and latency are written to it as well. Lag of
    queries needs their checkpoints in a folder of this machine; else jobs report their own with
    `monitoring.jobs_port`.

    Example: `curl http://127.0.0.1:8002/metrics`
    """
    # Imported here so that `mdstream --help` stays quick.
    from prometheus_client import CollectorRegistry

    from mdstream.monitoring.monitor import Monitor
    from mdstream.serving.metrics_port import serve_metrics

    # A broker that is away is a measurement here, not a warning of the client library.
    logging.getLogger("kafka").setLevel(logging.CRITICAL)
    settings = load_settings(config)
    monitoring = settings.monitoring
    address, bound = host or monitoring.host, port or monitoring.port
    stop = threading.Event()
    for number in (signal.SIGTERM, signal.SIGINT):
        signal.signal(number, lambda *_: stop.set())
    registry = CollectorRegistry()
    monitor = Monitor(settings, registry)
    with serve_metrics(registry, address, bound):
        shown = f"[{address}]" if ":" in address else address
        errors.print(f"metrics on http://{shown}:{bound}/metrics", soft_wrap=True)
        monitor.run(stop)
