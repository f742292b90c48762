"""Indicators and findings of the live engine are those of batch on the same bars, to the last bit."""

from __future__ import annotations

from collections.abc import Iterable, Mapping, Sequence
from dataclasses import replace
from pathlib import Path
from typing import Any

import numpy as np
import pytest
from pyspark.sql import SparkSession

from mdstream.errors import ConfigError
from mdstream.indicators import Indicator, indicator_levels, indicator_record, indicator_values, parse_indicators
from mdstream.indicators.catalogue import BAR_SERIES, functions
from mdstream.kafka.raised import RaisedFinding
from mdstream.schemas import ANOMALY, BAR, BarWindow, Record
from mdstream.schemas.rules import Rule
from mdstream.schemas.wire import decode, to_micros
from mdstream.streaming import live_analysis, to_bar_records
from mdstream.streaming.live_analysis import Analysis
from mdstream.transforms import ConditionTable, to_anomalies, with_indicators
from tests.streaming.streams import add_file, ticks_stream, work_off
from tests.unit.streaming.told_task import ToldTask
from tests.unit.transforms.frames import Row, at, bars_frame, tick, ticks_frame

WINDOWS = [BarWindow("1s", 1), BarWindow("7s", 7)]
DAY = 86_400
USUAL = parse_indicators(
    {
        "sma": {"periods": [3, 20]},
        "ema": {"period": 12},
        "rsi": {"period": 14, "overbought": 60, "oversold": 40},
        "macd": {},
        "bollinger": {"period": 20, "stddev": 2},
    }
)
JUMP = Rule(
    "jump",
    "close > 1.004 * average_close_20",
    "CASE WHEN close > 1.008 * average_close_20 THEN 'high' ELSE 'low' END",
    "{close:.2f} of {symbol} is above {threshold:.3f}",
    "close",
    "average_close_20",
)
HOT = Rule("hot", "rsi_14 > rsi_14_overbought", "medium", "RSI {value:.1f}", "rsi_14", "rsi_14_overbought")
QUIET = Rule("quiet", "volume < 0.3 * average_volume_20", "low", "{volume:,.0f} units", on="close")
SLOW = Rule("slow", "latency_ms > 1000", "low", "{latency_ms:.0f} ms", "latency_ms")
RULES = (JUMP, HOT, QUIET)
Series = dict[tuple[str, str], list[Row]]


def walk(count: int, symbol: str = "A", seed: int = 1, begin: float = 0) -> list[Row]:
    """Trades at random prices, one or more a second, with seconds in which there are none."""
    random = np.random.default_rng(seed)
    prices = np.round(100 * np.exp(np.cumsum(random.normal(0, 0.002, count))), 2)
    seconds = begin + np.cumsum(random.choice([0, 0.25, 1, 3], count))
    return [
        tick(
            symbol, float(second), float(price), float(random.integers(1, 500)),
            ingest_time=at(float(second)), kafka_offset=number,
        )
        for number, (second, price) in enumerate(zip(seconds, prices, strict=True))
    ]  # fmt: skip


def of_topic(records: Iterable[Any], record: Record) -> list[Row]:
    """The records of a topic in their order."""
    return [decode(record, bytes(row["value"])) for row in records if row["topic"] == record.topic]


def by_series(rows: Iterable[Row]) -> Series:
    series: Series = {}
    for row in rows:
        series.setdefault((row["symbol"], row["window"]), []).append(row)
    return series


def in_batch(bars: Sequence[Row], indicators: Sequence[Indicator]) -> list[Mapping[str, float | None]]:
    """What batch computes of the bars of one series: TA-Lib from Python."""
    arrays = {name: np.array([bar[name] for bar in bars]) for name in BAR_SERIES}
    values = indicator_values(indicators, arrays)
    return [
        {name: None if np.isnan(column[place]) else float(column[place]) for name, column in values.items()}
        for place in range(len(bars))
    ]


def assert_equal_to_batch(bars: Iterable[Row], analysed: Iterable[Row], indicators: Sequence[Indicator]) -> None:
    analysed_of, columns = by_series(analysed), [column for each in indicators for column in each.columns]
    for series, own in by_series(bars).items():
        ordered = sorted(own, key=lambda bar: bar["window_start"])
        rows = sorted(analysed_of[series], key=lambda row: row["window_start"])
        for name in ("window_start", "trade_count", "last_event_time"):
            assert [row[name] for row in rows] == [bar[name] for bar in ordered]
        for row, expected in zip(rows, in_batch(ordered, indicators), strict=True):
            assert {name: row[name] for name in columns} == expected


def every_function() -> dict[str, Any]:
    """All functions that bars have the series for, by themselves and with other parameters where they take a period."""
    asked: dict[str, Any] = {}
    for name, function in functions().items():
        uses: list[dict[str, Any]] = [{}]
        if "timeperiod" in function.defaults:
            uses += [{"timeperiod": 5}, {"timeperiod": 33}]
        if "matype" in function.defaults:
            uses += [{"matype": kind} for kind in ("wma", "kama", "t3")]
        try:
            parse_indicators({name: uses})
        except ConfigError:
            uses = [{}]
        # MAVP asks for a series of periods, which bars do not have.
        if name != "mavp":
            asked[name] = uses
    return asked


def test_every_function_gives_what_it_gives_in_batch(spark: SparkSession, monkeypatch: pytest.MonkeyPatch) -> None:
    # How many bars each needs takes a minute to measure, and does not matter where none is cut off.
    monkeypatch.setattr(live_analysis, "bars_needed", lambda indicator: indicator.lookback)
    indicators = parse_indicators(every_function())
    assert len({indicator.function for indicator in indicators}) > 190
    rows = walk(900, "A") + walk(40, "B", seed=2)
    analysis = Analysis(indicators, (), 600)
    records = to_bar_records(
        ticks_frame(spark, rows), WINDOWS, ConditionTable(), DAY, analysis=analysis
    ).frame.collect()
    bars = of_topic(records, BAR)
    assert max(map(len, by_series(bars).values())) > 400
    assert_equal_to_batch(bars, of_topic(records, indicator_record(indicators)), indicators)


def work_off_ticks(spark: SparkSession, folder: Path, analysis: Analysis, lateness: int = DAY) -> list[list[Row]]:
    ticks = ticks_stream(spark, folder / "ticks")
    records = to_bar_records(ticks, WINDOWS, ConditionTable(), lateness, analysis=analysis)
    return [batch for batch in work_off(records.frame, folder / "checkpoint")[0].batches if batch]


def test_indicators_follow_revisions_over_restarts(spark: SparkSession, tmp_path: Path) -> None:
    rows = walk(500, "A") + walk(500, "B", seed=2)
    np.random.default_rng(3).shuffle(rows)
    analysis, record = Analysis(USUAL, RULES, 600), indicator_record(USUAL)
    bars: dict[tuple[object, ...], Row] = {}
    newest: dict[tuple[object, ...], Row] = {}
    for first in range(0, len(rows), 250):
        add_file(tmp_path / "ticks", rows[first : first + 125])
        add_file(tmp_path / "ticks", rows[first + 125 : first + 250])
        for batch in work_off_ticks(spark, tmp_path, analysis):
            bars |= {tuple(bar[name] for name in BAR.key): bar for bar in of_topic(batch, BAR)}
            newest |= {tuple(row[name] for name in BAR.key): row for row in of_topic(batch, record)}
        assert_equal_to_batch(bars.values(), newest.values(), USUAL)


def test_what_is_kept_is_what_is_computed_from(spark: SparkSession, tmp_path: Path) -> None:
    rows, kept = walk(400), 40
    short = Analysis(parse_indicators({"sma": {"period": 5}, "obv": {}}), (), kept)
    record = indicator_record(short.indicators)
    bars: dict[tuple[object, ...], Row] = {}
    for first in range(0, len(rows), 50):
        add_file(tmp_path / "ticks", rows[first : first + 50])
        (batch,) = work_off_ticks(spark, tmp_path, short)
        bars |= {tuple(bar[name] for name in BAR.key): bar for bar in of_topic(batch, BAR)}
        for series, analysed in by_series(of_topic(batch, record)).items():
            own = sorted(by_series(bars.values())[series], key=lambda bar: bar["window_start"])[-kept:]
            expected = in_batch(own, short.indicators)[-1]
            newest = max(analysed, key=lambda row: row["window_start"])
            assert newest["window_start"] == own[-1]["window_start"]
            assert {name: newest[name] for name in expected} == expected


def findings(batch: Iterable[Any]) -> list[tuple[object, ...]]:
    names = ("symbol", "window", "window_start", "rule", "severity", "value", "threshold", "message", "withdrawn")
    return sorted(tuple(row[name] for name in names) for row in of_topic(batch, ANOMALY))


def test_findings_of_closed_bars_are_those_of_batch(spark: SparkSession) -> None:
    rows = walk(900)
    analysis = Analysis(USUAL, RULES, 600)
    records = to_bar_records(
        ticks_frame(spark, rows), WINDOWS, ConditionTable(), DAY, analysis=analysis
    ).frame.collect()
    bars = bars_frame(spark, of_topic(records, BAR))
    expected = bars.transform(with_indicators, USUAL).selectExpr("*", "CAST(NULL AS DOUBLE) AS latency_ms")
    anomalies = expected.transform(to_anomalies, RULES, indicator_levels(USUAL)).toArrow().to_pylist()
    newest = {
        window.name: max(row["window_start"] for row in of_topic(records, BAR) if row["window"] == window.name)
        for window in WINDOWS
    }
    names = ("symbol", "window", "window_start", "rule", "severity", "value", "threshold", "message", "withdrawn")
    closed = [row for row in anomalies if row["rule"] != "quiet" or row["window_start"] < newest[row["window"]]]
    assert {row["rule"] for row in closed} == {"jump", "hot", "quiet"}
    assert findings(records) == sorted(tuple(row[name] for name in names) for row in closed)


def put(folder: Path, *trades: tuple[float, float], ingest: float = 0) -> None:
    add_file(folder / "ticks", [tick("A", second, price, ingest_time=at(ingest)) for second, price in trades])


def test_a_finding_is_told_once_again_when_graver_and_withdrawn_when_undone(
    spark: SparkSession, tmp_path: Path
) -> None:
    high = Rule(
        "high", "close > 10", "CASE WHEN close > 20 THEN 'high' ELSE 'low' END", "{close:.0f}", "close", on="revision"
    )
    analysis = Analysis((), (high,), 600)

    def told() -> list[tuple[object, ...]]:
        batches = work_off_ticks(spark, tmp_path, analysis)
        return [(row[2], row[4], row[5], row[8]) for batch in batches for row in findings(batch) if row[1] == "1s"]

    put(tmp_path, (1.0, 11.0))
    put(tmp_path, (1.1, 12.0))
    assert told() == [(at(1), "low", 11.0, None)]
    put(tmp_path, (1.2, 21.0))
    put(tmp_path, (1.3, 11.0))
    put(tmp_path, (1.4, 22.0))
    assert told() == [(at(1), "high", 21.0, None)]
    # The next bar begins; later a trade comes that was the last of the bar before.
    put(tmp_path, (2.0, 5.0))
    assert told() == []
    put(tmp_path, (1.9, 9.0))
    assert told() == [(at(1), "high", None, True)]
    put(tmp_path, (1.95, 13.0))
    assert told() == [(at(1), "low", 13.0, None)]


def test_a_rule_of_closed_bars_does_not_look_at_the_forming_one(spark: SparkSession, tmp_path: Path) -> None:
    high = Rule("high", "close > 10", "low", "{close:.0f}", "close", on="close")
    put(tmp_path, (1.0, 11.0))
    put(tmp_path, (1.5, 12.0))
    put(tmp_path, (2.0, 5.0))
    batches = [findings(batch) for batch in work_off_ticks(spark, tmp_path, Analysis((), (high,), 600))]
    assert [[row[5] for row in batch if row[1] == "1s"] for batch in batches] == [[], [], [12.0]]


def test_how_long_a_bar_took_is_judged_once(spark: SparkSession, tmp_path: Path) -> None:
    # All of these ticks arrived long ago; those up to the third second were in bars before.
    analysis = replace(Analysis((), (SLOW,), 600), judged_until=int(at(3).timestamp() * 1e6))
    for second in range(1, 6):
        put(tmp_path, (float(second), 10.0), ingest=second)
    told = [row[2] for batch in work_off_ticks(spark, tmp_path, analysis) for row in findings(batch) if row[1] == "1s"]
    assert told == [at(4), at(5)]


@pytest.mark.parametrize("every", ["close", "100ms"])
def test_closed_bars_are_analysed_however_rarely_forming_ones_are(
    spark: SparkSession, tmp_path: Path, every: str
) -> None:
    rows = walk(300)
    analysis = replace(Analysis(USUAL, (), 600), every=every)
    bars: dict[tuple[object, ...], Row] = {}
    newest: dict[tuple[object, ...], Row] = {}
    for first in range(0, len(rows), 100):
        add_file(tmp_path / "ticks", rows[first : first + 100])
    for batch in work_off_ticks(spark, tmp_path, analysis):
        bars |= {tuple(bar[name] for name in BAR.key): bar for bar in of_topic(batch, BAR)}
        newest |= {tuple(row[name] for name in BAR.key): row for row in of_topic(batch, indicator_record(USUAL))}
    forming = {
        window.name: max(bar["window_start"] for bar in bars.values() if bar["window"] == window.name)
        for window in WINDOWS
    }
    closed = [bar for bar in bars.values() if bar["window_start"] < forming[bar["window"]]]
    analysed = [row for row in newest.values() if row["window_start"] < forming[row["window"]]]
    assert_equal_to_batch(closed, analysed, USUAL)
    assert (len(newest) > len(analysed)) == (every != "close")


def test_a_finding_is_withdrawn_though_the_batch_ended_before_anybody_looked(spark: SparkSession) -> None:
    high = Rule("high", "close > 10", "low", "{close:.0f}", "close")
    frame = to_bar_records(
        ticks_frame(spark, []), WINDOWS, ConditionTable(), DAY, analysis=Analysis((), (high,), 600)
    ).frame
    task = ToldTask(frame)
    with task.batch():
        assert {row["window"] for row in task.comes(1, 1.0, 11.0)} == {"1s", "7s"}
        task.comes(2, 2.0, 5.0)
        assert task.is_idle() == []
    with task.batch():
        # The last trade of the first bar is late, and at once the batch ends.
        assert task.comes(3, 1.9, 9.0) == []
    with task.batch():
        task.comes(4, 2.5, 6.0)
        told = [(row["window"], row["window_start"], row["rule"], row["withdrawn"]) for row in task.is_idle()]
    assert told == [("1s", at(1), "high", True)]


def test_what_was_written_before_a_crash_is_neither_written_again_nor_left_standing(spark: SparkSession) -> None:
    # Of indicators: what is found of them depends on the revision that is looked at.
    hot = Rule("hot", "sma_3 > 10", "CASE WHEN sma_3 > 40 THEN 'high' ELSE 'low' END", "{sma_3:.0f}", "sma_3")
    before = [
        RaisedFinding("A", "1s", to_micros(at(second)), "hot", "low", withdrawn=second == 5) for second in (3, 4, 5, 6)
    ]
    analysis = Analysis(USUAL, (hot,), 600, raised=before)
    task = ToldTask(to_bar_records(ticks_frame(spark, []), WINDOWS, ConditionTable(), DAY, analysis=analysis).frame)
    found: list[Row] = []
    with task.batch():
        for number, (second, price) in enumerate([(1, 1), (2, 1), (3, 3), (4, 90), (5, 90), (6, 1)]):
            # The third was 80 in a revision that nobody looks at this time; the late trade is its last.
            found += task.comes(number, float(second), float(price))
        found += task.comes(7, 3.9, 2.0)
        found += task.is_idle()
    with task.batch():
        # What was given out in the batch before is not given out again.
        found += task.comes(8, 4.9, 1.0)
        found += task.comes(9, 4.95, 90.0)
        found += task.is_idle()
    told = [
        (row["window_start"], row["severity"], row["withdrawn"])
        for row in found
        if row["window"] == "1s" and row["rule"] == "hot"
    ]
    assert told == [(at(3), "low", True), (at(5), "high", None), (at(6), "high", None)]


def test_a_spike_is_told_though_the_next_tick_undoes_it_before_anybody_looked(spark: SparkSession) -> None:
    above = Rule(
        "above", "close > average_close_20", "CASE WHEN close > 50 THEN 'high' ELSE 'low' END", "{sma_3:.2f}",
        "close", "average_close_20",
    )  # fmt: skip
    analysis = Analysis(USUAL, (above, HOT), 600)
    task = ToldTask(to_bar_records(ticks_frame(spark, []), WINDOWS, ConditionTable(), DAY, analysis=analysis).frame)

    def told(rows: Iterable[Row]) -> list[tuple[object, ...]]:
        names = ("window", "window_start", "severity", "value", "threshold", "message")
        return [tuple(row[name] for name in names) for row in rows if row["rule"] == "above" and not row["withdrawn"]]

    def of_bar(second: int, *said: object) -> list[tuple[object, ...]]:
        return [("1s", at(second), *said)]

    with task.batch():
        for second in range(1, 21):
            assert told(task.comes(second, float(second), float(second))) == []
            if second == 1:
                task.is_idle()
        # The bars before are 1, 2 ... 20, not all of them analysed: their mean is 10.5.
        assert told(task.comes(21, 21.0, 10.0)) == []
        assert told(task.comes(22, 21.1, 30.0)) == of_bar(21, "low", 30.0, 10.5, "23.00")
        assert told(task.comes(23, 21.2, 10.0)) == []
        assert told(task.comes(24, 21.3, 45.0)) == []
        assert told(task.comes(25, 21.4, 60.0)) == of_bar(21, "high", 60.0, 10.5, "33.00")
        assert told(task.comes(26, 21.5, 10.0)) == []
        assert told(task.is_idle()) == []
        # A late trade makes 40 of the 20; before the next bar are 2, 3 ... 19, 40 and 10: their mean is 11.95.
        assert told(task.comes(27, 20.9, 40.0)) == []
        assert told(task.comes(28, 22.0, 11.9)) == []
        assert told(task.comes(29, 22.1, 12.1)) == of_bar(22, "low", 12.1, 11.95, "20.70")
