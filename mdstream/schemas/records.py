"""Every record that crosses a border of mdstream, declared once.

Spark types, table DDL, JSON and empty test frames are derived from these declarations.
"""

from __future__ import annotations

from dataclasses import dataclass

import pyarrow as pa

TIME = pa.timestamp("us", tz="UTC")
"""A point in time: microseconds since the epoch, UTC. In JSON the bare integer."""


@dataclass(frozen=True)
class Record:
    """A kind of record, its fields and where it lives.

    Attributes:
        name: What one record is called.
        schema: Fields with type, nullability and a comment that gives meaning and unit.
        topic: Kafka topic that carries the record, if one does.
        table: Table that stores the record, if one does.
        measurement: InfluxDB measurement that holds the record, if one does.
        key: Natural key: two records with the same key are revisions of one thing.
        time_column: The field that places the record in time; tables are partitioned by it.
        revision_column: A revision replaces another if this is not smaller; None: the first one stays.

    Example:
        >>> BAR.topic, BAR.key, BAR.schema.field("vwap").nullable
        ('aggregated_data', ('symbol', 'window', 'window_start'), True)
    """

    name: str
    schema: pa.Schema
    topic: str | None = None
    table: str | None = None
    measurement: str | None = None
    key: tuple[str, ...] = ()
    time_column: str | None = None
    revision_column: str | None = None

    @property
    def topic_name(self) -> str:
        """The topic that carries the record.

        Raises:
            ValueError: No topic does.
        """
        if self.topic is None:
            raise ValueError(f"no topic carries {self.one}")
        return self.topic

    @property
    def one(self) -> str:
        """Its name as sentences have it: a tick, an anomaly."""
        return f"{'an' if self.name[0] in 'aeiou' else 'a'} {self.name}"

    def empty(self) -> pa.Table:
        """Return a table with this record's schema and no rows."""
        return self.schema.empty_table()


def _field(name: str, kind: pa.DataType, comment: str, *, null: bool = False) -> pa.Field:
    return pa.field(name, kind, nullable=null, metadata={"comment": comment})


_TICK_FIELDS = (
    _field("symbol", pa.string(), "instrument, as the source names it, e.g. AAPL or BTCUSDT"),
    _field("price", pa.float64(), "price of the trade in the instrument's currency"),
    _field("size", pa.float64(), "units traded: shares, or coins with fractions"),
    _field("event_time", TIME, "when the trade happened, by the source's clock"),
    _field("ingest_time", TIME, "when the tick reached our process, by its clock", null=True),
    _field("source", pa.string(), "the feed that delivered it", null=True),
    _field("exchange", pa.string(), "venue, in the source's code", null=True),
    _field("trade_id", pa.string(), "the venue's id of the trade; not unique across venues", null=True),
    _field("sequence", pa.int64(), "the source's order of trades within a symbol and session", null=True),
    _field(
        "conditions",
        pa.list_(pa.string()),
        "trade condition codes of the source, and marks of our own, e.g. cancel",
        null=True,
    ),
)


def _kafka_coordinate(name: str, topic: str) -> tuple[pa.Field, pa.Field]:
    return (
        _field("kafka_partition", pa.int32(), f"partition of {topic} the {name} was read from"),
        _field("kafka_offset", pa.int64(), f"offset within that partition; with it, the {name}'s identity"),
    )


_BY_COORDINATE = ("symbol", "event_time", "kafka_partition", "kafka_offset")


TICK = Record(name="tick", schema=pa.schema(_TICK_FIELDS), topic="tick_data", time_column="event_time")
"""One trade print, as it enters Kafka."""

STORED_TICK = Record(
    name="stored tick",
    schema=pa.schema((*_TICK_FIELDS, *_kafka_coordinate("tick", "tick_data"))),
    table="tick_data",
    measurement="tick_metrics",
    key=_BY_COORDINATE,
    time_column="event_time",
)
"""A tick with its Kafka coordinate. Equal prints are common and all count: only the coordinate tells them apart."""

QUOTE = Record(
    name="quote",
    schema=pa.schema(
        (
            _field("symbol", pa.string(), "instrument, as the source names it"),
            _field("event_time", TIME, "when the quote came into force, by the source's clock"),
            _field("bid", pa.float64(), "highest price that is bid, in the instrument's currency", null=True),
            _field("ask", pa.float64(), "lowest price that is asked", null=True),
            _field("bid_size", pa.float64(), "units bid for at that price", null=True),
            _field("ask_size", pa.float64(), "units offered at that price", null=True),
            _field("exchange", pa.string(), "venue, in the source's code; null of a best quote of several", null=True),
            _field("sequence", pa.int64(), "the source's order of quotes within a symbol and session", null=True),
            _field("ingest_time", TIME, "when the quote reached our process, by its clock", null=True),
            _field("source", pa.string(), "the feed that delivered it", null=True),
        )
    ),
    topic="quote_data",
    time_column="event_time",
)
"""Bid and ask as of a time, until the next quote of the symbol and exchange. A price of 0 says that nobody quotes."""

STORED_QUOTE = Record(
    name="stored quote",
    schema=pa.schema((*QUOTE.schema, *_kafka_coordinate("quote", "quote_data"))),
    table="quote_data",
    key=_BY_COORDINATE,
    time_column="event_time",
)
"""A quote with its Kafka coordinate: sources repeat quotes, and not all number them."""

BAR = Record(
    name="bar",
    schema=pa.schema(
        (
            _field("symbol", pa.string(), "instrument"),
            _field("window", pa.string(), "name of the window, e.g. 1min"),
            _field("window_start", TIME, "first instant of the window, aligned to the epoch"),
            _field("window_end", TIME, "first instant after the window"),
            _field("open", pa.float64(), "price of the first eligible trade by (event_time, sequence, offset)"),
            _field("high", pa.float64(), "highest price of an eligible trade"),
            _field("low", pa.float64(), "lowest price of an eligible trade"),
            _field("close", pa.float64(), "price of the last eligible trade by (event_time, sequence, offset)"),
            _field("volume", pa.float64(), "units traded, over all trades that count for volume"),
            _field("vwap", pa.float64(), "sum of price x size / sum of size, over eligible trades", null=True),
            _field("trade_count", pa.int64(), "trades in the window so far; the bar's revision number"),
            _field("last_event_time", TIME, "event time of the newest trade"),
            _field("last_ingest_time", TIME, "ingest time of the trade that came last", null=True),
        )
    ),
    topic="aggregated_data",
    table="aggregated_data",
    measurement="aggregated_metrics",
    key=("symbol", "window", "window_start"),
    time_column="window_start",
    revision_column="trade_count",
)
"""The newest revision of one bar."""

ANOMALY = Record(
    name="anomaly",
    schema=pa.schema(
        (
            _field("symbol", pa.string(), "instrument"),
            _field("window", pa.string(), "name of the bar's window, e.g. 1min"),
            _field("window_start", TIME, "first instant of the bar's window"),
            _field("rule", pa.string(), "name of the rule that found it"),
            _field("severity", pa.string(), "low, medium, high or critical"),
            _field("value", pa.float64(), "what the rule looked at, in the rule's unit", null=True),
            _field("threshold", pa.float64(), "what the value was held against, in the same unit", null=True),
            _field("message", pa.string(), "what happened, for people"),
            _field("detected_time", TIME, "when the rule was evaluated"),
            _field("trade_count", pa.int64(), "revision of the bar in which it was found last"),
            _field("last_event_time", TIME, "event time of the bar's newest trade at that revision", null=True),
            _field("withdrawn", pa.bool_(), "true if a late trade has undone it since; else null", null=True),
        )
    ),
    topic="anomalies",
    table="anomalies",
    measurement="anomalies",
    key=("symbol", "window", "window_start", "rule"),
    time_column="window_start",
    revision_column="trade_count",
)
"""A bar that a rule found remarkable; a later revision of the bar may change its severity and value."""

PREDICTION = Record(
    name="prediction",
    schema=pa.schema(
        (
            _field("symbol", pa.string(), "instrument"),
            _field("horizon_minutes", pa.int64(), "minutes from the close of the newest closed bar to target_time"),
            _field("made_at", TIME, "when it was made, by the clock of the process that made it"),
            _field("target_time", TIME, "the instant whose price is forecast: of the last trade before it"),
            _field("last_price", pa.float64(), "close of the newest closed bar, in the instrument's currency"),
            _field("predicted_price", pa.float64(), "the model's forecast; naive_price if there is no model"),
            _field("lower", pa.float64(), "price below which few outcomes are expected; null without model", null=True),
            _field("upper", pa.float64(), "price above which few outcomes are expected; null without model", null=True),
            _field("naive_price", pa.float64(), "what a forecast without a model says: the last price"),
            _field("model_version", pa.string(), "version of the model that made it, or 'naive'"),
            _field("beats_naive", pa.bool_(), "whether the model was better than the last price when it was evaluated"),
            _field(
                "relative_mae",
                pa.float64(),
                "mean absolute error of the model over that of the last price, from its evaluation; null without model",
                null=True,
            ),
        )
    ),
    topic="predictions",
    table="predictions",
    key=("symbol", "horizon_minutes", "target_time"),
    time_column="target_time",
    revision_column="made_at",
)
"""A price forecast beside the naive one; made again for the same target it replaces the one made before."""

SEVERITIES = ("low", "medium", "high", "critical")
"""How grave an anomaly is, from least to most."""

DEAD_LETTER = Record(
    name="dead letter",
    schema=pa.schema(
        (
            _field("source", pa.string(), "the feed or topic the bad input came from"),
            _field("reason", pa.string(), "what was found and what was expected"),
            _field("payload", pa.string(), "the input as it was; 'base64:' in front if it is not UTF-8"),
            _field("received_time", TIME, "when it reached us"),
        )
    ),
    topic="dead_letter",
    time_column="received_time",
)
"""Input that cannot be used, kept with the reason."""

LATENCY_METRIC = Record(
    name="latency metric",
    schema=pa.schema(
        (
            _field("source", pa.string(), "process or query that measured, e.g. live_bars"),
            _field("point", pa.string(), "where latency from ingest_time ends: bar, client or store"),
            _field("measured_time", TIME, "end of the interval that was measured"),
            _field("interval_seconds", pa.float64(), "length of that interval"),
            _field("count", pa.int64(), "records that were measured"),
            _field("p50_ms", pa.float64(), "median, in milliseconds; null without records", null=True),
            _field("p95_ms", pa.float64(), "95th percentile, in milliseconds; null without records", null=True),
            _field("p99_ms", pa.float64(), "99th percentile, in milliseconds; null without records", null=True),
            _field("max_ms", pa.float64(), "longest, in milliseconds; null without records", null=True),
        )
    ),
    measurement="latency_metrics",
    key=("source", "point", "measured_time"),
    time_column="measured_time",
)
"""How long records took from their arrival to a named point, over an interval."""

KAFKA_METRIC = Record(
    name="Kafka metric",
    schema=pa.schema(
        (
            _field("source", pa.string(), "query or consumer group that reads the topic"),
            _field("topic", pa.string(), "Kafka topic"),
            _field("measured_time", TIME, "when it was measured"),
            _field("lag", pa.int64(), "records in the topic that the reader has not read yet"),
            _field("messages_per_second", pa.float64(), "records read a second, since the last time", null=True),
        )
    ),
    measurement="kafka_metrics",
    key=("source", "topic", "measured_time"),
    time_column="measured_time",
)
"""How far a reader is behind the end of a topic."""
