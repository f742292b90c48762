"""Models that Spark's executors train, held to those that are trained without Spark."""

from __future__ import annotations

from pathlib import Path

import numpy as np
import pyarrow as pa
import pyarrow.parquet as pq
import pytest
from pyspark.sql import SparkSession

from mdstream.batch.training import frames_to_learn_from, train_on_spark
from mdstream.config import ForecastSettings, LakeSettings, Settings, StoreSettings
from mdstream.errors import InvalidInputError
from mdstream.forecasting.samples import ClosedBars
from mdstream.forecasting.store import ModelMetadata, ModelStore
from mdstream.forecasting.stored import LearningBars, closed_bars
from mdstream.forecasting.training import train
from mdstream.schemas import BAR
from mdstream.stores.lake import maintain_lake
from tests.unit.forecasting.series import MINUTE, autoregressive, random_walk
from tests.unit.stores.lake.appending import TODAY, append
from tests.unit.stores.rows import bar

SETTINGS = Settings(forecasting=ForecastSettings(rounds=20, folds=2, learning_rate=0.1))
HORIZONS = (1, 5)


@pytest.fixture
def bars_file(tmp_path: Path) -> Path:
    """Bars of two symbols and too few of a third, in no order, beside others of a longer window."""
    series = {"A/B": autoregressive(500, 0.5), "C": random_walk(400), "TINY": random_walk(60)}
    tables = [table(symbol, "1min", bars) for symbol, bars in series.items()]
    rows = pa.concat_tables([*tables, table("C", "5min", random_walk(400, seed=3))])
    path = tmp_path / "bars.parquet"
    pq.write_table(rows.take(np.random.default_rng(1).permutation(rows.num_rows)), path)
    return path


def table(symbol: str, window: str, bars: ClosedBars) -> pa.Table:
    columns = {"symbol": [symbol] * len(bars), "window": [window] * len(bars)}
    ends = pa.array(bars.ends).cast(pa.timestamp("us", tz="UTC"))
    return pa.table(columns | {"window_end": ends, "close": bars.close, "volume": bars.volume})


def test_models_are_those_made_without_spark_and_what_cannot_be_trained_is_said(
    spark: SparkSession, bars_file: Path, tmp_path: Path
) -> None:
    there, here = ModelStore(tmp_path / "there"), ModelStore(tmp_path / "here")
    progress: list[float] = []

    frames = frames_to_learn_from(spark, SETTINGS, bars_file)
    outcomes = dict(train_on_spark(spark, frames, HORIZONS, SETTINGS.forecasting, there, progress.append))

    assert list(outcomes) == [(symbol, horizon) for symbol in ("A/B", "C", "TINY") for horizon in HORIZONS]
    assert progress == sorted(progress)
    assert progress[-1] == 1.0
    bars = LearningBars(SETTINGS, bars_file)
    for (symbol, horizon), outcome in outcomes.items():
        arguments = (symbol, bars.of(symbol), MINUTE, horizon, SETTINGS.forecasting, here)
        if symbol == "TINY":
            with pytest.raises(InvalidInputError) as refused:
                train(*arguments)
            assert isinstance(outcome, InvalidInputError)
            assert str(outcome) == str(refused.value)
            assert not there.path_of(symbol, horizon).exists()
            continue
        expected = train(*arguments)
        found = there.load(symbol, horizon)
        assert isinstance(outcome, ModelMetadata)
        assert outcome == found.metadata
        assert found.model.to_bytes() == here.load(symbol, horizon).model.to_bytes()
        when = {"trained_at", "version"}
        assert outcome.model_dump(exclude=when) == expected.model_dump(exclude=when)


def test_what_cannot_be_learned_from_is_refused(spark: SparkSession, bars_file: Path, tmp_path: Path) -> None:
    with pytest.raises(InvalidInputError, match=r"bars.parquet has no bars of IBM, window 1min; .* A/B, C, TINY"):
        frames_to_learn_from(spark, SETTINGS, bars_file, symbols=["C", "IBM"])
    pq.write_table(pa.concat_tables([pq.read_table(bars_file)] * 2), tmp_path / "twice.parquet")
    with pytest.raises(InvalidInputError, match=r"twice.parquet, A/B: two bars end at the same time"):
        LearningBars(SETTINGS, tmp_path / "twice.parquet")
    pq.write_table(pa.table({"symbol": ["A"], "window": ["1min"]}), tmp_path / "other.parquet")
    for path in (tmp_path / "missing.parquet", tmp_path / "other.parquet"):
        with pytest.raises(InvalidInputError, match=r"cannot read bars from .*; expected parquet with symbol, window"):
            frames_to_learn_from(spark, SETTINGS, path)


def test_bars_of_the_lake_are_those_that_are_read_without_spark(spark: SparkSession, tmp_path: Path) -> None:
    lake = LakeSettings(path=str(tmp_path / "lake"))
    maintain_lake(lake, TODAY)
    minutes = (0, 1, 1_440, 9 * 1_440)
    append(lake, BAR, *(bar(symbol, minute=minute, close=7.0 + minute) for symbol in ("A", "B") for minute in minutes))
    append(lake, BAR, bar("A", window="5min", minute=9 * 1_440))
    training = SETTINGS.forecasting.model_copy(update={"training_days": 9})
    settings = SETTINGS.model_copy(update={"stores": StoreSettings(lake=lake), "forecasting": training})
    frames = frames_to_learn_from(spark, settings, None, from_lake=True)
    assert frames.symbols == ("A", "B")
    found = closed_bars(frames.of(["B"]).toArrow())
    expected = LearningBars(settings, None, from_lake=True).of("B")
    assert found.close.tolist() == expected.close.tolist() == [8.0, 1_447.0, 9 * 1_440 + 7.0]
    assert found.ends.tolist() == expected.ends.tolist()
