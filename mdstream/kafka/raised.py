"""Findings that live bars have written since their last checkpoint."""

from __future__ import annotations

from collections.abc import Mapping
from dataclasses import dataclass

from confluent_kafka import TIMESTAMP_NOT_AVAILABLE, Consumer, Message

from mdstream.config import Settings
from mdstream.kafka.spans import last_of, read, reader, since, whole_topic
from mdstream.schemas import ANOMALY
from mdstream.schemas.checking import MalformedRecordError, RecordCheck

MOST_RECORDS = 200_000
"""So many of the newest findings are read at most."""

_CLOCKS_APART_MS = 60_000
"""Whoever sends ticks and who writes findings may be on two machines."""

_ANOMALY = RecordCheck(ANOMALY)


@dataclass(frozen=True)
class RaisedFinding:
    """The last that was written of a bar and a rule.

    Attributes:
        symbol: The bar's symbol.
        window: Name of its window.
        start: Its start, epoch microseconds.
        rule: Name of the rule.
        severity: Its severity.
        withdrawn: Whether a late trade had undone it.
    """

    symbol: str
    window: str
    start: int
    rule: str
    severity: str
    withdrawn: bool = False


def findings_since(settings: Settings, topic: str, reached: Mapping[int, int]) -> list[RaisedFinding]:
    """Return what has been written of findings since the query had read its ticks up to some offsets.

    A query that begins again there does not have them in its state. What was found later was written later than the
    last tick before came to the topic: so far back is read, and a minute more.

    Args:
        settings: Broker, and the topic of ticks.
        topic: The topic of findings.
        reached: The offset behind the last tick that was read, by partition; empty for none at all.

    Raises:
        QueryFailedError: The broker does not answer.
    """
    with reader(settings) as consumer:
        time = _time_of_last(consumer, settings.tick_record.topic_name, reached) - _CLOCKS_APART_MS
        spans = since(consumer, topic, time) if time > 0 else whole_topic(consumer, topic)
        spans = last_of(spans, -(-MOST_RECORDS // max(1, len(spans))))
        last = {}
        for record in read(consumer, topic, spans):
            finding = _finding(record.value())
            if finding is not None:
                last[finding.symbol, finding.window, finding.start, finding.rule] = finding
    return list(last.values())


def _time_of_last(consumer: Consumer, topic: str, reached: Mapping[int, int]) -> int:
    """Return when the last records before some offsets came, in epoch ms: the earliest of them; 0 for unknown."""
    there = whole_topic(consumer, topic)
    spans = {
        partition: (reached[partition] - 1, reached[partition])
        for partition, (first, end) in there.items()
        if first < reached.get(partition, 0) <= end
    }
    return min((_time_of(record) for record in read(consumer, topic, spans)), default=0)


def _time_of(record: Message) -> int:
    kind, milliseconds = record.timestamp()
    return 0 if kind == TIMESTAMP_NOT_AVAILABLE else milliseconds


def _finding(value: bytes | None) -> RaisedFinding | None:
    try:
        found = _ANOMALY.read(value)
    except MalformedRecordError:
        return None
    bar = found["symbol"], found["window"], found["window_start"]
    return RaisedFinding(*bar, found["rule"], found["severity"], bool(found.get("withdrawn")))
