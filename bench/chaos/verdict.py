"""Holds all that came out to the model."""

from __future__ import annotations

from collections.abc import Callable, Iterator, Sequence

from bench.chaos.analysis import holding, indicators_of
from bench.chaos.checks import (
    check_bars,
    check_dead_letters,
    check_indicators,
    check_revisions,
    check_stored_ticks,
    check_topic,
)
from bench.chaos.model import model_of
from bench.chaos.outcome import Row, Tables, bar_key, newest, read_topic
from bench.chaos.schedule import JOBS, Kind
from bench.chaos.sender import Sender
from bench.chaos.slack import Post
from bench.chaos.stage import COOLDOWN_SECONDS, Event, Stage
from bench.chaos.told import check_alerts, check_findings, check_stored_findings
from bench.chaos.violations import Violation
from mdstream.schemas import ANOMALY, BAR, DEAD_LETTER, TICK

_NOTING_SECONDS = 3.0
"""How long after an alert was sent it may not be noted yet, on a busy machine."""


def judge(
    stage: Stage,
    sender: Sender,
    posts: Sequence[Post],
    windows: dict[str, int],
    tables: Tables,
    say: Callable[[str], None],
) -> list[Violation]:
    """Return all that is wrong in the end."""
    servers = stage.settings.kafka.bootstrap_servers

    def records(topic: str) -> Iterator[Row]:
        return (message.fields for message in read_topic(servers, topic))

    model = model_of(sender.trades, windows)
    say(f"{len(sender.trades)} ticks, {sum(len(series.bars) for series in model.values())} bars in the model")
    sent = ((message.partition, message.offset, message.value) for message in read_topic(servers, str(TICK.topic)))
    found = check_topic(sender.values, (((partition, offset), value) for partition, offset, value in sent))
    found += check_stored_ticks(sender.trades, tables.ticks())
    found += check_bars(model, newest(records(str(BAR.topic))).values(), "aggregated_data")
    found += check_bars(model, tables.bars(), "table aggregated_data")
    found += check_revisions(model, records(str(BAR.topic)))
    expected = {(*key, start): own for key, series in model.items() for start, own in indicators_of(series).items()}
    indicators = stage.settings.indicator_record
    of_topic = newest(records(str(indicators.topic))).values()
    found += check_indicators(model, expected, of_topic, "technical_indicators")
    found += check_indicators(model, expected, tables.indicators(), "table technical_indicators")
    anomalies = list(records(str(ANOMALY.topic)))
    starts = [event.ended for event in stage.events if event.target == JOBS and event.kind != Kind.PAUSE]
    found += check_findings(model, holding(model), anomalies, starts)
    found += check_stored_findings(anomalies, {(*bar_key(row), row["rule"]): row for row in tables.anomalies()})
    found += check_alerts(anomalies, posts, COOLDOWN_SECONDS, excused(stage.events))
    found += check_dead_letters(sender.refused, records(str(DEAD_LETTER.topic)))
    say(f"{len(anomalies)} findings told, {len(posts)} alerts, {len(sender.refused)} dead letters expected")
    return found


def excused(events: Sequence[Event]) -> list[tuple[float, float]]:
    """Return when an alert may have been sent without being noted: just before its process or Redis was gone."""
    return [
        (event.time - _NOTING_SECONDS, event.ended)
        for event in events
        if event.target == "redis" or (event.target == "alerts" and event.kind == Kind.KILL)
    ]
