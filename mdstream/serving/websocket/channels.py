"""What clients can subscribe to: a channel for each kind of record."""

from __future__ import annotations

from collections.abc import Callable, Hashable, Mapping
from dataclasses import dataclass
from operator import itemgetter
from typing import Any, TypeAlias

from mdstream.config import Settings
from mdstream.schemas import ANOMALY, BAR, PREDICTION, QUOTE, TICK, Record, quotes, trades
from mdstream.schemas.checking import RecordCheck

WhyRefused: TypeAlias = Callable[[Mapping[str, Any], int, float], str | None]
"""Returns why fields that arrived at a time, in epoch microseconds, are refused, given how far clocks may be ahead."""

DEFAULT_CHANNELS = ("tick", "bar")
"""What a client gets that names no channels."""

_INGEST_TIMES = ("ingest_time", "last_ingest_time")
_NOT_IN_KEY = ("symbol", "window")
_AS_THEY_HAPPEN: Mapping[str, tuple[WhyRefused, tuple[str, ...]]] = {
    TICK.name: (trades.why_refused, ()),
    # The best price of each exchange is a thing of its own.
    QUOTE.name: (quotes.why_refused, ("exchange",)),
}
"""Records that are not revised: why one is refused, and what tells those apart of which each has a newest one."""


@dataclass(frozen=True)
class Channel:
    """One kind of record, and how its records take each other's place.

    Attributes:
        name: What clients call it.
        topic: Where its records come from.
        check: Reads its records, and refuses what is none.
        windowed: Whether its records are of a window each.
        time_column: Places a record in time.
        revision_column: Grows with the revisions of one thing, if there are any.
        ingest_column: When the newest tick behind the record reached us, if it says so.
        why_refused: Of records that are not revised, and of which many may have one time: why one is none.
        key_columns: What tells things of one symbol and window apart; without time, each record is newer than the last.
        kind_columns: The same without time: what has a newest thing of its own.
    """

    name: str
    topic: str
    check: RecordCheck
    windowed: bool
    time_column: str
    revision_column: str | None
    ingest_column: str | None
    why_refused: WhyRefused | None
    key_columns: tuple[str, ...]
    kind_columns: tuple[str, ...]

    @classmethod
    def of(cls, name: str, record: Record) -> Channel:
        """Derive a channel from the declaration of its record."""
        columns = record.schema.names
        why_refused, key = _AS_THEY_HAPPEN.get(record.name, (None, record.key))
        key = tuple(column for column in key if column not in _NOT_IN_KEY)
        return cls(
            name=name,
            topic=record.topic_name,
            check=RecordCheck(record),
            windowed="window" in columns,
            time_column=str(record.time_column),
            revision_column=record.revision_column,
            ingest_column=next((column for column in _INGEST_TIMES if column in columns), None),
            why_refused=why_refused,
            key_columns=key,
            kind_columns=tuple(column for column in key if column != record.time_column),
        )

    def key_of(self, fields: Mapping[str, Any]) -> Hashable:
        """Return which of the things of its symbol and window a record is of."""
        return _values(self.key_columns, fields)

    def order_of(self, fields: Mapping[str, Any], partition: int, offset: int) -> tuple[int, ...]:
        """Return a record's place in time, and for ticks of one time among those, as in a bar's close."""
        time: int = fields[self.time_column]
        if self.why_refused is None:
            return (time,)
        sequence = fields.get("sequence")
        return (time, offset if sequence is None else sequence, partition, offset)

    def kind_of(self, fields: Mapping[str, Any]) -> Hashable:
        """Return which newest thing a record may be."""
        return _values(self.kind_columns, fields)


def _values(columns: tuple[str, ...], fields: Mapping[str, Any]) -> Hashable:
    if len(columns) == 1:
        # An exchange may be unknown.
        return fields.get(columns[0])
    values: Hashable = itemgetter(*columns)(fields) if columns else ()
    return values


def channels_of(settings: Settings) -> tuple[Channel, ...]:
    """Return every channel.

    Example:
        >>> [channel.name for channel in channels_of(Settings())]
        ['tick', 'bar', 'indicator', 'anomaly', 'prediction', 'quote']
    """
    records = {
        # Of a topic of other people's records there is nothing that could be sent on.
        "tick": settings.tick_record if settings.ticks.columns_of_topic is None else TICK,
        "bar": BAR,
        "indicator": settings.indicator_record,
        "anomaly": ANOMALY,
        "prediction": PREDICTION,
        "quote": QUOTE,
    }
    return tuple(Channel.of(name, record) for name, record in records.items())
