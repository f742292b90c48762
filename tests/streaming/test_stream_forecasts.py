"""Forecasts in the stream of bars: made once a bar, of closed bars, and never a reason to stop."""

from __future__ import annotations

import shutil
from collections.abc import Iterable
from datetime import UTC, datetime, timedelta
from functools import cache
from pathlib import Path

import numpy as np
import pyarrow as pa
import pytest
from pyspark.sql import DataFrame, SparkSession

from mdstream.config import ForecastSettings, Settings
from mdstream.forecasting.closed_bar import CLOSED_BAR
from mdstream.forecasting.samples import ClosedBars
from mdstream.forecasting.store import ModelStore, TrainedModel
from mdstream.forecasting.training import train
from mdstream.schemas import PREDICTION
from mdstream.streaming import Forecasts, analyse_stream
from mdstream.streaming.warm_up import WarmUp
from tests.streaming.streams import Row, add_file
from tests.streaming.test_stream_indicators import _SCHEMA, bar, spark_schema_of
from tests.unit.forecasting.series import MINUTE, QUICK, autoregressive

_MOVES = autoregressive(700, 0.5)
_STARTS = 600
"""Bars that the model was trained on."""


@cache
def now() -> datetime:
    """The minute in which the first of these tests runs."""
    return datetime.now(UTC).replace(second=0, microsecond=0)


def ends_at(place: int) -> datetime:
    """When the bar of a place ends: that of the 60th after training has just done so."""
    return now() + timedelta(minutes=place - _STARTS - 59)


def row(place: int, trade_count: int = 1, close: float | None = None, window: str = "1min", symbol: str = "A") -> Row:
    price = float(_MOVES.close[place]) if close is None else close
    start = ends_at(place) - timedelta(minutes=1)
    fields = {"window_start": start, "window_end": start + timedelta(minutes=1), "volume": float(_MOVES.volume[place])}
    times = {"last_event_time": start, "last_ingest_time": start, "received_time": start}
    return bar(symbol, 0, price, trade_count, window, **fields, **times)


@pytest.fixture(scope="module")
def models(tmp_path_factory: pytest.TempPathFactory) -> Path:
    folder = tmp_path_factory.mktemp("models")
    ends = np.array([ends_at(place).replace(tzinfo=None) for place in range(_STARTS)], "M8[us]")
    bars = ClosedBars(ends, _MOVES.close[:_STARTS], _MOVES.volume[:_STARTS])
    for horizon in (30, 60):
        train("A", bars, MINUTE, horizon, QUICK, ModelStore(folder))
    return folder


class Stage:
    """Batches of bar revisions, and the forecasts that each gave."""

    def __init__(self, spark: SparkSession, folder: Path, models: Path, **forecasting: object) -> None:
        self._spark, self._folder = spark, folder
        self.settings = Settings(forecasting=ForecastSettings(models=models, **forecasting))

    def work_off(self, *batches: Iterable[Row]) -> list[list[Row]]:
        for batch in batches:
            add_file(self._folder / "bars", batch, _SCHEMA)
        source = self._spark.readStream.schema(spark_schema_of(_SCHEMA)).option("maxFilesPerTrigger", 1)
        analysed = analyse_stream(source.parquet(str(self._folder / "bars")), self.settings)
        predictions = Forecasts(self.settings)
        made: list[list[Row]] = []

        def take(frame: DataFrame, _: int) -> None:
            found = predictions(frame)
            assert found is not None
            made.append(found.toArrow().to_pylist())

        query = (
            analysed.writeStream.foreachBatch(take)
            .option("checkpointLocation", str(self._folder / "checkpoint"))
            .trigger(availableNow=True)
            .start()
        )
        try:
            assert query.awaitTermination(120), "the query is still running"
        finally:
            query.stop()
        return made


@pytest.fixture(autouse=True)
def no_database(monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.setattr(WarmUp, "of", lambda _settings: None)


def known(model: Path, horizon: int) -> TrainedModel:
    return ModelStore(model).load("A", horizon)


def test_each_bar_that_closes_gives_a_forecast_of_each_horizon(
    spark: SparkSession, tmp_path: Path, models: Path
) -> None:
    stage = Stage(spark, tmp_path, models, horizons_minutes=(30, 60))
    last = _STARTS + 59  # it ends now
    begun = datetime.now(UTC)
    made = stage.work_off(
        [row(place) for place in range(last + 1)],
        [row(last + 1), row(last + 1, window="5min"), row(last + 1, symbol="B")],
        [row(last + 1, 2, 77.0)],
        [row(last, 2, 101.0)],
    )

    # Of the first batch the newest closed bar ended a minute ago: its targets are still to come.
    assert [[(one["horizon_minutes"], one["target_time"]) for one in batch] for batch in made] == [
        [(30, ends_at(last - 1) + timedelta(minutes=30)), (60, ends_at(last - 1) + timedelta(minutes=60))],
        [(30, ends_at(last) + timedelta(minutes=30)), (60, ends_at(last) + timedelta(minutes=60))],
        [],
        [(30, ends_at(last) + timedelta(minutes=30)), (60, ends_at(last) + timedelta(minutes=60))],
    ]
    on_time, corrected = made[1][0], made[3][0]
    assert on_time["last_price"] == on_time["naive_price"] == _MOVES.close[last]
    assert corrected["last_price"] == 101.0
    assert begun <= on_time["made_at"] < corrected["made_at"]
    # What the model says of all bars up to the closed one, computed here.
    model = known(models, 30)
    bars = ClosedBars(_MOVES.ends, _MOVES.close, _MOVES.volume)[: last + 1]
    low, middle, high = on_time["last_price"] * np.exp(model.model.predict(bars.features()[-1:])[0])
    assert (on_time["lower"], on_time["predicted_price"], on_time["upper"]) == pytest.approx((low, middle, high))
    assert on_time["predicted_price"] != on_time["naive_price"]
    assert (on_time["model_version"], on_time["relative_mae"], on_time["beats_naive"]) == (
        model.metadata.version,
        model.metadata.relative_mae,
        model.metadata.beats_naive,
    )


@pytest.mark.parametrize("naive", [True, False])
def test_a_corrupt_model_stops_nothing(spark: SparkSession, tmp_path: Path, models: Path, naive: bool) -> None:
    metadata = tmp_path / "models" / "A" / "30min.json"
    metadata.parent.mkdir(parents=True)
    metadata.write_bytes((models / "A" / "30min.json").read_bytes()[:-50])
    stage = Stage(spark, tmp_path, tmp_path / "models", horizons_minutes=(30,), naive_without_model=naive)
    last = _STARTS + 59
    made = stage.work_off([row(place) for place in range(last + 1)], [row(last + 1)])

    if not naive:
        assert made == [[], []]
        return
    [said] = made[1]
    assert said == {
        "symbol": "A",
        "horizon_minutes": 30,
        "made_at": said["made_at"],
        "target_time": ends_at(last) + timedelta(minutes=30),
        **dict.fromkeys(("last_price", "predicted_price", "naive_price"), float(_MOVES.close[last])),
        **dict.fromkeys(("lower", "upper", "relative_mae")),
        "model_version": "naive",
        "beats_naive": False,
    }
    assert list(said) == PREDICTION.schema.names


def test_nothing_is_said_of_the_past_nor_by_a_model_that_has_seen_it(
    spark: SparkSession, tmp_path: Path, models: Path
) -> None:
    stage = Stage(spark, tmp_path, models, horizons_minutes=(30,))
    made = stage.work_off(
        [row(place) for place in range(_STARTS - 10)],  # trained on
        [row(place) for place in range(_STARTS - 10, _STARTS + 20)],  # long ago
    )
    assert made == [[], []]


def test_there_is_no_job_until_there_is_a_model(spark: SparkSession, tmp_path: Path, models: Path) -> None:
    settings = ForecastSettings(models=tmp_path / "models")
    predictions = Forecasts(Settings(forecasting=settings))
    frame = spark.createDataFrame(pa.table({"symbol": ["A"], CLOSED_BAR.name: pa.array([None], pa.binary())}))
    assert predictions(frame) is None
    said_anyway = Forecasts(Settings(forecasting=settings.model_copy(update={"naive_without_model": True})))
    assert said_anyway(frame) is not None
    shutil.copytree(models, tmp_path / "models")
    assert predictions(frame) is not None


def test_a_horizon_between_bars_stops_nothing(
    spark: SparkSession, tmp_path: Path, caplog: pytest.LogCaptureFixture
) -> None:
    settings = Settings.model_validate(
        {
            "window_configurations": [{"name": "2min", "duration": 120}],
            "forecasting": {"horizons_minutes": [5], "naive_without_model": True, "models": tmp_path},
        }
    )
    predictions = Forecasts(settings)
    assert "no forecasts 5 minutes ahead: a horizon of 5 minutes cannot be forecast from bars of 2min" in caplog.text
    frame = spark.createDataFrame(pa.table({"symbol": ["A"], CLOSED_BAR.name: pa.array([None], pa.binary())}))
    assert predictions(frame) is None
