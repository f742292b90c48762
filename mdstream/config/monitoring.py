"""Settings of what is measured and where it can be read."""

from __future__ import annotations

from pydantic import Field

from mdstream.config.section import Port, Seconds, Section


class MonitoringSettings(Section):
    """Metrics for Prometheus of processes that have no web server of their own; REST and WebSocket serve theirs."""

    host: str = Field("127.0.0.1", description="address on which metrics are served")
    port: Port = Field(8002, description="port of `mdstream metrics`")
    ingest_port: Port | None = Field(None, description="port of `mdstream ingest` and `replay`; null: none are served")
    jobs_port: Port | None = Field(None, description="port of a Spark application with jobs; null: none are served")
    alerts_port: Port | None = Field(None, description="port of `mdstream alerts`; null: none are served")
    interval_seconds: Seconds = Field(5, description="how often `mdstream metrics` measures")
    health_seconds: Seconds = Field(15, description="how often `mdstream metrics` asks servers whether they work")
    forecasts_seconds: Seconds = Field(300, description="how often `mdstream metrics` holds forecasts to what happened")
