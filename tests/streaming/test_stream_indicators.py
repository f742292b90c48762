"""Indicators in the stream, held to TA-Lib on all bars: batches, late revisions, restarts, histories that are cut."""

from __future__ import annotations

import math
import uuid
from collections.abc import Iterable, Mapping
from dataclasses import dataclass
from datetime import timedelta
from pathlib import Path
from random import Random

import numpy as np
import pyarrow as pa
import pytest
import talib
from pyspark.sql import SparkSession
from pyspark.sql import functions as F

from mdstream.config import Settings
from mdstream.errors import InvalidInputError
from mdstream.indicators.history import BAR_TYPE, History, SeriesKey
from mdstream.schemas import BAR
from mdstream.schemas.spark import spark_schema
from mdstream.streaming import live_analysis
from mdstream.streaming.buckets import BUCKETS
from mdstream.streaming.indicators import analyse_stream, to_indicator_stream
from mdstream.streaming.warm_up import WarmUp
from tests.streaming.streams import Row, add_file, by_key, work_off
from tests.unit.transforms.frames import at

_SCHEMA = pa.schema([*BAR.schema, ("received_time", pa.timestamp("us", "UTC")), ("reject_reason", pa.string())])


def bar(symbol: str, minute: int, close: float, trade_count: int = 1, window: str = "1min", **fields: object) -> Row:
    start = at(minute * 60)
    return {
        "symbol": symbol,
        "window": window,
        "window_start": start,
        "window_end": start + timedelta(minutes=1),
        **dict.fromkeys(("open", "high", "low", "close", "vwap"), close),
        "volume": 100.0 + minute,
        "trade_count": trade_count,
        "last_event_time": start,
        "last_ingest_time": start,
        "received_time": start + timedelta(microseconds=1500),
        **fields,
    }


@dataclass(frozen=True)
class KnownBars:
    """Stands for a database that has these bars of every series it is asked for."""

    closes: tuple[float, ...]
    cut: bool
    folder: Path

    def read(self, firsts: Mapping[SeriesKey, np.datetime64]) -> dict[SeriesKey, History]:
        histories = {}
        for series, first in firsts.items():
            (self.folder / f"{uuid.uuid4()}").write_text(" ".join(series))
            bars = np.zeros(len(self.closes), BAR_TYPE)
            bars["window_start"] = first - np.arange(len(bars), 0, -1) * np.timedelta64(60, "s")
            for name in ("open", "high", "low", "close"):
                bars[name] = self.closes
            histories[series] = History(bars, self.cut)
        return histories

    def asked(self) -> list[str]:
        return sorted(file.read_text() for file in self.folder.iterdir())


@dataclass
class Stage:
    """A folder of bar revisions, a file a batch, and the query that analyses them."""

    spark: SparkSession
    folder: Path
    settings: Settings

    def add(self, *batches: Iterable[Row]) -> None:
        for batch in batches:
            add_file(self.folder / "bars", batch, _SCHEMA)

    def work_off(self, checkpoint: str = "checkpoint") -> list[list[Row]]:
        """What each batch gave, in order of symbol, window and time."""
        source = self.spark.readStream.schema(spark_schema_of(_SCHEMA))
        revisions = source.option("maxFilesPerTrigger", 1).parquet(str(self.folder / "bars"))
        frame = analyse_stream(revisions, self.settings)
        seen, _ = work_off(frame, self.folder / checkpoint, "append")
        return [sorted(batch, key=lambda row: tuple(row[name] for name in BAR.key)) for batch in seen.batches]


def spark_schema_of(schema: pa.Schema) -> str:
    extra = "received_time timestamp, reject_reason string"
    assert schema.names[: len(BAR.schema.names)] == BAR.schema.names
    fields = (f"`{field.name}` {field.dataType.simpleString()}" for field in spark_schema(BAR).fields)
    return ", ".join([*fields, extra])


@pytest.fixture
def stage(spark: SparkSession, tmp_path: Path, monkeypatch: pytest.MonkeyPatch) -> Stage:
    settings = Settings(
        technical_indicators={"sma": {"periods": [3, 21]}, "ema": {"period": 4}, "bollinger": {"period": 5}},
        history_bars=300,
    )
    monkeypatch.setattr(WarmUp, "of", lambda _settings: None)
    return Stage(spark, tmp_path, settings)


def newest(batches: list[list[Row]]) -> dict[tuple[object, ...], Row]:
    return by_key(row for batch in batches for row in batch)


def assert_as_talib(rows: Iterable[Row], closes: Mapping[str, list[float]]) -> None:
    """Hold the rows of each symbol, in time order, to TA-Lib on all closes of it."""
    by_symbol: dict[str, list[Row]] = {}
    for row in sorted(rows, key=lambda row: row["window_start"]):
        by_symbol.setdefault(row["symbol"], []).append(row)
    assert by_symbol.keys() == closes.keys()
    for symbol, own in by_symbol.items():
        series = np.array(closes[symbol])
        upper, middle, lower = talib.BBANDS(series, 5, 2.0, 2.0)
        expected = {
            "close": series,
            "sma_3": talib.SMA(series, 3),
            "sma_21": talib.SMA(series, 21),
            "ema_4": talib.EMA(series, 4),
            "bb_upper": upper,
            "bb_middle": middle,
            "bb_lower": lower,
        }
        for name, column in expected.items():
            streamed = [np.nan if row[name] is None else row[name] for row in own]
            np.testing.assert_allclose(streamed, column[-len(own) :], rtol=1e-9, atol=1e-9, err_msg=name)


def test_streamed_values_are_talibs_also_over_restarts(stage: Stage) -> None:
    random = Random(4)
    closes = {symbol: [round(random.uniform(10, 20), 2) for _ in range(60)] for symbol in ("A", "B", "C")}
    batches: list[list[Row]] = [[] for _ in range(12)]
    for symbol, series in closes.items():
        for minute, close in enumerate(series):
            # Each bar comes as up to three revisions in batches of their own, out of order by up to two batches.
            for trade_count in range(1, 4):
                value = close if trade_count == 3 else random.uniform(10, 20)
                place = min(minute // 6 + random.randrange(3), 11)
                batches[place].append(bar(symbol, minute, value, trade_count))
    for batch in batches:
        random.shuffle(batch)
    stage.add(*batches[:5])
    results = stage.work_off()
    stage.add(*batches[5:9])
    results += stage.work_off()
    stage.add(*batches[9:])
    results += stage.work_off()
    assert len(results) == 12
    assert_as_talib(newest(results).values(), closes)
    assert {row["trade_count"] for row in newest(results).values()} == {3}


def test_a_late_revision_recomputes_what_follows_and_nothing_else(stage: Stage) -> None:
    closes = [float(10 + minute % 7) for minute in range(30)]
    stage.add([bar("A", minute, close) for minute, close in enumerate(closes)])
    stage.add([bar("A", 20, 99.0, 2)], [bar("A", 20, 1.0, 1)], [bar("A", 29, 50.0, 2), bar("B", 29, 3.0)])
    first, late, stale, last = stage.work_off()
    assert len(first) == 30
    assert [row["window_start"] for row in late] == [at(minute * 60) for minute in range(20, 30)]
    assert stale == []
    assert [(row["symbol"], row["close"]) for row in last] == [("A", 50.0), ("B", 3.0)]
    closes[20], closes[29] = 99.0, 50.0
    assert_as_talib(newest([first, late, last]).values(), {"A": closes, "B": [3.0]})


def test_all_columns_of_a_bar_are_there_also_those_that_are_null(stage: Stage) -> None:
    nulls = bar("A", 1, 12.0, vwap=None, last_ingest_time=None)
    stage.add([bar("A", 0, 10.0, 7), nulls], [bar("A", 0, 11.0, 8)], [{**bar("A", 2, 1.0), "reject_reason": "bad"}])
    first, revised, refused = stage.work_off()
    assert refused == []
    expected = {name: value for name, value in nulls.items() if name in BAR.schema.names}
    for row in (first[1], revised[1]):
        assert {name: row[name] for name in BAR.schema.names} == expected
        assert row["latency_ms"] is None
    assert (revised[0]["trade_count"], revised[0]["latency_ms"]) == (8, 1.5)
    assert (first[1]["previous_close"], revised[1]["previous_close"]) == (10.0, 11.0)
    assert first[1]["average_close_20"] is None


@pytest.mark.parametrize("partitions", range(2, len(BUCKETS) + 1))
def test_no_partition_has_more_than_its_share_of_the_buckets(spark: SparkSession, partitions: int) -> None:
    keys = spark.createDataFrame(pa.table({"bucket": pa.array(BUCKETS, pa.int32())}))
    # Where a shuffle sends a key, as Spark tells it.
    shuffled = keys.repartition(partitions, "bucket").groupBy(F.spark_partition_id()).count().toArrow()
    assert max(shuffled["count"].to_pylist()) <= math.ceil(len(BUCKETS) / partitions)


def test_windows_of_one_symbol_are_series_of_their_own(stage: Stage) -> None:
    stage.add(
        [bar("A", minute, float(minute + 1), window=window) for minute in range(3) for window in ("1min", "5min")]
    )
    (rows,) = stage.work_off()
    assert [(row["window"], row["sma_3"]) for row in rows] == [
        (window, value) for window in ("1min", "5min") for value in (None, None, 2.0)
    ]


def test_chunks_of_a_series_are_one_batch(stage: Stage) -> None:
    closes = [float(minute % 5 + 1) for minute in range(40)]
    stage.add([bar("A", minute, close) for minute, close in enumerate(closes)])
    name = "spark.sql.execution.arrow.maxRecordsPerBatch"
    before = stage.spark.conf.get(name)
    stage.spark.conf.set(name, "7")
    try:
        (rows,) = stage.work_off()
    finally:
        stage.spark.conf.set(name, str(before))
    assert_as_talib(rows, {"A": closes})


def test_a_new_series_begins_with_its_bars_in_the_database(stage: Stage, monkeypatch: pytest.MonkeyPatch) -> None:
    known = tuple(float(10 + number % 9) for number in range(300))
    (stage.folder / "asked").mkdir()
    database = KnownBars(known, cut=True, folder=stage.folder / "asked")
    monkeypatch.setattr(WarmUp, "of", lambda _settings: database)
    stage.add([bar("A", 1, 5.0), bar("A", 0, 4.0)], [bar("A", 2, 6.0), bar("B", 0, 7.0)])
    first, second = stage.work_off()
    assert [row["close"] for row in first] == [4.0, 5.0]
    assert_as_talib([*first, second[0]], {"A": [*known, 4.0, 5.0, 6.0]})
    assert_as_talib([second[1]], {"B": [*known, 7.0]})
    assert database.asked() == ["A 1min", "B 1min"]


def test_bars_older_than_what_is_kept_are_left_out(stage: Stage) -> None:
    stage.settings = stage.settings.model_copy(update={"history_bars": 50})
    closes = [float(10 + minute % 7) for minute in range(80)]
    # As the history is longer than what is kept only from the second batch on, the first is complete.
    stage.add([bar("A", minute, close) for minute, close in enumerate(closes)])
    stage.add([bar("A", 29, 1.0, 9)], [bar("A", 70, 20.0, 2)], [bar("A", 80, 5.0)])
    first, older, revised, new = stage.work_off()
    assert len(first) == 80
    assert older == []
    closes[70] = 20.0
    closes.append(5.0)
    assert [row["window_start"] for row in revised] == [at(minute * 60) for minute in range(70, 80)]
    assert_as_talib(newest([first, revised, new]).values(), {"A": closes})


def test_indicators_that_need_more_history_are_named(stage: Stage, caplog: pytest.LogCaptureFixture) -> None:
    stage.settings = Settings(technical_indicators={"ema": {"period": 200}, "obv": {}, "sma": {"period": 20}})
    stage.add([bar("A", 0, 1.0)])
    stage.work_off()
    ema, obv = (record.getMessage() for record in caplog.records if record.name == live_analysis.__name__)
    assert "EMA(close, timeperiod=200) is exact with" in ema
    assert "history_bars is 600: set history_bars to" in ema
    assert "OBV(close, volume) depends on where its series begins" in obv


def test_a_stream_of_ones_own_bars_needs_nine_columns(spark: SparkSession, tmp_path: Path) -> None:
    names = ("symbol", "window", "window_start", "open", "high", "low", "close", "volume", "trade_count")
    schema = pa.schema([BAR.schema.field(name) for name in names])
    closes = [float(10 + minute % 7) for minute in range(30)]
    add_file(tmp_path / "bars", [bar("A", minute, close) for minute, close in enumerate(closes)], schema)
    add_file(tmp_path / "bars", [bar("A", 20, 99.0, 2)], schema)
    closes[20] = 99.0
    fields = ", ".join(f"`{name}` {spark_schema(BAR)[name].dataType.simpleString()}" for name in names)
    source = spark.readStream.schema(fields).option("maxFilesPerTrigger", 1).parquet(str(tmp_path / "bars"))

    frame = source.transform(to_indicator_stream, ["sma(3)", "sma(21)", "ema(4)", "bbands(5)"], 300)
    seen, _ = work_off(frame, tmp_path / "checkpoint", "append")
    assert [len(batch) for batch in seen.batches] == [30, 10]
    assert_as_talib(newest(seen.batches).values(), {"A": closes})
    assert {row["vwap"] for batch in seen.batches for row in batch} == {None}
    assert not {"latency_ms", "is_vendors"} & {*frame.columns}

    with pytest.raises(InvalidInputError, match="bars have no column trade_count; found: symbol, "):
        to_indicator_stream(source.drop("trade_count"), ["sma(3)"], 300)
    with pytest.raises(InvalidInputError, match="expected a stream of bars"):
        to_indicator_stream(spark.read.schema(fields).parquet(str(tmp_path / "bars")), ["sma(3)"], 300)
