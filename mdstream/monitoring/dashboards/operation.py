"""How mdstream itself does, from Prometheus."""

from __future__ import annotations

from grafana_foundation_sdk.builders.dashboard import Dashboard

from mdstream.monitoring.dashboards.panels import board, graph, number
from mdstream.telemetry import Metric, metrics

_RATE = "[$__rate_interval]"

_Graph = tuple[str, str, str, dict[str, str]]
"""Title, meaning, unit, and queries by what their lines are called."""


def _rate(metric: Metric, by: str, matching: str = "") -> str:
    return f"sum by ({by}) (rate({metric.name}{matching}{_RATE}))"


def _quantile(share: float, metric: Metric, by: str, matching: str = "") -> str:
    return f"histogram_quantile({share}, sum by ({by}, le) (rate({metric.name}_bucket{matching}{_RATE})))"


def _quantiles(metric: Metric, by: str, matching: str = "") -> dict[str, str]:
    return {f"p{100 * share:g}": _quantile(share, metric, by, matching) for share in (0.5, 0.95, 0.99)}


def pipeline() -> Dashboard:
    """Return the dashboard of processes, servers, queries and topics."""
    made = board("mdstream-pipeline", "mdstream: pipeline", "Whether everything runs, and keeps up")
    for panel in (
        number("Processes", "1: it answers Prometheus.", "", {"{{process}}": 'up{job="mdstream"}'}),
        number("Servers", "1: it answers.", "", {"{{server}}": metrics.SERVER_UP.name}, 6),
        number("Queries", "1: it runs.", "", {"{{query}}": metrics.QUERY_RUNNING.name}, 6),
    ):
        made = made.with_panel(panel)
    for title, meaning, unit, queries in (*_topics(), *_queries()):
        made = made.with_panel(graph(title, meaning, unit, queries))
    return made


def _topics() -> tuple[_Graph, ...]:
    lag, done, topic = metrics.CONSUMER_LAG, metrics.MESSAGES_PER_SECOND, metrics.TOPIC_RECORDS
    return (
        ("Lag", f"{lag.meaning}.", "short", {"{{query}} of {{topic}}": f"max by (topic, query) ({lag.name})"}),
        ("Records read", f"{done.meaning}.", "cps", {"{{query}} of {{topic}}": f"max by (topic, query) ({done.name})"}),
        ("Records written", "Into each topic, a second.", "cps", {"{{topic}}": _rate(topic, "topic")}),
        ("Dead letters", "Input that cannot be used.", "cps",
         {"{{topic}}": _rate(topic, "topic", '{topic="dead_letter"}')}),
        ("Alerts", f"{metrics.ALERTS.meaning}.", "cps", {"{{outcome}}": _rate(metrics.ALERTS, "outcome")}),
        ("Processors", "Of our processes; of Spark the part in Python.", "short",
         {"{{process}}": f'rate(process_cpu_seconds_total{{job="mdstream"}}{_RATE})'}),
    )  # fmt: skip


def _queries() -> tuple[_Graph, ...]:
    operator = "{{query}} {{operator}}"
    return (
        ("Batches", f"95 of 100 batches are shorter. {metrics.BATCH_SECONDS.meaning}.", "s",
         {"{{query}}": _quantile(0.95, metrics.BATCH_SECONDS, "query")}),
        ("Phases", f"Seconds a second. {metrics.PHASE_SECONDS.meaning}.", "s",
         {"{{query}} {{phase}}": _rate(metrics.PHASE_SECONDS, "query, phase")}),
        ("Rows read by queries", "Real-time queries report once in spark.real_time_trigger.", "cps",
         {"{{query}}": _rate(metrics.ROWS_READ, "query")}),
        ("Since the last word", f"{metrics.QUERY_LAST_PROGRESS.meaning}.", "s",
         {"{{query}}": f"time() - {metrics.QUERY_LAST_PROGRESS.name}"}),
        ("Too late", f"{metrics.TICKS_LATE.meaning}.", "cps", {"{{query}}": _rate(metrics.TICKS_LATE, "query")}),
        ("Passed over", f"{metrics.INDICATORS_THINNED.meaning}.", "cps",
         {"{{query}}": _rate(metrics.INDICATORS_THINNED, "query")}),
        ("Memory of states", f"{metrics.STATE_BYTES.meaning}.", "bytes", {operator: metrics.STATE_BYTES.name}),
        ("Writes into states", f"{metrics.STATE_ROWS_UPDATED.meaning}.", "cps",
         {operator: _rate(metrics.STATE_ROWS_UPDATED, "query, operator")}),
    )  # fmt: skip


def latency() -> Dashboard:
    """Return the dashboard of times."""
    made = board("mdstream-latency", "mdstream: latency", "How long a tick takes, and an answer")
    bar, client = '{point="bar"}', '{point="client"}'
    way, answer = metrics.PROCESSING_LATENCY, metrics.REST_REQUEST
    for title, meaning, unit, queries, width in (
        ("Tick to bar", "From a tick's arrival to its bar at a Kafka consumer.", "s",
         _quantiles(way, "point", bar), 12),
        ("Tick to client", "From a tick's arrival to the frame of its record handed to WebSocket clients.", "s",
         _quantiles(way, "point", client), 12),
        ("Slower than 100 ms", "Share of records.", "percentunit",
         {"{{point}}": f'1 - sum by (point) (rate({way.name}_bucket{{le="0.1"}}{_RATE})) '
          f"/ sum by (point) (rate({way.name}_count{_RATE}))"}, 12),
        ("Measured", "Records whose latency was measured; of many bars only some are.", "cps",
         {"{{point}}": f"sum by (point) (rate({way.name}_count{_RATE}))"}, 12),
        ("REST", "99 of 100 answers were quicker.", "s", {"{{route}}": _quantile(0.99, answer, "route")}, 12),
        ("REST requests", "Answers a second.", "cps",
         {"{{route}} {{status}}": f"sum by (route, status) (rate({answer.name}_count{_RATE}))"}, 12),
        ("WebSocket frames", "Handed out, and replaced by newer ones before that.", "cps",
         {"sent": f"rate({metrics.WEBSOCKET_FRAMES_SENT.name}{_RATE})",
          "conflated": f"rate({metrics.WEBSOCKET_FRAMES_CONFLATED.name}{_RATE})"}, 12),
        ("WebSocket clients", f"{metrics.WEBSOCKET_CLIENTS.meaning}.", "short",
         {"clients": metrics.WEBSOCKET_CLIENTS.name}, 12),
    ):  # fmt: skip
        made = made.with_panel(graph(title, meaning, unit, queries, width))
    return made


def feeds() -> Dashboard:
    """Return the dashboard of what comes in."""
    made = board("mdstream-feeds", "mdstream: feeds", "What comes in, and what becomes of connections")
    received = metrics.TICKS_RECEIVED
    for metric, title, unit in (
        (received, "Ticks", "cps"),
        (metrics.TICKS_ACKNOWLEDGED, "Ticks in Kafka", "cps"),
        (metrics.BARS_ACKNOWLEDGED, "Bars in Kafka", "cps"),
        (metrics.QUOTES_ACKNOWLEDGED, "Quotes in Kafka", "cps"),
        (metrics.FEED_FRAMES, "Frames", "cps"),
        (metrics.FEED_CONNECTS, "Connections", "cps"),
        (metrics.FEED_EVICTIONS, "Evictions", "cps"),
        (metrics.FEED_STALE, "Stale connections", "cps"),
        (metrics.FEED_DROPPED, "Dropped", "cps"),
        (metrics.FEED_GAPS_LEFT, "Gaps left", "cps"),
    ):
        made = made.with_panel(
            graph(title, f"{metric.meaning}, a second.", unit, {"{{source}}": _rate(metric, "source")})
        )
    for gauge, title in ((metrics.INGEST_WAITING, "On the way to Kafka"), (metrics.FEED_QUEUED, "Queued")):
        made = made.with_panel(graph(title, f"{gauge.meaning}.", "short", {"{{source}}": gauge.name}))
    busiest = f"topk(10, {_rate(received, 'symbol')})"
    return made.with_panel(graph("Busiest symbols", "Ticks a second.", "cps", {"{{symbol}}": busiest}))
