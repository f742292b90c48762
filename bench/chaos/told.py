"""Checks findings and alerts: who was told what, and how often."""

from __future__ import annotations

import itertools
from collections import defaultdict
from collections.abc import Iterable, Mapping, Sequence
from typing import Any

from bench.chaos.analysis import RULES, SEVERITIES, Severities, could_be_found
from bench.chaos.model import BarKey, ModelSeries
from bench.chaos.slack import Post
from bench.chaos.violations import Violation

Row = Mapping[str, Any]
FindingKey = tuple[str, str, int, str]
_SEVERE = ("high", "critical")
_SLACK_SECONDS = 2.0
"""How far the clocks of who sends and who is told may be apart, with what lies between them."""


def check_findings(
    model: Mapping[tuple[str, str], ModelSeries],
    holding: Mapping[BarKey, Severities | None],
    records: Sequence[Row],
    starts: Sequence[float],
) -> list[Violation]:
    """Hold the topic of anomalies to the model.

    Args:
        model: The bars.
        holding: What holds for the closed bars in the end.
        records: All of the topic, in order within each bar.
        starts: When the live engine was started, in epoch seconds: what it had told since its last checkpoint it
            tells once more.
    """
    by_key: dict[FindingKey, list[Row]] = defaultdict(list)
    for record in records:
        by_key[_key(record)].append(record)
    wrong = [violation for key, told in by_key.items() for violation in _repeats(key, told, starts)]
    # Of equally many trades the last: late trades of the bars before withdraw a finding too.
    last = {key: max(reversed(told), key=lambda each: each["trade_count"]) for key, told in by_key.items()}
    wrong += _missing(holding, {key: record for key, record in last.items() if not record.get("withdrawn")})
    for key, record in last.items():
        symbol, window, start, rule = key
        if rule in RULES and not record.get("withdrawn"):
            wrong += _unfounded(model[symbol, window], holding.get((symbol, window, start), {}), record, start)
    return wrong


def _key(record: Row) -> FindingKey:
    return record["symbol"], record["window"], record["window_start"], record["rule"]


def _repeats(key: FindingKey, told: Sequence[Row], starts: Sequence[float]) -> list[Violation]:
    """Within one life of the engine a finding is told once, and again if it is graver or was withdrawn meanwhile."""
    wrong = []
    for before, after in itertools.pairwise(told):
        between = (before["detected_time"] / 1e6, after["detected_time"] / 1e6)
        is_graver = SEVERITIES.index(after["severity"]) > SEVERITIES.index(before["severity"])
        is_news = is_graver or bool(before.get("withdrawn")) != bool(after.get("withdrawn"))
        if not is_news and not any(between[0] < start < between[1] for start in starts):
            wrong.append(Violation("doubled", f"anomalies: {key} was told twice, {before} and {after}"))
    return wrong


def _missing(holding: Mapping[BarKey, Severities | None], told: Mapping[FindingKey, Row]) -> list[Violation]:
    wrong = []
    for bar, severities in holding.items():
        for rule, severity in (severities or {}).items():
            record = told.get((*bar, rule))
            if record is None:
                wrong.append(Violation("lost", f"anomalies: {rule} ({severity}) of {bar} was not told"))
            elif SEVERITIES.index(record["severity"]) < SEVERITIES.index(severity):
                wrong.append(Violation("lost", f"anomalies: {rule} of {bar} is {severity}, told was {dict(record)}"))
    return wrong


def _unfounded(own: ModelSeries, holds: Severities | None, record: Row, start: int) -> list[Violation]:
    """Check that what was told was so at its time, and that it was withdrawn if late trades have undone it."""
    rule, severity = record["rule"], record["severity"]
    if start not in own.bars or record["trade_count"] > len(own.bars[start].trades):
        return [Violation("doubled", f"anomalies: of more trades than were sent: {dict(record)}")]
    if not could_be_found(own, start, record["trade_count"], rule, severity):
        return [Violation("wrong", f"anomalies: never so: {dict(record)}")]
    if holds is not None and start in own.closed and rule not in holds and own.is_changed_late(start):
        return [Violation("wrong", f"anomalies: not withdrawn, though late trades have undone it: {dict(record)}")]
    return []


def check_stored_findings(records: Iterable[Row], rows: Mapping[FindingKey, Row]) -> list[Violation]:
    """Hold the table of anomalies to the topic: the newest of each, once."""
    last: dict[FindingKey, Row] = {}
    for record in records:
        key = _key(record)
        if key not in last or record["trade_count"] >= last[key]["trade_count"]:
            last[key] = record
    wrong = [Violation("doubled", f"table anomalies: {key} is not in the topic") for key in rows.keys() - last.keys()]
    for key, record in last.items():
        row = rows.get(key)
        if row is None:
            wrong.append(Violation("lost", f"table anomalies: {dict(record)}"))
        elif any(
            (row[name] or None) != (record.get(name) or None) for name in ("severity", "trade_count", "withdrawn")
        ):
            wrong.append(Violation("wrong", f"table anomalies: {dict(row)}, newest in the topic {dict(record)}"))
    return wrong


def check_alerts(
    records: Iterable[Row], posts: Sequence[Post], cooldown: float, excused: Sequence[tuple[float, float]]
) -> list[Violation]:
    """Hold alerts to the topic of anomalies.

    Args:
        records: All anomalies.
        posts: What Slack has taken.
        cooldown: Seconds of quiet behind each.
        excused: Times in which an alert may be sent twice: the process was killed before it had noted in Redis that it
            was sent.
    """
    times: dict[tuple[str, str], list[float]] = defaultdict(list)
    for post in posts:
        times[post.symbol, post.rule].append(post.time)
    wrong = []
    for subject, sent in times.items():
        for before, after in itertools.pairwise(sent):
            is_excused = any(begin <= before <= end for begin, end in excused)
            if after - before < cooldown - _SLACK_SECONDS and not is_excused:
                wrong.append(Violation("doubled", f"alerts: {subject} again after {after - before:.1f} s"))
    return wrong + _unheard(records, times, cooldown)


def _unheard(records: Iterable[Row], times: Mapping[tuple[str, str], list[float]], cooldown: float) -> list[Violation]:
    """Every severe finding is sent, unless its symbol and rule were quiet when it was told first."""
    first: dict[FindingKey, Row] = {}
    for record in records:
        if record["severity"] in _SEVERE and not record.get("withdrawn"):
            first.setdefault(_key(record), record)
    return [
        Violation("lost", f"alerts: none of {dict(record)}")
        for record in first.values()
        if not any(
            sent > record["detected_time"] / 1e6 - cooldown - _SLACK_SECONDS
            for sent in times.get((record["symbol"], record["rule"]), ())
        )
    ]
