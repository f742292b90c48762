"""Compares what came out with what has to come out."""

from __future__ import annotations

from collections import Counter, defaultdict
from collections.abc import Iterable, Mapping
from typing import Any

from bench.chaos.model import BarKey, BarValues, ModelSeries, Trade
from bench.chaos.violations import Kind, Violation
from mdstream.schemas.wire import to_micros

Model = Mapping[tuple[str, str], ModelSeries]
Row = Mapping[str, Any]
StoredTick = tuple[int, int, str, float, float, int]


def check_topic(
    sent: Mapping[tuple[int, int], bytes], found: Iterable[tuple[tuple[int, int], bytes]]
) -> list[Violation]:
    """Hold the topic of ticks to what the broker has taken."""
    left = dict(sent)
    wrong = []
    for place, value in found:
        expected = left.pop(place, None)
        if expected is None:
            wrong.append(Violation("doubled", f"tick_data: a record at {place} that nobody has sent, {value[:80]!r}"))
        elif expected != value:
            wrong.append(Violation("wrong", f"tick_data: {value[:80]!r} at {place}, sent was {expected[:80]!r}"))
    return wrong + [Violation("lost", f"tick_data: {value[:80]!r} at {place}") for place, value in left.items()]


def check_stored_ticks(trades: Iterable[Trade], stored: Iterable[StoredTick]) -> list[Violation]:
    """Hold the table of ticks to what was sent: each once."""
    expected = {
        (trade.partition, trade.offset): (trade.symbol, trade.price, trade.size, trade.event_time) for trade in trades
    }
    counts: Counter[tuple[int, int]] = Counter()
    wrong = []
    for partition, offset, *values in stored:
        counts[partition, offset] += 1
        if (partition, offset) not in expected:
            wrong.append(Violation("doubled", f"table tick_data: {values} at {(partition, offset)} was never sent"))
        elif expected[partition, offset] != tuple(values):
            wrong.append(Violation("wrong", f"table tick_data: {values}, sent was {expected[partition, offset]}"))
    wrong += [
        Violation("doubled", f"table tick_data: {place} is there {n} times") for place, n in counts.items() if n > 1
    ]
    missing = expected.keys() - counts.keys()
    return wrong + [Violation("lost", f"table tick_data: {expected[place]} at {place}") for place in sorted(missing)]


def check_bars(model: Model, found: Iterable[Row], where: str) -> list[Violation]:
    """Hold the newest revisions of bars to the model's."""
    expected = _finals(model)
    wrong = []
    for row in found:
        key = _key(row)
        own = expected.pop(key, None)
        if own is None:
            wrong.append(Violation("doubled", f"{where}: a bar {key} of no trades"))
        elif (values := values_of(row)) != own:
            wrong.append(Violation(_kind(values.trade_count, own.trade_count), f"{where}: {key} {values}, not {own}"))
    return wrong + [Violation("lost", f"{where}: no bar {key}, {own}") for key, own in expected.items()]


def check_revisions(model: Model, found: Iterable[Row]) -> list[Violation]:
    """Hold every revision of every bar to the model's of as many trades."""
    by_bar: dict[BarKey, set[BarValues]] = defaultdict(set)
    for row in found:
        by_bar[_key(row)].add(values_of(row))
    wrong = []
    for key, revisions in by_bar.items():
        symbol, window, start = key
        series = model.get((symbol, window))
        bar = series.bars.get(start) if series else None
        right = set(bar.revisions()) if bar else set()
        wrong += [Violation("wrong", f"aggregated_data: {key} {each} was never so") for each in revisions - right]
    return wrong


def check_indicators(
    model: Model, expected: Mapping[BarKey, Mapping[str, float]], found: Iterable[Row], where: str
) -> list[Violation]:
    """Hold the indicators of closed bars to TA-Lib's, to the last bit."""
    rows = {_key(row): row for row in found}
    wrong = []
    for (symbol, window), series in model.items():
        for start in series.closed:
            key = symbol, window, start
            row, count = rows.get(key), series.bars[start].final.trade_count
            if row is None or row["trade_count"] < count:
                wrong.append(Violation("lost", f"{where}: no indicators of {key} with {count} trades: {row}"))
            elif row["trade_count"] > count:
                wrong.append(Violation("doubled", f"{where}: {row['trade_count']} trades of {key}, not {count}"))
            else:
                values = {name: row.get(name) for name in _columns(row)}
                own = {name: value for name, value in values.items() if value is not None}
                if own != expected[key]:
                    wrong.append(Violation("wrong", f"{where}: {key} {own}, not {dict(expected[key])}"))
    return wrong


def check_dead_letters(refused: Mapping[str, str], found: Iterable[Row]) -> list[Violation]:
    """Hold the dead letters to what was sent that is no tick: each at least once, with its reason."""
    reasons: dict[str, set[str]] = defaultdict(set)
    for row in found:
        reasons[row["payload"]].add(row["reason"].partition(": ")[0])
    wrong = [Violation("lost", f"dead_letter: {payload}") for payload in refused.keys() - reasons.keys()]
    wrong += [Violation("wrong", f"dead_letter: {payload} is fine") for payload in reasons.keys() - refused.keys()]
    for payload in refused.keys() & reasons.keys():
        if reasons[payload] != {refused[payload]}:
            wrong.append(Violation("wrong", f"dead_letter: {payload}: {reasons[payload]}, not {refused[payload]}"))
    return wrong


def values_of(row: Row) -> BarValues:
    """Return a bar's values, of a record or of a row of the table."""
    return BarValues(*(_micros(row[name]) if name.endswith("_time") else row[name] for name in BarValues._fields))


def _finals(model: Model) -> dict[BarKey, BarValues]:
    return {
        (symbol, window, start): bar.final
        for (symbol, window), series in model.items()
        for start, bar in series.bars.items()
    }


def _columns(row: Row) -> list[str]:
    of_the_bar = {"symbol", "window", "window_start", "trade_count", "last_event_time"}
    return [name for name in row if name not in of_the_bar]


def _key(row: Row) -> BarKey:
    return row["symbol"], row["window"], _micros(row["window_start"])


def _micros(time: Any) -> int:  # noqa: ANN401 - a number in JSON, a time in the database
    return time if isinstance(time, int) else to_micros(time)


def _kind(found: int, expected: int) -> Kind:
    return "lost" if found < expected else "doubled" if found > expected else "wrong"
