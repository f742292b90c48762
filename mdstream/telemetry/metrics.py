"""Every metric of mdstream, declared once; names and labels are what dashboards and alert rules are built on."""

from __future__ import annotations

from mdstream.telemetry.declaration import CounterMetric, GaugeMetric, HistogramMetric, Metric

_SECONDS = "seconds"
_BYTES = "bytes"
_SOURCE = ("source",)
_QUERY = ("query",)

_REQUEST_BUCKETS = (0.0005, 0.001, 0.002, 0.005, 0.01, 0.02, 0.05, 0.1, 0.2, 0.5, 1, 2, 5)
_LATENCY_BUCKETS = (0.001, 0.002, 0.005, 0.01, 0.02, 0.035, 0.05, 0.075, 0.1, 0.15, 0.25, 0.5, 1, 2.5, 5, 10, 30, 60)
_BATCH_BUCKETS = (0.05, 0.1, 0.2, 0.5, 1, 2, 5, 10, 20, 60, 120, 300, 600)

# The whole way of a tick.

PROCESSING_LATENCY = HistogramMetric(
    "processing_latency_seconds",
    "From the arrival of the tick behind a record to a point: bar (the record in aggregated_data, at a consumer), "
    "client (its frame handed out by the WebSocket server)",
    ("point",),
    _SECONDS,
    _LATENCY_BUCKETS,
)
CONSUMER_LAG = GaugeMetric(
    "kafka_consumer_lag",
    "Records of a topic that a reader has not done with: after its last batch, from a job; now, from mdstream metrics",
    ("topic", "query"),
    "records",
)
MESSAGES_PER_SECOND = GaugeMetric(
    "messages_per_second",
    "Records of a topic that a reader has done with, a second: in its last batch, from a job; since the measurement "
    "before, from mdstream metrics",
    ("topic", "query"),
    "records per second",
)

# mdstream ingest

TICKS_RECEIVED = CounterMetric("tick_messages_received_total", "Usable ticks", ("symbol", "source"), "ticks")
BARS_RECEIVED = CounterMetric(
    "bar_messages_received_total", "Usable revisions of a vendor's bars", ("symbol", "source"), "bars"
)
QUOTES_RECEIVED = CounterMetric("quote_messages_received_total", "Usable quotes", ("symbol", "source"), "quotes")
TICKS_SENT = CounterMetric("ingest_ticks_sent_total", "Ticks handed to Kafka's producer", _SOURCE, "ticks")
TICKS_ACKNOWLEDGED = CounterMetric(
    "ingest_ticks_acknowledged_total", "Ticks that all replicas of Kafka have", _SOURCE, "ticks"
)
BARS_ACKNOWLEDGED = CounterMetric(
    "ingest_bars_acknowledged_total", "Revisions of bars that all replicas of Kafka have", _SOURCE, "bars"
)
QUOTES_ACKNOWLEDGED = CounterMetric(
    "ingest_quotes_acknowledged_total", "Quotes that all replicas of Kafka have", _SOURCE, "quotes"
)
INGEST_WAITING = GaugeMetric(
    "ingest_messages_waiting",
    "Ticks, bars, quotes and dead letters that are sent and not acknowledged",
    _SOURCE,
    "records",
)
INGEST_DEAD_LETTERS = CounterMetric(
    "ingest_dead_letters_total", "Input that cannot be used, by reason", ("source", "reason"), "records"
)
FEED_QUEUED = GaugeMetric(
    "feed_queued_ticks", "Ticks, bars or quotes between socket and Kafka's producer", _SOURCE, "records"
)
FEED_FRAMES = CounterMetric("feed_frames_total", "Frames or answers read", _SOURCE, "frames")
FEED_CONNECTS = CounterMetric(
    "feed_connects_total", "Connections opened and let in: one more than there were reconnects", _SOURCE, "connections"
)
FEED_EVICTIONS = CounterMetric(
    "feed_evictions_total", "Times that another connection took our place", _SOURCE, "connections"
)
FEED_STALE = CounterMetric(
    "feed_stale_total", "Connections given up because nothing came through them", _SOURCE, "connections"
)
FEED_DROPPED = CounterMetric(
    "feed_dropped_total", "Ticks, bars or quotes dropped because Kafka was slower than the feed", _SOURCE, "records"
)
FEED_GAPS_FILLED = CounterMetric(
    "feed_gaps_filled_total",
    "Gaps of a symbol, left by a lost connection, that were fetched afterwards",
    _SOURCE,
    "gaps",
)
FEED_GAPS_LEFT = CounterMetric("feed_gaps_left_total", "Gaps that could not be fetched", _SOURCE, "gaps")
FEED_GAP_TICKS = CounterMetric("feed_gap_ticks_total", "Ticks in gaps that were fetched", _SOURCE, "ticks")

# Jobs: what Spark says at the end of each batch. In real-time mode that is once in spark.real_time_trigger.

QUERY_RUNNING = GaugeMetric("stream_query_running", "1 while the query runs, 0 once it ended", _QUERY, "1 or 0")
QUERY_LAST_PROGRESS = GaugeMetric(
    "stream_last_progress_timestamp_seconds",
    "When Spark last said of the query that a batch ended, or that there is nothing to read",
    _QUERY,
    _SECONDS,
)
ROWS_READ = CounterMetric("stream_rows_read_total", "Rows that the query read", _QUERY, "rows")
BATCH_SECONDS = HistogramMetric(
    "stream_batch_seconds",
    "Length of batches with data; in real-time mode the trigger's",
    _QUERY,
    _SECONDS,
    _BATCH_BUCKETS,
)
PHASE_SECONDS = CounterMetric(
    "stream_phase_seconds_total",
    "Time that batches spent in each phase, by Spark's names: latestOffset, queryPlanning, walCommit, addBatch, "
    "commitOffsets",
    ("query", "phase"),
    _SECONDS,
)
WATERMARK = GaugeMetric(
    "stream_watermark_timestamp_seconds",
    "Event time up to which the query keeps state for late rows; its delay is time() minus this",
    _QUERY,
    _SECONDS,
)
TICKS_LATE = CounterMetric(
    "ticks_late_total",
    "Ticks that came later behind their symbol's newest than ticks.allowed_lateness_seconds, and are in no bar until "
    "mdstream rebuild; in real-time mode as of the last batch",
    _QUERY,
    "ticks",
)
INDICATORS_THINNED = CounterMetric(
    "indicators_thinned_total",
    "Revisions of forming bars whose indicators were passed over, as newer ones had come: bars go first; in real-time "
    "mode as of the last batch",
    _QUERY,
    "revisions",
)
STATE_ROWS = GaugeMetric(
    "stream_state_rows",
    "Rows in the state of an operator; only where Spark counts them "
    "(spark.sql.streaming.stateStore.rocksdb.trackTotalNumberOfRows)",
    ("query", "operator"),
    "rows",
)
STATE_ROWS_UPDATED = CounterMetric(
    "stream_state_rows_updated_total", "Writes of rows into the state of an operator", ("query", "operator"), "rows"
)
STATE_BYTES = GaugeMetric("stream_state_bytes", "Memory of the state of an operator", ("query", "operator"), _BYTES)
SOURCE_OFFSET = GaugeMetric(
    "stream_source_offset",
    "Next offset that the query reads, after its last batch",
    ("query", "topic", "partition"),
    "offset",
)

# REST, WebSocket and dashboard

REFUSED = CounterMetric(
    "serving_refused_total",
    "Connections and requests that were refused, by what they were refused for",
    ("server", "reason"),
    "requests",
)
CONNECTIONS = GaugeMetric("serving_connections", "Open connections of clients", ("server",), "connections")
REST_REQUEST = HistogramMetric(
    "rest_request_seconds",
    "Time from a request to the last byte of its answer handed on, by route, method and status",
    ("route", "method", "status"),
    _SECONDS,
    _REQUEST_BUCKETS,
)
WEBSOCKET_CLIENTS = GaugeMetric("websocket_clients", "Clients that are connected", (), "clients")
WEBSOCKET_FRAMES_SENT = CounterMetric("websocket_frames_sent_total", "Records handed out to clients", (), "records")
WEBSOCKET_FRAMES_CONFLATED = CounterMetric(
    "websocket_frames_conflated_total", "Records that a newer one replaced before it was sent", (), "records"
)
WEBSOCKET_STALLED = CounterMetric(
    "websocket_clients_stalled_total", "Clients disconnected because they took nothing", (), "clients"
)
WEBSOCKET_REFUSED = CounterMetric(
    "websocket_refused_total", "Connections and messages refused, by reason", ("reason",), "requests"
)
WEBSOCKET_RECORDS = CounterMetric("websocket_records_read_total", "Records read from Kafka", ("topic",), "records")
WEBSOCKET_UNREADABLE = CounterMetric(
    "websocket_records_unreadable_total", "Records that are not what their topic holds", ("topic",), "records"
)
WEBSOCKET_KAFKA_UP = GaugeMetric("websocket_kafka_up", "Whether Kafka answers the WebSocket server", (), "1 or 0")

# mdstream alerts

ANOMALIES_READ = CounterMetric("alerts_anomalies_read_total", "Anomalies read from the topic", (), "records")
ALERTS = CounterMetric(
    "alerts_total",
    "What became of anomalies: malformed, withdrawn, not_severe, outdated, repeats, held_back, dropped, sent or lost",
    ("outcome",),
    "anomalies",
)
ALERTS_WAITING = GaugeMetric("alerts_waiting", "Alerts that wait for the channel", (), "alerts")
ALERTS_FAILED_ATTEMPTS = CounterMetric(
    "alerts_failed_attempts_total", "Times that the channel took no alert", (), "attempts"
)
ALERTS_COOLDOWN_FAILURES = CounterMetric(
    "alerts_cooldown_failures_total", "Times that Redis could not be asked for a cooldown", (), "attempts"
)

# mdstream metrics

SERVER_UP = GaugeMetric(
    "server_up", "Whether a server answers: kafka, postgresql, redis, influxdb", ("server",), "1 or 0"
)
SERVER_READY = GaugeMetric(
    "server_ready",
    "Whether a server has all that mdstream needs of it, as mdstream doctor says: topics, tables, write access",
    ("server",),
    "1 or 0",
)
FORECAST_OUTCOMES = GaugeMetric(
    "forecast_outcomes", "Forecasts of the last day whose price is known", ("symbol", "horizon_minutes"), "forecasts"
)
FORECAST_RELATIVE_MAE = GaugeMetric(
    "forecast_relative_mae",
    "Mean absolute error of the last day's forecasts over that of the last price; below 1 is better than that",
    ("symbol", "horizon_minutes"),
)
TOPIC_RECORDS = CounterMetric("kafka_topic_records_total", "Records written to a topic so far", ("topic",), "records")
MEASURED = GaugeMetric(
    "monitoring_last_measured_timestamp_seconds",
    "When mdstream metrics last could measure: kafka (lag), servers (health), forecasts, influxdb (points written)",
    ("what",),
    _SECONDS,
)

ALL_METRICS: tuple[Metric, ...] = tuple(value for value in list(globals().values()) if isinstance(value, Metric))
"""All of them, in this order."""
